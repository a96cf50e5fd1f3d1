//! The sums of the functions' metrics, from CloudWatch's GetMetricData.
//!
//! The call is written here rather than taken from the SDK: of all the services of this tool this one
//! alone would bring another protocol, its libraries and their licence. It is one JSON request with
//! AWS's usual signature
//! (docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html).

use std::time::{Duration, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde::Deserialize;
use serde_json::{Value, json};
use tracklayer_core::time::EventTime;
use tracklayer_edge::microsoft::client::Client;

use crate::screen;

const TARGET: (&str, &str) = ("x-amz-target", "GraniteServiceVersion20100801.GetMetricData");
const CONTENT: (&str, &str) = ("content-type", "application/x-amz-json-1.0");
/// Seconds of one sum. CloudWatch keeps sums of five minutes for 63 days.
const PERIOD: i64 = 300;
/// How long the call may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A metric of an account.
#[derive(Clone, Debug)]
pub struct Metric {
    /// The namespace of its stack.
    pub namespace: String,
    /// Its name.
    pub name: &'static str,
    /// The dimension `account`.
    pub account: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    metric_data_results: Vec<Sums>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sums {
    id: String,
    /// The begins of the sums, in seconds since 1970.
    timestamps: Vec<f64>,
    values: Vec<f64>,
}

/// When each of `metrics` last counted something since `seconds` before `now`, to five minutes. Or
/// why nobody knows.
pub async fn last_times(
    config: &SdkConfig, metrics: &[Metric], now: EventTime, seconds: i64,
) -> Result<Vec<Option<EventTime>>, String> {
    let queries = metrics.iter().enumerate().map(|(index, metric)| query(index, metric));
    let body = json!({
        "MetricDataQueries": queries.collect::<Vec<_>>(),
        "StartTime": now.epoch() - seconds,
        "EndTime": now.epoch(),
        "ScanBy": "TimestampDescending",
    });
    let answer = post(config, body.to_string(), now).await?;
    let answer: Answer =
        serde_json::from_slice(&answer).map_err(|_| "CloudWatch answers something else")?;
    Ok((0..metrics.len()).map(|index| last(&answer, &id(index))).collect())
}

fn query(index: usize, metric: &Metric) -> Value {
    let dimension = json!({"Name": "account", "Value": metric.account});
    json!({
        "Id": id(index),
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [dimension],
            },
            "Period": PERIOD,
            "Stat": "Sum",
        },
    })
}

/// An id of a query begins with a small letter.
fn id(index: usize) -> String {
    format!("m{index}")
}

/// A long answer comes in parts with the same id.
fn last(answer: &Answer, id: &str) -> Option<EventTime> {
    let of_it = answer.metric_data_results.iter().filter(|sums| sums.id == id);
    let points = of_it.flat_map(|sums| sums.timestamps.iter().zip(&sums.values));
    let counted = points.filter(|(_, sum)| **sum > 0.0).map(|(at, _)| *at as i64);
    counted.max().map(EventTime::from_epoch)
}

async fn post(config: &SdkConfig, body: String, now: EventTime) -> Result<Vec<u8>, String> {
    let url = url(config);
    let signature = signature(config, &url, &body, now).await?;
    let http = Client::http().map_err(|error| screen::chain_of(&error))?;
    let mut request = http.post(&url).timeout(TIMEOUT);
    for (name, value) in [TARGET, CONTENT] {
        request = request.header(name, value);
    }
    for (name, value) in signature {
        request = request.header(name, value);
    }
    let lost = |error: reqwest::Error| screen::chain_of(&error.without_url());
    let answer = request.body(body).send().await.map_err(lost)?;
    let status = answer.status();
    let bytes = answer.bytes().await.map_err(lost)?;
    if status.is_success() { Ok(bytes.to_vec()) } else { Err(refused(status.as_u16(), &bytes)) }
}

/// CloudWatch of the region, or another endpoint that the SDK's configuration names.
fn url(config: &SdkConfig) -> String {
    let region = config.region().map_or("", |region| region.as_ref());
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let own = || format!("https://monitoring.{region}.amazonaws.com{suffix}");
    format!("{}/", config.endpoint_url().map_or_else(own, str::to_owned).trim_end_matches('/'))
}

/// The headers that sign the request.
async fn signature(
    config: &SdkConfig, url: &str, body: &str, now: EventTime,
) -> Result<Vec<(String, String)>, String> {
    let credentials = config.credentials_provider().ok_or("no credentials")?;
    let credentials = credentials.provide_credentials().await;
    let identity = credentials.map_err(|error| screen::chain_of(&error))?.into();
    let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(now.epoch()).unwrap_or(0));
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(config.region().map_or("", |region| region.as_ref()))
        .name("monitoring")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let headers = [TARGET, CONTENT].into_iter();
    let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes()));
    let signed = request.and_then(|request| sign(request, &parameters));
    let (instructions, _) = signed.map_err(|error| screen::chain_of(&error))?.into_parts();
    let headers = instructions.headers();
    Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The type of an error is behind a `#`; its message is spelled either way.
fn refused(status: u16, body: &[u8]) -> String {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = error["__type"].as_str().and_then(|it| it.rsplit('#').next()).unwrap_or_default();
    let message = error["message"].as_str().or(error["Message"].as_str()).unwrap_or_default();
    format!("CloudWatch answers {status} {kind} {message} (needs cloudwatch:GetMetricData)")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use axum::http::{HeaderMap, StatusCode};
    use axum::{Router, routing::post};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    type Seen = Arc<Mutex<Option<(HeaderMap, String)>>>;

    /// A CloudWatch that answers this, the configuration that leads to it, and what it was asked.
    async fn cloudwatch(status: u16, answer: &'static str) -> (SdkConfig, Seen) {
        let seen = Seen::default();
        let keep = seen.clone();
        let take = move |headers: HeaderMap, body: String| async move {
            *keep.lock().expect("no panic") = Some((headers, body));
            (StatusCode::from_u16(status).expect("a status"), answer)
        };
        let router = Router::new().route("/", post(take));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(axum::serve(listener, router).into_future());
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                Credentials::new("AKID", "key", Some("session".to_owned()), None, "test"),
            ))
            .endpoint_url(url)
            .build();
        (config, seen)
    }

    fn metrics() -> [Metric; 3] {
        ["Captured", "Queued", "Accepted"].map(|name| Metric {
            namespace: "TrackLayer-b".to_owned(),
            name,
            account: "main".to_owned(),
        })
    }

    async fn asked(config: &SdkConfig) -> Result<Vec<Option<i64>>, String> {
        let times = last_times(config, &metrics(), EventTime::from_epoch(NOW), 3_600).await?;
        Ok(times.into_iter().map(|time| time.map(EventTime::epoch)).collect())
    }

    #[tokio::test]
    async fn the_last_sum_that_counts_something_is_the_last_time() {
        let answer = r#"{"Messages":[],"MetricDataResults":[
            {"Id":"m0","Label":"a","StatusCode":"PartialData","Timestamps":[1799999700,1.7999994E9],
             "Values":[0.0,2.0]},
            {"Id":"m0","Label":"a","StatusCode":"Complete","Timestamps":[1799999100],"Values":[1]},
            {"Id":"m1","Label":"b","StatusCode":"Complete","Timestamps":[1799999700],"Values":[0]},
            {"Id":"m2","Label":"c","StatusCode":"Complete","Timestamps":[],"Values":[]}]}"#;
        let (config, seen) = cloudwatch(200, answer).await;
        assert_eq!(asked(&config).await, Ok(vec![Some(1_799_999_400), None, None]));
        let (headers, body) = seen.lock().expect("no panic").take().expect("a request");
        let header = |name: &str| headers[name].to_str().expect("text").to_owned();
        assert_eq!(header("x-amz-target"), "GraniteServiceVersion20100801.GetMetricData");
        assert_eq!(header("x-amz-security-token"), "session");
        let signature = header("authorization");
        let scope =
            "AWS4-HMAC-SHA256 Credential=AKID/20270115/eu-central-1/monitoring/aws4_request";
        assert!(signature.starts_with(scope), "{signature}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((&body["StartTime"], &body["EndTime"]), (&json!(NOW - 3_600), &json!(NOW)));
        let metric = &body["MetricDataQueries"][2]["MetricStat"]["Metric"];
        assert_eq!(metric["MetricName"], "Accepted");
        assert_eq!(metric["Namespace"], "TrackLayer-b");
        assert_eq!(metric["Dimensions"], json!([{"Name": "account", "Value": "main"}]));
    }

    #[tokio::test]
    async fn a_refusal_says_what_is_needed() {
        let answer = r#"{"__type":"com.amazonaws#AccessDeniedException","Message":"not you"}"#;
        let (config, _) = cloudwatch(400, answer).await;
        let why = asked(&config).await.expect_err("a refusal");
        assert!(why.contains("AccessDeniedException not you"), "{why}");
        assert!(why.contains("cloudwatch:GetMetricData"), "{why}");
    }

    #[test]
    fn each_region_has_its_endpoint() {
        let url =
            |region: &'static str| url(&SdkConfig::builder().region(Region::new(region)).build());
        assert_eq!(url("eu-central-1"), "https://monitoring.eu-central-1.amazonaws.com/");
        assert_eq!(url("cn-north-1"), "https://monitoring.cn-north-1.amazonaws.com.cn/");
    }
}

//! A simulator on a free port with a clock that stands still, and a client for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use microsoft_simulator::{Clock, FaultRule, Settings, Simulator};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use time::OffsetDateTime;

pub(crate) const CONVERSIONS: &str = "OfflineConversions/Apply";
pub(crate) const ADJUSTMENTS: &str = "OfflineConversionAdjustments/Apply";
pub(crate) const CLICK: &str = "F894f652ea334e739002f7167ab8f8e3";
/// 2026-04-24T10:00:00Z
const START: i64 = 1_777_024_800;

pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) base: String,
    pub(crate) http: Client,
    seconds: Arc<AtomicI64>,
    token: String,
}

/// Status, headers and JSON of an answer; null for a body that is none.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) tracking_id: Option<String>,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// With one fault rule.
    pub(crate) async fn failing(rule: FaultRule) -> Self {
        let bench = Self::new().await;
        bench.simulator.update_settings(|settings| settings.faults = vec![rule]);
        bench
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seconds = Arc::new(AtomicI64::new(START));
        let shared = seconds.clone();
        let clock: Clock = Arc::new(move || {
            OffsetDateTime::from_unix_timestamp(shared.load(Ordering::SeqCst)).expect("in range")
        });
        let simulator = Simulator::with_clock(settings, clock);
        let address = simulator.listen(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let base = format!("http://{address}");
        let mut bench =
            Self { simulator, base, http: Client::new(), seconds, token: String::new() };
        bench.sign_in().await;
        bench
    }

    /// Takes a new access token.
    pub(crate) async fn sign_in(&mut self) {
        let answer = self.token(&refresh_form()).await;
        self.token = answer.json["access_token"].as_str().unwrap_or_default().to_owned();
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Lets so much time pass that the access token may not live through it.
    pub(crate) async fn wait(&mut self, seconds: i64) {
        self.pass(seconds);
        self.sign_in().await;
    }

    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let url = format!("{}/common/oauth2/v2.0/token", self.base);
        let request = self.http.post(url);
        let form_type = "application/x-www-form-urlencoded";
        send(request.header("content-type", form_type).body(body)).await
    }

    /// A request with the headers of the default account.
    pub(crate) fn request(&self, operation: &str) -> RequestBuilder {
        self.request_for(operation, "1234567", "7654321")
    }

    pub(crate) fn request_for(
        &self, operation: &str, customer: &str, account: &str,
    ) -> RequestBuilder {
        self.http
            .post(format!("{}/CampaignManagement/v13/{operation}", self.base))
            .header("authorization", format!("Bearer {}", self.token))
            .header("developertoken", "local-developer-token")
            .header("customerid", customer)
            .header("customeraccountid", account)
            .header("content-type", "application/json")
    }

    /// A request to Customer Management, whose calls name no account.
    pub(crate) fn customers(&self, operation: &str) -> RequestBuilder {
        self.http
            .post(format!("{}/CustomerManagement/v13/{operation}", self.base))
            .header("authorization", format!("Bearer {}", self.token))
            .header("developertoken", "local-developer-token")
            .header("content-type", "application/json")
    }

    pub(crate) async fn call(&self, operation: &str, body: impl ToString) -> Answer {
        send(self.request(operation).body(body.to_string())).await
    }

    pub(crate) async fn convert(&self, rows: &[Value]) -> Answer {
        self.call(CONVERSIONS, json!({ "OfflineConversions": rows })).await
    }

    pub(crate) async fn adjust(&self, rows: &[Value]) -> Answer {
        self.call(ADJUSTMENTS, json!({ "OfflineConversionAdjustments": rows })).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// The first row of `GET /simulator/conversions`.
    pub(crate) async fn first(&self) -> Value {
        self.get("/simulator/conversions").await.json["conversions"][0].take()
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    try_send(request).await.expect("an answer")
}

pub(crate) async fn try_send(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let header = response.headers().get("trackingid");
    let tracking_id = header.and_then(|id| id.to_str().ok()).map(str::to_owned);
    let text = response.text().await?;
    let json = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer { status, tracking_id, text, json })
}

pub(crate) fn refresh_form() -> [(&'static str, &'static str); 4] {
    [
        ("grant_type", "refresh_token"),
        ("client_id", "local-client"),
        ("refresh_token", "local-refresh-token"),
        ("scope", "https://ads.microsoft.com/msads.manage offline_access"),
    ]
}

/// A purchase, 18 minutes before the clock's start.
pub(crate) fn purchase() -> Value {
    json!({
        "ConversionName": "Purchase",
        "ConversionTime": "2026-04-24T09:42:13Z",
        "MicrosoftClickId": CLICK,
        "ConversionValue": 149.5,
        "ConversionCurrencyCode": "EUR",
    })
}

/// A change of [`purchase`].
pub(crate) fn restate() -> Value {
    json!({
        "ConversionName": "Purchase",
        "ConversionTime": "2026-04-24T09:42:13Z",
        "MicrosoftClickId": CLICK,
        "AdjustmentType": "Restate",
        "AdjustmentTime": "2026-04-24T09:55:00Z",
        "AdjustmentValue": 99.5,
        "AdjustmentCurrencyCode": "EUR",
    })
}

pub(crate) fn retract() -> Value {
    let mut row = restate();
    row["AdjustmentType"] = json!("Retract");
    row.with("AdjustmentValue", Value::Null).with("AdjustmentCurrencyCode", Value::Null)
}

pub(crate) trait With {
    /// The row with another member.
    fn with(self, name: &str, value: impl Into<Value>) -> Value;
}

impl With for Value {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Value {
        self[name] = value.into();
        self
    }
}

/// The codes of `PartialErrors`.
pub(crate) fn codes(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let errors = answer.json["PartialErrors"].as_array().cloned().unwrap_or_default();
    errors.iter().filter_map(|error| error["Code"].as_i64()).collect()
}

/// The code of a fault's first error.
pub(crate) fn fault_code(answer: &Answer) -> Option<i64> {
    answer.json["Errors"][0]["Code"].as_i64()
}

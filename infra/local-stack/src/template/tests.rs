use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{Place, Plan, read};

const TEMPLATE: &str = include_str!("../../../template.yaml");

fn place() -> Place {
    Place {
        region: "eu-central-1".into(),
        account: "000000000000".into(),
        aws_url: "http://127.0.0.1:9401".into(),
    }
}

fn real(parameters: &[(&str, &str)]) -> Plan {
    let parameters =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    read(TEMPLATE, &place(), &parameters).expect("the template is read")
}

fn refusal(text: &str) -> String {
    format!("{:#}", read(text, &place(), &BTreeMap::new()).expect_err("refused"))
}

#[test]
fn names_of_the_real_template() {
    let plan = real(&[]);
    let names: Vec<_> = plan.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["Clicks", "Conversions"]);
    let names: Vec<_> = plan.queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["uploads-dlq", "uploads"], "the queue that is redriven to comes first");
    let names: Vec<_> = plan.secrets.iter().map(|secret| secret.name.as_str()).collect();
    assert_eq!(names, ["tracklayer/main", "tracklayer/ingest-keys"]);
    let names: Vec<_> = plan.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(
        names,
        ["capture", "enqueue", "erase", "goals", "status", "sweep", "token", "upload"]
    );
}

#[test]
fn routes_and_event_source_of_the_real_template() {
    let plan = real(&[]);
    let routes: Vec<_> = plan
        .routes
        .iter()
        .map(|route| format!("{} {} {}", route.method, route.path, route.function))
        .collect();
    assert_eq!(
        routes,
        [
            "POST /api/tracklayer/ms-attribution capture",
            "GET /api/tracklayer/ms-attribution.js capture",
            "HEAD /api/tracklayer/ms-attribution.js capture",
            "POST /api/tracklayer/events enqueue",
            "POST /api/tracklayer/erasures erase",
            "GET /api/tracklayer/events/{source}/{eventId+} status",
        ]
    );
    let [source] = plan.event_sources.as_slice() else { panic!("one event source") };
    assert_eq!((source.function.as_str(), source.queue.as_str()), ("upload", "uploads"));
    assert_eq!(
        (source.batch_size, source.window, source.concurrency),
        (1000, Duration::from_secs(5), 2)
    );
    assert!(source.reports_failures);
    let schedules = plan.schedules.iter().map(|plan| (plan.function.as_str(), plan.every));
    let schedules: Vec<_> = schedules.collect();
    let minutes = |count: u64| Duration::from_secs(count * 60);
    assert_eq!(schedules, [("goals", minutes(60)), ("sweep", minutes(5))]);
}

#[test]
fn environment_and_policies_of_the_real_template() {
    let plan = real(&[]);
    let upload = plan.function("upload").expect("upload");
    assert_eq!(upload.env["TRACKLAYER_QUEUE_URL"], "http://127.0.0.1:9401/000000000000/uploads");
    assert_eq!(upload.env["TRACKLAYER_MAX_RECEIVE_COUNT"], "12");
    assert_eq!(upload.env["TRACKLAYER_SECRET_PREFIX"], "tracklayer");
    assert!(!upload.env.contains_key("MSADS_API_URL"), "AWS::NoValue leaves the variable out");
    assert_eq!((upload.timeout, upload.memory), (Duration::from_secs(120), 512));
    let policy = plan.queues[1].attributes["RedrivePolicy"].as_str().expect("a text");
    assert_eq!(
        policy,
        r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:000000000000:uploads-dlq","maxReceiveCount":12}"#
    );
    let allowed = plan.queues[0].attributes["RedriveAllowPolicy"].as_str().expect("a text");
    assert!(allowed.contains("arn:aws:sqs:eu-central-1:000000000000:uploads\""), "{allowed}");
}

#[test]
fn parameters_reach_names_and_values() {
    let plan = real(&[
        ("NameSuffix", "-b"),
        ("MicrosoftApiUrl", "http://localhost:1"),
        ("AllowedOrigins", "http://a, http://b"),
    ]);
    assert_eq!(plan.tables[0].name, "Clicks-b");
    assert_eq!(plan.functions[0].env["MSADS_API_URL"], "http://localhost:1");
    assert_eq!(plan.cors.expect("cors").allow_origins, ["http://a", "http://b"]);
}

#[test]
fn a_key_of_ones_own_reaches_the_queues() {
    let key = "arn:aws:kms:eu-central-1:000000000000:key/0b1c";
    let attributes = |plan: Plan| {
        let attribute = |name: &str| plan.queues[1].attributes.get(name).cloned();
        (attribute("SqsManagedSseEnabled"), attribute("KmsMasterKeyId"))
    };
    assert_eq!(attributes(real(&[])), (Some("true".into()), None));
    let own = attributes(real(&[("KmsKeyArn", key), ("GradualDeployment", "true")]));
    assert_eq!(own, (Some("false".into()), Some(key.into())));
}

#[test]
fn rotation_of_the_real_template_and_the_parameter_that_ends_it() {
    let plan = real(&[]);
    let [rotation] = plan.rotations.as_slice() else { panic!("one rotation") };
    assert_eq!(rotation.function, "token");
    assert!(rotation.secret.ends_with(":secret:tracklayer/main"), "{}", rotation.secret);
    assert_eq!(rotation.rules["AutomaticallyAfterDays"], 7);
    assert!(real(&[("RotateTokens", "false")]).rotations.is_empty());
}

#[test]
fn a_second_account_gets_its_secret_rotation_and_lines_in_policies() {
    let plan = real(&[("SecondAccount", "eu")]);
    let secret = |name: &str| format!("secret:tracklayer/{name}");
    assert!(plan.secrets.iter().any(|it| it.name == "tracklayer/eu"));
    let rotated: Vec<_> = plan.rotations.iter().map(|rotation| &rotation.secret).collect();
    assert!(rotated.len() == 2 && rotated[1].ends_with(&secret("eu")), "{rotated:?}");
    for function in ["upload", "goals", "token"] {
        let policy = json!(plan.function(function).expect(function).policy).to_string();
        assert!(policy.contains(&secret("main")) && policy.contains(&secret("eu")), "{policy}");
    }
    let without = real(&[("SecondAccount", "eu"), ("RotateTokens", "false")]);
    assert!(without.rotations.is_empty());
}

#[test]
fn an_unknown_intrinsic_is_refused_by_name() {
    let short =
        "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Select [0, [a]]}}}";
    assert!(
        refusal(short).contains("does not know the intrinsic Fn::Select"),
        "{}",
        refusal(short)
    );
    let long =
        "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: {Fn::Join: ['', [a]]}}}}";
    assert!(refusal(long).contains("does not know the intrinsic Fn::Join"), "{}", refusal(long));
}

#[test]
fn unknown_resources_and_names_are_refused_by_name() {
    let topic = "Resources: {T: {Type: AWS::SNS::Topic}}";
    assert!(refusal(topic).contains("AWS::SNS::Topic"), "{}", refusal(topic));
    let cron = "Resources: {F: {Type: AWS::Serverless::Function, Metadata: {BuildProperties: {Binary: f}}, \
        Properties: {Events: {E: {Type: Schedule, Properties: {Schedule: cron(0 * * * ? *)}}}}}}";
    assert!(refusal(cron).contains("cron(0 * * * ? *)"), "{}", refusal(cron));
    let managed = "Resources: {F: {Type: AWS::Serverless::Function, Metadata: {BuildProperties: {Binary: f}}, \
        Properties: {Policies: [AdministratorAccess]}}}";
    assert!(refusal(managed).contains("only policies with a list"), "{}", refusal(managed));
    let nobody = "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Nobody}}}";
    assert!(refusal(nobody).contains("Nobody"), "{}", refusal(nobody));
    let circle =
        "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt Q.QueueName}}}";
    assert!(refusal(circle).contains("depends on itself"), "{}", refusal(circle));
}

#[test]
fn the_templates_secrets_are_named_after_the_mappings_accounts() {
    let mapping = tracklayer_core::mapping::Mapping::shipped();
    let accounts = mapping.accounts().map(|account| format!("tracklayer/{}", account.name()));
    let mut wanted: Vec<String> = accounts.chain(["tracklayer/ingest-keys".to_owned()]).collect();
    wanted.sort();
    let mut named: Vec<String> = real(&[]).secrets.into_iter().map(|secret| secret.name).collect();
    named.sort();
    assert_eq!(named, wanted);
}

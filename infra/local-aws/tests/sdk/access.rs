//! How the services refuse what the policy of an access key does not allow, as the SDKs read it.

use aws_sdk_sqs::error::ProvideErrorMetadata as _;

use crate::Rig;

fn refusal(action: &str, resource: &str) -> String {
    format!(
        "User: arn:aws:sts::000000000000:assumed-role/r/f is not authorized to perform: {action} on \
         resource: arn:aws:{resource} because no identity-based policy allows the {action} action"
    )
}

#[tokio::test]
async fn each_service_refuses_in_its_own_way() {
    let rig = Rig::start().await;
    let queue = rig.queue("work", &[]).await;
    rig.secrets.create_secret().name("main").secret_string("x").send().await.expect("created");
    let described = rig.secrets.describe_secret().secret_id("main").send().await.expect("known");
    let arn = described.arn.expect("an ARN");
    let user = "arn:aws:sts::000000000000:assumed-role/r/f".to_owned();
    rig.aws.restrict("local", user, Vec::new());

    let got = rig.dynamo.get_item().table_name("Table").send().await.expect_err("refused");
    assert_eq!(got.raw_response().map(|raw| raw.status().as_u16()), Some(400));
    assert_eq!(got.code(), Some("AccessDeniedException"));
    let table = "dynamodb:eu-west-1:000000000000:table/Table";
    assert_eq!(got.message(), Some(&*refusal("dynamodb:GetItem", table)));

    let sent = rig.sqs.send_message().queue_url(&queue).message_body("x").send().await;
    let sent = sent.expect_err("refused");
    assert_eq!(sent.raw_response().map(|raw| raw.status().as_u16()), Some(403));
    assert_eq!(sent.code(), Some("AccessDenied"));
    let queue = "sqs:eu-west-1:000000000000:work";
    assert_eq!(sent.message(), Some(&*refusal("sqs:sendmessage", queue)));

    let read = rig.secrets.get_secret_value().secret_id("main").send().await;
    let read = read.expect_err("refused");
    assert_eq!(read.raw_response().map(|raw| raw.status().as_u16()), Some(400));
    assert_eq!(read.code(), Some("AccessDeniedException"));
    let secret = arn.trim_start_matches("arn:aws:");
    assert_eq!(read.message(), Some(&*refusal("secretsmanager:GetSecretValue", secret)));
}

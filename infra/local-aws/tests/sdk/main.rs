//! The stand-in as the real AWS SDKs see it, over HTTP.

mod access;
mod poller;
mod queues;
mod redrive;
mod restart;
mod rotation;
mod secrets;
mod tables;

use aws_sdk_sqs::config::Credentials;
use local_aws::{Aws, Settings};

/// A served stand-in and the three SDK clients that the system uses.
struct Rig {
    aws: Aws,
    url: String,
    dynamo: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

macro_rules! client {
    ($sdk:ident, $url:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .endpoint_url($url)
                .region($sdk::config::Region::new("eu-west-1"))
                .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .build(),
        )
    };
}

impl Rig {
    async fn start() -> Self {
        let aws = Aws::open(None, Settings::default()).await.expect("opens");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = aws.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            dynamo: client!(aws_sdk_dynamodb, &url),
            sqs: client!(aws_sdk_sqs, &url),
            secrets: client!(aws_sdk_secretsmanager, &url),
            aws,
            url,
        }
    }

    /// Creates a queue and returns its address.
    async fn queue(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        let mut create = self.sqs.create_queue().queue_name(name);
        for (name, value) in attributes {
            create = create.attributes((*name).into(), *value);
        }
        create.send().await.expect("created").queue_url.expect("an address")
    }

    /// A queue `work` with the dead-letter queue `dead` after one receive; both addresses.
    async fn queue_with_dead_letter_queue(&self) -> (String, String) {
        let dead = self.queue("dead", &[]).await;
        let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":1}}"#, arn("dead"));
        (self.queue("work", &[("RedrivePolicy", &policy)]).await, dead)
    }

    async fn send(&self, queue: &str, body: &str) -> String {
        let sent =
            self.sqs.send_message().queue_url(queue).message_body(body).send().await.expect("sent");
        sent.message_id.expect("an id")
    }

    async fn receive(&self, queue: &str) -> Vec<aws_sdk_sqs::types::Message> {
        let all = aws_sdk_sqs::types::MessageSystemAttributeName::All;
        let receive = self.sqs.receive_message().queue_url(queue).max_number_of_messages(10);
        let received =
            receive.message_system_attribute_names(all).message_attribute_names("All").send().await;
        received.expect("received").messages.unwrap_or_default()
    }

    async fn show_again(&self, queue: &str, message: &aws_sdk_sqs::types::Message) {
        let change = self.sqs.change_message_visibility().queue_url(queue).visibility_timeout(0);
        change.receipt_handle(handle(message)).send().await.expect("visible again");
    }
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:000000000000:{queue}")
}

fn handle(message: &aws_sdk_sqs::types::Message) -> &str {
    message.receipt_handle().expect("a handle")
}

/// A system attribute such as `SentTimestamp`.
fn system<'a>(message: &'a aws_sdk_sqs::types::Message, name: &str) -> &'a str {
    let attributes = message.attributes().expect("attributes");
    attributes.get(&name.into()).expect("the attribute")
}

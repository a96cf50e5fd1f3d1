//! The one place that names all adapters, and makes them as the environment says.

use aws_sdk_dynamodb::Client as DynamoDb;
use lambda_runtime::{Diagnostic, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};

use crate::lambda::clock::SystemClock;
use crate::lambda::config::ConfigError;
use crate::lambda::deadline::Deadline;
use crate::lambda::{config, telemetry};
use crate::microsoft::client::Endpoints;
use crate::{aws, lambda, microsoft, ports::Ports};

/// The outside of a deployed function. A variable that is missing is an error at INIT, which names
/// it.
#[derive(Debug)]
pub struct Live {
    pub clock: SystemClock,
    aws: aws::clients::Aws,
    dynamodb: DynamoDb,
}

impl Ports for Live {
    type Clock = SystemClock;
    type Ledger = aws::ledger::Ledger;
    type Queue = aws::queue::Queue;
    type Clicks = aws::clicks::Clicks;
    type Keys = aws::ingest_keys::Keys;
    type Secrets = aws::account_secrets::Secrets;
    type Auth = microsoft::tokens::Auth;
    type Microsoft = microsoft::client::Client;
    type Telemetry = lambda::telemetry::StandardOutput;
}

impl Live {
    /// Starts logging, and reads how AWS is reached.
    pub fn start() -> Result<Self, ConfigError> {
        telemetry::init();
        let aws = aws::clients::Aws::from_env()?;
        Ok(Live { clock: SystemClock::default(), dynamodb: aws.dynamodb(), aws })
    }

    pub fn ledger(&self) -> Result<aws::ledger::Ledger, ConfigError> {
        let table = config::text("TRACKLAYER_CONVERSIONS_TABLE")?;
        Ok(aws::ledger::Ledger::new(self.dynamodb.clone(), table))
    }

    pub fn clicks(&self) -> Result<aws::clicks::Clicks, ConfigError> {
        let table = config::text("TRACKLAYER_CLICKS_TABLE")?;
        Ok(aws::clicks::Clicks::new(self.dynamodb.clone(), table))
    }

    pub fn queue(&self) -> Result<aws::queue::Queue, ConfigError> {
        Ok(aws::queue::Queue::new(self.aws.sqs(), config::text("TRACKLAYER_QUEUE_URL")?))
    }

    pub fn secrets(&self) -> Result<aws::account_secrets::Secrets, ConfigError> {
        let prefix = config::text("TRACKLAYER_SECRET_PREFIX")?;
        Ok(aws::account_secrets::Secrets::new(self.aws.secrets(), prefix))
    }

    pub fn keys(&self) -> Result<aws::ingest_keys::Keys, ConfigError> {
        Ok(aws::ingest_keys::Keys::new(self.secrets()?))
    }

    pub fn secret_versions(&self) -> aws::secret_versions::SecretVersions {
        aws::secret_versions::SecretVersions::new(&self.aws.secrets())
    }

    /// The identity service and the API, over one HTTP client.
    pub fn microsoft(
        &self,
    ) -> Result<(microsoft::tokens::Auth, microsoft::client::Client), ConfigError> {
        let endpoints = Endpoints::from_env()?;
        let http = microsoft::client::Client::http()?;
        let client = microsoft::client::Client::new(http.clone(), &endpoints);
        Ok((microsoft::tokens::Auth::new(http, endpoints.token, endpoints.environment), client))
    }

    /// Handles events, each with the time at which Lambda ends its run, until the process ends.
    ///
    /// # Errors
    /// If Lambda can't be reached. Of a run that fails it gets the diagnostic.
    pub async fn serve<E, A>(
        &self, handle: impl AsyncFn(E, Deadline) -> Result<A, Diagnostic>,
    ) -> Result<(), lambda_runtime::Error>
    where
        E: for<'de> Deserialize<'de>,
        A: Serialize,
    {
        let handle = &handle;
        let serve = move |event: LambdaEvent<E>| async move {
            let deadline = Deadline::at_epoch_ms(event.context.deadline, &self.clock);
            // In a box: the compiler does not compute the layout of futures that are nested so deep.
            Box::pin(handle(event.payload, deadline)).await
        };
        run(service_fn(serve)).await
    }
}

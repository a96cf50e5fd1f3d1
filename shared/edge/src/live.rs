//! The one place that names all adapters, and makes them as the environment says.

use lambda_runtime::{Diagnostic, LambdaEvent, run, service_fn};
use serde::{Deserialize, Serialize};

use crate::aws::account_secrets::Secrets;
use crate::aws::clicks::Clicks;
use crate::aws::clients::Aws;
use crate::aws::ingest_keys::Keys;
use crate::aws::ledger::Ledger;
use crate::aws::queue::Queue;
use crate::aws::secret_versions::SecretVersions;
use crate::lambda::clock::SystemClock;
use crate::lambda::config::{ConfigError, text};
use crate::lambda::deadline::Deadline;
use crate::lambda::telemetry::{self, StandardOutput};
use crate::microsoft::client::{Client, Endpoints};
use crate::microsoft::tokens::Auth;
use crate::ports::Ports;

/// The outside of a deployed function. A variable that is missing is an error at INIT, which names
/// it.
#[derive(Debug)]
pub struct Live {
    pub clock: SystemClock,
    aws: Aws,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl Ports for Live {
    type Clock = SystemClock;
    type Ledger = Ledger;
    type Queue = Queue;
    type Clicks = Clicks;
    type Keys = Keys;
    type Secrets = Secrets;
    type Auth = Auth;
    type Microsoft = Client;
    type Telemetry = StandardOutput;
}

impl Live {
    /// Starts logging, and reads how AWS is reached.
    pub fn start() -> Result<Self, ConfigError> {
        telemetry::init();
        let aws = Aws::from_env()?;
        Ok(Live { clock: SystemClock::default(), dynamodb: aws.dynamodb(), aws })
    }

    pub fn ledger(&self) -> Result<Ledger, ConfigError> {
        Ok(Ledger::new(self.dynamodb.clone(), text("TRACKLAYER_CONVERSIONS_TABLE")?))
    }

    pub fn clicks(&self) -> Result<Clicks, ConfigError> {
        Ok(Clicks::new(self.dynamodb.clone(), text("TRACKLAYER_CLICKS_TABLE")?))
    }

    pub fn queue(&self) -> Result<Queue, ConfigError> {
        Ok(Queue::new(self.aws.sqs(), text("TRACKLAYER_QUEUE_URL")?))
    }

    pub fn secrets(&self) -> Result<Secrets, ConfigError> {
        Ok(Secrets::new(self.aws.secrets(), text("TRACKLAYER_SECRET_PREFIX")?))
    }

    pub fn keys(&self) -> Result<Keys, ConfigError> {
        Ok(Keys::new(self.secrets()?))
    }

    pub fn secret_versions(&self) -> SecretVersions {
        SecretVersions::new(&self.aws.secrets())
    }

    /// The identity service and the API, over one HTTP client.
    pub fn microsoft(&self) -> Result<(Auth, Client), ConfigError> {
        let endpoints = Endpoints::from_env()?;
        let http = Client::http()?;
        let client = Client::new(http.clone(), &endpoints);
        Ok((Auth::new(http, endpoints.token, endpoints.environment), client))
    }

    /// Handles events, each with the time at which Lambda ends its run, until the process ends. Of a
    /// run that fails Lambda gets the diagnostic.
    pub async fn serve<E, A>(
        &self, handle: impl AsyncFn(E, Deadline) -> Result<A, Diagnostic>,
    ) -> Result<(), ConfigError>
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
        run(service_fn(serve)).await.map_err(ConfigError::Lambda)
    }
}

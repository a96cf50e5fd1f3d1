//! The one place that names all adapters.

use crate::{aws, lambda, microsoft, ports::Ports};

pub struct Live;

impl Ports for Live {
    type Clock = lambda::clock::SystemClock;
    type Ledger = aws::ledger::Ledger;
    type Queue = aws::queue::Queue;
    type Clicks = aws::clicks::Clicks;
    type Keys = aws::ingest_keys::Keys;
    type Secrets = aws::account_secrets::Secrets;
    type Auth = microsoft::tokens::Auth;
    type Microsoft = microsoft::client::Client;
    type Telemetry = lambda::telemetry::StandardOutput;
}

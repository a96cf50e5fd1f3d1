//! The command line. Its comments are what `--help` shows.

mod what;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};
use tracklayer_core::id::{AccountName, RecordId, Source};
use tracklayer_core::person::click_id::ClickId;
use tracklayer_edge::ports::Secret;

pub use what::What;

use crate::{backlog::Filter, import::reading::Reading, report::Day};

const EXIT_CODES: &str = "\
Exit codes: 0 all is well · 1 something is wrong or was not found · 2 the command line or a file \
can't be used · 3 something could not be reached.
Tables are coloured on a terminal only, and never if NO_COLOR is set.";

/// Asks a running TrackLayer what became of its conversions, and sends again what can be sent.
///
/// It finds tables, queues and secrets by the outputs of the CloudFormation stack, with the
/// credentials that the AWS CLI would use; or, with --local, those of `cargo local`.
#[derive(Debug, Parser)]
#[command(name = "tracklayer-ops", version, after_help = EXIT_CODES)]
pub struct Options {
    #[command(flatten)]
    pub place: Place,

    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,

    #[command(subcommand)]
    pub command: Command,
}

/// Which system is asked.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which system")]
pub struct Place {
    /// The CloudFormation stack
    #[arg(long, value_name = "NAME", default_value = "tracklayer", global = true)]
    pub stack: String,

    /// The profile of ~/.aws/config
    #[arg(long, value_name = "NAME", global = true)]
    pub profile: Option<String>,

    /// The AWS region
    #[arg(long, global = true)]
    pub region: Option<String>,

    /// The system that `cargo local` runs on this machine; the URL is that of its AWS
    #[arg(
        long,
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "http://127.0.0.1:9401",
        value_parser = local_url,
        conflicts_with_all = ["profile", "region"],
        global = true
    )]
    pub local: Option<String>,

    /// The mapping that is deployed, if it is not the shipped one
    #[arg(long, value_name = "FILE", global = true)]
    pub mapping: Option<PathBuf>,
}

fn local_url(text: &str) -> Result<String, String> {
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    is_url.then(|| text.to_owned()).ok_or("must be a URL such as http://127.0.0.1:9401".to_owned())
}

/// What is asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find conversions, clicks and the links between them
    ///
    /// Everything but a click id has a key in the tables: it is found with a few reads. A click id
    /// has none, and rows have none by lead, cart or session: looking for those reads a whole table,
    /// about two US cents per million rows.
    Find {
        #[command(subcommand)]
        what: What,
    },

    /// Tell the story of one event: click, link, event, attempts, Microsoft's reply, what comes next
    #[command(visible_alias = "why")]
    Explain {
        /// Who sent the event
        source: Source,
        /// The source's id of it, or of a correction
        event_id: RecordId,
    },

    /// Give consent to the use of an ad account, and write its secret
    ///
    /// It opens Microsoft's page in the browser of this machine, takes the answer on localhost, lists
    /// the ad accounts of the user who consented, and writes the tokens and numbers into the secret.
    /// What is not named is taken from the secret, or asked for on a terminal.
    Connect(ConnectOptions),

    /// Send one event for a known click through everything, and keep what Microsoft answered
    ///
    /// The event has an id of its own and no order number, so that a second test is no duplicate. At
    /// a goal that counts every conversion it counts: name a test goal's event, or retract it after.
    /// Ends with 0 if Microsoft took it.
    TestUpload(TestUploadOptions),

    /// Look at everything that must be right, with the cure of what is not
    ///
    /// Ends with 1 if anything is wrong (✗). A warning (!) needs no hurry; – could not be looked at.
    Doctor {
        /// Have the goals and accounts checked at Microsoft first, instead of reading what the last
        /// hourly check found
        #[arg(long)]
        check: bool,
    },

    /// Show what Microsoft counts of the rows that it accepted, by goal and day, and why not the rest
    ///
    /// The function `goals` keeps Microsoft's report for 400 days; the last seven are read again
    /// each hour, because Microsoft restates them. A day without a report is unknown. Ends with 1 if
    /// less of a goal counts than usual.
    Goals(GoalsOptions),

    /// Send orders or refunds from a CSV file
    ///
    /// A row is an event with its own id, so a row that is sent twice is a duplicate. Started again
    /// after an interruption it goes on where it was. Columns are found by their titles (eventId,
    /// event_id, "Event ID"); a refund names its sale in originalEventId. What is rejected is listed
    /// beside the file with line, field, code and message. Ends with 1 if anything is.
    Import(ImportOptions),

    /// Compare the shop's own list of orders with what is here, by day and goal
    ///
    /// Each order is sent, waits, is refused, is ignored, or is missing here; values are compared
    /// to the last digit. Then the whole ledger is read, about two US cents per million rows, for
    /// sales that Microsoft has, or gets, and the file lacks: from its first order to its last, of its
    /// sources and events. Ends with 1 below --accuracy.
    Reconcile(ReconcileOptions),

    /// Show what waits, is refused or dead, with counts and money, oldest first
    ///
    /// Ends with 1 if anything is refused or dead.
    Open {
        #[command(flatten)]
        filter: Filter,

        /// Also list so many of them, oldest first
        #[arg(long, value_name = "N", default_value_t = 0)]
        list: usize,
    },

    /// Send again what was refused or given up, once its cause is repaired
    ///
    /// Only rows that can be sent are signalled: not what is too old, and nothing of erased persons.
    /// It works by the ledger alone. The dead-letter messages of these rows stay where they are; to
    /// move them back or to purge them does no harm.
    Redrive(RedriveOptions),

    /// Write a page about some days for people who run no commands: money, funnel, what is open
    ///
    /// One HTML file that needs no server and no network, and prints well. It names no persons. It
    /// reads both tables whole, about two US cents per million rows or clicks, and has the function
    /// `goals` ask Microsoft anew what it counts. Ends with 1 if rows could not be read.
    Report(ReportOptions),
}

/// Which days are reported, and where to.
#[derive(Debug, Args)]
pub struct ReportOptions {
    /// The first day, in UTC; 30 days are reported without it
    #[arg(long, value_name = "DAY", value_parser = Day::parse)]
    pub from: Option<Day>,

    /// The last day, in UTC; today without it
    #[arg(long, value_name = "DAY", value_parser = Day::parse)]
    pub to: Option<Day>,

    /// The page; without it tracklayer-FROM-to-TO.html
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Also write each table as a CSV file into this folder
    #[arg(long, value_name = "FOLDER")]
    pub csv: Option<PathBuf>,

    /// Don't have Microsoft asked anew what it counts: take what the last hourly check kept
    #[arg(long)]
    pub without_microsoft: bool,
}

/// Which days are shown.
#[derive(Debug, Args)]
pub struct GoalsOptions {
    /// How many days, today included
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = value_parser!(u16).range(1..=400))]
    pub days: u16,

    /// Those of this account of the mapping only
    #[arg(long, value_name = "NAME")]
    pub account: Option<AccountName>,

    /// Have the function `goals` ask Microsoft anew first
    #[arg(long)]
    pub ask: bool,
}

/// Which account is connected, and by which application.
#[derive(Debug, Args)]
pub struct ConnectOptions {
    /// The account of the mapping; needed where it has several
    #[arg(long, value_name = "NAME")]
    pub account: Option<AccountName>,

    /// The application that is registered in Entra
    #[arg(long, value_name = "ID", env = "TRACKLAYER_CLIENT_ID")]
    pub client_id: Option<String>,

    /// Its secret; empty for a public client. Better in the variable than on the command line
    #[arg(long, value_name = "TEXT", env = "TRACKLAYER_CLIENT_SECRET", hide_env_values = true)]
    pub client_secret: Option<Secret>,

    /// Of the Microsoft Advertising user. Better in the variable than on the command line
    #[arg(long, value_name = "TEXT", env = "TRACKLAYER_DEVELOPER_TOKEN", hide_env_values = true)]
    pub developer_token: Option<Secret>,

    /// The Entra tenant, if it is not `common`
    #[arg(long)]
    pub tenant: Option<String>,

    /// Take the ad account of this number, as the web interface shows it (X1234567)
    #[arg(long, value_name = "NUMBER", conflicts_with = "account_id")]
    pub account_number: Option<String>,

    /// Take the ad account of this id (the number behind aid= in the web interface)
    #[arg(long, value_name = "ID")]
    pub account_id: Option<String>,

    /// The port of localhost that takes the answer; 0 is any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,

    /// Only show the address of the page of consent
    #[arg(long)]
    pub no_browser: bool,

    /// Seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub wait: u64,
}

/// What is sent, and where its story is kept.
#[derive(Debug, Args)]
pub struct TestUploadOptions {
    /// The click, at least an hour old
    #[arg(long, value_name = "ID")]
    pub msclkid: ClickId,

    /// The event of the mapping, which decides the goal
    #[arg(long, value_name = "NAME", default_value = "purchase")]
    pub event: String,

    /// What it is worth, unless its goal has no value
    #[arg(long, requires = "currency")]
    pub value: Option<String>,

    /// What it is worth that in, as USD
    #[arg(long, requires = "value")]
    pub currency: Option<String>,

    /// When it happened, as 2026-04-24T11:42:13+02:00; now, if it is left out
    #[arg(long, value_name = "TIME")]
    pub occurred_at: Option<String>,

    /// The account, where the mapping has several
    #[arg(long, value_name = "NAME")]
    pub account: Option<AccountName>,

    /// Who sends it; the key must be allowed to
    #[arg(long, default_value = "test-upload")]
    pub source: Source,

    /// The file for request and reply; test-upload-….json in this folder, if it is left out
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Seconds to wait for Microsoft's answer
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub wait: u64,

    /// The ingest key; with --local it is known
    #[arg(long, env = "TRACKLAYER_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

/// Which rows are sent again, and whether they are.
#[derive(Debug, Args)]
pub struct RedriveOptions {
    #[command(flatten)]
    pub filter: Filter,

    /// Everything that is refused or dead
    #[arg(long)]
    pub all: bool,

    /// Only say how many would be sent, what they are worth, and a few of them
    #[arg(long)]
    pub preview: bool,

    /// Don't ask
    #[arg(long)]
    pub yes: bool,
}

/// Which file is sent, and how it is read.
#[derive(Debug, Args)]
pub struct ImportOptions {
    #[command(flatten)]
    pub reading: Reading,

    /// Only check everything, as the API would
    #[arg(long)]
    pub dry_run: bool,

    /// The file's sales were sent to Microsoft by other means: record them as accepted
    ///
    /// They are not sent again, and what is refunded of them later is corrected at Microsoft. Each
    /// must have the msclkid (or hashes) and time with which it was uploaded, and what Microsoft says
    /// it is worth now. It writes the ledger itself and needs no ingest key, but the right to write
    /// the table and to read the accounts' secrets.
    #[arg(long)]
    pub already_uploaded: bool,

    /// Events of one request; fewer where requests take too long
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = value_parser!(u16).range(1..=500))]
    pub batch: u16,

    /// The ingest key; with --local it is known
    #[arg(long, env = "TRACKLAYER_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

/// Which list is compared, and how it is read.
#[derive(Debug, Args)]
pub struct ReconcileOptions {
    #[command(flatten)]
    pub reading: Reading,

    /// The file's values are what is left after refunds: compared with what Microsoft has, or gets
    /// by itself
    #[arg(long)]
    pub net: bool,

    /// The file is only a part of the orders: don't look for sales that it lacks
    #[arg(long)]
    pub part: bool,

    /// Of a hundred orders, how many must be accounted for: here with the same value, or ignored on
    /// purpose. A sale that the file lacks is one that isn't
    #[arg(long, value_name = "PERCENT", default_value_t = 99.0)]
    pub accuracy: f64,
}

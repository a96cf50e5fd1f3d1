//! Options of `cargo local`; their comments are what `--help` shows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::runtime::Lines;
use clap::Parser;

/// Builds the functions and runs the whole system on this machine: HTTP API, functions, queues,
/// tables, secrets and a simulated Microsoft Advertising. A tool for development and tests, not for
/// production.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo local", bin_name = "cargo local")]
pub struct Options {
    /// Port of the HTTP API
    #[arg(long, value_name = "PORT", default_value_t = 9400)]
    pub port: u16,

    /// Port of DynamoDB, SQS and Secrets Manager, for any SDK or CLI with any credentials
    #[arg(long, value_name = "PORT", default_value_t = 9401)]
    pub aws_port: u16,

    /// Port of the simulated Microsoft; see GET /simulator/conversions
    #[arg(long, value_name = "PORT", default_value_t = 9402)]
    pub simulator_port: u16,

    /// Port of a small shop to try everything with a mouse
    #[arg(long, value_name = "PORT", default_value_t = 9403)]
    pub shop_port: u16,

    /// Another Microsoft instead of the simulator: API calls go to URL/CampaignManagement/v13/…,
    /// tokens to URL/common/oauth2/v2.0/token
    #[arg(long, value_name = "URL")]
    pub microsoft_url: Option<String>,

    /// Build and run the functions as they are deployed
    #[arg(long)]
    pub release: bool,

    /// Seconds after the end of its batch until a failed message is received again, if the function
    /// did not change its visibility
    #[arg(long, value_name = "S", default_value = "5", value_parser = seconds)]
    pub retry_base: Duration,

    /// Seconds between the acceptance of a conversion and its first adjustment
    #[arg(long, value_name = "S", default_value_t = 5)]
    pub settle_delay: u64,

    /// Seconds between two runs of what the template schedules more often than hourly: sweep. Those
    /// that would find nothing to do are left out for up to a minute
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    pub sweep_every: Duration,

    /// Seconds between two runs of what the template schedules hourly or less often: goals
    #[arg(long, value_name = "S", default_value = "300", value_parser = seconds)]
    pub check_every: Duration,

    /// Seconds that a batch of upload waits for further messages
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds)]
    pub batch_window: Duration,

    /// Seconds a click must be old before its conversion is uploaded
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub min_click_age: u64,

    /// Seconds that an hour of the rules lasts here: back-off of waiting rows, orphans, young goals
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub hour: u64,

    /// Seconds a run of upload may take; the margin that the rules add for a running function is
    /// 1.5 times as long
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub function_timeout: u64,

    /// Another mapping: a second account, a renamed goal. Each account gets a secret and its goals
    /// in the simulator
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,

    /// Keep tables, queues and secrets here over restarts, instead of in memory
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Set a parameter of the template, as in AllowedOrigins=http://localhost:3000; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    pub parameters: Vec<(String, String)>,

    /// Programs that run instead of those that Cargo builds, by the function's name.
    #[arg(skip)]
    pub programs: BTreeMap<String, PathBuf>,

    /// Where a test reads what the functions write.
    #[arg(skip)]
    pub lines: Option<Lines>,
}

impl Options {
    /// The defaults with free ports, for tests that run side by side.
    pub fn on_free_ports() -> Self {
        Self { port: 0, aws_port: 0, simulator_port: 0, shop_port: 0, ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::parse_from(["cargo local"])
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        let options = Options::default();
        let ports = [options.port, options.aws_port, options.simulator_port, options.shop_port];
        assert_eq!(ports, [9400, 9401, 9402, 9403]);
        assert_eq!(
            (options.settle_delay, options.min_click_age, options.hour, options.function_timeout),
            (5, 0, 10, 30)
        );
        let durations =
            [options.retry_base, options.sweep_every, options.check_every, options.batch_window];
        assert_eq!(durations, [5, 2, 300, 1].map(Duration::from_secs));
        assert!(!options.release && options.data.is_none() && options.mapping.is_none());
    }

    #[test]
    fn fractions_and_pairs() {
        let options = Options::parse_from([
            "cargo local",
            "--retry-base",
            "0.5",
            "--parameter",
            "NameSuffix=-b",
        ]);
        assert_eq!(options.retry_base, Duration::from_millis(500));
        assert_eq!(options.parameters, [("NameSuffix".to_owned(), "-b".to_owned())]);
        assert!(Options::try_parse_from(["cargo local", "--retry-base", "-1"]).is_err());
    }
}

//! When the last click was captured, the last event queued and the last conversion accepted, by the
//! metrics of the functions: no table has an index by time.

use tracklayer_core::time::DAY;

use super::check::Check;
use super::metrics::{Metric, last_times};
use crate::{place::Ops, screen};

/// How far back is looked, in days.
const LOOK_BACK: i64 = 14;

/// What is counted, and whether an alarm watches its silence.
struct Counted {
    what: String,
    metric: Metric,
    silence_alerts: bool,
}

/// One line for each.
pub async fn checks(ops: &Ops) -> Vec<Check> {
    let counted = counted(ops);
    if ops.is_local {
        let why = "not measured with --local";
        return counted.into_iter().map(|it| Check::unknown(it.what, why)).collect();
    }
    let metrics: Vec<Metric> = counted.iter().map(|it| it.metric.clone()).collect();
    let times = match last_times(&ops.config, &metrics, ops.now(), LOOK_BACK * DAY).await {
        Ok(times) => times,
        Err(why) => return vec![Check::unknown("last click, event and upload", why)],
    };
    let silence = ops.deployment.number("SilenceHours").unwrap_or(0) * 3_600;
    let judge = |(it, time): (Counted, Option<_>)| {
        let age = time.map(|time| ops.now().seconds_since(time));
        judged(it.what, age, if it.silence_alerts { silence } else { 0 })
    };
    counted.into_iter().zip(times).map(judge).collect()
}

/// Clicks belong to no account.
fn counted(ops: &Ops) -> Vec<Counted> {
    let suffix = ops.deployment.parameter("NameSuffix").unwrap_or_default();
    let of = |what: String, name, account: &str, silence_alerts| {
        let namespace = format!("TrackLayer{suffix}");
        let metric = Metric { namespace, name, account: account.to_owned() };
        Counted { what, metric, silence_alerts }
    };
    let mut counted = vec![of("last click captured".to_owned(), "ClicksCaptured", "none", true)];
    for account in ops.mapping.accounts() {
        let name = account.name().as_str();
        counted.push(of(format!("last event queued of {name}"), "Queued", name, true));
        counted.push(of(format!("last upload accepted of {name}"), "Accepted", name, false));
    }
    counted
}

/// `silence` is after how many seconds the alarm says so; 0 if none does.
fn judged(what: String, age: Option<i64>, silence: i64) -> Check {
    let cure = "Look whether the website and the shop still send, and what they are answered; of \
                uploads, `open` says what waits or is refused.";
    match age {
        Some(age) if silence > 0 && age > silence => Check::warns(what, screen::ago(age), cure),
        Some(age) => Check::fine(what, screen::ago(age)),
        None => Check::warns(what, format!("none within {LOOK_BACK} days"), cure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Mark;

    #[test]
    fn silence_is_as_long_as_the_alarm_has_it() {
        let mark = |age, silence| judged(String::new(), age, silence).mark;
        assert_eq!((mark(Some(3_600), 3_600), mark(Some(3_601), 3_600)), (Mark::Fine, Mark::Warns));
        assert_eq!((mark(Some(DAY), 0), mark(None, 0)), (Mark::Fine, Mark::Warns));
    }
}

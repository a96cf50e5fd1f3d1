//! `GET /simulator`: everything that was stored, on one page for people.

use std::fmt::{self, Display, Write};

use rust_decimal::Decimal;
use time::OffsetDateTime;

use crate::instant::format;
use crate::ledger::{Conversion, ConversionState, Unattributed};
use crate::refusals::{RefusedCall, RefusedRow};
use crate::report::Counts;
use crate::settings::{Account, CountType, Goal};
use crate::state::State;

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"refresh\" content=\"5\"><title>Simulated Microsoft Advertising</title><style>\
body{font:16px/1.4 sans-serif;margin:2em;max-width:75em}\
table{border-collapse:collapse;margin-bottom:1em}\
th,td{border:1px solid #ccc;padding:.3em .6em;text-align:left}\
th{background:#f3f3f3}.n{text-align:right}</style></head><body>";

/// The whole page, which reloads itself every five seconds.
pub(crate) fn written(state: &State, now: OffsetDateTime) -> String {
    let mut page = HEAD.to_owned();
    // Writing into a String can't fail.
    let _ = write_page(&mut page, state, now);
    page
}

fn write_page(page: &mut String, state: &State, now: OffsetDateTime) -> fmt::Result {
    write!(page, "<h1>Simulated Microsoft Advertising</h1><p>As of {}.</p>", format(now))?;
    for account in &state.settings.accounts {
        let id = Escaped(&account.account_id);
        write!(page, "<h2>Ad account {id}</h2>")?;
        goals(page, state, account)?;
        conversions(page, state, account, now)?;
        unattributed(page, state, account)?;
        refused(page, state, account)?;
    }
    refused_calls(page, state)?;
    page.write_str("</body></html>\n")
}

fn goals(page: &mut String, state: &State, account: &Account) -> fmt::Result {
    let heads = [
        "Goal",
        "State",
        "Counts",
        "Click at most",
        "Conversions that count",
        "Rows taken",
        "Rows that came to nothing",
    ];
    table(page, "Goals", &heads, account.goals.iter(), |page, goal| {
        let mut counts = Counts::default();
        let of_goal = state.ledger.outcomes().iter();
        let of_goal = of_goal.filter(|o| o.account == account.account_id && o.goal_id == goal.id);
        of_goal.for_each(|outcome| counts.add(outcome.reason));
        text(page, &goal.name)?;
        text(page, if goal.paused { "paused: counts nothing" } else { "active" })?;
        text(page, counted(goal))?;
        let days = Decimal::from(goal.conversion_window_in_minutes) / Decimal::from(24 * 60);
        text(page, format_args!("{} days before", days.round_dp(1).normalize()))?;
        let conversions = state.ledger.conversions().iter();
        let counting = conversions
            .filter(|c| c.counts && c.account == account.account_id && c.goal_id == goal.id);
        number(page, counting.count())?;
        number(page, counts.successes)?;
        number(page, counts.unattributed())
    })
}

fn counted(goal: &Goal) -> &'static str {
    match goal.count_type {
        CountType::All => "every conversion of a click",
        CountType::Unique => "only the first conversion of a click",
    }
}

fn conversions(
    page: &mut String, state: &State, account: &Account, now: OffsetDateTime,
) -> fmt::Result {
    let heads =
        ["Goal", "Conversion time", "Click", "Value", "Net now", "Currency", "State", "Repeats"];
    let rows = state.ledger.conversions().iter();
    let rows = rows.filter(|conversion| conversion.account == account.account_id);
    table(page, "Conversions", &heads, rows, |page, conversion| {
        text(page, &conversion.goal)?;
        text(page, format(conversion.conversion_time))?;
        text(page, conversion.click_id.as_deref().unwrap_or("matched by hash"))?;
        number(page, amount(conversion.original_value))?;
        number(page, amount(conversion.value))?;
        text(page, conversion.currency.as_deref().unwrap_or("–"))?;
        let visible = now - conversion.accepted_at >= state.settings.visible_after();
        let state = state_in_words(conversion, visible);
        let counts = conversion.counts || conversion.state == ConversionState::Retracted;
        let remark =
            if counts { "" } else { "; does not count: an earlier one of this click does" };
        text(page, format_args!("{state}{remark}"))?;
        number(page, conversion.duplicates)
    })
}

fn state_in_words(conversion: &Conversion, visible: bool) -> &'static str {
    match conversion.state {
        ConversionState::Accepted if !visible => "accepted, not visible yet",
        ConversionState::Accepted => "accepted",
        ConversionState::Restated => "restated: its value was corrected",
        ConversionState::Retracted => "retracted: it was taken back",
    }
}

fn unattributed(page: &mut String, state: &State, account: &Account) -> fmt::Result {
    let heads = ["Sent", "What", "Goal", "Conversion time", "Click", "Why it came to nothing"];
    let rows = state.ledger.unattributed().iter();
    let rows = rows.filter(|row: &&Unattributed| row.account == account.account_id);
    table(page, "Taken, but came to nothing", &heads, rows, |page, row| {
        text(page, format(row.at))?;
        text(page, row.row)?;
        text(page, &row.goal)?;
        text(page, format(row.conversion_time))?;
        text(page, row.click_id.as_deref().unwrap_or("matched by hash"))?;
        text(page, format_args!("{} ({})", reason_in_words(row.reason), row.reason))
    })
}

fn refused(page: &mut String, state: &State, account: &Account) -> fmt::Result {
    let heads =
        ["Sent", "What", "Goal", "Conversion time", "Click", "Why it was refused", "What helps"];
    let rows = state.ledger.refusals.rows.iter();
    let rows = rows.filter(|row: &&RefusedRow| row.account == account.account_id);
    table(page, "Refused", &heads, rows, |page, row| {
        text(page, format(row.at))?;
        text(page, &row.what)?;
        text(page, row.goal.as_deref().unwrap_or("–"))?;
        text(page, row.conversion_time.as_deref().unwrap_or("–"))?;
        text(page, row.click_id.as_deref().unwrap_or("–"))?;
        text(page, &row.error.why)?;
        text(page, row.error.cure)
    })
}

fn refused_calls(page: &mut String, state: &State) -> fmt::Result {
    let heads = ["Sent", "Ad account", "Call", "Rows", "Why it was refused", "What helps"];
    let calls = state.ledger.refusals.calls.iter();
    table(page, "Calls refused as a whole", &heads, calls, |page, call: &RefusedCall| {
        text(page, format(call.at))?;
        text(page, call.account.as_deref().unwrap_or("–"))?;
        text(page, &call.path)?;
        number(page, call.rows.map_or_else(|| "–".to_owned(), |rows| rows.to_string()))?;
        text(page, &call.error.why)?;
        text(page, call.error.cure)
    })
}

/// A reason of Microsoft's reports in plain words.
fn reason_in_words(reason: &str) -> &'static str {
    match reason {
        "AccountMismatch" => "another ad account paid for the click",
        "AdjustmentOriginalNotFound" => {
            "there is no such conversion to correct, or it is not visible yet"
        }
        "ClickTimestampAfterConversion" => "the click came after the conversion",
        "ConversionAlreadyRetracted" => "the conversion was taken back before",
        "ConversionTimeExceedsMaxLookback" => "the conversion is older than 90 days",
        "ConversionTimeInFuture" => "the conversion lies in the future",
        "DuplicateConversionKey" => "this conversion is there already",
        "GoalNotFoundOrInactive" => "the goal is paused",
        "HistoricalClickDataExpired" => "the conversion's click is older than 90 days",
        "MalformedData" => "something in the row can't be processed",
        "MissingMatchIdentifiers" => "no click belongs to this e-mail address or phone number",
        "NoMatchingClickFound" => "no such click is known, or it was less than an hour old",
        "OutsideGoalLookbackWindow" => "the click is older than the goal allows",
        _ => "Microsoft doesn't say why",
    }
}

fn amount(amount: Option<Decimal>) -> String {
    amount.map_or_else(|| "–".to_owned(), |amount| amount.to_string())
}

fn table<T>(
    page: &mut String, title: &str, heads: &[&str], rows: impl Iterator<Item = T>,
    write_row: impl Fn(&mut String, T) -> fmt::Result,
) -> fmt::Result {
    write!(page, "<h3>{title}</h3><table><tr>")?;
    heads.iter().try_for_each(|head| write!(page, "<th>{head}</th>"))?;
    page.write_str("</tr>\n")?;
    let mut empty = true;
    for row in rows {
        empty = false;
        page.write_str("<tr>")?;
        write_row(page, row)?;
        page.write_str("</tr>\n")?;
    }
    if empty {
        write!(page, "<tr><td colspan=\"{}\">none</td></tr>", heads.len())?;
    }
    page.write_str("</table>")
}

fn text(page: &mut String, content: impl Display) -> fmt::Result {
    write!(page, "<td>{}</td>", Escaped(content))
}

fn number(page: &mut String, content: impl Display) -> fmt::Result {
    write!(page, "<td class=\"n\">{}</td>", Escaped(content))
}

/// Escapes goal names and click ids, which may contain anything.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

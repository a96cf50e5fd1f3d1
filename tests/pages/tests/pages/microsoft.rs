//! Microsoft's errors, the identity service's, and why accepted rows don't count: the tables that
//! the functions themselves use.

use pages::{check, code, table};
use tracklayer_core::microsoft::errors::{Entry, ErrorClass, TABLE, Wait};
use tracklayer_core::microsoft::report::{REASONS, Reason};
use tracklayer_core::microsoft::token_errors::{TOKEN_ERRORS, TokenEntry};

const PAGE: &str = "infra/TROUBLESHOOTING.md";

/// What becomes of a row that such an error names, whether its message becomes a dead-letter
/// message, and who acts. The match asks for a line per class.
const fn meaning(class: ErrorClass) -> [&'static str; 3] {
    const LATER: &str = "after 12 tries";
    const AT_ONCE: &str = "at once";
    match class {
        ErrorClass::Retry => ["is sent again as it was", LATER, "nobody, unless it lasts"],
        ErrorClass::Throttled => ["waits a minute with its account", LATER, "nobody"],
        ErrorClass::Token => ["is sent again with a new token", LATER, "nobody, unless it lasts"],
        ErrorClass::Account => [
            "returns with all rows of its account, until a check holds them",
            LATER,
            "who deploys: account, consent, secret",
        ],
        ErrorClass::Wait(_) => ["waits", "no", "nobody"],
        ErrorClass::Configuration | ErrorClass::GoalName => {
            ["is refused", AT_ONCE, "who deploys: goal or mapping, then a redrive"]
        }
        ErrorClass::Click => [
            "is sent with another click or its hashes, or waits; refused if it had no click or an earlier attempt has no answer",
            "if refused",
            "nobody",
        ],
        ErrorClass::Final => [
            "is refused, and would be again",
            "at once; delete it",
            "who runs the source, for later events",
        ],
        ErrorClass::Defect => ["is refused", AT_ONCE, "report it; a redrive after the fix"],
        ErrorClass::Unknown => ["is refused", AT_ONCE, "look the code up at Microsoft"],
    }
}

#[test]
fn classes() {
    let mut lines: Vec<[String; 4]> = Vec::new();
    let all = TABLE.iter().map(|entry| entry.class).chain([ErrorClass::Wait(Wait::TimeInFuture)]);
    for class in all {
        let [row, message, person] = meaning(class).map(str::to_owned);
        let line = [class.as_str().to_owned(), row, message, person];
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let head = ["class", "a row that it names", "dead-letter message", "who acts"];
    check(PAGE, "classes", &table(head, lines));
}

/// Where a person finds how to do it.
fn linked(cure: &str) -> String {
    cure.replace("ive consent again (infra/README.md)", "ive [consent again](README.md#consent)")
}

fn name(entry: &Entry) -> String {
    match entry.code {
        Some(code) => format!("{code} {}", entry.symbol),
        None => entry.symbol.to_owned(),
    }
}

/// Errors that mean the same are one line.
#[test]
fn errors() {
    let mut lines: Vec<(&Entry, Vec<String>)> = Vec::new();
    for entry in TABLE {
        let same = |(other, _): &&mut (&Entry, Vec<String>)| {
            (other.class, other.cause, other.cure) == (entry.class, entry.cause, entry.cure)
        };
        match lines.iter_mut().find(same) {
            Some((_, names)) => names.push(name(entry)),
            None => lines.push((entry, vec![name(entry)])),
        }
    }
    let line = |(entry, names): (&Entry, Vec<String>)| {
        let class = entry.class.as_str().to_owned();
        [names.join(", "), class, entry.cause.to_owned(), linked(entry.cure)]
    };
    let head = ["error", "class", "cause", "what helps"];
    check(PAGE, "errors", &table(head, lines.into_iter().map(line)));
}

#[test]
fn token_errors() {
    let line = |it: &TokenEntry| [code(it.error), it.cause.to_owned(), linked(it.cure)];
    let head = ["error", "cause", "what helps"];
    check(PAGE, "token errors", &table(head, TOKEN_ERRORS.iter().map(line)));
}

#[test]
fn reasons() {
    let line = |it: &Reason| [code(it.name), it.cause.to_owned(), it.cure.to_owned()];
    let head = ["reason", "cause", "what helps"];
    check(PAGE, "unattributed", &table(head, REASONS.iter().map(line)));
}

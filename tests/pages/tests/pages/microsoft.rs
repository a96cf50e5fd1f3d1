//! Microsoft's errors, the identity service's, and why accepted rows don't count: the tables that
//! the functions themselves use.

use pages::{check, code, table};
use tracklayer_core::microsoft::{
    errors::{Entry, TABLE},
    report::{REASONS, Reason},
    token_errors::{TOKEN_ERRORS, TokenEntry},
};

const PAGE: &str = "infra/TROUBLESHOOTING.md";

#[test]
fn errors() {
    let line = |entry: &Entry| {
        let number = entry.code.map_or_else(|| "–".to_owned(), |code| code.to_string());
        let class = entry.class.as_str().to_owned();
        [number, entry.symbol.to_owned(), class, entry.cause.to_owned(), entry.cure.to_owned()]
    };
    let head = ["code", "symbol", "class", "cause", "what helps"];
    check(PAGE, "errors", &table(head, TABLE.iter().map(line)));
}

#[test]
fn token_errors() {
    let line = |it: &TokenEntry| [code(it.error), it.cause.to_owned(), it.cure.to_owned()];
    let head = ["error", "cause", "what helps"];
    check(PAGE, "token errors", &table(head, TOKEN_ERRORS.iter().map(line)));
}

#[test]
fn reasons() {
    let line = |it: &Reason| [code(it.name), it.cause.to_owned(), it.cure.to_owned()];
    let head = ["reason", "cause", "what helps"];
    check(PAGE, "unattributed", &table(head, REASONS.iter().map(line)));
}

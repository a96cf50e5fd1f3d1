//! The README's tables of errors and of unattributed reasons are those of the code.

use std::fmt::Write as _;

use tracklayer_core::microsoft::{
    errors::{Entry, TABLE},
    report::REASONS,
    token_errors::TOKEN_ERRORS,
};

fn errors() -> String {
    let mut text =
        "\n| code | symbol | class | cause | what helps |\n|---|---|---|---|---|\n".to_owned();
    for entry in TABLE {
        let code = entry.code.map_or_else(|| "–".to_owned(), |code| code.to_string());
        let Entry { symbol, class, cause, cure, .. } = entry;
        writeln!(text, "| {code} | {symbol} | {} | {cause} | {cure} |", class.as_str())
            .expect("a line");
    }
    text.push_str("\nAn unknown code is kept in the row and refused, never dropped.\n\n");
    text
}

fn token_errors() -> String {
    let mut text = "\n| error | cause | what helps |\n|---|---|---|\n".to_owned();
    for entry in TOKEN_ERRORS {
        writeln!(text, "| {} | {} | {} |", entry.error, entry.cause, entry.cure).expect("a line");
    }
    text.push('\n');
    text
}

fn reasons() -> String {
    let mut text = "\n| reason | cause | what helps |\n|---|---|---|\n".to_owned();
    for reason in REASONS {
        writeln!(text, "| {} | {} | {} |", reason.name, reason.cause, reason.cure).expect("a line");
    }
    text.push('\n');
    text
}

/// The part between two marks is `expected`, or becomes it with `UPDATE_README=1`.
fn check(name: &str, source: &str, expected: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).expect("the README");
    let open = format!(
        "<!-- {name}: written by the table in shared/core/src/{source}, checked by a test -->"
    );
    let close = format!("<!-- /{name} -->");
    let (before, rest) = readme.split_once(&open).expect("the opening mark");
    let (table, after) = rest.split_once(&close).expect("the closing mark");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, format!("{before}{open}\n{expected}{close}{after}")).expect("written");
    } else {
        assert_eq!(table, format!("\n{expected}"), "run this test with UPDATE_README=1");
    }
}

/// `UPDATE_README=1 cargo test -p tracklayer-core --test readme` writes them.
#[test]
fn the_tables_are_the_codes() {
    check("errors", "errors.rs", &errors());
    check("token errors", "consent.rs", &token_errors());
    check("reasons", "outcome.rs", &reasons());
}

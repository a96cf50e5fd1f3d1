//! The README's error table is the one of the code.

use std::fmt::Write as _;

use tracklayer_core::errors::{Class, TABLE};

const OPEN: &str =
    "<!-- errors: written by the table in shared/core/src/errors.rs, checked by a test -->";
const CLOSE: &str = "<!-- /errors -->";

/// Defects and passing trouble need nobody; the rest is what an operator looks up.
fn rendered() -> String {
    let mut text = "\n| code | symbol | cause | what helps |\n|---|---|---|---|\n".to_owned();
    for entry in TABLE.iter().filter(|entry| !matches!(entry.class, Class::Defect)) {
        let code = entry.code.map_or_else(|| "–".to_owned(), |code| code.to_string());
        writeln!(text, "| {code} | {} | {} | {} |", entry.symbol, entry.cause, entry.cure)
            .expect("a line");
    }
    text.push_str(
        "\nEvery other documented code is a defect of this software or of one row: report it with its TrackingId.\n\
         An unknown code is kept in the row and refused, never dropped.\n\n",
    );
    text
}

/// `UPDATE_README=1 cargo test -p tracklayer-core --test readme` writes it.
#[test]
fn the_error_table_is_the_codes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(OPEN).unwrap();
    let (table, after) = rest.split_once(CLOSE).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, format!("{before}{OPEN}\n{}{CLOSE}{after}", rendered())).unwrap();
    } else {
        assert_eq!(table, format!("\n{}", rendered()), "run this test with UPDATE_README=1");
    }
}

//! Keeps the pages of this repository true: their tables are generated from the code and the
//! template, and the tests of this package compare them.
//!
//! `UPDATE_PAGES=1 cargo test -p pages` writes the tables into the pages.
//!
//! - this file: pages and the sections between their marks
//! - `template`: what `infra/template.yaml` says
//! - `sources`: names that can only be read from source text

pub mod sources;
pub mod template;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Tests run side by side, and several write sections of one page.
static WRITING: Mutex<()> = Mutex::new(());

/// All pages, by their path from the root of the repository.
pub const PAGES: &[&str] = &[
    "README.md",
    "functions/README.md",
    "functions/RECIPES.md",
    "infra/README.md",
    "infra/TROUBLESHOOTING.md",
    "infra/local-aws/README.md",
    "infra/local-stack/README.md",
    "infra/microsoft-simulator/README.md",
    "shared/README.md",
    "shared/core/MAPPING.md",
    "tests/README.md",
    "tests/simulation/README.md",
    ".github/CONTRIBUTING.md",
    ".github/SECURITY.md",
];

/// A file or folder of the repository.
#[must_use]
pub fn path(relative: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(relative)
}

/// The text of a file of the repository.
///
/// # Panics
/// If it can't be read.
#[must_use]
pub fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// Compares the section `name` of a page with `expected`, or writes it if `UPDATE_PAGES` is set.
///
/// A section stands between `<!-- name: … -->` and `<!-- /name -->`; the text behind the colon says
/// where its contents come from.
///
/// # Panics
/// If the section is missing, or differs.
pub fn check(page: &str, name: &str, expected: &str) {
    let _guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let text = read(page);
    let mark = format!("<!-- {name}: ");
    let start = text.find(&mark).unwrap_or_else(|| panic!("{page} has no section {name}"));
    let open = start + text[start..].find("-->\n").expect("the end of the opening mark") + 4;
    let close = format!("<!-- /{name} -->");
    let end = open + text[open..].find(&close).unwrap_or_else(|| panic!("{page}: no {close}"));
    let expected = format!("\n{expected}\n");
    if std::env::var_os("UPDATE_PAGES").is_some() {
        let updated = format!("{}{expected}{}", &text[..open], &text[end..]);
        if updated != text {
            fs::write(path(page), updated).expect("a page that can be written");
        }
        return;
    }
    let how = "run UPDATE_PAGES=1 cargo test -p pages";
    assert_eq!(&text[open..end], expected, "{page}, section {name}: {how}");
}

/// A table in Markdown.
#[must_use]
pub fn table<const N: usize>(
    head: [&str; N], lines: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for line in lines {
        let cells = line.map(|cell| cell.replace('|', "\\|"));
        writeln!(text, "| {} |", cells.join(" | ")).expect("text takes all");
    }
    text
}

/// A word as code.
#[must_use]
pub fn code(word: impl std::fmt::Display) -> String {
    format!("`{word}`")
}

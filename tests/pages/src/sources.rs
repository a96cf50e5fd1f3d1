//! Names that the code has only as text: variables, members of request bodies, metrics.

use std::{collections::BTreeSet, fs, path::Path};

/// The text of all Rust files of the functions and of `shared/edge`.
///
/// # Panics
/// If a file can't be read.
#[must_use]
pub fn of_functions() -> String {
    let mut all = String::new();
    for folder in ["functions", "shared/edge/src"] {
        collect(&crate::path(folder), &mut all);
    }
    all
}

fn collect(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, all);
        } else if path.extension().is_some_and(|it| it == "rs") {
            all.push_str(&fs::read_to_string(&path).expect("a source file"));
        }
    }
}

/// Quoted names of environment variables with one of these beginnings.
#[must_use]
pub fn variables(source: &str, prefixes: &[&str]) -> BTreeSet<String> {
    let is_name = |it: &&str| it.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let quoted = source.split('"').filter(is_name);
    let wanted = quoted.filter(|it| prefixes.iter().any(|prefix| it.starts_with(prefix)));
    wanted.map(str::to_owned).collect()
}

/// The members of the request body that a function reads, in their order: the fields of its
/// `struct Body` in camel case.
///
/// # Panics
/// If the function has no such struct.
#[must_use]
pub fn members(function: &str) -> Vec<String> {
    let mut source = String::new();
    collect(&crate::path(&format!("functions/{function}/src")), &mut source);
    let (_, body) = source.split_once("struct Body {").expect("a struct Body");
    let (body, _) = body.split_once("\n}").expect("the end of the struct");
    let names = body.lines().filter_map(|line| line.trim().split_once(": "));
    names.map(|(name, _)| camel_case(name.trim_start_matches("pub "))).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        text.push_str(&first.to_ascii_uppercase());
        text.push_str(rest);
    }
    text
}

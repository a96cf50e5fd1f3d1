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

/// The members of the request body that a function reads, in their order: its constant `MEMBERS`.
///
/// # Panics
/// If the function has no such constant.
#[must_use]
pub fn members(function: &str) -> Vec<String> {
    let mut source = String::new();
    collect(&crate::path(&format!("functions/{function}/src")), &mut source);
    let (_, list) = source.split_once("const MEMBERS: ").expect("a constant MEMBERS");
    let (list, _) = list.split_once("];").expect("the end of the list");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

//! Writes down what is granted and what of it is used, so that what no test needs shows.

use std::fs::OpenOptions;
use std::io::Write as _;

use super::Statement;

/// The environment variable that names the file. Without it nothing is written.
const FILE: &str = "LOCAL_AWS_GRANTS";

/// Writes each action on each resource.
pub(super) fn granted(user: &str, statements: &[Statement]) {
    for statement in statements {
        for action in statement.action.iter() {
            for resource in statement.resource.iter() {
                write("granted", user, action, resource);
            }
        }
    }
}

/// Writes that a request has needed this.
pub(super) fn used(user: &str, action: &str, resource: &str) {
    write("used", user, action, resource);
}

/// A record that can't be written shows as a grant that nobody uses.
fn write(what: &str, user: &str, action: &str, resource: &str) {
    let Some(path) = std::env::var_os(FILE) else { return };
    let line = format!("{what}\t{user}\t{action}\t{resource}\n");
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        drop(file.write_all(line.as_bytes()));
    }
}

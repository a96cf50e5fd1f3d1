//! status
fn main() {}

//! cargo local
fn main() {}

//! capture
fn main() {}

//! enqueue
fn main() {}

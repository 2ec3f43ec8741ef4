//! The one binary `tempchat`.
fn main() {}

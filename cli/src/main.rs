//! The program `tagring`.
fn main() {}

//! Mean costs on one thread, without another core's cache in play: `cargo bench -p tagring-benches --bench cost`.

fn main() {}

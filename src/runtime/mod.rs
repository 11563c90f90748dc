//! The runtime: one value that owns buses, threads, cores, limits, failures and shutdown. Nothing of it is global: two runtimes in a
//! process do not see each other.

pub mod config;
pub mod machine;

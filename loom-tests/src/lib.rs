//! The lock-free files of Tagring, compiled against loom's types and explored. The sources are those of the library, by path; only the
//! door to atomics is another one.
#![cfg(test)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "the library's files are wider than the models"
)]

/// Fault points are for other tests.
macro_rules! fault {
    ($($nothing:tt)*) => {};
}
pub(crate) use fault;

#[path = "../../src/counters/block.rs"]
mod block;
mod event;
#[path = "../../src/counters/latest.rs"]
mod latest;
#[path = "../../src/bus/group/lease.rs"]
mod lease;
#[path = "../../src/counters/ledger.rs"]
mod ledger;
#[path = "../../src/ring/mod.rs"]
mod ring;
mod sync;
#[path = "../../src/retain/history/trail.rs"]
mod trail;

mod block_models;
mod evict_models;
mod latest_models;
mod lease_models;
mod ledger_models;
mod ring_models;
mod tag_set_models;
mod trail_models;

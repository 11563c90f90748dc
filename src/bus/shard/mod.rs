//! Shards: several buses of one family behind one publisher, which chooses by key. Each bus has one slot that does its work; the order per key is
//! kept also while shards are added and removed, or that slot dies.
//!
//! *Who decides.* The publisher alone, on its own thread: [`Sharded`] has the routes in plain memory. It changes a partition's route only when
//! the old shard's worker has passed all that was published for it; until then it refuses events of that partition, or waits with a bound.
//!
//! *What a dead shard leaves.* The publisher has a reader of its own on each shard, its guard, which stays behind the worker. Where the worker ends, its
//! [`Lease`](super::group) tells at which event; what lies from there on is copied from the ring and published again, to the new owners, before
//! anything newer of those partitions. Of several that died the last one goes first: what was published again for an earlier one lies in it.

mod error;
mod sharded;
mod worker;

pub use error::ShardError;
pub use sharded::{ShardStats, Sharded, ShardedStats};
pub use worker::{Shard, ShardWorker};

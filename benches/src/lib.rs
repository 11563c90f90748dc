//! Tagring measured against its peers: in one run, interleaved round by round, on two pinned cores.
//!
//! `tagring bench` and `benches/tail.rs` print the tables and the bars, `benches/cost.rs` has criterion's mean costs. Here is what they share:
//!
//! - [`clock`]: time stamps, ordered behind what they time;
//! - [`cores`]: two cores, chosen before anything is pinned;
//! - [`peer`]: what a queue has to do to be measured; [`peers`]: the queues;
//! - [`round_trip`], [`open_loop`], [`stream`], [`slots`], [`overload`], [`jitter`]: one round of each measurement;
//! - [`stuck`]: one round of a bus with a failing neighbour;
//! - [`table`]: rounds of many cases interleaved, and their medians and spreads;
//! - [`latency`]: percentiles and curves of one round;
//! - [`bars`]: what has to hold, and by how much it does;
//! - [`kinds`]: 64 kinds of events and eight handlers; [`allocations`]: counted, where the program's allocator is wrapped;
//! - [`suite`]: the parts, each with its tables and bars.
//!
//! Only ratios inside one run mean anything: the machine is shared, and its clock speed is not ours to fix.

pub mod allocations;
pub mod bars;
pub mod clock;
pub mod cores;
pub mod jitter;
pub mod kinds;
pub mod latency;
pub mod open_loop;
pub mod overload;
pub mod peer;
pub mod peers;
pub mod round_trip;
pub mod slots;
pub mod stream;
pub mod stuck;
pub mod suite;
pub mod table;

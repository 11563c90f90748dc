//! What reading a clock costs: it is part of every figure here, and as much as a publish.

use super::{Found, Part, Setup};
use crate::clock;
use crate::table::Column;
use std::hint::black_box;
use std::time::Instant;

pub(super) const PART: Part = Part { name: "clock", about: "reading a clock", measure };

fn measure(setup: &Setup) -> Found {
    let count = setup.pick(20_000, 20_000, 100);
    let read = move |read: fn() -> u64| move || vec![clock::cost_ns(count, || _ = black_box(read()))];
    let table = setup
        .table_anywhere("Reading a clock", &[Column::plain("ns")])
        .limit("RDTSC", read(clock::stamp))
        .limit("RDTSCP", read(clock::arrival))
        .limit("LFENCE; RDTSC", read(clock::fenced))
        .limit("Instant::now", move || vec![clock::cost_ns(count, || _ = black_box(Instant::now()))]);
    Found { tables: vec![setup.run(table)], ..Found::default() }
}

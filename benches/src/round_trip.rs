//! Round trip: one event out over one queue, answered from the handler over another, timed event by event.

use crate::clock::{self, Scale};
use crate::cores::{Cores, pin};
use crate::peer::{Outlet, Peer, Polled, Receiver, Sender};
use crate::peers::BareAtomics;
use crate::table::Apart;
use std::hint::black_box;

/// What travels: small enough to lie in one line in every queue.
pub type Event = [u64; 4];

/// Cells of each queue, and trips before the first one that is timed: one lap of the ring.
pub const CAPACITY: usize = 1_024;

/// One round: the ticks of each trip, unsorted, over queues of any capacity. The caller runs on `cores.near`. Rounds should take some
/// milliseconds: longer ones meet the hypervisor.
#[must_use]
pub fn trips<P: Peer<Event>>(cores: Cores, capacity: usize, warm_up: usize, trips: usize) -> Vec<u64> {
    let (out, far_in) = P::pair(capacity);
    let (back, near_in) = P::pair(capacity);
    let far = std::thread::spawn(move || {
        pin(cores.far);
        let (mut far_in, mut back) = (far_in.bind(), back.bind());
        let mut answered = 0;
        while answered < warm_up + trips {
            answered += far_in.poll(|event| back.send(*event));
        }
    });
    let (mut near_in, mut out) = (near_in.bind(), out.bind());
    // Touched before: no page faults on the way.
    let mut ticks = vec![u64::MAX; warm_up + trips];
    for (i, trip) in ticks.iter_mut().enumerate() {
        let event = [black_box(i as u64), 1, 2, 3];
        let sent = clock::stamp();
        out.send(event);
        let mut back_at = 0;
        while near_in.poll(|event| {
            black_box(event);
            back_at = clock::arrival();
        }) == 0
        {}
        *trip = back_at.saturating_sub(sent);
    }
    far.join().expect("the far side ends");
    ticks.split_off(warm_up)
}

/// The median of `count` round trips of bare atomics now, in nanoseconds.
#[must_use]
pub fn median_ns(cores: Cores, scale: Scale, count: usize) -> f64 {
    let mut ticks = trips::<BareAtomics>(cores, CAPACITY, count / 10, count);
    ticks.sort_unstable();
    scale.ns(ticks[ticks.len() / 2] as f64)
}

/// How far apart the cores are now, by [`median_ns`].
#[must_use]
pub fn distance(cores: Cores, scale: Scale, count: usize) -> Apart {
    Apart::of_ns(median_ns(cores, scale, count))
}

//! Round trip: one event out over one queue, answered from the handler over another, timed event by event.

use crate::clock;
use crate::cores::{Cores, pin};
use crate::peer::{Peer, Polled, Receiver, Sender};
use std::hint::black_box;

/// What travels: small enough to lie in one line in every queue.
pub type Event = [u64; 4];

/// Round trips of one round. Rounds of some milliseconds: longer ones meet the hypervisor.
pub const TRIPS: usize = 4_000;
/// Trips before the first one that is timed: one lap of the ring.
const WARM_UP: usize = CAPACITY;
const CAPACITY: usize = 1_024;

/// One round: the ticks of each trip, unsorted. The caller runs on `cores.near`.
#[must_use]
pub fn round<P: Peer<Event>>(cores: Cores) -> Vec<u64> {
    let (mut out, far_in) = P::pair(CAPACITY);
    let (mut back, near_in) = P::pair(CAPACITY);
    let far = std::thread::spawn(move || {
        pin(cores.far);
        let mut far_in = far_in.bind();
        let mut answered = 0;
        while answered < WARM_UP + TRIPS {
            answered += far_in.poll(|event| back.send(*event));
        }
    });
    let mut near_in = near_in.bind();
    let mut ticks = vec![0; WARM_UP + TRIPS];
    for (i, trip) in ticks.iter_mut().enumerate() {
        let event = black_box([i as u64, 1, 2, 3]);
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
    ticks.split_off(WARM_UP)
}

//! The lease of a group's member, under loom.

use crate::lease::{Begun, Lease};
use crate::sync::with_light_fences;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// What the holder, or its successor, does to the state of one key.
struct Key(UnsafeCell<u64>);

// SAFETY: loom checks every access; that is what the model is for.
unsafe impl Sync for Key {}

impl Key {
    fn add(&self) {
        self.0.with_mut(|state| {
            // SAFETY: loom panics in `with_mut` if any other access is not ordered with this one.
            unsafe { *state += 1 }
        });
    }
}

/// Of three events, the holder begins some and the successor the rest, from where the holder's end was seen; one may be lost between them and is
/// known to be. None is begun twice.
/// Guards: the two fences (`lease-ended`). Weakened, loom found an event begun by both.
///
/// (Loom lets an exchange pass over a plain store that races with it, which no machine does. So it also sees events that count as lost although
/// the successor begins them; that is not looked at here.)
#[test]
fn each_event_is_begun_by_the_holder_or_by_its_successor() {
    with_light_fences(|| {
        crate::ring_models::explore(3, || {
            let lease = Arc::new(Lease::new());
            let holder = thread::spawn({
                let lease = Arc::clone(&lease);
                move || {
                    let mut begun = Vec::new();
                    for sequence in 0..3 {
                        let what = lease.begin(sequence);
                        begun.push(what);
                        match what {
                            Begun::Yes => {}
                            _ => break,
                        }
                    }
                    begun
                }
            });
            let resume = lease.end().expect("the model's fence works").next;
            let begun = holder.join().unwrap();
            for sequence in 0..3 {
                let what = begun.get(sequence as usize);
                let (by_holder, by_successor) = (what == Some(&Begun::Yes), sequence >= resume);
                assert!(!(by_holder && by_successor), "{sequence} was begun twice: {begun:?}, resumed at {resume}");
                let is_known = by_holder || by_successor || what == Some(&Begun::Lost);
                assert!(is_known, "{sequence} is nobody's: {begun:?}, resumed at {resume}");
            }
        });
    });
}

/// What the holder did to events before the last one that it said comes before what its successor does.
/// Guards: the Release of what is said and the swap's Acquire (`lease-reached`). Weakened, loom found both at one key's state.
#[test]
fn what_the_holder_did_comes_before_its_successor() {
    crate::ring_models::explore(3, || {
        let lease = Arc::new(Lease::new());
        let key = Arc::new(Key(UnsafeCell::new(0)));
        let successor = thread::spawn({
            let (lease, key) = (Arc::clone(&lease), Arc::clone(&key));
            move || {
                if lease.end().is_some_and(|reached| reached.next == 2) {
                    key.add();
                }
            }
        });
        if lease.begin(0) == Begun::Yes {
            key.add();
            // Of another key: it is done with the first.
            lease.begin(1);
        }
        successor.join().unwrap();
    });
}

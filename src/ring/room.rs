//! The cold side of publishing: take a new gating limit, and where the ring is full say who holds it back, look whether that
//! reader still lives, and wait as long as the caller allows.

use super::claim::Standing;
use super::error::PublishError;
use super::place::Slowest;
use super::shared::{Limit, Shared};
use crate::sync::{Moment, Ordering, Plain, is_simulated, nap, spin_loop, thread_id, yield_now};
use core::time::Duration;

/// How long a publisher is ready to wait for room.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    Now,
    Within(Duration),
    Whenever,
}

/// Looks at a full ring before a waiting publisher yields: some microseconds, a slow turn of a reader.
const SPINS: u32 = 256;
/// Yields before it sleeps between looks: the readers may share its core, and then need it more.
const YIELDS: u32 = 64;
/// One such sleep. Readers never wake publishers: that would cost every batch a check for the rare case.
const NAP: Duration = Duration::from_micros(50);
/// Every so many looks at a full ring, refusals included, the reader in the way is checked for life: a system call, which a publisher that
/// sheds when the ring is full must not pay for each event. A publisher that waits comes by it while it still spins.
const LIFE_CHECK_EVERY: u32 = 64;
const _: () = assert!(LIFE_CHECK_EVERY < SPINS, "a dead reader is found before anyone yields or sleeps for it");

/// Makes sure that the publisher's limit allows `count` more events from where it stands, or says why not.
#[cold]
pub(super) fn room_for<T: Plain>(
    shared: &Shared<T>,
    count: usize,
    room: Room,
    standing: &mut Standing,
    position: impl Fn(&Standing) -> u64,
) -> Result<(), PublishError> {
    if count as u64 > shared.capacity() {
        return Err(PublishError::BatchTooLarge { len: count, capacity: shared.capacity() as usize });
    }
    let mut waiting = Waiting { looks: 0, since: None };
    loop {
        if shared.is_closed() {
            return Err(PublishError::Closed);
        }
        let at = position(standing);
        let end = at + count as u64;
        if end <= standing.limit.end {
            return Ok(());
        }
        standing.limit = shared.limit(at);
        if end <= standing.limit.end {
            return Ok(());
        }
        standing.full = standing.full.wrapping_add(1);
        if standing.full.is_multiple_of(LIFE_CHECK_EVERY) && bury_the_dead(shared, &standing.limit) {
            continue;
        }
        if end > standing.limit.gate && shared.evict(end) {
            continue;
        }
        if standing.limit.end < standing.limit.gate && step_over(shared, count, standing, at)? {
            continue;
        }
        waiting.look_again(shared, room, &standing.limit, at, end)?;
    }
}

/// Takes the places of the slowest reader and of revoked ones back where their threads have died.
fn bury_the_dead<T: Plain>(shared: &Shared<T>, limit: &Limit) -> bool {
    let slowest = limit.slowest.map(|slow| slow.reader);
    slowest.into_iter().chain(shared.places.revoked()).any(|reader| shared.places.bury_if_dead(reader))
}

/// A revoked reader holds cells between `at` and the gate, and `count` events do not fit before them: holes go there, and claiming goes on
/// behind. True: look again. False: readers that gate must first make room for that, or revoked ones hold every cell.
fn step_over<T: Plain>(
    shared: &Shared<T>,
    count: usize,
    standing: &mut Standing,
    at: u64,
) -> Result<bool, PublishError> {
    let (pins, first, gate) = (shared.pins(), standing.limit.end, standing.limit.gate);
    let (behind, free) = (pins.behind(first), pins.longest_free());
    if free == 0 {
        standing.limit.slowest = shared.pinned_by(first).and_then(|reader| {
            let sequence = shared.places.reader_at(reader)?;
            Some(Slowest { sequence, reader })
        });
        return Ok(standing.limit.slowest.is_none());
    }
    if count as u64 > free {
        return Err(PublishError::BatchTooLarge { len: count, capacity: free as usize });
    }
    // The pin is gone, or another publisher is: `at` may be old, and then it says nothing.
    if behind == first || (shared.many && shared.cursor.load(Ordering::Relaxed) != at) {
        return Ok(true);
    }
    if behind > gate {
        return Ok(false);
    }
    if shared.pass_over(at, behind) && !shared.many {
        standing.next = behind;
    }
    Ok(true)
}

struct Waiting {
    looks: u32,
    since: Option<Moment>,
}

impl Waiting {
    /// One look at a full ring, from `at` to `end`: an error, or a little later.
    fn look_again<T: Plain>(
        &mut self,
        shared: &Shared<T>,
        room: Room,
        limit: &Limit,
        at: u64,
        end: u64,
    ) -> Result<(), PublishError> {
        if !matches!(room, Room::Now)
            && self.looks.is_multiple_of(LIFE_CHECK_EVERY)
            && let Some(own) = shared.places.behind_on_thread(end.saturating_sub(shared.capacity()), thread_id())
        {
            return Err(PublishError::SelfBlocked { reader: own.reader, behind: at.saturating_sub(own.sequence) });
        }
        let reader = limit.slowest.map(|slow| shared.places.furthest_upstream(slow).reader);
        let behind = at - limit.slowest.map_or(limit.gate - shared.capacity(), |slow| slow.sequence.min(at));
        match room {
            Room::Now => return Err(PublishError::Full { reader, behind }),
            Room::Within(allowed) => {
                let waited = self.since.get_or_insert_with(Moment::now).elapsed();
                if waited >= allowed {
                    return Err(PublishError::TimedOut { reader, behind, waited });
                }
                self.pause(allowed - waited);
            }
            Room::Whenever => self.pause(NAP),
        }
        Ok(())
    }

    fn pause(&mut self, at_most: Duration) {
        self.looks += 1;
        if self.looks < SPINS && !is_simulated() {
            spin_loop();
        } else if self.looks < SPINS + YIELDS {
            yield_now();
        } else {
            nap(NAP.min(at_most));
        }
    }
}

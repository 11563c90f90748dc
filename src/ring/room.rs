//! The cold side of publishing: take a new gating limit, and where the ring is full say who holds it back, look whether that
//! reader still lives, and wait as long as the caller allows.

use super::error::PublishError;
use super::shared::{Limit, Shared};
use crate::sync::{Plain, spin_loop, thread_id, yield_now};
use core::time::Duration;
use std::time::Instant;

/// How long a publisher is ready to wait for room.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    Now,
    Within(Duration),
    Whenever,
}

/// Spins before a waiting publisher yields.
const SPINS: u32 = 256;
/// Yields before it sleeps between looks.
const YIELDS: u32 = 64;
/// One such sleep. Readers never wake publishers: that would cost every batch a check for the rare case.
const NAP: Duration = Duration::from_micros(50);
/// Every so many looks at a full ring the reader in the way is checked for life (a system call).
const LIFE_CHECK_EVERY: u32 = 64;

/// Makes sure that `limit` allows `count` more events from where the publisher stands, or says why not.
#[cold]
pub(super) fn room_for<T: Plain>(
    shared: &Shared<T>,
    count: usize,
    room: Room,
    limit: &mut Limit,
    position: impl Fn() -> u64,
) -> Result<(), PublishError> {
    if count as u64 > shared.capacity() {
        return Err(PublishError::BatchTooLarge { len: count, capacity: shared.capacity() as usize });
    }
    let mut waiting = Waiting { looks: 0, since: None };
    loop {
        if shared.is_closed() {
            return Err(PublishError::Closed);
        }
        let at = position();
        if at + count as u64 <= limit.end {
            return Ok(());
        }
        *limit = shared.limit(at);
        if at + count as u64 <= limit.end {
            return Ok(());
        }
        waiting.look_again(shared, room, limit, at)?;
    }
}

struct Waiting {
    looks: u32,
    since: Option<Instant>,
}

impl Waiting {
    /// One look at a full ring: an error, or a little later.
    fn look_again<T: Plain>(
        &mut self,
        shared: &Shared<T>,
        room: Room,
        limit: &Limit,
        at: u64,
    ) -> Result<(), PublishError> {
        let reader = limit.slowest.map(|slow| slow.reader);
        let behind = at - limit.slowest.map_or(limit.end - shared.capacity(), |slow| slow.sequence.min(at));
        if let Some(reader) = reader {
            if self.looks.is_multiple_of(LIFE_CHECK_EVERY) && shared.places.bury_if_dead(reader) {
                return Ok(());
            }
            if !matches!(room, Room::Now) && shared.places.thread(reader) == thread_id() {
                return Err(PublishError::SelfBlocked { reader, behind });
            }
        }
        match room {
            Room::Now => return Err(PublishError::Full { reader, behind }),
            Room::Within(allowed) => {
                let waited = self.since.get_or_insert_with(Instant::now).elapsed();
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
        if self.looks < SPINS {
            spin_loop();
        } else if self.looks < SPINS + YIELDS {
            yield_now();
        } else {
            std::thread::sleep(NAP.min(at_most));
        }
    }
}

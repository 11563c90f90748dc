//! The recorder slot: every event counted by tag, the last ones kept, and a digest that is the same for the same input on any machine.

use tagring::bus::{Context, Handler, Outcome};
use tagring::event::{Event, MAX_TAGS};

/// Events kept: the end of the session, for a look after the fact.
const KEPT: usize = 4_096;
/// Bytes kept of each.
const BYTES: usize = 40;

pub(crate) struct Recorder {
    by_tag: Box<[u64; MAX_TAGS]>,
    kept: Box<[(u32, u16, [u8; BYTES])]>,
    count: u64,
    digest: u64,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let kept = vec![(0, 0, [0; BYTES]); KEPT].into_boxed_slice();
        Self { by_tag: Box::new([0; MAX_TAGS]), kept, count: 0, digest: 0 }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Order, keys, tags and payloads of all events in one number; times of publication are not in it.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn of_tag(&self, tag: u16) -> u64 {
        self.by_tag[usize::from(tag)]
    }
}

impl Handler for Recorder {
    #[inline]
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        let (key, tag) = (event.key(), event.tag().get());
        let bytes = event.payload_bytes().first_chunk::<BYTES>();
        let Some(bytes) = bytes else { return Outcome::Dead };
        self.by_tag[usize::from(tag)] += 1;
        let mut digest = self.digest ^ (u64::from(key) << 16 | u64::from(tag));
        for word in bytes.as_chunks::<8>().0 {
            digest = (digest.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        self.digest = digest;
        self.kept[self.count as usize % KEPT] = (key, tag, *bytes);
        self.count += 1;
        Outcome::Done
    }
}

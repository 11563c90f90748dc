//! The recorder slot: every event counted by tag, and a digest that is the same for the same input on any machine.

use tagring::bus::{Context, Handler, Outcome};
use tagring::event::{Event, MAX_TAGS};

/// Bytes of each payload in the digest: all of what fits one cache line with its header.
const BYTES: usize = 40;

/// Odd multipliers without pattern (SplitMix64 from 1): a digest, not a cryptographic hash.
const ODD: [u64; 6] = [
    0x910a_2dec_8902_5cc1,
    0xbeeb_8da1_658e_ec67,
    0xf893_a2ee_fb32_555f,
    0x71c1_8690_ee42_c90b,
    0x71bb_54d8_d101_b5b9,
    0xc34d_0bff_9015_0281,
];

pub(crate) struct Recorder {
    by_tag: Box<[u64; MAX_TAGS]>,
    count: u64,
    digest: u64,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { by_tag: Box::new([0; MAX_TAGS]), count: 0, digest: 0 }
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
        // Words are mixed independently of each other, so that only the last step waits for the event before.
        let words = bytes.as_chunks::<8>().0;
        let head = (u64::from(key) << 16 | u64::from(tag)).wrapping_mul(ODD[0]);
        let mixed = words.iter().zip(&ODD[1..]).fold(head, |sum, (word, odd)| {
            let word = u64::from_le_bytes(*word);
            sum.wrapping_add((word ^ (word >> 32)).wrapping_mul(*odd))
        });
        self.digest = (self.digest.rotate_left(5) ^ mixed).wrapping_mul(ODD[0]);
        self.count += 1;
        Outcome::Done
    }
}

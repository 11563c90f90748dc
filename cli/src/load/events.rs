//! The load's events: 64 payloads that differ in their tag alone. What a configuration calls its events is only a name here, so any file
//! will do, whatever family its program uses.

use std::time::Duration;
use tagring::bus::{Envelope, PublishFailure, Publisher, SharedPublisher};
use tagring::event::{Event, Payload};

/// Names that one bus may have for its events.
pub(super) const TAGS: usize = 64;

/// What an event carries: when it was due, its number, and bytes that make it as large as market data.
pub(super) type Body = [u64; 5];

macro_rules! family {
    ($($name:ident = $tag:literal)*) => {
        tagring::events! {
            /// Events that differ in their tag alone.
            pub mod synthetic;
            $(pub struct $name = $tag, v1 { pub body: [u64; 5] })*
        }

        /// Publishing by number: one entry for each tag.
        const SINGLE: [PublishSingle; TAGS] = [$(single::<synthetic::$name>),*];
        const SHARED: [PublishShared; TAGS] = [$(shared::<synthetic::$name>),*];

        $(impl From<Body> for synthetic::$name {
            #[inline(always)]
            fn from(body: Body) -> Self {
                Self { body }
            }
        })*
    };
}
family! {
    T0 = 0 T1 = 1 T2 = 2 T3 = 3 T4 = 4 T5 = 5 T6 = 6 T7 = 7
    T8 = 8 T9 = 9 T10 = 10 T11 = 11 T12 = 12 T13 = 13 T14 = 14 T15 = 15
    T16 = 16 T17 = 17 T18 = 18 T19 = 19 T20 = 20 T21 = 21 T22 = 22 T23 = 23
    T24 = 24 T25 = 25 T26 = 26 T27 = 27 T28 = 28 T29 = 29 T30 = 30 T31 = 31
    T32 = 32 T33 = 33 T34 = 34 T35 = 35 T36 = 36 T37 = 37 T38 = 38 T39 = 39
    T40 = 40 T41 = 41 T42 = 42 T43 = 43 T44 = 44 T45 = 45 T46 = 46 T47 = 47
    T48 = 48 T49 = 49 T50 = 50 T51 = 51 T52 = 52 T53 = 53 T54 = 54 T55 = 55
    T56 = 56 T57 = 57 T58 = 58 T59 = 59 T60 = 60 T61 = 61 T62 = 62 T63 = 63
}
pub(super) use synthetic::Events as Load;

type PublishSingle = fn(&mut Publisher<Load>, Envelope, Body, Wait) -> Result<u64, PublishFailure>;
type PublishShared = fn(&mut SharedPublisher<Load>, Envelope, Body, Wait) -> Result<u64, PublishFailure>;

/// How long one attempt to publish waits for room; `None`: not at all.
pub(super) type Wait = Option<Duration>;

fn single<P: Payload + From<Body>>(
    publisher: &mut Publisher<Load>,
    to: Envelope,
    body: Body,
    wait: Wait,
) -> Result<u64, PublishFailure> {
    match wait {
        None => publisher.try_publish(to, &P::from(body)),
        Some(limit) => publisher.publish_timeout(to, &P::from(body), limit),
    }
}

fn shared<P: Payload + From<Body>>(
    publisher: &mut SharedPublisher<Load>,
    to: Envelope,
    body: Body,
    wait: Wait,
) -> Result<u64, PublishFailure> {
    match wait {
        None => publisher.try_publish(to, &P::from(body)),
        Some(limit) => publisher.publish_timeout(to, &P::from(body), limit),
    }
}

/// A publisher of either kind of bus.
pub(super) enum AnyPublisher {
    Single(Publisher<Load>),
    Shared(SharedPublisher<Load>),
}

impl AnyPublisher {
    /// Publishes an event with the tag of that number.
    #[inline]
    pub(super) fn publish(&mut self, tag: u8, to: Envelope, body: Body, wait: Wait) -> Result<u64, PublishFailure> {
        let tag = usize::from(tag) % TAGS;
        match self {
            Self::Single(publisher) => SINGLE[tag](publisher, to, body, wait),
            Self::Shared(publisher) => SHARED[tag](publisher, to, body, wait),
        }
    }
}

/// The name that the family has for a number.
pub(super) fn tag_name(number: usize) -> String {
    format!("T{number}")
}

/// What an event carries.
#[inline]
pub(super) fn body_of(event: &Event) -> Body {
    let bytes = event.payload_bytes();
    let mut body = [0; 5];
    for (word, bytes) in body.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagring::event::Family;

    #[test]
    fn every_number_has_its_name_and_its_tag() {
        for number in 0..TAGS {
            assert_eq!(Load::tag_by_name(&tag_name(number)).map(|tag| usize::from(tag.get())), Ok(number));
        }
        assert_eq!(Load::SCHEMAS.len(), TAGS);
        assert!(Load::SCHEMAS.iter().all(|schema| schema.size == size_of::<Body>()));
    }
}

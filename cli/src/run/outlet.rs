//! A slot's way onto the second bus, as its publisher is configured. A slot must not wait for ever: what finds no room within the limit is
//! dropped and counted.

use crate::derived;
use tagring::bus::{Envelope, SharedPublisher};
use tagring::clock::{Clock, Ticks};
use tagring::event::{Event, Payload};

pub(crate) struct Outlet {
    /// The publisher's; `None`: there is none.
    name: Option<String>,
    publisher: Option<SharedPublisher<derived::Events>>,
    /// [`derived::FRESH`] in ticks.
    fresh: u64,
    published: u64,
    dropped: u64,
}

impl Outlet {
    pub(crate) fn new(name: &str, publisher: SharedPublisher<derived::Events>, clock: &Clock) -> Self {
        let fresh = clock.from_ns(derived::FRESH.as_nanos() as u64);
        Self { name: Some(name.to_owned()), publisher: Some(publisher), fresh, published: 0, dropped: 0 }
    }

    /// Of a slot that holds no publisher: what it makes goes nowhere.
    pub(crate) fn none() -> Self {
        Self { name: None, publisher: None, fresh: 0, published: 0, dropped: 0 }
    }

    /// Publishes what was made of `cause`; its age goes on from there, and so does the time for which it is fresh.
    #[inline]
    pub(crate) fn publish<P: Payload>(&mut self, cause: &Event, payload: &P) {
        let Some(publisher) = &mut self.publisher else { return };
        let intended = cause.header().intended_ticks();
        let until = Ticks(intended.0.saturating_add(self.fresh));
        let to = Envelope::key(cause.key()).intended(intended).deadline(until);
        match publisher.send(to, payload) {
            Ok(Some(_)) => self.published += 1,
            Ok(None) | Err(_) => self.dropped += 1,
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The second bus closes when its last publisher goes.
    pub(crate) fn close(&mut self) {
        self.publisher = None;
    }
}

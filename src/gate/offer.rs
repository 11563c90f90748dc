//! What a gated publisher is given beside the payload, and what its gates see of an event.

use crate::bus::Envelope;
use crate::clock::Ticks;
use crate::event::Tag;

/// Who sent an event, and the number that the sender gave it: what [`super::Dedup`] tells events apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// The sender, counted from 0.
    pub id: u32,
    /// Its number for the event.
    pub sequence: u64,
}

/// An envelope, and what only gates look at. A plain key or an [`Envelope`] will do where no gate asks for more.
///
/// ```
/// use tagring::gate::{Client, Entry};
///
/// let entry = Entry::key(7).client(3, 1_001);
/// assert_eq!(entry.client, Some(Client { id: 3, sequence: 1_001 }));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What goes into the header.
    pub envelope: Envelope,
    /// Who sent the event.
    pub client: Option<Client>,
    /// From when on the event is of no use any more, for gates alone: it stands in no header. That of the envelope counts where this is `None`.
    pub deadline: Option<Ticks>,
}

impl Entry {
    /// An entry with a key.
    #[must_use]
    pub const fn key(key: u32) -> Self {
        Self { envelope: Envelope::key(key), client: None, deadline: None }
    }

    /// With the time at which the event should have been published.
    #[must_use]
    pub const fn intended(mut self, at: Ticks) -> Self {
        self.envelope = self.envelope.intended(at);
        self
    }

    /// With its sender and the sender's number for it.
    #[must_use]
    pub const fn client(mut self, id: u32, sequence: u64) -> Self {
        self.client = Some(Client { id, sequence });
        self
    }

    /// With the moment from which it is of no use any more, for gates alone: also where the family's events carry no deadline.
    #[must_use]
    pub const fn deadline(mut self, at: Ticks) -> Self {
        self.deadline = Some(at);
        self
    }
}

impl From<u32> for Entry {
    fn from(key: u32) -> Self {
        Self::key(key)
    }
}

impl From<Envelope> for Entry {
    fn from(envelope: Envelope) -> Self {
        Self { envelope, client: None, deadline: None }
    }
}

/// An event that asks to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'e> {
    /// What it is.
    pub tag: Tag,
    /// The payload's name.
    pub name: &'static str,
    /// The instrument or partition key.
    pub key: u32,
    /// The time of publishing.
    pub now: Ticks,
    /// When it should have been published, where that is known.
    pub intended: Option<Ticks>,
    /// From when on it is of no use any more.
    pub deadline: Option<Ticks>,
    /// Who sent it.
    pub client: Option<Client>,
    /// The payload's bytes.
    pub payload: &'e [u8],
}

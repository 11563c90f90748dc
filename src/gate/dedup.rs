//! The gate that lets each event of a sender in once, by the sender's own number for it: for networks that repeat and reorder.
//!
//! Each sender has a window of so many numbers up to the highest that was let in, a bit each, in a ring of bits. A number in the window is let in
//! if its bit is not set; one above it moves the window up; of one below it nobody knows any more, and it is rejected for that.

use super::offer::{Client, Offer};
use super::rejection::Rejection;
use super::rule_error::RuleError;
use super::tuples::Gate;
use crate::event::Family;

/// Numbers of a window: one word of bits at least.
pub(crate) const WINDOW_MIN: u64 = 64;
pub(crate) const WINDOW_MAX: u64 = 1 << 24;
/// Senders of a gate.
pub(crate) const CLIENTS_MAX: u64 = 1 << 16;

/// Lets each event of a sender in once.
///
/// ```
/// use tagring::bus::Bus;
/// use tagring::gate::{Dedup, Entry};
///
/// tagring::events! { pub mod orders; pub struct Order = 1, v1 { pub qty: u64 } }
/// let (_bus, publisher) = Bus::<orders::Events>::builder("orders").capacity(64).single()?;
/// let mut gated = publisher.gate(Dedup::new(2, 1_024)?)?;
/// for (number, code) in [(5, None), (3, None), (5, Some("TR-0911")), (2_000, None), (4, Some("TR-0912"))] {
///     let result = gated.try_publish(Entry::key(7).client(0, number), &orders::Order { qty: 1 });
///     assert_eq!(result.err().map(|error| error.code()), code);
/// }
/// gated.gates_mut().forget(0); // a new session, whose numbers begin anew
/// gated.try_publish(Entry::key(7).client(0, 1), &orders::Order { qty: 1 })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dedup {
    windows: Box<[Window]>,
    /// The bits of all windows, one behind the other.
    bits: Box<[u64]>,
    /// Numbers of a window: a power of two.
    len: u64,
}

/// The numbers of a sender that were let in.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// The highest, once there is one.
    highest: Option<u64>,
}

impl Dedup {
    /// Windows of `window` numbers for senders 0 to `clients`. Takes a bit for each number, all at once.
    ///
    /// # Errors
    /// [`RuleError::Setting`]: no sender, or more than 65,536; [`RuleError::Window`]: one that is no power of two from 64 to 2^24.
    pub fn new(clients: u32, window: u64) -> Result<Self, RuleError> {
        RuleError::within("dedup", "clients", clients.into(), 1, CLIENTS_MAX)?;
        let (min, max) = (WINDOW_MIN, WINDOW_MAX);
        if !(min..=max).contains(&window) || !window.is_power_of_two() {
            return Err(RuleError::Window { value: window, min, max });
        }
        let words = (window / 64) as usize * clients as usize;
        Ok(Self { windows: vec![Window::default(); clients as usize].into(), bits: vec![0; words].into(), len: window })
    }

    /// Forgets all numbers of a sender: it begins anew.
    pub fn forget(&mut self, client: u32) {
        if let Some(window) = self.windows.get_mut(client as usize) {
            window.highest = None;
        }
    }

    /// Where the bit of a number is.
    #[inline(always)]
    fn place(&self, client: Client) -> (usize, u64) {
        let at = client.sequence & (self.len - 1);
        ((u64::from(client.id) * (self.len / 64) + at / 64) as usize, 1 << (at % 64))
    }

    /// Moves the window of a sender up to `to`: the numbers above the highest so far are not seen yet.
    fn raise(&mut self, id: u32, highest: Option<u64>, to: u64) {
        let words = (self.len / 64) as usize;
        let of_client = id as usize * words..(id as usize + 1) * words;
        let new = highest.map_or(self.len, |highest| to - highest);
        if new >= self.len {
            self.bits[of_client].fill(0);
            return;
        }
        // From the highest number down, a word's worth of them at a time.
        let (mut left, mut sequence) = (new, to);
        while left > 0 {
            let (word, bit) = self.place(Client { id, sequence });
            let in_word = (u64::from(bit.trailing_zeros()) + 1).min(left);
            let below = (bit - 1) | bit;
            let kept = if in_word == 64 { 0 } else { below >> in_word };
            self.bits[word] &= !(below & !kept);
            left -= in_word;
            sequence = sequence.wrapping_sub(in_word);
        }
    }
}

impl<F: Family> Gate<F> for Dedup {
    #[inline(always)]
    fn check(&mut self, offer: &Offer<'_>, _: &impl Fn() -> u64) -> Result<(), Rejection> {
        let Some(client @ Client { id, sequence }) = offer.client else {
            return Err(Rejection::Unnumbered { payload: offer.name });
        };
        let Some(Window { highest }) = self.windows.get(id as usize) else {
            return Err(Rejection::UnknownClient { client: id, clients: self.windows.len() as u32 });
        };
        let Some(highest) = highest.filter(|highest| sequence <= *highest) else { return Ok(()) };
        if highest - sequence >= self.len {
            return Err(Rejection::BehindWindow { client: id, sequence, oldest: highest - (self.len - 1) });
        }
        let (word, bit) = self.place(client);
        if self.bits[word] & bit != 0 { Err(Rejection::Duplicate { client: id, sequence }) } else { Ok(()) }
    }

    #[inline(always)]
    fn settle(&mut self, offer: &Offer<'_>, _: u64) {
        let Some(client @ Client { id, sequence }) = offer.client else { return };
        let highest = self.windows[id as usize].highest;
        if highest.is_none_or(|highest| sequence > highest) {
            self.raise(id, highest, sequence);
            self.windows[id as usize].highest = Some(sequence);
        }
        let (word, bit) = self.place(client);
        self.bits[word] |= bit;
    }
}

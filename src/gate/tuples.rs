//! The trait of a gate, and gates composed: a tuple of up to six is a gate that all of them must let through, `()` one that is not there.

use super::offer::Offer;
use super::rejection::Rejection;
use super::rule_error::RuleError;
use crate::bus::Name;
use crate::clock::Clock;
use crate::event::Family;

/// Where a gate is put up.
#[derive(Clone, Copy, Debug)]
pub struct Site<'p> {
    /// The bus.
    pub bus: Name,
    /// The clock of the times that the gate will see.
    pub clock: &'p Clock,
    /// Cells of the bus's ring.
    pub capacity: usize,
}

/// Looks at each event before it is published. Belongs to one publisher: no gate is shared between threads.
///
/// ```
/// use tagring::event::Family;
/// use tagring::gate::{Gate, Offer, Rejection};
///
/// /// Lets nothing through while trading is halted.
/// struct Halt { halted: bool }
/// impl<F: Family> Gate<F> for Halt {
///     fn check(&mut self, offer: &Offer<'_>, _: &impl Fn() -> u64) -> Result<(), Rejection> {
///         let remedy = "wait until trading resumes";
///         if self.halted { Err(Rejection::Refused { payload: offer.name, what: "halted", value: 1, limit: 0, remedy }) } else { Ok(()) }
///     }
/// }
/// # tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
/// # let (_bus, publisher) = tagring::bus::Bus::<market::Events>::builder("md").capacity(2).single()?;
/// let mut gated = publisher.gate(Halt { halted: true })?;
/// assert_eq!(gated.try_publish(7, &market::Trade { qty: 1 }).unwrap_err().code(), "TR-0917");
/// gated.gates_mut().halted = false;
/// assert!(gated.try_publish(7, &market::Trade { qty: 1 }).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Gate<F: Family> {
    /// Whether it lets everything through and keeps nothing: such a gate costs nothing, and counts nothing.
    const IS_OPEN: bool = false;

    /// The gate is put up round a publisher: once, before the first event.
    ///
    /// # Errors
    /// What does not fit together.
    fn put_up(&mut self, _site: &Site<'_>) -> Result<(), RuleError> {
        Ok(())
    }

    /// A batch of `count` events is about to be claimed. `passed` gives the sequence that the slowest slot is at.
    fn prepare(&mut self, _count: usize, _passed: &impl Fn() -> u64) {}

    /// Whether the event may enter. Nothing is spent and nothing marked: a later gate or the ring may still refuse the event. `passed` gives
    /// the sequence that the slowest slot is at: all below it are done. It looks at every slot's cache line.
    ///
    /// # Errors
    /// Why it may not.
    fn check(&mut self, offer: &Offer<'_>, passed: &impl Fn() -> u64) -> Result<(), Rejection>;

    /// The event that was checked last is in the ring, with this sequence: what it takes is spent now.
    #[inline(always)]
    fn settle(&mut self, _offer: &Offer<'_>, _sequence: u64) {}
}

/// A gate, or none: what is there is decided while the program runs.
impl<F: Family, G: Gate<F>> Gate<F> for Option<G> {
    const IS_OPEN: bool = G::IS_OPEN;

    fn put_up(&mut self, site: &Site<'_>) -> Result<(), RuleError> {
        self.as_mut().map_or(Ok(()), |gate| gate.put_up(site))
    }

    #[inline(always)]
    fn prepare(&mut self, count: usize, passed: &impl Fn() -> u64) {
        if let Some(gate) = self {
            gate.prepare(count, passed);
        }
    }

    #[inline(always)]
    fn check(&mut self, offer: &Offer<'_>, passed: &impl Fn() -> u64) -> Result<(), Rejection> {
        self.as_mut().map_or(Ok(()), |gate| gate.check(offer, passed))
    }

    #[inline(always)]
    fn settle(&mut self, offer: &Offer<'_>, sequence: u64) {
        if let Some(gate) = self {
            gate.settle(offer, sequence);
        }
    }
}

macro_rules! tuples {
    ($(($($gate:ident $at:tt),*))*) => { $(
        impl<F: Family, $($gate: Gate<F>),*> Gate<F> for ($($gate,)*) {
            const IS_OPEN: bool = true $(&& $gate::IS_OPEN)*;

            fn put_up(&mut self, _site: &Site<'_>) -> Result<(), RuleError> {
                $(self.$at.put_up(_site)?;)*
                Ok(())
            }

            #[inline(always)]
            fn prepare(&mut self, _count: usize, _passed: &impl Fn() -> u64) {
                $(self.$at.prepare(_count, _passed);)*
            }

            #[inline(always)]
            fn check(&mut self, _offer: &Offer<'_>, _passed: &impl Fn() -> u64) -> Result<(), Rejection> {
                $(self.$at.check(_offer, _passed)?;)*
                Ok(())
            }

            #[inline(always)]
            fn settle(&mut self, _offer: &Offer<'_>, _sequence: u64) {
                $(self.$at.settle(_offer, _sequence);)*
            }
        }
    )* };
}
tuples! {
    ()
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, G 5)
}

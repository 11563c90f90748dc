//! Who leaves events out: the rules and the mode of a bus, as one slot or one publisher asks them, with its own counts.

use super::mode::Mode;
use super::mode_cell::ModeCell;
use super::rules::{Rules, ShedReason};
use super::shed_counts::ShedCounts;
use crate::bus::Admission;
use crate::clock::{Clock, Ticks};
use crate::event::{Event, Family, Tag};
use std::sync::Arc;

/// Leaves out what does not live in the mode that a bus is in. For one slot ([`crate::bus::SlotBuilder::admission`]) or one publisher; take
/// another for each, so that each counts by itself.
///
/// ```
/// use std::sync::Arc;
/// use tagring::bus::{Bus, Context, Handler, Outcome};
/// use tagring::event::Event;
/// use tagring::guard::{Mode, ModeCell, Rules, Shedder};
/// use tagring::tags;
///
/// tagring::events! {
///     pub mod market;
///     pub struct Quote = 1, v1 { pub price: i64 }
///     pub struct Halt = 2, v1 { pub reason: u64 }
/// }
/// use market::{Events, Halt, Quote};
/// # struct Risk;
/// # impl Handler for Risk {
/// #     fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome { Outcome::Done }
/// # }
///
/// let (bus, mut feed) = Bus::<Events>::builder("md").capacity(8).single()?;
/// let mode = Arc::new(ModeCell::default());
/// let rules = Rules::all(tags![Quote, Halt]).keep(Mode::Halted, tags![Halt]);
/// let shedder = Shedder::new::<Events>(&mode, rules, bus.clock());
/// let counts = shedder.counts().clone();
/// let mut slot = bus.slot("risk").admission(Arc::new(shedder)).attach_here(Risk)?;
/// mode.force(Mode::Halted);
/// feed.try_publish(7, &Quote { price: 1 })?;
/// feed.try_publish(7, &Halt { reason: 1 })?;
/// while slot.turn() {}
/// assert_eq!((slot.handle().stats().delivered, slot.handle().stats().shed), (1, 1));
/// assert_eq!(counts.all()[0].payload, "Quote");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Shedder {
    mode: Arc<ModeCell>,
    /// With ages in ticks.
    rules: Arc<Rules>,
    clock: Clock,
    counts: ShedCounts,
}

impl Shedder {
    /// One that counts from 0. The rules' ages are in nanoseconds; `clock` is the bus's.
    #[must_use]
    pub fn new<F: Family>(mode: &Arc<ModeCell>, rules: Rules, clock: &Clock) -> Self {
        Self {
            mode: Arc::clone(mode),
            rules: Arc::new(rules.in_ticks(clock)),
            clock: clock.clone(),
            counts: ShedCounts::of::<F>(),
        }
    }

    /// Another one of the same rules and mode, which counts by itself from 0.
    #[must_use]
    pub fn another<F: Family>(&self) -> Self {
        self.counting_on(ShedCounts::of::<F>())
    }

    /// Another one, which goes on with the counts of one that is gone.
    pub(crate) fn counting_on(&self, counts: ShedCounts) -> Self {
        Self { mode: Arc::clone(&self.mode), rules: Arc::clone(&self.rules), clock: self.clock.clone(), counts }
    }

    /// The mode that the bus is in.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode.mode()
    }

    /// What it has left out.
    #[must_use]
    pub fn counts(&self) -> &ShedCounts {
        &self.counts
    }

    /// Whether an event of this tag is carried; `time` is the event's. What is not is counted. The clock is read where the mode has an age.
    ///
    /// # Errors
    /// Why it is not.
    #[inline(always)]
    pub fn admits(&self, tag: Tag, time: Ticks) -> Result<(), ShedReason> {
        match self.mode.mode() {
            Mode::Normal if !self.rules.has_age(Mode::Normal) => Ok(()),
            mode => self.judge(mode, tag, time),
        }
    }

    #[inline(never)]
    fn judge(&self, mode: Mode, tag: Tag, time: Ticks) -> Result<(), ShedReason> {
        let age = if self.rules.has_age(mode) { self.clock.now().since(time) } else { 0 };
        self.rules.admits(mode, tag, age).inspect_err(|reason| self.counts.count(tag, *reason))
    }
}

impl Admission for Shedder {
    fn admits(&self, event: &Event, _: Ticks) -> bool {
        // The slot's own reading of the clock may be old where it measures nothing.
        Self::admits(self, event.tag(), event.header().intended_ticks()).is_ok()
    }
}

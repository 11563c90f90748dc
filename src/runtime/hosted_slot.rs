//! A slot as its runtime keeps it: its configuration, and the slot from outside once it is attached.

use super::config::{
    AccountsChoice, MeasureChoice, OverflowChoice, PanicChoice, PublisherConfig, SlotConfig, SlotOverflowChoice,
};
use super::error::RuntimeError;
use super::hosted_bus::HostedBus;
use super::reserve::Reservation;
use super::watchdog::Health;
use crate::bus::{
    BusPublisher, Name, Overflow, PanicPolicy, RingPublisher, SlotBuilder, SlotView, Tail, account_bytes, flow_bytes,
};
use crate::event::{Family, TagSet};
use core::time::Duration;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A slot by name.
pub(super) struct HostedSlot {
    pub(super) name: Name,
    pub(super) config: SlotConfig,
    /// Which thread of its group hosts it.
    pub(super) thread: OnceLock<Name>,
    /// Set once it is attached.
    pub(super) view: OnceLock<SlotView>,
    /// As the watchdog saw it last.
    health: AtomicU32,
    stalled_ns: AtomicU64,
    /// Of a slot that its bus's configuration does not name.
    _reservation: Option<Reservation>,
}

impl HostedSlot {
    pub(super) fn new(name: Name, config: SlotConfig) -> Self {
        let (thread, view) = (OnceLock::new(), OnceLock::new());
        Self {
            name,
            config,
            thread,
            view,
            health: AtomicU32::new(Health::Well as u32),
            stalled_ns: AtomicU64::new(0),
            _reservation: None,
        }
    }

    /// With memory of its own, given back when it goes.
    pub(super) fn reserved(mut self, reservation: Reservation) -> Self {
        self._reservation = Some(reservation);
        self
    }

    /// Written by the service thread alone.
    pub(super) fn set_health(&self, health: Health, stalled_ns: u64) {
        self.health.store(health as u32, Ordering::Relaxed);
        self.stalled_ns.store(stalled_ns, Ordering::Relaxed);
    }

    /// How it does, as the watchdog saw it last.
    pub(super) fn health(&self) -> Health {
        Health::from_u8(self.health.load(Ordering::Relaxed) as u8).unwrap_or_default()
    }

    /// How long the watchdog has seen no progress.
    pub(super) fn stalled(&self) -> Duration {
        Duration::from_nanos(self.stalled_ns.load(Ordering::Relaxed))
    }

    /// Whether its handler sees nothing any more and its place is free.
    pub(super) fn is_over(&self) -> bool {
        self.view.get().is_some_and(SlotView::is_done)
    }
}

impl SlotConfig {
    /// What the slot does when its handler panics.
    #[must_use]
    pub fn panic_policy(&self) -> PanicPolicy {
        match self.panic {
            PanicChoice::Skip => PanicPolicy::Skip,
            PanicChoice::Restart => PanicPolicy::Restart {
                max: self.restarts_max,
                window: Duration::from_millis(self.restart_window_ms),
                pause: Duration::from_millis(self.restart_pause_ms),
                pause_max: Duration::from_millis(self.restart_pause_max_ms),
            },
            PanicChoice::Quarantine => PanicPolicy::Quarantine,
            PanicChoice::Abort => PanicPolicy::Abort,
        }
    }

    /// Which slow events are recorded.
    #[must_use]
    pub fn tail(&self) -> Tail {
        let kept = usize::try_from(self.outliers_max).unwrap_or(usize::MAX);
        match (self.outlier_over_ns, self.outlier_times_p99) {
            (0, 0) => Tail::off(),
            (0, times) => Tail::times_p99(times as f64).keep(kept),
            (over, _) => Tail::over(Duration::from_nanos(over)).keep(kept),
        }
    }

    /// How long `on_init`, and then `on_start`, may take.
    #[must_use]
    pub fn start_timeout(&self) -> Duration {
        Duration::from_millis(self.start_timeout_ms)
    }

    /// The tags it is given, of a bus of family `F`.
    ///
    /// # Errors
    /// A name that the family does not have.
    pub fn tag_set<F: Family>(&self) -> Result<TagSet, crate::event::EventError> {
        if self.tags.is_empty() {
            return Ok(F::ALL);
        }
        let mut tags = TagSet::EMPTY;
        for name in &self.tags {
            tags = tags.with(F::tag_by_name(name)?);
        }
        Ok(tags)
    }

    /// What it does when it is too slow, and what it counts.
    fn set_up_flow<F: Family>(&self, mut to: SlotBuilder<F>) -> Result<SlotBuilder<F>, crate::event::EventError> {
        to = to
            .overflow(self.overflow.into())
            .backlog(usize::try_from(self.backlog_max_events).unwrap_or(usize::MAX))
            .conflate_keys(usize::try_from(self.conflate_keys_max).unwrap_or(usize::MAX));
        for (name, overflow) in &self.overflow_tags {
            to = to.overflow_of(TagSet::EMPTY.with(F::tag_by_name(name)?), (*overflow).into());
        }
        if self.expires {
            to = to.expires();
        }
        Ok(if self.accounts == AccountsChoice::ByTag { to.accounts() } else { to })
    }

    /// Bytes that what it does when it is too slow takes, and the account by tag and lane.
    fn flow_bytes<F: Family>(&self, lanes: u32) -> u64 {
        let own = |(name, overflow): (&String, &SlotOverflowChoice)| {
            F::tag_by_name(name).ok().map(|tag| (TagSet::EMPTY.with(tag), (*overflow).into()))
        };
        let own = self.overflow_tags.iter().filter_map(own);
        let bytes = flow_bytes::<F>(self.overflow.into(), own, self.backlog_max_events, self.conflate_keys_max);
        let counts = bytes > 0 || lanes > 1 || self.expires || self.accounts == AccountsChoice::ByTag;
        bytes + if counts { account_bytes::<F>(lanes) } else { 0 }
    }

    /// Bytes that its histograms, its scratch memory and its overflow take on a bus with so many lanes.
    pub(super) fn memory_bytes<F: Family>(&self, lanes: u32) -> u64 {
        const TRIPLE: u64 = 390_000;
        const OUTLIER: u64 = 272;
        let tags = self.tag_set::<F>().map_or(0, |tags| tags.iter().count() as u64);
        let histograms = match self.measure {
            MeasureChoice::Off => 0,
            MeasureChoice::Slot => 1,
            MeasureChoice::SlotAndTags => 1 + tags,
        };
        let records = if histograms > 0 && self.tail() != Tail::off() { self.outliers_max } else { 0 };
        histograms * TRIPLE + records * OUTLIER + self.scratch_bytes + self.flow_bytes::<F>(lanes)
    }
}

impl<F: Family> HostedBus<F> {
    /// A slot's builder, as its configuration says.
    pub(super) fn slot_builder(&self, slot: &HostedSlot, seed: u64) -> Result<SlotBuilder<F>, RuntimeError> {
        let HostedSlot { name, config, .. } = slot;
        let tags = config.tag_set::<F>().map_err(|cause| RuntimeError::Tags {
            bus: self.name,
            slot: name.to_string(),
            cause: Box::new(cause),
        })?;
        let builder = match &self.lanes {
            None => self.bus.slot(name.as_str()),
            Some(lanes) => lanes.slot(name.as_str()),
        };
        let builder = builder
            .tags(tags)
            .policy(config.panic_policy())
            .wait(config.wait.into())
            .measure(config.measure.into())
            .tail(config.tail())
            .turn_limit(config.turn_limit_events as usize)
            .scratch_bytes(usize::try_from(config.scratch_bytes).unwrap_or(usize::MAX))
            .start_limit(config.start_timeout())
            .seed(seed)
            .initialised();
        let builder = config.set_up_flow(builder).map_err(|cause| RuntimeError::Tags {
            bus: self.name,
            slot: name.to_string(),
            cause: Box::new(cause),
        })?;
        let builder = match &self.modes {
            // What was published is history, whatever the mode.
            Some(modes) if !self.keeps_history(slot) => builder.admission(Arc::new(modes.shedder::<F>(*name))),
            _ => builder,
        };
        Ok(match &self.letters {
            Some(letters) => builder.dead_letters(letters),
            None => builder,
        })
    }
}

impl<F: Family> HostedBus<F> {
    /// Whether the slot is one that keeps the bus's history.
    fn keeps_history(&self, slot: &HostedSlot) -> bool {
        self.config.history_slots().iter().any(|(name, ..)| Name::new(name) == slot.name)
    }
}

impl PublisherConfig {
    /// Sets a publisher up as configured.
    pub(super) fn apply<F: Family, R: RingPublisher<F::Cell>>(&self, to: BusPublisher<F, R>) -> BusPublisher<F, R> {
        let overflow = match self.overflow {
            OverflowChoice::Wait => Overflow::Wait,
            OverflowChoice::Timeout => Overflow::Timeout(Duration::from_millis(self.timeout_ms)),
            OverflowChoice::Fail => Overflow::Fail,
            OverflowChoice::Shed => Overflow::Shed,
        };
        to.overflow(overflow).stamping(self.stamping.into())
    }
}

//! A bus of a runtime, for whoever knows its family: publishers and slots by name.

use super::attachment::Attachment;
use super::bus_modes::BusModes;
use super::config::{BusConfig, SlotConfig};
use super::error::{Kind, RuntimeError};
use super::hosted_bus::{AnyBus, HostedBus};
use super::hosted_history::Keeping;
use super::hosted_slot::HostedSlot;
use super::queued::Queued;
use super::shared::{Shared, lock};
use super::stage::Stage;
use crate::bus::{Bus, Handler, Lanes, Name, Publisher, SharedPublisher, SlotView};
use crate::event::Family;
use crate::gate::{GatedPublisher, GatedSharedPublisher};
use crate::guard::Shedder;
use crate::retain::{DeadLetters, HistoryReader};
use std::sync::{Arc, OnceLock};

/// A bus of a runtime. Cheap to clone; its memory lives until the last clone, publisher and slot is gone.
pub struct RuntimeBus<F: Family> {
    pub(super) hosted: Arc<HostedBus<F>>,
    pub(super) shared: Arc<Shared>,
}

impl<F: Family> Clone for RuntimeBus<F> {
    fn clone(&self) -> Self {
        Self { hosted: Arc::clone(&self.hosted), shared: Arc::clone(&self.shared) }
    }
}

impl<F: Family> RuntimeBus<F> {
    /// The bus itself: its last events, its clock, its counts. Where it has several lanes the most urgent one.
    #[must_use]
    pub fn bus(&self) -> &Bus<F> {
        &self.hosted.bus
    }

    /// Its lanes, where it has several.
    #[must_use]
    pub fn lanes(&self) -> Option<&Lanes<F>> {
        self.hosted.lanes.as_ref()
    }

    /// The bus's name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.hosted.name
    }

    /// What its slots refused, or lost to a panic; `None` where `dead_letters_max` is 0.
    #[must_use]
    pub fn dead_letters(&self) -> Option<&DeadLetters<F>> {
        self.hosted.letters.as_ref()
    }

    /// Reads a group of its history, from any thread: `[buses.BUS.history.NAME]`.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`].
    pub fn history(&self, name: &str) -> Result<HistoryReader<F>, RuntimeError> {
        self.hosted.history(name)
    }

    /// Builds a bus, with the slots that keep its history. Nothing is left of it where one of them does not start.
    pub(super) fn build(shared: &Arc<Shared>, name: &str, config: BusConfig) -> Result<Self, RuntimeError> {
        let bus = Self { hosted: shared.build::<F>(name, config)?, shared: Arc::clone(shared) };
        for Keeping { slot, config, keeper } in bus.hosted.take_keepers() {
            if let Err(error) = bus.attach_slot(HostedSlot::new(Name::new(&slot), config), keeper) {
                bus.hosted.close();
                let any: Arc<dyn AnyBus> = Arc::<HostedBus<F>>::clone(&bus.hosted);
                shared.registry.remove(&any);
                return Err(error);
            }
        }
        Ok(bus)
    }

    /// Its modes; `None` where its `degradation` is not configured.
    #[must_use]
    pub fn modes(&self) -> Option<&BusModes> {
        self.hosted.modes.as_deref()
    }

    /// Leaves out, for one publisher, what does not live in the bus's mode; `None` where its `degradation` is not configured. (Slots leave it out
    /// by themselves.) What it counts stands under `publisher` in [`Self::modes`]' snapshot.
    #[must_use]
    pub fn shedder(&self, publisher: &str) -> Option<Shedder> {
        self.hosted.modes.as_ref().map(|modes| modes.shedder::<F>(Name::new(publisher)))
    }

    /// Takes the only publisher, of the bus or of its lane, set up as configured. Where none is configured any name will do. Takes no lock.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`], [`RuntimeError::Taken`], [`RuntimeError::Publishers`] where the bus is made for many, or
    /// [`RuntimeError::Gated`] where the publisher is configured with gates.
    pub fn publisher(&self, name: &str) -> Result<Publisher<F>, RuntimeError> {
        self.shared.refuse_late(Kind::Publisher, name)?;
        self.hosted.publisher(name)
    }

    /// Takes one of the publishers of a bus, or of a lane, that is made for many, set up as configured. Takes no lock.
    ///
    /// # Errors
    /// As [`Self::publisher`].
    pub fn shared_publisher(&self, name: &str) -> Result<SharedPublisher<F>, RuntimeError> {
        self.shared.refuse_late(Kind::Publisher, name)?;
        self.hosted.shared_publisher(name)
    }

    /// Takes the only publisher behind the gates of its configuration, which may be none. Where no publisher is configured any name will do.
    /// Takes no lock.
    ///
    /// # Errors
    /// As [`Self::publisher`].
    pub fn gated_publisher(&self, name: &str) -> Result<GatedPublisher<F>, RuntimeError> {
        self.shared.refuse_late(Kind::Publisher, name)?;
        self.hosted.gated_publisher(name)
    }

    /// Takes one of the publishers of a bus that is made for many, behind the gates of its configuration. Takes no lock.
    ///
    /// # Errors
    /// As [`Self::publisher`].
    pub fn gated_shared_publisher(&self, name: &str) -> Result<GatedSharedPublisher<F>, RuntimeError> {
        self.shared.refuse_late(Kind::Publisher, name)?;
        self.hosted.gated_shared_publisher(name)
    }

    /// The slot of that name from outside, if it is attached. Takes no lock.
    #[must_use]
    pub fn view(&self, slot: &str) -> Option<SlotView> {
        self.hosted.slot(Name::new(slot)).and_then(|slot| slot.view.get().cloned())
    }

    /// Gives a configured slot its handler. Before the start it waits for that, and sees what is published from then on; afterwards it is
    /// initialised and started here, by the calling thread's waiting.
    ///
    /// # Errors
    /// [`RuntimeError::Unknown`] where the configuration has no such slot; [`RuntimeError::Taken`] where it has its handler; where it is
    /// started here: why it was not.
    pub fn attach<H: Handler>(&self, slot: &str, handler: H) -> Result<Attachment<H>, RuntimeError> {
        let unknown = || RuntimeError::Unknown {
            kind: Kind::Slot,
            name: slot.to_owned(),
            known: self.hosted.config.slots.keys().cloned().collect(),
        };
        let config = self.hosted.config.slots.get(slot).ok_or_else(unknown)?.clone();
        self.attach_slot(HostedSlot::new(Name::new(slot), config), handler)
    }

    /// As [`Self::attach`], for a slot that the configuration does not name. Its memory counts like that of others.
    ///
    /// # Errors
    /// As [`Self::attach`]; [`RuntimeError::Mistaken`] with everything that is wrong with `config` or the name; [`RuntimeError::Memory`].
    pub fn attach_as<H: Handler>(
        &self,
        slot: &str,
        config: SlotConfig,
        handler: H,
    ) -> Result<Attachment<H>, RuntimeError> {
        self.shared.check_slot(slot, &config)?;
        let bytes = config.memory_bytes::<F>(self.hosted.config.lanes.count);
        let reservation = self.shared.limits.reserve_bytes(self.name(), bytes)?;
        self.attach_slot(HostedSlot::new(Name::new(slot), config).reserved(reservation), handler)
    }

    fn attach_slot<H: Handler>(&self, slot: HostedSlot, handler: H) -> Result<Attachment<H>, RuntimeError> {
        let slot = Arc::new(slot);
        let handle = Arc::new(OnceLock::new());
        let seed = self.shared.seed_of(self.name(), slot.name);
        // Taken out of here by who takes it over: a handler that is refused is dropped out here, where no lock is held.
        let mut queued = Some(Queued::new(&self.hosted, &slot, seed, handler, Arc::clone(&handle)));
        let name = slot.name.to_string();
        self.shared.enter(Kind::Slot, &name, || {
            self.refuse_removed()?;
            if !self.hosted.enter(&slot) {
                return Err(RuntimeError::Taken { kind: Kind::Slot, name: name.clone() });
            }
            if self.shared.stage() == Stage::Building {
                lock(&self.shared.queue).slots.extend(queued.take());
            }
            Ok(())
        })?;
        if let Some(queued) = queued.take()
            && let Err(error) = self.start_now(queued)
        {
            // One that sticks in its start stays on the list, where it is watched, until it is over.
            if slot.view.get().is_none_or(SlotView::is_done) {
                self.hosted.leave(&slot);
            }
            // What a shutdown pulled away in the middle says less than the shutdown itself.
            return Err(self.shared.refuse_late(Kind::Slot, &name).err().unwrap_or(error));
        }
        let (hosted, left) = (Arc::clone(&self.hosted), Arc::clone(&slot));
        Ok(Attachment { slot, handle, leave: Arc::new(move || hosted.leave(&left)) })
    }

    /// A bus that was taken off the registry takes no slots: nobody would look after them.
    fn refuse_removed(&self) -> Result<(), RuntimeError> {
        let name = self.name();
        let hosted: *const () = Arc::as_ptr(&self.hosted).cast();
        let is_here = self.shared.registry.get(name).is_some_and(|bus| Arc::as_ptr(&bus).cast() == hosted);
        let known = || self.shared.registry.all().iter().map(|bus| bus.name().to_string()).collect();
        if is_here {
            Ok(())
        } else {
            Err(RuntimeError::Unknown { kind: Kind::Bus, name: name.to_string(), known: known() })
        }
    }

    /// Starts a slot while the runtime runs.
    fn start_now(&self, queued: Queued) -> Result<(), RuntimeError> {
        let Queued { slot, init, .. } = queued;
        let groups = self
            .shared
            .groups
            .get()
            .ok_or_else(|| RuntimeError::NotStarted { kind: Kind::Thread, name: slot.config.thread.clone() })?;
        let thread = groups.deal(&slot.config.thread)?;
        let mut after = Vec::new();
        for name in &slot.config.after {
            let upstream = self.hosted.slot(Name::new(name)).and_then(|slot| slot.view.get().map(SlotView::id));
            after.push(upstream.ok_or_else(|| RuntimeError::Unknown {
                kind: Kind::Slot,
                name: name.clone(),
                known: self.hosted.slot_names(),
            })?);
        }
        let (_, wait) = init()?(thread, &after)?;
        let view = wait(slot.config.start_timeout())?;
        // The shutdown may have begun meanwhile, and have looked for slots before this one was there.
        self.shared.refuse_late(Kind::Slot, slot.name.as_str()).inspect_err(|_| view.ask_to_stop())
    }
}

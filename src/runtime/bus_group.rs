//! A group on a bus of a runtime: its members are slots like others, watched and restarted as configured, and the service thread looks after the
//! group where a member sticks.

use super::attachment::Attachment;
use super::config::SlotConfig;
use super::error::RuntimeError;
use super::runtime_bus::RuntimeBus;
use crate::bus::{Group, Handler, LanesError, Member, Name};
use crate::event::Family;
use core::ops::Deref;

/// A group of slots of a runtime that share the events of one bus by key. It is a [`Group`]; dropping it leaves its members running.
pub struct RuntimeGroup<F: Family, H> {
    bus: RuntimeBus<F>,
    group: Group<F>,
    config: SlotConfig,
    members: Vec<Attachment<Member<F, H>>>,
    /// The number of the next member: names are not used twice.
    next: u64,
}

impl<F: Family> RuntimeBus<F> {
    /// Attaches handlers as the members of a group: slots `NAME-0`, `NAME-1` and so on. Each is configured as the bus's configuration says, where that
    /// names it (which is what threads and cores are planned from), else by `config`. Each event of the bus is handled by one of them, those of
    /// one key in order. A member that fails, is quarantined or detached hands its keys on to the others.
    ///
    /// ```
    /// use tagring::bus::{Context, Handler, Outcome};
    /// use tagring::event::Event;
    /// use tagring::runtime::config::{BusConfig, Config, Cores, SlotConfig, ThreadConfig};
    /// use tagring::runtime::{Deadline, Runtime};
    ///
    /// tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
    ///
    /// struct Risk;
    /// impl Handler for Risk {
    ///     fn on_event(&mut self, _: &Event, _: &mut Context) -> Outcome { Outcome::Done }
    /// }
    ///
    /// let mut config = Config::default();
    /// let any = ThreadConfig { cores: Cores::Any, threads_max: 2, ..ThreadConfig::default() };
    /// config.threads.insert("workers".into(), any);
    /// let member = SlotConfig { thread: "workers".into(), ..SlotConfig::default() };
    /// let mut md = BusConfig { capacity_cells: 256, ..BusConfig::default() };
    /// md.slots = ["risk-0", "risk-1"].map(|name| (name.into(), member.clone())).into();
    /// config.buses.insert("md".into(), md);
    /// let runtime = Runtime::new(config)?;
    /// let md = runtime.bus::<market::Events>("md")?;
    /// let risk = md.attach_group("risk", member, [Risk, Risk])?;
    /// let mut feed = md.publisher("feed")?;
    /// let running = runtime.start()?;
    /// for key in 0..1000 {
    ///     feed.publish(key, &market::Trade { qty: 1 })?;
    /// }
    /// drop(feed);
    /// assert!(running.shutdown(Deadline::after_ms(5_000)).is_clean());
    /// let totals = risk.stats().totals();
    /// assert_eq!(totals.handled + totals.caught_up, 1000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::attach_as`]; [`RuntimeError::Group`]; [`RuntimeError::Lanes`] where the bus has lanes. Members that were attached before the one that was refused stay, and have the group to
    /// themselves.
    pub fn attach_group<H: Handler>(
        &self,
        name: &str,
        config: SlotConfig,
        handlers: impl IntoIterator<Item = H>,
    ) -> Result<RuntimeGroup<F, H>, RuntimeError> {
        if self.lanes().is_some() {
            return Err(RuntimeError::Lanes(LanesError::Group { bus: self.name(), group: Name::new(name) }));
        }
        let group = self.bus().group(name).build()?;
        self.look_after(&group);
        let mut group = RuntimeGroup { bus: self.clone(), group, config, members: Vec::new(), next: 0 };
        handlers.into_iter().try_for_each(|handler| group.add(handler).map(drop))?;
        Ok(group)
    }

    /// Has the service thread look after a group whose members were attached one by one, with [`Self::attach`] or [`Self::attach_as`].
    pub fn look_after(&self, group: &Group<F>) {
        self.hosted.look_after(group);
    }
}

impl<F: Family, H: Handler> RuntimeGroup<F, H> {
    /// Adds a member, also while events flow: it takes its part of the keys from the others.
    ///
    /// # Errors
    /// As [`RuntimeBus::attach_group`].
    pub fn add(&mut self, handler: H) -> Result<&Attachment<Member<F, H>>, RuntimeError> {
        let name = format!("{}-{}", self.group.name(), self.next);
        let member = self.group.member(handler)?;
        let is_configured = self.bus.hosted.config.slots.contains_key(&name);
        let attachment = match is_configured {
            true => self.bus.attach(&name, member)?,
            false => self.bus.attach_as(&name, self.config.clone(), member)?,
        };
        self.next += 1;
        // Those that were detached are the caller's no more.
        self.members.retain(|known| !known.has_left());
        self.members.push(attachment);
        Ok(&self.members[self.members.len() - 1])
    }

    /// Its members, to be looked at, and to be detached: what a member had goes to the others.
    #[must_use]
    pub fn members(&self) -> &[Attachment<Member<F, H>>] {
        &self.members
    }
}

impl<F: Family, H> Deref for RuntimeGroup<F, H> {
    type Target = Group<F>;

    fn deref(&self) -> &Group<F> {
        &self.group
    }
}

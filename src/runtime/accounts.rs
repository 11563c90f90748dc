//! Where every event went, to the last one: what publishers offered and what became of it, and for each slot what became of what was published.
//! Made from a [`Snapshot`]; the service of a runtime, its command line and the simulation check it.
//!
//! For each slot, at any moment: `published = joined + delivered + filtered + dead + holes + dropped + conflated + expired + shed + in flight`. For
//! each publisher whose counts are known: `offered = published + shed + rejected`.

use super::gates::PublisherSnapshot;
use super::snapshot::{BusSnapshot, SlotSnapshot, Snapshot};
use crate::bus::{Fate, Fates, SlotStats};
use crate::retain::DeadLetterStats;
use core::fmt;

/// The accounts of all buses of a runtime at one moment.
///
/// ```
/// use tagring::bus::{Context, Handler, Outcome};
/// use tagring::event::Event;
/// use tagring::runtime::Accounts;
/// # use tagring::testkit::Recorder;
/// # tagring::events! { pub mod market; pub struct Trade = 1, v1 { pub qty: u64 } }
/// # use tagring::runtime::{Deadline, Runtime};
/// # use tagring::runtime::config::{BusConfig, Config, SlotConfig};
/// # let mut md = BusConfig { capacity_cells: 64, ..BusConfig::default() };
/// # md.slots.insert("all".into(), SlotConfig::default());
/// # let mut config = Config { buses: [("md".into(), md)].into(), ..Config::default() };
/// # config.runtime.signals = false;
/// # let runtime = Runtime::new(config)?;
/// # let bus = runtime.bus::<market::Events>("md")?;
/// # let _all = bus.attach("all", Recorder::new(1).0)?;
/// # let mut feed = bus.publisher("feed")?;
/// # let running = runtime.start()?;
/// # feed.publish(0, &market::Trade { qty: 1 })?;
/// let accounts = Accounts::of(&running.snapshot());
/// accounts.check()?;
/// println!("{accounts}");
/// for loss in accounts.losses() {
///     println!("{} {} {} {}", loss.of, loss.tag.unwrap_or_default(), loss.reason, loss.count);
/// }
/// # running.shutdown(Deadline::after_ms(100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Each bus.
    pub buses: Vec<BusAccount>,
}

/// The account of a bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct BusAccount {
    /// The bus.
    pub bus: String,
    /// Sequences that were published, holes included.
    pub published: u64,
    /// Its publishers, as far as they count what they are offered.
    pub publishers: Vec<PublisherAccount>,
    /// Its slots.
    pub slots: Vec<SlotAccount>,
    /// What became of its dead letters, where it keeps any.
    pub dead_letters: Option<LetterAccount>,
}

/// What a publisher was offered, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct PublisherAccount {
    /// The publisher.
    pub publisher: String,
    /// Events that it was asked to publish.
    pub offered: u64,
    /// Events that it published.
    pub published: u64,
    /// Events that it left out: the ring was full, or a mode says so.
    pub shed: u64,
    /// Events that it refused, by reason.
    pub rejected: Vec<(String, u64)>,
}

/// What became, for one slot, of all that was published on its bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct SlotAccount {
    /// The slot.
    pub slot: String,
    /// Sequences that were published on its bus.
    pub published: u64,
    /// Those before it came.
    pub joined: u64,
    /// Handled.
    pub delivered: u64,
    /// Outside its tag set.
    pub filtered: u64,
    /// Refused by its handler, or lost to a panic.
    pub dead: u64,
    /// Sequences that carried no event.
    pub holes: u64,
    /// Lost to its overflow policy.
    pub dropped: u64,
    /// Merged into a newer event of the same key.
    pub conflated: u64,
    /// Past their deadline.
    pub expired: u64,
    /// Left out by a mode.
    pub shed: u64,
    /// Not reached yet, or left when it ended.
    pub in_flight: u64,
    /// By tag, where the slot keeps that.
    pub tags: Vec<TagAccount>,
}

/// What became of the events of one tag, for one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct TagAccount {
    /// The event's name.
    pub tag: String,
    /// Counts in the order of [`Fate::ALL`].
    pub fates: Fates,
}

/// What became of the dead letters of a bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct LetterAccount {
    /// Events that died, once for each attempt.
    pub died: u64,
    /// Letters held now.
    pub held: u64,
    /// Lost for want of room.
    pub overflowed: u64,
    /// Given up after so many attempts.
    pub given_up: u64,
    /// Taken out by somebody, or dropped for their age.
    pub taken: u64,
    /// Taken back by their slots.
    pub returned: u64,
}

/// Events that somebody lost, and why: one line of the table of losses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct Loss {
    /// The slot or publisher, as `BUS.NAME`.
    pub of: String,
    /// The event's name; `None` where it is not known by tag.
    pub tag: Option<String>,
    /// The reason: `dropped`, `conflated`, `expired`, `shed`, `dead`; a publisher's own where it refused.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// An account that does not add up: a defect of Tagring, or a count that somebody changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imbalance {
    /// What became of a slot's events is not what was published.
    Slot {
        /// As `BUS.SLOT`.
        slot: String,
        /// Everything that became of them.
        sum: u64,
        /// What was published.
        published: u64,
    },
    /// The tags of a slot do not add up to its total.
    Tags {
        /// As `BUS.SLOT`.
        slot: String,
        /// The count.
        fate: Fate,
        /// All tags.
        sum: u64,
        /// The total.
        total: u64,
    },
    /// What became of what a publisher was offered is not what it was offered.
    Publisher {
        /// As `BUS.PUBLISHER`.
        publisher: String,
        /// Published, shed and rejected.
        sum: u64,
        /// What it was offered.
        offered: u64,
    },
    /// Publishers say that they published more than the bus has sequences.
    Bus {
        /// The bus.
        bus: String,
        /// What its publishers say.
        sum: u64,
        /// Its sequences.
        published: u64,
    },
    /// Letters that died are neither held nor counted where they went.
    Letters {
        /// The bus.
        bus: String,
        /// Held, and where others went.
        sum: u64,
        /// Those that died.
        died: u64,
    },
}

impl Imbalance {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Slot { .. } => "TR-0983",
            Self::Tags { .. } => "TR-0984",
            Self::Publisher { .. } => "TR-0985",
            Self::Bus { .. } => "TR-0986",
            Self::Letters { .. } => "TR-0987",
        }
    }
}

impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot { slot, sum, published } => {
                write!(f, "slot {slot}: {sum} events are accounted for, {published} were published")?;
            }
            Self::Tags { slot, fate, sum, total } => {
                write!(f, "slot {slot}: {sum} {fate} by tag, {total} in all")?;
            }
            Self::Publisher { publisher, sum, offered } => {
                write!(f, "publisher {publisher}: {sum} events are accounted for, {offered} were offered")?;
            }
            Self::Bus { bus, sum, published } => {
                write!(f, "bus {bus}: its publishers count {sum} published, it has {published} sequences")?;
            }
            Self::Letters { bus, sum, died } => {
                write!(f, "dead letters of bus {bus}: {sum} are accounted for, {died} died")?;
            }
        }
        write!(f, "; this is a defect of Tagring: report it with the accounts [{}]", self.code())
    }
}

impl std::error::Error for Imbalance {}

/// Everything that does not add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imbalances(pub Vec<Imbalance>);

impl fmt::Display for Imbalances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, imbalance) in self.0.iter().enumerate() {
            write!(f, "{}{imbalance}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Imbalances {}

impl Accounts {
    /// The accounts of a snapshot. Each slot's counts are those of one moment, and what was published was read behind them.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        Self { buses: snapshot.buses.iter().map(BusAccount::of).collect() }
    }

    /// Checks that everything adds up.
    ///
    /// # Errors
    /// Everything that does not, each by its name.
    pub fn check(&self) -> Result<(), Imbalances> {
        let mut wrong = Vec::new();
        self.buses.iter().for_each(|bus| bus.look(&mut wrong));
        if wrong.is_empty() { Ok(()) } else { Err(Imbalances(wrong)) }
    }

    /// As [`Self::check`], for a runtime that is at rest or whose slots have ended: counts of dead letters, which slots and others change one by one,
    /// must then add up too.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_at_rest(&self) -> Result<(), Imbalances> {
        let mut wrong = Vec::new();
        for bus in &self.buses {
            bus.look(&mut wrong);
            bus.look_at_letters(&mut wrong);
        }
        if wrong.is_empty() { Ok(()) } else { Err(Imbalances(wrong)) }
    }

    /// One bus.
    #[must_use]
    pub fn bus(&self, name: &str) -> Option<&BusAccount> {
        self.buses.iter().find(|bus| bus.bus == name)
    }

    /// One slot.
    #[must_use]
    pub fn slot(&self, bus: &str, slot: &str) -> Option<&SlotAccount> {
        self.bus(bus)?.slots.iter().find(|known| known.slot == slot)
    }

    /// Every loss by slot or publisher, tag and reason. They add up to all that was lost: a slot that keeps no counts by tag has one line
    /// for each reason.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.buses.iter().flat_map(BusAccount::losses).collect()
    }
}

impl PublisherAccount {
    /// The account of a publisher that is configured with gates. What the bus did not take, and its caller was told, is among the rejected.
    fn of(publisher: &PublisherSnapshot) -> Self {
        let by_gates = publisher.rejected.iter().filter(|(_, count)| *count > 0);
        let mut rejected: Vec<_> = by_gates.map(|(reason, count)| (reason.to_string(), *count)).collect();
        if publisher.failed > 0 {
            rejected.push(("failed".to_owned(), publisher.failed));
        }
        let PublisherSnapshot { offered, published, shed, .. } = *publisher;
        Self { publisher: publisher.publisher.to_string(), offered, published, shed, rejected }
    }
}

impl BusAccount {
    /// The account of one bus.
    #[must_use]
    pub fn of(bus: &BusSnapshot) -> Self {
        Self {
            bus: bus.bus.to_string(),
            published: bus.published,
            publishers: bus.publishers.iter().map(PublisherAccount::of).collect(),
            slots: bus.slots.iter().map(|slot| SlotAccount::of_snapshot(slot, bus.published)).collect(),
            dead_letters: bus.letters.as_ref().map(LetterAccount::of),
        }
    }

    fn look(&self, wrong: &mut Vec<Imbalance>) {
        let bus = &self.bus;
        for slot in &self.slots {
            slot.look(bus, wrong);
        }
        for PublisherAccount { publisher, offered, published, shed, rejected } in &self.publishers {
            let sum = published + shed + rejected.iter().map(|(_, count)| count).sum::<u64>();
            if sum != *offered {
                wrong.push(Imbalance::Publisher { publisher: format!("{bus}.{publisher}"), sum, offered: *offered });
            }
        }
        let sum = self.publishers.iter().map(|publisher| publisher.published).sum();
        if sum > self.published {
            wrong.push(Imbalance::Bus { bus: bus.clone(), sum, published: self.published });
        }
    }

    fn look_at_letters(&self, wrong: &mut Vec<Imbalance>) {
        if let Some(letters) = self.dead_letters.filter(|letters| letters.sum() != letters.died) {
            wrong.push(Imbalance::Letters { bus: self.bus.clone(), sum: letters.sum(), died: letters.died });
        }
    }

    fn losses(&self) -> Vec<Loss> {
        let loss = |name: &str, tag: Option<&String>, reason: &str, count: u64| {
            let of = format!("{}.{name}", self.bus);
            (count > 0).then(|| Loss { of, tag: tag.cloned(), reason: reason.to_owned(), count })
        };
        let mut losses = Vec::new();
        for PublisherAccount { publisher, shed, rejected, .. } in &self.publishers {
            losses.extend(rejected.iter().filter_map(|(reason, count)| loss(publisher, None, reason, *count)));
            losses.extend(loss(publisher, None, "shed", *shed));
        }
        for slot in &self.slots {
            for fate in Fate::ALL.into_iter().filter(|fate| fate.is_loss() || *fate == Fate::Dead) {
                let reason = fate.to_string();
                if slot.tags.is_empty() {
                    losses.extend(loss(&slot.slot, None, &reason, slot.count(fate)));
                }
                let of_tag = |tag: &TagAccount| loss(&slot.slot, Some(&tag.tag), &reason, tag.fates[fate as usize]);
                losses.extend(slot.tags.iter().filter_map(of_tag));
            }
        }
        losses
    }
}

impl SlotAccount {
    fn of_snapshot(slot: &SlotSnapshot, published: u64) -> Self {
        let tag = |(tag, fates): &(&str, _)| TagAccount { tag: (*tag).to_owned(), fates: *fates };
        let tags = slot.fates.iter().map(tag).collect();
        Self { tags, ..Self::of(slot.slot.as_str(), &slot.stats, published) }
    }

    /// The account of a slot whose bus has so many sequences; counted behind `stats`, so that the slot is not ahead of it.
    #[must_use]
    pub fn of(slot: &str, stats: &SlotStats, published: u64) -> Self {
        Self {
            slot: slot.to_owned(),
            published,
            joined: stats.joined,
            delivered: stats.delivered,
            filtered: stats.filtered,
            dead: stats.dead,
            holes: stats.holes,
            dropped: stats.dropped,
            conflated: stats.conflated,
            expired: stats.expired,
            shed: stats.shed,
            in_flight: published.saturating_sub(stats.position),
            tags: Vec::new(),
        }
    }

    /// How many met that fate.
    #[must_use]
    pub const fn count(&self, fate: Fate) -> u64 {
        match fate {
            Fate::Delivered => self.delivered,
            Fate::Filtered => self.filtered,
            Fate::Dead => self.dead,
            Fate::Dropped => self.dropped,
            Fate::Conflated => self.conflated,
            Fate::Expired => self.expired,
            Fate::Shed => self.shed,
        }
    }

    /// Everything that became of its bus's sequences.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let fates: u64 = Fate::ALL.into_iter().map(|fate| self.count(fate)).sum();
        self.joined + fates + self.holes + self.in_flight
    }

    fn look(&self, bus: &str, wrong: &mut Vec<Imbalance>) {
        let slot = || format!("{bus}.{}", self.slot);
        if self.sum() != self.published {
            wrong.push(Imbalance::Slot { slot: slot(), sum: self.sum(), published: self.published });
        }
        for fate in Fate::ALL.into_iter().filter(|_| !self.tags.is_empty()) {
            let sum = self.tags.iter().map(|tag| tag.fates[fate as usize]).sum();
            if sum != self.count(fate) {
                wrong.push(Imbalance::Tags { slot: slot(), fate, sum, total: self.count(fate) });
            }
        }
    }
}

impl LetterAccount {
    /// The account of a bus's dead letters.
    #[must_use]
    pub fn of(letters: &DeadLetterStats) -> Self {
        Self {
            died: letters.refused + letters.panicked,
            held: letters.held,
            overflowed: letters.overflowed,
            given_up: letters.given_up,
            taken: letters.drained + letters.purged,
            returned: letters.returned,
        }
    }

    fn sum(&self) -> u64 {
        self.held + self.overflowed + self.given_up + self.taken + self.returned
    }
}

#[cfg(feature = "config")]
impl serde::Serialize for Accounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut whole = serializer.serialize_struct("Accounts", 3)?;
        whole.serialize_field("adds_up", &self.check().is_ok())?;
        whole.serialize_field("buses", &self.buses)?;
        whole.serialize_field("losses", &self.losses())?;
        whole.end()
    }
}

/// A table with its first column to the left and numbers to the right.
fn table(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    for row in rows {
        f.write_str("\n ")?;
        for (column, cell) in row.iter().enumerate() {
            match column {
                0 => write!(f, " {cell:<0$}", width(0))?,
                _ => write!(f, "  {cell:>0$}", width(column))?,
            }
        }
    }
    Ok(())
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, bus) in self.buses.iter().enumerate() {
            write!(f, "{}bus {}: {} published", if at == 0 { "" } else { "\n" }, bus.bus, bus.published)?;
            bus.show_publishers(f)?;
            bus.show_slots(f)?;
        }
        let losses = self.losses();
        if !losses.is_empty() {
            f.write_str("\nlosses")?;
            let row = |loss: &Loss| {
                let Loss { of, tag, reason, count } = loss.clone();
                vec![of, tag.unwrap_or_else(|| "-".into()), reason, count.to_string()]
            };
            table(f, &losses.iter().map(row).collect::<Vec<_>>())?;
        }
        match self.check() {
            Ok(()) => f.write_str("\nall adds up"),
            Err(wrong) => write!(f, "\n{wrong}"),
        }
    }
}

impl BusAccount {
    fn show_publishers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.publishers.is_empty() {
            return Ok(());
        }
        let mut rows = vec![["publisher", "offered", "published", "shed", "rejected"].map(str::to_owned).to_vec()];
        rows.extend(self.publishers.iter().map(|publisher| {
            let rejected = publisher.rejected.iter().map(|(_, count)| count).sum::<u64>();
            let counts = [publisher.offered, publisher.published, publisher.shed, rejected];
            core::iter::once(publisher.publisher.clone()).chain(counts.map(|count| count.to_string())).collect()
        }));
        table(f, &rows)
    }

    fn show_slots(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.slots.is_empty() {
            return Ok(());
        }
        let head = ["slot".to_owned(), "joined".to_owned()].into_iter();
        let head = head.chain(Fate::ALL.map(|fate| fate.to_string())).chain(["holes".into(), "in flight".into()]);
        let mut rows = vec![head.collect::<Vec<_>>()];
        rows.extend(self.slots.iter().map(|slot| {
            let counts = core::iter::once(slot.joined).chain(Fate::ALL.map(|fate| slot.count(fate)));
            let counts = counts.chain([slot.holes, slot.in_flight]).map(|count| count.to_string());
            core::iter::once(slot.slot.clone()).chain(counts).collect()
        }));
        table(f, &rows)
    }
}

//! What these tests simulate: a family, configurations, and handlers that pass events on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tagring::bus::{Context, Handler, Outcome, Publisher};
use tagring::event::Event;
use tagring::runtime::config::{BusConfig, Config, FeedConfig, MeasureChoice, SlotConfig, ThreadConfig};

tagring::events! {
    /// Events of these tests.
    pub mod market;
    pub struct Trade = 1, v1 { pub qty: u64 }
    pub struct Quote = 2, v1 { pub bid: i64 }
}
pub(crate) use market::{Events, Quote, Trade};

pub(crate) fn slot() -> SlotConfig {
    SlotConfig { measure: MeasureChoice::Off, ..SlotConfig::default() }
}

pub(crate) fn on(thread: &str) -> SlotConfig {
    SlotConfig { thread: thread.into(), ..slot() }
}

pub(crate) fn bus(cells: u64, slots: &[(&str, SlotConfig)]) -> BusConfig {
    let slots = slots.iter().map(|(name, slot)| ((*name).to_owned(), slot.clone())).collect();
    BusConfig { capacity_cells: cells, dead_letters_max: 16, slots, ..BusConfig::default() }
}

/// A bus `md`, a feed `tape` and the threads `a`, `b` and `c`.
pub(crate) fn config(cells: u64, slots: &[(&str, SlotConfig)]) -> Config {
    let mut config = Config::default();
    config.buses.insert("md".into(), bus(cells, slots));
    config.threads = ["a", "b", "c"].map(|name| (name.to_owned(), ThreadConfig::default())).into();
    config.feeds.insert("tape".into(), FeedConfig::default());
    config
}

/// Publishes `count` trades, numbered from 0, and waits for room as it is configured to.
pub(crate) fn tape(sim: &tagring::testkit::Sim, count: u64) {
    let mut publisher = sim.bus::<Events>("md").publisher("tape").unwrap();
    sim.feed("tape", move |feed| {
        for qty in (0..count).take_while(|_| !feed.is_stopping()) {
            publisher.send(0, &Trade { qty })?;
        }
        Ok(())
    });
}

/// What a [`Relay`] did.
#[derive(Default)]
pub(crate) struct Relayed {
    pub(crate) seen: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// Passes each event on to another bus, if it has one.
pub(crate) struct Relay {
    to: Option<Publisher<Events>>,
    relayed: Arc<Relayed>,
}

impl Relay {
    pub(crate) fn new(to: Option<Publisher<Events>>) -> (Self, Arc<Relayed>) {
        let relayed = Arc::<Relayed>::default();
        (Self { to, relayed: Arc::clone(&relayed) }, relayed)
    }
}

impl Handler for Relay {
    fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
        self.relayed.seen.fetch_add(1, Ordering::Relaxed);
        if let (Some(to), Some(trade)) = (&mut self.to, event.get::<Trade>()) {
            let count = match to.send(event.key(), trade) {
                Ok(Some(_)) => &self.relayed.sent,
                Ok(None) | Err(_) => &self.relayed.refused,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
        Outcome::Done
    }

    fn on_stop(&mut self, _: &mut Context) {
        self.to = None;
    }

    fn on_failed(&mut self, _: &mut Context) {
        self.to = None;
    }
}

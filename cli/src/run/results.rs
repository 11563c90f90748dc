//! What the handlers know once they have ended, for the report.

use super::books::{self, Books};
use super::recorder::Recorder;
use super::signal::Signals;
use super::tape::Tapes;
use super::worker::Worker;
use crate::report::{self, Report};
use tagring::event::Family;
use tagring_market::events;

/// The handlers of the slots that are called as their handler is. What others of the same kind know is in the accounts alone.
#[derive(Default)]
struct Main<'a> {
    book: Option<&'a Books>,
    signal: Option<&'a Signals>,
    recorder: Option<&'a Recorder>,
    tape: Option<&'a Tapes>,
}

impl<'a> Main<'a> {
    fn of(handlers: &'a [(String, Worker)]) -> Self {
        let mut found = Self::default();
        for (name, worker) in handlers {
            match (name.as_str(), worker) {
                ("book", Worker::Book(books)) => found.book = Some(books),
                ("signal", Worker::Signal(signals)) => found.signal = Some(signals),
                ("recorder", Worker::Recorder(recorder)) => found.recorder = Some(recorder),
                ("tape", Worker::Tape(tapes)) => found.tape = Some(tapes),
                _ => {}
            }
        }
        found
    }
}

/// What only the handlers know.
pub(super) fn fill_in(report: &mut Report, handlers: &[(String, Worker)]) {
    let Main { book, signal, recorder, tape } = Main::of(handlers);
    let slots = &report.slots;
    report.delivered = slots.iter().map(|slot| slot.stats.delivered).sum();
    report.dropped += slots.iter().map(|slot| slot.stats.dead).sum::<u64>();
    if let Some(recorder) = recorder {
        report.by_tag = events::Events::SCHEMAS
            .iter()
            .map(|schema| (schema.name, recorder.of_tag(schema.tag.get())))
            .filter(|&(_, count)| count > 0)
            .collect();
        report.digest = recorder.digest();
        // What its own account does not know: events after it had ended.
        let account = slots.iter().find(|slot| slot.name == "recorder").map(|slot| &slot.stats);
        let known =
            account.map_or(0, |stats| stats.dropped + stats.conflated + stats.expired + stats.shed + stats.dead);
        report.dropped += report.events.saturating_sub(recorder.count() + known);
    }
    if let Some(signal) = signal {
        report.signals = signal.given();
        report.dropped += signal.dropped();
    }
    let Some(books) = book else { return };
    report.prints = books.prints();
    report.dropped += books.dropped();
    report.agreement = books.agreement();
    report.disagreements = books.disagreements();
    report.depth_counts = books.depth_counts().into_iter().map(|(key, counts)| (books.symbol(key), counts)).collect();
    report.books = books.tops().into_iter().map(|(key, top)| (books.symbol(key), top.into())).collect();
    let unsound = books.inconsistencies();
    let more = [
        ("messages about unknown orders", unsound.unknown_order),
        ("order numbers used twice", unsound.duplicate_order),
        ("executions of more than was left", unsound.over_executed),
        ("orders beyond the table's limit", unsound.orders_over_limit),
        ("orders beyond a price level's limit", unsound.sizes_over_limit),
    ]
    .into_iter()
    .chain(books.oddities());
    report.oddities.extend(more.filter(|&(_, count)| count > 0));
    if let Some(tape) = tape {
        report.signals = tape.signals();
        report.trades = tape
            .tapes()
            .map(|(key, tape)| report::Trades {
                symbol: books.symbol(key),
                count: tape.count,
                volume: tape.volume,
                notional: tape.notional,
                vwap: tape.vwap(),
            })
            .collect();
    }
}

impl From<books::Top> for report::BookTop {
    fn from(top: books::Top) -> Self {
        let pair = |level: tagring_market::sink::Level| (level.price, level.qty);
        Self { bid: top.bid.map(pair), ask: top.ask.map(pair), bid_levels: top.bid_levels, ask_levels: top.ask_levels }
    }
}

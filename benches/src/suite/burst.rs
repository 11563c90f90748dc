//! Ten times what a handler can take, for a second; then how lag and age drain. Where a full queue makes its publisher wait, all that
//! came has to be handled; where it drops, only what fits.

use super::names::{CHANNEL, DISRUPTOR};
use super::{Course, Found, Part, Setup};
use crate::overload::{Aftermath, Event, Full, Overload, over_bus, over_queue};
use crate::peer::Peer;
use crate::peers::{CrossbeamChannel, Disruptor};
use crate::table::{Column, Figures, Table};
use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;
use tagring::bus::Overflow;

pub(super) const PART: Part =
    Part { name: "burst", about: "ten times overload for a second, then recovery: lag and age", measure };

/// What the handler takes for an event: known, and long against what any queue takes, full ones included.
const SERVICE: Duration = Duration::from_micros(2);

const OURS_WAIT: &str = "tagring bus, Overflow::Wait";
const OURS_FAIL: &str = "tagring bus, Overflow::Fail";
const OURS_SHED: &str = "tagring bus, Overflow::Shed";
/// Why what gets in may wait longer than with a peer.
const FULLER: &str = "The figures say a fuller ring: 33 ms is all its cells at 2 us each. This peer's poller hands its cells back once for all that it found, up \
                      to a whole ring, so that fewer events get in meanwhile; a slot hands them back every 256 events.";

/// The courses of the last round of each row.
type Last = Rc<RefCell<Vec<(String, Aftermath)>>>;

fn measure(setup: &Setup) -> Found {
    let load = Overload {
        capacity: setup.pick(1 << 14, 1 << 10, 1 << 6),
        service: SERVICE,
        burst: setup.pick(Duration::from_secs(1), Duration::from_millis(20), Duration::from_millis(1)),
    };
    let mut found = Found::default();
    let mut run = |what: &str, table: Table<'static>, last: Last| {
        // A round takes as long as a hundred of the others.
        let rounds = setup.rounds.min(setup.pick(3, 3, 1));
        found.tables.push(table.run(rounds, &*setup.progress));
        let lines = |pick: fn(&Aftermath) -> &Vec<(f64, f64)>| {
            last.borrow().iter().map(|(name, after)| (name.clone(), pick(after).clone())).collect()
        };
        let title = |of: &str| format!("Ten times overload, {what}: {of} over time");
        let (ages, lags) = (lines(|after| &after.ages), lines(|after| &after.lags));
        found.courses.push(Course { title: title("age"), height: "age, us".into(), lines: ages });
        found.courses.push(Course { title: title("lag"), height: "lag, events".into(), lines: lags });
    };
    let (table, last) = waiting(setup, load);
    run("the publisher waits", table, last);
    let (table, last) = dropping(setup, load);
    run("what finds no room is dropped", table, last);
    found
}

fn waiting(setup: &Setup, load: Overload) -> (Table<'static>, Last) {
    let last = Last::default();
    let table = empty(setup, load, "the publisher waits for room")
        .ours(OURS_WAIT, bus(setup, load, Overflow::Wait, OURS_WAIT, &last))
        .peer(DISRUPTOR, queue::<Disruptor>(setup, load, Full::Wait, DISRUPTOR, &last))
        .peer(CHANNEL, queue::<CrossbeamChannel>(setup, load, Full::Wait, CHANNEL, &last));
    (table, last)
}

fn dropping(setup: &Setup, load: Overload) -> (Table<'static>, Last) {
    let last = Last::default();
    let mut table = empty(setup, load, "what finds no room is dropped")
        .ours(OURS_FAIL, bus(setup, load, Overflow::Fail, OURS_FAIL, &last))
        .ours(OURS_SHED, bus(setup, load, Overflow::Shed, OURS_SHED, &last))
        .peer(DISRUPTOR, queue::<Disruptor>(setup, load, Full::Drop, DISRUPTOR, &last))
        .peer(CHANNEL, queue::<CrossbeamChannel>(setup, load, Full::Drop, CHANNEL, &last));
    for column in 0..5 {
        table = table.why(OURS_FAIL, column, FULLER).why(OURS_SHED, column, FULLER);
    }
    (table, last)
}

fn empty(setup: &Setup, load: Overload, what: &str) -> Table<'static> {
    let columns = [
        Column::less("time to drain, ms"),
        Column::less("lag max, events"),
        Column::less("age max, ms"),
        Column::less("age p50 in the burst, ms"),
        Column::less("age p99 after it, ms"),
        Column::plain("dropped, %"),
    ];
    let (us, ms) = (load.service.as_micros(), load.burst.as_millis());
    let title = format!(
        "Ten times what a handler of {us} us can take, for {ms} ms, {} cells, {what}; open loop from the intended time",
        load.capacity
    );
    setup.table_anywhere(&title, &columns)
}

fn bus(
    setup: &Setup,
    load: Overload,
    overflow: Overflow,
    name: &'static str,
    last: &Last,
) -> impl FnMut() -> Figures + 'static {
    let (cores, scale, last) = (setup.cores, setup.scale, Rc::clone(last));
    move || keep(name, &last, over_bus(cores, scale, load, overflow))
}

fn queue<P: Peer<Event>>(
    setup: &Setup,
    load: Overload,
    full: Full,
    name: &'static str,
    last: &Last,
) -> impl FnMut() -> Figures + 'static {
    let (cores, scale, last) = (setup.cores, setup.scale, Rc::clone(last));
    move || keep(name, &last, over_queue::<P>(cores, scale, load, full))
}

/// The figures of a round; its course takes the place of the round's before.
fn keep(name: &str, last: &Last, after: Aftermath) -> Figures {
    let figures = vec![
        after.drained_ms,
        after.lag_max,
        after.age_max_ms,
        after.age_p50_burst_ms,
        after.age_p99_after_ms,
        after.dropped_percent,
    ];
    let mut last = last.borrow_mut();
    last.retain(|(known, _)| known != name);
    last.push((name.into(), after));
    figures
}

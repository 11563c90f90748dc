//! One-way latency at four rates, open loop from the intended time.

use super::names::{
    CHANNEL, DISRUPTOR, FLUME, JITTER, KANAL, KANAL_POLLED, LIMIT, OURS, OURS_BUS, OURS_BUS_MEASURED, QUEUE, RTRB,
    RTRB_CHUNKS, THINGBUF, TOKIO,
};
use super::{Found, Part, Setup};
use crate::bars::Sense;
use crate::open_loop::{BareCount, Event, Load, over_bus, over_queue};
use crate::peer::Peer;
use crate::peers::{
    BareAtomics, CrossbeamChannel, CrossbeamQueue, Disruptor, Flume, KanalBlocking, KanalPolled, RtrbChunks,
    RtrbPushPop, Tagring, Thingbuf, TokioMpsc,
};
use crate::table::{Sample, Table};
use crate::{jitter, latency, round_trip};
use tagring::bus::Measure;

pub(super) const PART: Part =
    Part { name: "hop", about: "one-way latency, open loop, at 10 k, 100 k, 1 M, 5 M events/s", measure };

/// Events a second, and events of a round. Rounds take 2 ms, as longer ones meet the hypervisor; slow rates need more for some hundred
/// events.
const LOADS: [(&str, f64, usize); 4] =
    [("10 k", 1e4, 300), ("100 k", 1e5, 500), ("1 M", 1e6, 2_000), ("5 M", 5e6, 10_000)];

/// At this rate an event is published while the one before is still on its way.
const OVERLAP: f64 = 2e6;

/// No queue can be faster than one way of a round trip: where it seems to be, the arrival was timed too early.
const HALF: &str = "half a round trip of bare atomics";

const FRESH_LINE: &str = "A ring takes a fresh line for each event, this peer polls a line that both cores know: where they are far apart, the \
                          fresh one takes longer, in the median.";
const POLLS: &str = "A slot thread looks at its orders, its slots and their tags in each round: its poll takes longer than a peer's, and an event may just have \
                     missed one.";
const RARE: &str =
    "What a thousandth of the events meets is the machine: compare the row of the clock alone, and the spread.";
const TIMED: &str = "A slot that keeps up times each event alone: two readings of the clock and six histograms. Events closer together than that wait for \
                     each other.";
const MEASURED: &str = "Measuring reads the clock before and after the handler, behind the load that saw the event, and counts into three histograms; \
                        the fresh line of each event comes on top.";

fn measure(setup: &Setup) -> Found {
    let mut found = Found::default();
    for (name, rate, count) in LOADS {
        let load = Load { rate, count: setup.pick(count, count, 20), warm_up: setup.pick(2_048, 2_048, 20) };
        let table = setup.run(table(setup, name, load));
        // Events that overlap may be faster: nobody polls for the next line while it is written.
        if rate < OVERLAP {
            let what = format!("one way at {name}/s, median, is no less than light and caches take");
            found.bar(&what, (&table, 0), OURS, &[HALF], (Sense::AtLeast, 0.9));
        }
        found.tables.push(table);
    }
    found
}

fn table(setup: &Setup, name: &str, load: Load) -> Table<'static> {
    fn queue<P: Peer<Event>>(setup: &Setup, load: Load) -> impl FnMut() -> Sample + 'static {
        let (cores, scale) = (setup.cores, setup.scale);
        move || latency::percentiles(over_queue::<P>(cores, scale, load), scale)
    }
    let (cores, scale) = (setup.cores, setup.scale);
    let bus = move |measure| move || latency::percentiles(over_bus(cores, scale, load, measure), scale);
    let (trips, readings) = (setup.pick(1_000, 1_000, 20), setup.pick(60_000, 60_000, 1_000));
    let half = move || {
        let trips = round_trip::trips::<BareAtomics>(cores, round_trip::CAPACITY, trips / 10, trips);
        let halves = latency::percentiles(trips, scale).figures.into_iter().map(|ns| ns / 2.0);
        Sample::from(halves.collect::<Vec<_>>())
    };
    let title =
        format!("One way at {name} events/s, open loop from the intended time, 56-byte events stamped one by one, ns");
    let table = setup
        .table(&title, &latency::columns())
        .limit(HALF, half)
        .limit(LIMIT, queue::<BareCount>(setup, load))
        .ours(OURS, queue::<Tagring>(setup, load))
        .ours(OURS_BUS, bus(Measure::Off))
        .ours(OURS_BUS_MEASURED, bus(Measure::SlotAndTags))
        .peer(DISRUPTOR, queue::<Disruptor>(setup, load))
        .peer(RTRB_CHUNKS, queue::<RtrbChunks>(setup, load))
        .peer(RTRB, queue::<RtrbPushPop>(setup, load))
        .peer(QUEUE, queue::<CrossbeamQueue>(setup, load))
        .peer(CHANNEL, queue::<CrossbeamChannel>(setup, load))
        .peer(THINGBUF, queue::<Thingbuf>(setup, load))
        .peer(KANAL, queue::<KanalBlocking>(setup, load))
        .peer(KANAL_POLLED, queue::<KanalPolled>(setup, load))
        .peer(FLUME, queue::<Flume>(setup, load))
        .peer(TOKIO, queue::<TokioMpsc>(setup, load));
    #[cfg(feature = "iceoryx2")]
    let table = table.peer(super::names::ICEORYX2, queue::<crate::peers::Iceoryx2>(setup, load));
    table
        .limit(JITTER, move || latency::percentiles(jitter::round(readings), scale))
        .why(OURS, 0, FRESH_LINE)
        .why(OURS_BUS, 0, FRESH_LINE)
        .why(OURS, 1, FRESH_LINE)
        .why(OURS, 2, RARE)
        .why(OURS_BUS, 1, POLLS)
        .why(OURS_BUS, 2, POLLS)
        .why(OURS_BUS_MEASURED, 0, MEASURED)
        .why(OURS_BUS_MEASURED, 1, TIMED)
        .why(OURS_BUS_MEASURED, 2, TIMED)
}

//! Ping-pong over two queues, one event at a time.

use super::lmax::Java;
use super::names::{
    CHANNEL, DISRUPTOR, FLUME, JITTER, KANAL, KANAL_POLLED, LIMIT, LIMIT_LINES, OURS, QUEUE, RTRB, RTRB_CHUNKS,
    THINGBUF, TOKIO,
};
use super::{Found, Part, Setup};
use crate::bars::Sense;
use crate::clock::Scale;
use crate::peer::Peer;
use crate::peers::{
    BareAtomics, BareLines, CrossbeamChannel, CrossbeamQueue, Disruptor, Flume, KanalBlocking, KanalPolled, RtrbChunks,
    RtrbPushPop, Tagring, Thingbuf, TokioMpsc,
};
use crate::table::{Sample, Table};
use crate::{jitter, latency, round_trip};

pub(super) const PART: Part = Part { name: "trip", about: "round trip over two queues: ping-pong", measure };

const FRESH_LINE: &str = "A ring takes a fresh cell for each event, this peer polls one line: where the cores are far apart, the fresh line takes longer.";

fn measure(setup: &Setup) -> Found {
    let table = setup.run(table(setup));
    let mut found = Found::default();
    let peers = table.peers();
    found.bar("round trip, median", (&table, 0), OURS, &[LIMIT], (Sense::AtMost, 1.05));
    found.bar("round trip, median", (&table, 0), OURS, &[LIMIT_LINES], (Sense::AtMost, 1.05));
    found.bar("round trip, p99.9", (&table, 2), OURS, &peers, (Sense::AtMost, 0.75));
    found.tables.push(table);
    found
}

fn table(setup: &Setup) -> Table<'static> {
    fn trip<P: Peer<round_trip::Event>>(setup: &Setup) -> impl FnMut() -> Sample + 'static {
        let (cores, scale) = (setup.cores, setup.scale);
        let (warm_up, trips) =
            (setup.pick(round_trip::CAPACITY, round_trip::CAPACITY, 50), setup.pick(4_000, 4_000, 100));
        move || latency::percentiles(round_trip::trips::<P>(cores, round_trip::CAPACITY, warm_up, trips), scale)
    }
    let (scale, readings) = (setup.scale, setup.pick(60_000, 60_000, 1_000));
    let (warm_up, count) = (round_trip::CAPACITY, setup.pick(4_000, 4_000, 100));
    let java = Java::start(setup, move |lmax| lmax.trips(warm_up, count).map(drop));
    let columns = latency::columns();
    let table = setup
        .table("Round trip over two queues, ns", &columns)
        .limit(LIMIT, trip::<BareAtomics>(setup))
        .limit(LIMIT_LINES, trip::<BareLines>(setup))
        .ours(OURS, trip::<Tagring>(setup))
        .peer(DISRUPTOR, trip::<Disruptor>(setup))
        .peer(RTRB_CHUNKS, trip::<RtrbChunks>(setup))
        .peer(RTRB, trip::<RtrbPushPop>(setup))
        .peer(QUEUE, trip::<CrossbeamQueue>(setup))
        .peer(CHANNEL, trip::<CrossbeamChannel>(setup))
        .peer(THINGBUF, trip::<Thingbuf>(setup))
        .peer(KANAL, trip::<KanalBlocking>(setup))
        .peer(KANAL_POLLED, trip::<KanalPolled>(setup))
        .peer(FLUME, trip::<Flume>(setup))
        .peer(TOKIO, trip::<TokioMpsc>(setup));
    #[cfg(feature = "iceoryx2")]
    let table = table.peer(super::names::ICEORYX2, trip::<crate::peers::Iceoryx2>(setup));
    java.row(table, columns.len(), move |lmax| {
        Ok(latency::percentiles(lmax.trips(warm_up, count)?, Scale::NANOSECONDS))
    })
    .limit(JITTER, move || latency::percentiles(jitter::round(readings), scale))
    .why(OURS, 0, FRESH_LINE)
    .why(OURS, 1, FRESH_LINE)
    .why(OURS, 2, FRESH_LINE)
}

//! One publisher to one reader as fast as they go, with a light and with a heavy handler: the two regimes.

use super::lmax::Java;
use super::names::{CHANNEL, DISRUPTOR, FLUME, KANAL, KANAL_POLLED, OURS, QUEUE, RTRB, RTRB_CHUNKS, THINGBUF, TOKIO};
use super::{Found, Part, Setup};
use crate::bars::Sense;
use crate::peer::Peer;
use crate::peers::lmax::Lmax;
use crate::peers::{
    CrossbeamChannel, CrossbeamQueue, Disruptor, Flume, KanalBlocking, KanalPolled, RtrbChunks, RtrbPushPop, Tagring,
    Thingbuf, TokioMpsc,
};
use crate::stream::{BATCH, Heavy, Light, Publishing, Work, one_to_one};
use crate::table::{Column, Figures, Table};

pub(super) const LIGHT: Part =
    Part { name: "stream", about: "throughput one to one, light handler, single and in batches", measure: light };
pub(super) const HEAVY: Part =
    Part { name: "heavy", about: "throughput one to one, heavy handler, single and in batches", measure: heavy };

fn light(setup: &Setup) -> Found {
    let mut found = Found::default();
    let events = setup.events();
    let java = Java::start(setup, |lmax| {
        lmax.one_to_one(7, 1, events)?;
        lmax.one_to_one(7, BATCH, events)?;
        lmax.one_to_one(4, 1, events).map(drop)
    });
    // The program in Java has the light handler only.
    let with_java = |table: Table<'static>, words| {
        java.row(table, 2, move |lmax| {
            let rate = |lmax: &mut Lmax, batch| Ok(lmax.one_to_one(words, batch, events)? / 1e6);
            Ok(vec![rate(lmax, 1)?, rate(lmax, BATCH)?].into())
        })
    };
    let table = setup.run(with_java(self::table::<Light, 7>(setup, "56-byte events"), 7));
    let peers = table.peers();
    found.bar("one to one, 56 bytes, single", (&table, 0), OURS, &peers, (Sense::AtLeast, 4.0));
    found.bar("one to one, 56 bytes, batches of 64", (&table, 1), OURS, &peers, (Sense::AtLeast, 0.95));
    found.tables.push(table);
    let table = setup.run(with_java(self::table::<Light, 4>(setup, "32-byte events"), 4));
    let peers = table.peers();
    found.bar("one to one, 32 bytes, single", (&table, 0), OURS, &peers, (Sense::AtLeast, 0.8));
    found.tables.push(table);
    found
}

fn heavy(setup: &Setup) -> Found {
    let tables = [table::<Heavy, 7>(setup, "56-byte events"), table::<Heavy, 4>(setup, "32-byte events")]
        .map(|table| setup.run(table));
    Found { tables: tables.into(), ..Found::default() }
}

/// Where no line moves between cores.
const WORDS: &str = "On one core no line moves, and instructions decide: events are stored word by word, for readers that look back without \
                     holding anyone.";
/// Where the handler is slower than any queue.
const HANDLER: &str = "The handler is the limit; what differs is the few instructions around it.";
/// Why packed rings move more events in the same lines.
const PACKED: &str = "A cell is whole lines, so that a hop moves one; this peer packs events, and moves fewer lines for a batch of them.";

fn table<W: Work, const N: usize>(setup: &Setup, what: &str) -> Table<'static> {
    fn row<P: Peer<[u64; N]>, W: Work, const N: usize>(setup: &Setup) -> impl FnMut() -> Figures + 'static {
        let (cores, events) = (setup.cores, setup.events());
        move || {
            let round = |how| one_to_one::<P, W, N>(cores, how, events) / 1e6;
            vec![round(Publishing::Single), round(Publishing::Batches)]
        }
    }
    let title = format!("One to one, {what}, {} handler, M events/s", W::NAME);
    let table = setup
        .table(&title, &["single", "batches of 64"].map(Column::more))
        .ours(OURS, row::<Tagring, W, N>(setup))
        .peer(DISRUPTOR, row::<Disruptor, W, N>(setup))
        .peer(RTRB_CHUNKS, row::<RtrbChunks, W, N>(setup))
        .peer(RTRB, row::<RtrbPushPop, W, N>(setup))
        .peer(QUEUE, row::<CrossbeamQueue, W, N>(setup))
        .peer(CHANNEL, row::<CrossbeamChannel, W, N>(setup))
        .peer(THINGBUF, row::<Thingbuf, W, N>(setup))
        .peer(KANAL, row::<KanalBlocking, W, N>(setup))
        .peer(KANAL_POLLED, row::<KanalPolled, W, N>(setup))
        .peer(FLUME, row::<Flume, W, N>(setup))
        .peer(TOKIO, row::<TokioMpsc, W, N>(setup));
    #[cfg(feature = "iceoryx2")]
    let table = table.peer(super::names::ICEORYX2, row::<crate::peers::Iceoryx2, W, N>(setup));
    table.why(OURS, 0, if W::IS_HEAVY { HANDLER } else { WORDS }).why(
        OURS,
        1,
        if W::IS_HEAVY { HANDLER } else { PACKED },
    )
}

//! Many publishers to one reader: two, and four.

use super::lmax::Java;
use super::names::{
    CHANNEL, DISRUPTOR, FLUME, KANAL, KANAL_POLLED, OURS, OURS_EACH, QUEUE, RTRB_EACH, THINGBUF, TOKIO,
};
use super::{Found, Part, Setup};
use crate::bars::Sense;
use crate::peer::ManyToOne;
use crate::peers::lmax::Lmax;
use crate::peers::{
    CrossbeamChannel, CrossbeamQueue, Disruptor, Each, Flume, KanalBlocking, KanalPolled, RtrbChunks, Tagring,
    Thingbuf, TokioMpsc,
};
use crate::stream::{BATCH, Publishing, many_to_one};
use crate::table::{Column, Figures, Table};

pub(super) const PART: Part =
    Part { name: "many", about: "throughput of two and of four publishers to one reader", measure };

fn measure(setup: &Setup) -> Found {
    let mut found = Found::default();
    let events = events(setup);
    let java = Java::start(setup, |lmax| {
        lmax.many_to_one(2, 4, 1, events)?;
        lmax.many_to_one(4, 7, BATCH, events).map(drop)
    });
    for publishers in [2, 4] {
        let tables = [table::<4>(setup, publishers, &java), table::<7>(setup, publishers, &java)];
        for (table, bytes) in tables.into_iter().zip([32, 56]) {
            let table = setup.run(table);
            let peers = table.peers();
            let what = format!("{publishers} publishers, {bytes} bytes");
            found.bar(&what, (&table, 0), OURS, &peers, (Sense::AtLeast, 1.0));
            found.bar(&format!("{what}, a ring each"), (&table, 0), OURS_EACH, &peers, (Sense::AtLeast, 1.0));
            found.tables.push(table);
        }
    }
    found
}

fn events(setup: &Setup) -> usize {
    setup.events()
}

/// Why a shared ring may be behind, event by event.
const SHARED: &str = "Publishers that share a ring claim each event by a locked instruction, on a line beside the event's own; where the cores are far apart both lines have far to go. A ring for each publisher, the row below, needs no claim.";
/// Why a shared ring may be behind, batch by batch.
const SHARED_BATCHES: &str = "Publishers that share a ring claim a batch by a compare-exchange, its reader goes from stamp to stamp, and a cell is whole lines, where this peer packs events and tells of many by one word.";
/// Why packed rings move more events in the same lines.
const PACKED: &str = "A cell is whole lines, so that a hop moves one; this peer packs events, and moves fewer lines for a batch of them.";

fn table<const N: usize>(setup: &Setup, publishers: usize, java: &Java) -> Table<'static> {
    fn row<P: ManyToOne<[u64; N]>, const N: usize>(
        setup: &Setup,
        publishers: usize,
    ) -> impl FnMut() -> Figures + 'static {
        let (cores, events) = (setup.cores, events(setup));
        move || {
            [Publishing::Single, Publishing::Batches]
                .map(|how| many_to_one::<P, N>(cores, publishers, how, events) / 1e6)
                .into()
        }
    }
    let (bytes, told, events) = (8 * N, setup.cores.seats(publishers, 1).told(), events(setup));
    let title = format!("{publishers} publishers to one reader, {bytes}-byte events, {told}, M events/s");
    let columns = ["single", "batches of 64"].map(Column::more);
    let table = setup
        .table(&title, &columns)
        .ours(OURS, row::<Tagring, N>(setup, publishers))
        .ours(OURS_EACH, row::<Each<Tagring>, N>(setup, publishers))
        .peer(DISRUPTOR, row::<Disruptor, N>(setup, publishers))
        .peer(RTRB_EACH, row::<Each<RtrbChunks>, N>(setup, publishers))
        .peer(QUEUE, row::<CrossbeamQueue, N>(setup, publishers))
        .peer(CHANNEL, row::<CrossbeamChannel, N>(setup, publishers))
        .peer(THINGBUF, row::<Thingbuf, N>(setup, publishers))
        .peer(KANAL, row::<KanalBlocking, N>(setup, publishers))
        .peer(KANAL_POLLED, row::<KanalPolled, N>(setup, publishers))
        .peer(FLUME, row::<Flume, N>(setup, publishers))
        .peer(TOKIO, row::<TokioMpsc, N>(setup, publishers));
    #[cfg(feature = "iceoryx2")]
    let table = table.peer(super::names::ICEORYX2, row::<crate::peers::Iceoryx2, N>(setup, publishers));
    let table = java.row(table, columns.len(), move |lmax| {
        let rate = |lmax: &mut Lmax, batch| Ok(lmax.many_to_one(publishers, N, batch, events)? / 1e6);
        Ok(vec![rate(lmax, 1)?, rate(lmax, BATCH)?].into())
    });
    table.why(OURS, 0, SHARED).why(OURS, 1, SHARED_BATCHES).why(OURS_EACH, 0, PACKED).why(OURS_EACH, 1, PACKED)
}

//! One publisher to three readers: broadcast, pipeline, diamond. Peers without such structures get a queue for each edge.

use super::names::{
    BUS, BUS_EACH, CHANNEL, DISRUPTOR, FLUME, KANAL, KANAL_POLLED, OURS, QUEUE, RTRB, RTRB_CHUNKS, THINGBUF, TOKIO,
};
use super::{Found, Part, Setup};
use crate::bars::Sense;
use crate::peer::{Graph, Shape};
use crate::peers::{
    CrossbeamChannel, CrossbeamQueue, Disruptor, Flume, KanalBlocking, KanalPolled, Queues, RtrbChunks, RtrbPushPop,
    Tagring, Thingbuf, TokioMpsc,
};
use crate::slots::{self, Hosting, Measured, Narrow, Wide};
use crate::stream::{Publishing, one_to_three};
use crate::table::{Column, Figures, Table};

pub(super) const BROADCAST: Part =
    Part { name: "broadcast", about: "throughput one to three, each sees all", measure: broadcast };
pub(super) const PIPELINE: Part =
    Part { name: "pipeline", about: "throughput one to three, one after the other", measure: pipeline };
pub(super) const DIAMOND: Part =
    Part { name: "diamond", about: "throughput one to three, two and then the third", measure: diamond };

fn broadcast(setup: &Setup) -> Found {
    measure(setup, Shape::Broadcast, "One to three, each sees all")
}

fn pipeline(setup: &Setup) -> Found {
    measure(setup, Shape::Pipeline, "Pipeline of three")
}

fn diamond(setup: &Setup) -> Found {
    measure(setup, Shape::Diamond, "Diamond, two and then the third")
}

fn measure(setup: &Setup, shape: Shape, what: &str) -> Found {
    let mut found = Found::default();
    for table in [table::<Wide, 7>(setup, shape, what), table::<Narrow, 4>(setup, shape, what)] {
        let table = setup.run(table);
        let peers = table.peers();
        found.bar(&format!("{}, single", table.title()), (&table, 0), OURS, &peers, (Sense::AtLeast, 1.0));
        found.tables.push(table);
    }
    found
}

/// Why the ring may be behind where its readers share a core.
const SWITCHES: &str = "Where three reader threads share a core they live by taking turns; how many events a turn takes makes no difference, and more is not known. The row below needs no turns: slots that share one thread.";
/// The same for batches.
const SWITCHES_AND_LINES: &str = "As with single events; and a cell is whole lines, where this peer packs events and moves fewer lines for a batch of them.";
/// Why a bus does less than a ring.
const BUS_DOES_MORE: &str = "A bus writes a header for each event, and each slot looks at its tag before it calls the handler; this peer hands out bytes.";

fn table<P: Measured, const N: usize>(setup: &Setup, shape: Shape, what: &str) -> Table<'static> {
    let (bytes, told) = (8 * N, setup.cores.seats(1, Shape::READERS).told());
    let title = format!("{what}, {bytes}-byte events, {told}, M events/s");
    let table = setup
        .table(&title, &["single", "batches of 64"].map(Column::more))
        .ours(OURS, ring::<Tagring, N>(setup, shape))
        .ours(BUS, bus::<P>(setup, shape, Hosting::OneThread));
    // Threads that share a core are what the first of the two avoids.
    let table = match setup.cores.all.len() {
        ..=Shape::READERS => table,
        _ => table.ours(BUS_EACH, bus::<P>(setup, shape, Hosting::ThreadEach)).why(BUS_EACH, 0, BUS_DOES_MORE),
    };
    let table = table
        .peer(DISRUPTOR, ring::<Disruptor, N>(setup, shape))
        .peer(RTRB_CHUNKS, ring::<Queues<RtrbChunks>, N>(setup, shape))
        .peer(RTRB, ring::<Queues<RtrbPushPop>, N>(setup, shape))
        .peer(QUEUE, ring::<Queues<CrossbeamQueue>, N>(setup, shape))
        .peer(CHANNEL, ring::<Queues<CrossbeamChannel>, N>(setup, shape))
        .peer(THINGBUF, ring::<Queues<Thingbuf>, N>(setup, shape))
        .peer(KANAL, ring::<Queues<KanalBlocking>, N>(setup, shape))
        .peer(KANAL_POLLED, ring::<Queues<KanalPolled>, N>(setup, shape))
        .peer(FLUME, ring::<Queues<Flume>, N>(setup, shape))
        .peer(TOKIO, ring::<Queues<TokioMpsc>, N>(setup, shape));
    #[cfg(feature = "iceoryx2")]
    let table = table.peer(super::names::ICEORYX2, ring::<Queues<crate::peers::Iceoryx2>, N>(setup, shape));
    table.why(OURS, 0, SWITCHES).why(OURS, 1, SWITCHES_AND_LINES).why(BUS, 0, BUS_DOES_MORE).why(BUS, 1, BUS_DOES_MORE)
}

fn ring<G: Graph<[u64; N]>, const N: usize>(setup: &Setup, shape: Shape) -> impl FnMut() -> Figures + 'static {
    let (cores, events) = (setup.cores, events(setup));
    move || WAYS.map(|how| one_to_three::<G, N>(cores, shape, how, events) / 1e6).into()
}

fn bus<P: Measured>(setup: &Setup, shape: Shape, hosting: Hosting) -> impl FnMut() -> Figures + 'static {
    let (cores, events) = (setup.cores, events(setup));
    move || WAYS.map(|how| slots::one_to_three::<P>(cores, shape, hosting, how, events) / 1e6).into()
}

const WAYS: [Publishing; 2] = [Publishing::Single, Publishing::Batches];

fn events(setup: &Setup) -> usize {
    setup.events() / 2
}

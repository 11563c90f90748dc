//! Two publishers on one core to one reader on the other.

use super::names::{CHANNEL, DISRUPTOR, OURS, OURS_EACH, QUEUE};
use super::{Found, Part, Setup};
use crate::bars::Sense;
use crate::peer::TwoToOne;
use crate::peers::{CrossbeamChannel, CrossbeamQueue, Disruptor, Tagring, TagringEach};
use crate::stream::two_to_one;
use crate::table::{Column, Figures, Table};

pub(super) const PART: Part = Part { name: "two", about: "throughput of two publishers to one reader", measure };

fn measure(setup: &Setup) -> Found {
    let table = setup.run(table(setup));
    let mut found = Found::default();
    let peers = table.peers();
    found.bar(setup, "two publishers", (&table, 0), OURS, &peers, (Sense::AtLeast, 1.0));
    found.bar(setup, "two publishers, a ring each", (&table, 0), OURS_EACH, &peers, (Sense::AtLeast, 1.0));
    found.tables.push(table);
    found
}

fn table(setup: &Setup) -> Table<'static> {
    fn row<P: TwoToOne<[u64; 4]>>(setup: &Setup) -> impl FnMut() -> Figures + 'static {
        let (cores, events) = (setup.cores, setup.events());
        move || vec![two_to_one::<P, 4>(cores, events) / 1e6]
    }
    setup
        .table("Two publishers on one core to one reader, 32-byte events, M events/s", &[Column::more("single")])
        .ours(OURS, row::<Tagring>(setup))
        .ours(OURS_EACH, row::<TagringEach>(setup))
        .peer(DISRUPTOR, row::<Disruptor>(setup))
        .peer(QUEUE, row::<CrossbeamQueue>(setup))
        .peer(CHANNEL, row::<CrossbeamChannel>(setup))
}

//! Deduplication: under repeats and reorders each event is seen once; what is too old to be told is a rejection of its own.

use super::{TRADE, stage};
use proptest::prelude::*;
use std::collections::HashSet;
use tagring::gate::{Dedup, Entry, Reason};

/// A number, moved by the network: a little back or forth, now and then far.
fn numbers() -> impl Strategy<Value = Vec<(u32, i64)>> {
    let step = prop_oneof![
        8 => -3_i64..5,
        3 => -70_i64..70,
        1 => -300_i64..300,
        1 => 0_i64..5_000,
    ];
    proptest::collection::vec((0_u32..3, step), 1..300)
}

proptest! {
    #[test]
    fn issue_4566_each_event_is_let_in_once_whatever_the_network_repeats_and_reorders(
        steps in numbers(),
        start in prop_oneof![0_u64..200, Just(u64::MAX - 400), any::<u64>()],
        window in prop_oneof![Just(64_u64), Just(128), Just(1_024)],
    ) {
        let (_, _, feed, mut slot, keep) = stage(512);
        let mut feed = feed.gate(Dedup::new(3, window).unwrap()).unwrap();
        // The oracle: all that was let in, and the highest of each client.
        let mut seen = HashSet::new();
        let mut highest = [None::<u64>; 3];
        let mut at = [start; 3];
        let mut expected = 0;
        for (client, step) in steps {
            let of = client as usize;
            at[of] = at[of].saturating_add_signed(step);
            let sequence = at[of];
            let said = feed.try_publish(Entry::key(client).client(client, sequence), &TRADE).err().map(|error| error.code());
            let behind = highest[of].is_some_and(|highest| highest.saturating_sub(sequence) >= window);
            let should = match () {
                () if behind => Some("TR-0912"),
                () if seen.contains(&(client, sequence)) => Some("TR-0911"),
                () => None,
            };
            prop_assert_eq!(said, should, "client {} number {} highest {:?}", client, sequence, highest[of]);
            if should.is_none() {
                seen.insert((client, sequence));
                highest[of] = highest[of].max(Some(sequence));
                expected += 1;
            }
        }
        while slot.turn() {}
        prop_assert_eq!(keep.keys().len(), expected);
        let counts = feed.counts();
        prop_assert_eq!(counts.published(), expected as u64);
        let rejected = counts.rejected_for(Reason::Duplicate) + counts.rejected_for(Reason::BehindWindow);
        prop_assert_eq!(counts.offered(), expected as u64 + rejected);
    }

    /// Every message is sent twice and shuffled within half a window: all of them arrive, each once.
    #[test]
    fn issue_4566_nothing_is_lost_to_duplicates_and_reorders_within_the_window(
        shifts in proptest::collection::vec(0_u64..32, 200),
    ) {
        let mut arrivals: Vec<(u64, u64)> = Vec::new();
        for (number, shift) in shifts.iter().enumerate() {
            let number = number as u64;
            arrivals.push((number + shift, number));
            arrivals.push((number + 31 - shift, number));
        }
        arrivals.sort_unstable();
        let (_, _, feed, mut slot, keep) = stage(512);
        let mut feed = feed.gate(Dedup::new(1, 64).unwrap()).unwrap();
        for (_, number) in arrivals {
            let _ = feed.try_publish(Entry::key(number as u32).client(0, number), &TRADE);
        }
        while slot.turn() {}
        let mut keys = keep.keys();
        keys.sort_unstable();
        prop_assert_eq!(keys, (0..200).collect::<Vec<u32>>());
    }
}

#[test]
fn issue_4566_what_cannot_be_told_apart_is_rejected_and_said() {
    let (_, _, feed, ..) = stage(8);
    let mut feed = feed.gate(Dedup::new(2, 64).unwrap()).unwrap();
    let mut said = |entry: Entry| feed.try_publish(entry, &TRADE).err().map(|error| error.to_string());
    assert_eq!(said(Entry::key(0).client(1, 100)), None);
    assert_eq!(
        said(Entry::key(0).client(1, 100)).as_deref(),
        Some("bus md: dedup: number 100 of client 1 has been published before; leave it out [TR-0911]")
    );
    assert_eq!(said(Entry::key(0).client(1, 37)), None, "the last of the window");
    assert_eq!(
        said(Entry::key(0).client(1, 36)).as_deref(),
        Some(
            "bus md: dedup: number 36 of client 1 is behind the window, which begins at 37; send nearer in order, or widen it [TR-0912]"
        )
    );
    assert_eq!(
        said(Entry::key(0).client(2, 1)).as_deref(),
        Some("bus md: dedup: client 2 is none of the 2 there are, from 0; allow more clients [TR-0913]")
    );
    assert_eq!(
        said(Entry::key(0)).as_deref(),
        Some("bus md: dedup: Trade came without its sender's number; give it with `Entry::client` [TR-0914]")
    );
    assert_eq!(said(Entry::key(0).client(0, 100)), None, "another client's numbers are its own");
    feed.gates_mut().forget(1);
    assert!(feed.try_publish(Entry::key(0).client(1, 100), &TRADE).is_ok());
}

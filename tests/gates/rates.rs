//! Rates: held within 1 %, bursts exactly, whatever the schedule; what is beyond is rejected and counted.

use super::{Events, QUOTE, TRADE, stage};
use proptest::prelude::*;
use tagring::bus::Name;
use tagring::clock::{Clock, Ticks};
use tagring::event::{Payload, Tag};
use tagring::gate::{Gate, Offer, Rate, Reason, Rejection, Site};
use tagring::tags;

const SECOND: u64 = 1_000_000_000;

fn offer(tag: Tag, now: u64) -> Offer<'static> {
    let (intended, deadline, client) = (None, None, None);
    Offer { tag, name: "Trade", key: 0, now: Ticks(now), intended, deadline, client, payload: &[] }
}

/// Whether the gate lets an event in; if so, it is spent.
fn enter(rate: &mut Rate, tag: Tag, now: u64) -> Result<(), Rejection> {
    let offer = offer(tag, now);
    Gate::<Events>::check(rate, &offer, &|| 0)?;
    Gate::<Events>::settle(rate, &offer, 0);
    Ok(())
}

fn put_up(mut rate: Rate) -> Rate {
    let (clock, _) = Clock::manual(0);
    let site = Site { bus: Name::new("md"), clock: &clock, capacity: 8 };
    Gate::<Events>::put_up(&mut rate, &site).unwrap();
    rate
}

/// In each stretch of time from one event let in to another there are at most `burst` and the rate's share of the stretch.
fn assert_bounded(entered: &[u64], per_s: u64, burst: u64) {
    // From each event the later ones: the greatest excess so far is enough (as a running maximum of time times rate less count).
    let mut least = i128::MIN;
    for (at, &time) in entered.iter().enumerate() {
        // Before this event the count is `at`: value = at * second - time * rate; the bound says that the next value minus any earlier is small.
        let before = at as i128 * i128::from(SECOND) - i128::from(time) * i128::from(per_s);
        least = least.max(-before);
        let after = (at as i128 + 1) * i128::from(SECOND) - i128::from(time) * i128::from(per_s);
        assert!(after + least <= i128::from(burst) * i128::from(SECOND), "event {at} at {time}");
    }
}

proptest! {
    #[test]
    fn issue_4561_a_rate_is_held_within_a_percent_and_its_burst_exactly(
        per_s in prop_oneof![1_u64..100, 100_u64..1_000_000, 1_000_000_u64..50_000_000],
        burst in prop_oneof![2_u64..4, 2_u64..500],
        // Gaps between offers, as shares of the rate's own gap: what comes is some four times too much, in fits and starts.
        gaps in proptest::collection::vec(prop_oneof![Just(0.0), 0.0_f64..0.5, 0.1_f64..0.4], 50..200),
    ) {
        let mut rate = put_up(Rate::per_second(per_s, burst).unwrap());
        let own_gap = SECOND as f64 / per_s as f64;
        let (mut now, mut offered, mut entered) = (0.0_f64, 0_u64, Vec::new());
        // Long enough that the burst at the start, and the event that is about to be due, are nothing beside the rest.
        let end = own_gap * (burst + 2_000) as f64;
        for gap in gaps.iter().cycle() {
            now += gap * own_gap;
            if now > end || offered > 100_000 {
                break;
            }
            offered += 1;
            if enter(&mut rate, super::Trade::TAG, now as u64).is_ok() {
                entered.push(now as u64);
            }
        }
        prop_assume!(offered < 100_000 && now > end);
        assert_bounded(&entered, per_s, burst);
        let due = burst as f64 + end / own_gap;
        let off = (entered.len() as f64 - due).abs() / due;
        prop_assert!(off < 0.01, "{} of {} entered, due are {}", entered.len(), offered, due);
    }

    #[test]
    fn issue_4561_the_time_to_try_again_is_the_first_at_which_it_succeeds(
        per_s in 1_u64..1_000_000_000,
        burst in 1_u64..10,
        start in 0_u64..1 << 40,
    ) {
        let mut rate = put_up(Rate::per_second(per_s, burst).unwrap());
        (0..burst).for_each(|_| enter(&mut rate, super::Trade::TAG, start).unwrap());
        let Err(Rejection::Rate { retry_ns, per_s: told, burst: at_once }) = enter(&mut rate, super::Trade::TAG, start)
        else {
            panic!("the burst is spent");
        };
        prop_assert_eq!((told, at_once), (per_s, burst));
        prop_assert_eq!(enter(&mut rate.clone(), super::Trade::TAG, start + retry_ns - 1).is_ok(), false);
        prop_assert!(enter(&mut rate, super::Trade::TAG, start + retry_ns).is_ok());
    }
}

/// A burst of 1 is a least distance: what comes later than it is due has lost the difference, so offers must come close to one another.
#[test]
fn issue_4561_one_at_once_is_held_within_a_percent_of_offers_that_come_close() {
    for per_s in [7, 1_000, 3_333_333] {
        let mut rate = put_up(Rate::per_second(per_s, 1).unwrap());
        let gap = SECOND as f64 / per_s as f64;
        let times: Vec<_> = (0..200 * 500).map(|at| (f64::from(at) * gap / 200.0) as u64).collect();
        let entered: Vec<_> =
            times.into_iter().filter(|&now| enter(&mut rate, super::Trade::TAG, now).is_ok()).collect();
        assert_bounded(&entered, per_s, 1);
        assert!((495..=505).contains(&entered.len()), "{per_s}: {}", entered.len());
    }
}

#[test]
fn issue_4561_a_group_of_tags_has_a_rate_of_its_own_within_the_publishers() {
    let (hand, _, feed, mut slot, _) = stage(1_024);
    let rate = Rate::per_second(1_000, 1)
        .and_then(|rate| rate.group("quotes", &tags![super::Quote, super::Note], 100, 1))
        .unwrap();
    let mut feed = feed.gate(rate).unwrap();
    let (mut trades, mut quotes) = (0, 0);
    // Ten seconds, an offer of each kind every 0.5 ms.
    for _ in 0..20_000 {
        hand.advance_ns(500_000);
        quotes += u64::from(feed.try_publish(0, &QUOTE).is_ok());
        trades += u64::from(feed.try_publish(0, &TRADE).is_ok());
        while slot.turn() {}
    }
    assert!((990..=1_010).contains(&quotes), "{quotes}");
    assert!((9_900..=10_100).contains(&(trades + quotes)), "{trades} {quotes}");
    let counts = feed.counts();
    let rejected = [Reason::Rate, Reason::GroupRate].map(|reason| counts.rejected_for(reason));
    assert_eq!(rejected.iter().sum::<u64>(), 40_000 - trades - quotes, "each is counted once");
    assert!(rejected.iter().all(|count| *count > 1_000), "{rejected:?}");
    assert_eq!(counts.rejected_of(super::Quote::TAG), 20_000 - quotes);
    assert_eq!(counts.rejected_of(super::Trade::TAG), 20_000 - trades);
}

#[test]
fn issue_4561_what_is_beyond_the_rate_is_told_with_the_limit() {
    let (_, _, feed, ..) = stage(8);
    let rate = Rate::per_second(10, 2).and_then(|rate| rate.group("quotes", &tags![super::Quote], 5, 1)).unwrap();
    let mut feed = feed.gate(rate).unwrap();
    feed.try_publish(0, &QUOTE).unwrap();
    assert_eq!(
        feed.try_publish(0, &QUOTE).unwrap_err().to_string(),
        "bus md: rate: group quotes: more than 5 events a second, 1 at once; try again in 200000000 ns [TR-0909]"
    );
    feed.try_publish(0, &TRADE).unwrap();
    assert_eq!(
        feed.try_publish(0, &TRADE).unwrap_err().to_string(),
        "bus md: rate: more than 10 events a second, 2 at once; try again in 100000000 ns [TR-0908]"
    );
}

#[test]
fn a_clock_that_goes_back_gives_nothing_and_takes_nothing() {
    let (hand, _, feed, ..) = stage(8);
    let mut feed = feed.gate(Rate::per_second(10, 1).unwrap()).unwrap();
    feed.try_publish(0, &TRADE).unwrap();
    for _ in 0..5 {
        hand.jump_ns(-50_000_000);
        assert!(feed.try_publish(0, &TRADE).is_err());
        hand.jump_ns(50_000_000);
        assert!(feed.try_publish(0, &TRADE).is_err(), "no time has passed in all");
    }
    hand.advance_ns(100_000_000);
    feed.try_publish(0, &TRADE).unwrap();
}

#[test]
fn the_gate_of_one_tag_group_alone_lets_others_pass() {
    let mut rate = put_up(Rate::by_group().group("quotes", &tags![super::Quote], 1, 1).unwrap());
    assert!((0..100).all(|_| enter(&mut rate, super::Trade::TAG, 0).is_ok()));
    assert!(enter(&mut rate, super::Quote::TAG, 0).is_ok() && enter(&mut rate, super::Quote::TAG, 0).is_err());
}

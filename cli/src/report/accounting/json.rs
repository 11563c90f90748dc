//! The accounts as JSON: every number as it is, and the looks over time put together to as many as a plot has.

use super::super::panels::POINTS;
use super::charts::mode_name;
use super::timeline::{Moment, memory};
use super::{Accounting, LOSSES, Lost, ModeAccount, PublisherAccount, SlotAccount, TagAccount};
use serde_json::{Map, Value, json};
use tagring::guard::Mode;

pub(in super::super) fn object(accounting: &Accounting) -> Value {
    let memory = memory(&accounting.over_time);
    let points = if accounting.is_told() { POINTS } else { 0 };
    let moments = accounting.over_time.at_most(POINTS);
    json!({
        "adds_up": accounting.adds_up(),
        "overload": accounting.overload.map(|overload| overload.factor()),
        "publishers": accounting.publishers.iter().map(publisher).collect::<Vec<_>>(),
        "slots": accounting.slots.iter().map(slot).collect::<Vec<_>>(),
        "modes": accounting.modes.iter().filter_map(modes).collect::<Map<_, Value>>(),
        "resident_bytes": memory.map(|[first, last, most]| json!({ "first": first, "last": last, "most": most })),
        "over_time": moments.iter().take(points).map(|one| moment(accounting, one)).collect::<Vec<_>>(),
    })
}

/// A bus's modes, where it has any: how often each was entered, how long it lasted, and what was left out by reason.
fn modes(account: &ModeAccount) -> Option<(String, Value)> {
    let snapshot = account.modes.as_ref()?;
    let of = |counts: &[u64; 4]| Mode::ALL.map(|mode| (mode.to_string(), Value::from(counts[mode as usize])));
    let object = json!({
        "mode": snapshot.mode.to_string(),
        "entered": of(&snapshot.entered).into_iter().collect::<Map<_, _>>(),
        "spent_ns": of(&snapshot.spent_ns).into_iter().collect::<Map<_, _>>(),
        "shed_by": account.shed().map(|(reason, count)| (reason.name().to_owned(), count.into())).into_iter().collect::<Map<_, Value>>(),
    });
    Some((account.bus.to_owned(), object))
}

fn publisher(account: &PublisherAccount) -> Value {
    let rejected = account.rejected.iter().map(|(reason, count)| (reason.clone(), (*count).into()));
    json!({
        "bus": account.bus,
        "publisher": account.publisher,
        "offered": account.offered,
        "published": account.published,
        "rejected": rejected.collect::<Map<_, Value>>(),
        "by_tag": account.by_tag.iter().map(|(tag, count)| (tag.clone(), (*count).into())).collect::<Map<_, Value>>(),
    })
}

/// The reasons, into an object that has more.
fn with_lost(mut object: Value, lost: &Lost) -> Value {
    LOSSES.iter().zip(lost).for_each(|(reason, count)| object[reason.to_string()] = (*count).into());
    object
}

fn slot(account: &SlotAccount) -> Value {
    let object = json!({
        "bus": account.bus,
        "slot": account.slot,
        "policy": account.policy,
        "published": account.published,
        "joined": account.joined,
        "delivered": account.delivered,
        "filtered": account.filtered,
        "holes": account.holes,
        "in_flight": account.in_flight,
        "adds_up": account.adds_up(),
        "tags": account.tags.iter().map(tag).collect::<Vec<_>>(),
    });
    with_lost(object, &account.lost)
}

fn tag(account: &TagAccount) -> Value {
    let object = json!({ "tag": account.tag, "delivered": account.delivered, "filtered": account.filtered });
    with_lost(object, &account.lost)
}

fn moment(accounting: &Accounting, moment: &Moment) -> Value {
    let modes =
        accounting.modes.iter().zip(&moment.modes).map(|(of, mode)| (of.bus.to_owned(), mode_name(*mode).into()));
    let slots = accounting.slots.iter().zip(&moment.slots).map(|(account, slot)| {
        let object = json!({ "slot": account.full_name(), "lag": slot.lag, "delivered": slot.delivered });
        with_lost(object, &slot.lost)
    });
    json!({
        "at_s": moment.at.as_secs_f64(),
        "resident_bytes": moment.resident_bytes,
        "modes": modes.collect::<Map<_, Value>>(),
        "slots": slots.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::two_slots;
    use super::*;

    #[test]
    fn every_count_is_in_the_object() {
        let object = object(&two_slots());
        assert_eq!((&object["adds_up"], &object["overload"]), (&json!(true), &json!(10.0)));
        assert_eq!(object["publishers"][0]["rejected"], json!({ "full": 10 }));
        let slow = &object["slots"][1];
        assert_eq!(
            (&slow["policy"], &slow["dropped"], &slow["conflated"]),
            (&json!("drop-oldest"), &json!(900), &json!(0))
        );
        assert_eq!((&slow["tags"][1]["tag"], &slow["tags"][1]["dropped"]), (&json!("Trade"), &json!(300)));
    }
}

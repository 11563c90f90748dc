//! Slow events as JSON: times in nanoseconds, causes by name.

use super::{Tail, ThreadDuty};
use serde_json::{Value, json};
use tagring::bus::{Parts, TailCause};
use tagring::runtime::tail::{Explained, SlotTailReport};

/// `slowest`: so many of the latest of each slot, the slowest first; `None`: all, the oldest first.
pub(in super::super) fn object(tail: &Tail, slowest: Option<usize>) -> Value {
    json!({
        "slots": tail.report.slots.iter().map(|one| slot(one, slowest)).collect::<Vec<_>>(),
        "threads": tail.threads.iter().map(thread).collect::<Vec<_>>(),
    })
}

fn parts(parts: &Parts) -> Value {
    let some = TailCause::ALL.into_iter().filter(|&cause| parts[cause] > 0);
    Value::Object(some.map(|cause| (cause.name().to_owned(), parts[cause].into())).collect())
}

fn slot(slot: &SlotTailReport, slowest: Option<usize>) -> Value {
    let mut latest: Vec<&Explained> = slot.latest.iter().collect();
    if let Some(most) = slowest {
        latest.sort_by_key(|one| std::cmp::Reverse(one.outlier.total_ns()));
        latest.truncate(most);
    }
    let percentiles = slot.percentiles().into_iter().map(|slowest| {
        json!({"ppm": slowest.ppm, "events": slowest.events, "from_ns": slowest.from_ns, "parts_ns": parts(&slowest.parts)})
    });
    let bands = slot
        .bands
        .iter()
        .map(|band| json!({"from_ns": band.from_ns, "events": band.events, "parts_ns": parts(&band.parts)}));
    let tags = slot.tags.iter().map(
        |tag| json!({"tag": tag.tag.get(), "name": tag.name, "outliers": tag.outliers, "handler_ns": tag.handler_ns}),
    );
    let absences =
        slot.absences.iter().map(|(why, outliers, ns)| json!({"why": why.name(), "outliers": outliers, "ns": ns}));
    json!({
        "bus": slot.bus.to_string(),
        "slot": slot.slot.to_string(),
        "measured": slot.measured,
        "threshold_ns": slot.tail.threshold.map(|threshold| threshold.as_nanos() as u64),
        "outliers": slot.tail.count,
        "examined": slot.examined,
        "missed": slot.missed,
        "percentiles": percentiles.collect::<Vec<_>>(),
        "bands": bands.collect::<Vec<_>>(),
        "tags": tags.collect::<Vec<_>>(),
        "absences": absences.collect::<Vec<_>>(),
        "latest": latest.into_iter().map(|one| event(slot, one)).collect::<Vec<_>>(),
    })
}

fn event(slot: &SlotTailReport, Explained { outlier, absence }: &Explained) -> Value {
    let name = slot.tags.iter().find(|tag| tag.tag == outlier.tag).and_then(|tag| tag.name);
    json!({
        "sequence": outlier.sequence,
        "events": outlier.events,
        "tag": outlier.tag.get(),
        "event": name,
        "total_ns": outlier.total_ns(),
        "cause": outlier.cause().name(),
        "absence": absence.map(|absence| absence.name()),
        "parts_ns": parts(&outlier.parts),
    })
}

fn thread(thread: &ThreadDuty) -> Value {
    let times = &thread.times;
    let ns = |time: std::time::Duration| time.as_nanos() as u64;
    json!({
        "name": thread.name,
        "core": thread.core,
        "alive_ns": ns(times.alive),
        "handling_ns": ns(times.handling()),
        "looking_ns": ns(times.looking),
        "resting_ns": ns(times.resting),
    })
}

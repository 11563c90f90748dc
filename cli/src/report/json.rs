//! The report as one JSON object. Prices and sizes are decimal strings without trailing zeros, so that nothing is rounded.

use super::{PlaceReport, QUANTILES, Report, SlotReport};
use serde_json::{Map, Value, json};
use tagring::counters::HistogramSnapshot;
use tagring_logging::Counts;
use tagring_market::decimal;

/// Decimals of a price times a size.
const NOTIONAL_DECIMALS: u32 = 16;

pub(super) fn text(report: &Report) -> String {
    format!("{}\n", object(report))
}

/// Slow events alone.
pub(super) fn tail_text(report: &Report, slowest: usize) -> String {
    format!("{}\n", super::tail::object(&report.tail, Some(slowest)))
}

fn quantiles(snapshot: &HistogramSnapshot) -> Value {
    let mut object: Map<String, Value> =
        QUANTILES.iter().map(|&(name, q)| (name.to_owned(), snapshot.quantile(q).into())).collect();
    object.insert("max".into(), snapshot.max().into());
    Value::Object(object)
}

fn counts<'a>(pairs: impl IntoIterator<Item = (&'a str, u64)>) -> Value {
    Value::Object(pairs.into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect())
}

fn slot(slot: &SlotReport) -> Value {
    json!({
        "name": slot.name,
        "core": slot.core,
        "thread": slot.thread,
        "events": slot.stats.delivered,
        "state": slot.stats.state.to_string(),
        "health": slot.health.to_string(),
        "dead": slot.stats.dead,
        "panics": slot.stats.panics,
        "restarts": slot.stats.restarts,
        "batches": slot.stats.batches,
        "hop_ns": quantiles(&slot.latencies.hop),
        "service_ns": quantiles(&slot.latencies.service),
        "age_ns": quantiles(&slot.latencies.age),
    })
}

fn place(place: &PlaceReport) -> Value {
    json!({
        "name": place.name, "kind": place.kind, "number": place.number, "core": place.core, "waits": place.waits,
        "why": place.why,
    })
}

fn log(counts: Counts) -> Value {
    json!({
        "recorded": counts.recorded, "written": counts.written, "lost": counts.lost.total(), "cut": counts.cut,
        "write_errors": counts.write_errors,
    })
}

fn object(report: &Report) -> Value {
    let level = |level: Option<(i64, i64)>| {
        level.map(|(price, qty)| [decimal::text(price).to_string(), decimal::text(qty).to_string()])
    };
    let trades = report.trades.iter().map(|trades| {
        let volume = decimal::text(trades.volume).to_string();
        let notional = decimal::scaled(trades.notional, NOTIONAL_DECIMALS).to_string();
        let vwap = trades.vwap.map(|price| decimal::text(price).to_string());
        let value = json!({"count": trades.count, "volume": volume, "notional": notional, "vwap": vwap});
        (trades.symbol.clone(), value)
    });
    let books = report.books.iter().map(|(symbol, top)| {
        let value = json!({
            "bid": level(top.bid), "ask": level(top.ask),
            "bid_levels": top.bid_levels, "ask_levels": top.ask_levels,
        });
        (symbol.clone(), value)
    });
    let depth = report.depth_counts.iter().map(|(symbol, counts)| {
        let value = json!({
            "applied": counts.applied, "already_in_snapshot": counts.already_in_snapshot, "stale": counts.stale,
            "snapshots": counts.snapshots,
        });
        (symbol.clone(), value)
    });
    json!({
        "input": {
            "name": report.input,
            "format": report.format,
            "synthetic": report.synthetic,
            "bytes": report.bytes,
            "messages": counts(report.messages.iter().map(|(kind, count)| (kind.as_str(), *count))),
            "skipped": counts(report.skips.iter().map(|(name, count)| (name.as_str(), *count))),
            "skipped_examples": report.examples,
        },
        "ended": report.ended.name(),
        "error": report.error,
        "levels": report.levels,
        "events": report.events,
        "by_tag": counts(report.by_tag.iter().copied()),
        "published": report.events + report.prints + report.signals,
        "delivered": report.delivered,
        "dropped": report.dropped,
        "waits": report.waits,
        "elapsed_s": report.elapsed.as_secs_f64(),
        "events_per_s": report.rate(),
        "decode_share": report.decode_share,
        "slots": report.slots.iter().map(slot).collect::<Vec<_>>(),
        "jitter_ns": quantiles(&report.jitter),
        "trades": Value::Object(trades.collect()),
        "books": Value::Object(books.collect()),
        "depth": Value::Object(depth.collect()),
        "ticker": {"compared": report.agreement.compared, "agreed": report.agreement.agreed,
                   "not_comparable": report.agreement.not_comparable},
        "oddities": counts(report.oddities.iter().copied()),
        "prints": report.prints,
        "signals": report.signals,
        "digest": format!("{:016x}", report.digest),
        "clock": report.clock,
        "cores": report.cores,
        "threads": report.threads.iter().map(place).collect::<Vec<_>>(),
        "accounting": super::accounting::object(&report.accounting),
        "tail": super::tail::object(&report.tail, None),
        "machine": report.machine,
        "notices": report.notices,
        "log": report.log.map(log),
        "dead_letters": counts(report.dead_letters.iter().map(|(bus, count)| (bus.as_str(), *count))),
        "shutdown": {"clean": report.shutdown.is_empty(), "lines": report.shutdown},
    })
}

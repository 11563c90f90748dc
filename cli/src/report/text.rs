//! The report for people.

use super::{Report, SlotReport};
use crate::args::Pace;
use std::fmt::Write as _;
use std::io::Write as _;
use tagring::counters::HistogramSnapshot;
use tagring_market::decimal;

/// Rows of a table that would otherwise be as long as the market.
const ROWS: usize = 10;

pub(super) fn print(report: &Report) {
    let mut out = String::new();
    head(report, &mut out);
    tags(report, &mut out);
    slots(report, &mut out);
    markets(report, &mut out);
    foot(report, &mut out);
    // A reader that has gone away is not our error.
    let _ = std::io::stdout().lock().write_all(out.as_bytes());
}

impl Report {
    /// Events through the bus to all slots, a second.
    pub(crate) fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// A number with separators between thousands.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let groups = digits.as_bytes()[first..].chunks(3).map(String::from_utf8_lossy);
    let head = (first > 0).then(|| digits[..first].into());
    head.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// Nanoseconds in the unit that leaves few digits.
fn time(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}

fn head(report: &Report, out: &mut String) {
    let pace = match report.pace {
        Pace::Max => "as fast as the slots allow: hop is then mostly queueing".into(),
        Pace::Times(times) => format!("{times} x recorded speed, latencies from the intended time"),
        Pace::PerSecond(rate) => format!("{} events/s, open loop", thousands(rate as u64)),
    };
    let _ = writeln!(out, "input     {} ({})", report.input, report.format);
    let _ = writeln!(out, "pace      {pace}");
    let _ = writeln!(out, "cores     {}", report.cores);
    let _ = writeln!(out, "clock     {}", report.clock);
    let messages: Vec<_> =
        report.messages.iter().map(|(kind, count)| format!("{kind} {}", thousands(*count))).collect();
    let _ = writeln!(out, "messages  {}", messages.join(", "));
    let _ = writeln!(
        out,
        "events    {} published in {:.3} s: {} events/s to every slot; {} delivered in all; dropped: {}",
        thousands(report.events),
        report.elapsed.as_secs_f64(),
        thousands(report.rate() as u64),
        thousands(report.delivered),
        if report.dropped == 0 { "none".into() } else { thousands(report.dropped) },
    );
    if let Some(share) = report.decode_share {
        let (bytes, seconds) = (report.bytes as f64, report.feed_elapsed.as_secs_f64().max(1e-9));
        let rate = bytes / 1e6 / seconds;
        let _ = writeln!(
            out,
            "feed      {:.0} % of its time in reading, decompressing and decoding (JSON), {rate:.0} MB/s",
            share * 100.0
        );
    }
    if report.waits > 0 {
        let _ = writeln!(out, "          the bus was full {} times and the feed waited", thousands(report.waits));
    }
}

fn tags(report: &Report, out: &mut String) {
    let _ = writeln!(out, "\nEvents by tag");
    let mut by_tag = report.by_tag.clone();
    by_tag.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    for (name, count) in by_tag {
        let share = count as f64 * 100.0 / report.events.max(1) as f64;
        let _ = writeln!(out, "  {name:<24} {:>14} {share:>5.1} %", thousands(count));
    }
}

fn row(out: &mut String, name: &str, core: &str, events: u64, what: &str, snapshot: &HistogramSnapshot) {
    let q = |q| time(snapshot.quantile(q));
    let _ = writeln!(
        out,
        "  {name:<10} {core:>4} {:>13}  {what:<8} {:>10} {:>10} {:>10} {:>10}",
        thousands(events),
        q(0.5),
        q(0.99),
        q(0.999),
        time(snapshot.max())
    );
}

fn slots(report: &Report, out: &mut String) {
    let _ = writeln!(
        out,
        "\n  {:<10} {:>4} {:>13}  {:<8} {:>10} {:>10} {:>10} {:>10}",
        "slot", "core", "events", "", "p50", "p99", "p99.9", "max"
    );
    for SlotReport { name, core, stats, latencies } in &report.slots {
        let core = core.map_or_else(|| "-".into(), |core| core.to_string());
        row(out, name, &core, stats.delivered, "hop", &latencies.hop);
        row(out, "", "", latencies.service.count(), "service", &latencies.service);
        if report.pace != Pace::Max {
            row(out, "", "", latencies.age.count(), "age", &latencies.age);
        }
    }
    row(out, "platform", "", report.jitter.count(), "jitter", &report.jitter);
    let _ = writeln!(out, "  hop: publish to handler; service: the handler's own time; age: intended time to handler;");
    let _ = writeln!(
        out,
        "  jitter: gaps that a loop sees which only reads the clock, on the slots' core, before and after."
    );
}

fn markets(report: &Report, out: &mut String) {
    if report.books.is_empty() {
        return;
    }
    let mut books: Vec<_> = report.books.iter().collect();
    let trades_of = |symbol: &str| report.trades.iter().find(|trades| trades.symbol == symbol);
    books.sort_by_key(|(symbol, _)| std::cmp::Reverse(trades_of(symbol).map_or(0, |trades| trades.count)));
    let _ = writeln!(
        out,
        "\n  {:<14} {:>24} {:>24} {:>13} {:>9} {:>16} {:>14}",
        "busiest books", "best bid", "best ask", "levels", "trades", "volume", "vwap"
    );
    for (symbol, top) in books.iter().take(ROWS) {
        let side = |level: Option<(i64, i64)>| {
            level
                .map_or_else(|| "-".into(), |(price, qty)| format!("{} x {}", decimal::text(price), decimal::text(qty)))
        };
        let levels = format!("{} / {}", top.bid_levels, top.ask_levels);
        let (count, volume, vwap) = trades_of(symbol).map_or((0, 0, None), |t| (t.count, t.volume, t.vwap));
        let _ = writeln!(
            out,
            "  {symbol:<14} {:>24} {:>24} {levels:>13} {:>9} {:>16} {:>14}",
            side(top.bid),
            side(top.ask),
            thousands(count),
            decimal::text(volume).to_string(),
            vwap.map_or_else(|| "-".into(), |price| decimal::text(price).to_string()),
        );
    }
    if books.len() > ROWS {
        let _ = writeln!(out, "  and {} more", books.len() - ROWS);
    }
    let bars: usize = report.trades.iter().map(|trades| trades.bars).sum();
    let _ = writeln!(
        out,
        "  {} prints on the tape ({bars} bars kept), {} signals",
        thousands(report.prints),
        thousands(report.signals)
    );
    let agreement = report.agreement;
    if agreement.compared + agreement.not_comparable > 0 {
        let _ = writeln!(
            out,
            "  best prices held against the exchange's own ticker: {} compared, {} agreed, {} not comparable",
            thousands(agreement.compared),
            thousands(agreement.agreed),
            thousands(agreement.not_comparable)
        );
        report.disagreements.iter().for_each(|one| {
            let _ = writeln!(out, "    {one}");
        });
    }
}

fn foot(report: &Report, out: &mut String) {
    for (name, count) in &report.skips {
        let _ = writeln!(out, "\nskipped: {} x {name}", thousands(*count));
    }
    for example in &report.examples {
        let _ = writeln!(out, "  {example}");
    }
    for (name, count) in &report.oddities {
        let _ = writeln!(out, "\nodd: {} {name}", thousands(*count));
    }
    if report.synthetic {
        let _ = writeln!(
            out,
            "\nThis session is synthetic: made from a seed, the same on every machine (digest {:016x}).\n\
             Real data: tagring run --input FILE. Full speed: tagring run --pace max.",
            report.digest
        );
    }
}

//! The report for people.

use super::Ended;
use super::{BookTop, PlaceReport, Report, SlotReport, Trades};
use crate::args::Pace;
use std::fmt::Write as _;
use tagring::bus::SlotState;
use tagring::counters::HistogramSnapshot;
use tagring::runtime::watchdog::Health;
use tagring_market::decimal;

/// Rows of a table that would otherwise be as long as the market.
const ROWS: usize = 10;
/// Columns of the text.
const WIDTH: usize = 100;

pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    tags(report, &mut out);
    slots(report, &mut out);
    out.push_str(&super::accounting::lines(&report.accounting));
    out.push_str(&super::tail::lines(&report.tail));
    markets(report, &mut out);
    foot(report, &mut out);
    out.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

impl Report {
    /// Events through the bus to all slots, a second.
    pub(crate) fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// A number with separators between thousands.
pub(crate) fn thousands(number: u64) -> String {
    grouped(&number.to_string())
}

/// The same for a decimal number as text; digits after the point stay as they are.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fine) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let first = whole.len() % 3;
    let groups = whole.as_bytes()[first..].chunks(3).map(String::from_utf8_lossy);
    let head = (first > 0).then(|| whole[..first].into());
    sign.to_owned() + &head.into_iter().chain(groups).collect::<Vec<_>>().join(",") + fine
}

/// Three significant digits and a unit, so that a column of times can be read at a glance.
pub(crate) fn time(ns: u64) -> String {
    let (mut value, mut unit) = (ns as f64, "ns");
    for next in ["us", "ms", "s"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1e3, next);
    }
    let decimals = match value {
        _ if ns < 1_000 => 0,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit:<2}")
}

/// How many, and how many a second: for the progress line.
pub(crate) fn rate_line(events: u64, seconds: f64) -> String {
    format!("{} events, {:.2} M events/s", thousands(events), events as f64 / seconds.max(1e-3) / 1e6)
}

/// A line under a heading at the margin; long lists go on under their beginning.
fn entry(out: &mut String, name: &str, text: &str) {
    let mut line = format!("{name:<10}");
    for word in text.split_inclusive(", ") {
        if line.len() + word.trim_end().len() > WIDTH && line.len() > 10 {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(10);
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

fn head(report: &Report, out: &mut String) {
    let pace = match report.pace {
        Pace::Max => "as fast as the slots allow, so hop is mostly queueing".into(),
        Pace::Times(times) => format!("{times} x recorded speed, open loop"),
        Pace::PerSecond(rate) => format!("{} events/s, open loop", grouped(&format!("{rate:.3}")).replace(".000", "")),
    };
    entry(out, "input", &format!("{} ({})", report.input, report.format));
    match report.ended {
        Ended::Input => {}
        Ended::Interrupted => entry(out, "ended", "interrupted; this is what was done until then"),
        Ended::Seconds => entry(out, "ended", "after the time given with --seconds"),
    }
    entry(out, "pace", &pace);
    entry(out, "cores", &report.cores);
    machine(report, out);
    entry(out, "clock", &report.clock);
    let kinds: Vec<_> = report.messages.iter().map(|(kind, count)| format!("{kind} {}", thousands(*count))).collect();
    let total = thousands(report.messages.iter().map(|(_, count)| count).sum());
    entry(out, "messages", &if kinds.is_empty() { "none".into() } else { format!("{total}: {}", kinds.join(", ")) });
    let (events, seconds) = (thousands(report.events), report.elapsed.as_secs_f64());
    let rate = thousands(report.rate() as u64);
    entry(out, "events", &format!("{events} in {seconds:.3} s: {rate} events/s through the bus to every slot"));
    let dropped = if report.dropped == 0 { "none".into() } else { thousands(report.dropped) };
    let lost = report.accounting.slots.iter().map(|slot| slot.lost.iter().sum::<u64>()).sum();
    let lost = if lost == 0 { String::new() } else { format!("; lost by slots: {}, see accounts", thousands(lost)) };
    entry(out, "", &format!("{} delivered to slots; dropped: {dropped}{lost}", thousands(report.delivered)));
    if let Some(share) = report.decode_share {
        let rate = report.bytes as f64 / 1e6 / report.feed_elapsed.as_secs_f64().max(1e-9);
        let share = share * 100.0;
        entry(out, "feed", &format!("{rate:.0} MB/s; {share:.0} % of its time went into reading and decoding"));
    }
    if report.waits > 0 {
        entry(out, "", &format!("waited {} times because the bus was full", thousands(report.waits)));
    }
}

/// Who runs where and what the machine is like; what stands in the way in one line, unless more was asked for.
fn machine(report: &Report, out: &mut String) {
    if report.verbose {
        for PlaceReport { name, kind, number, core, waits, why } in &report.threads {
            let core = core.map_or_else(|| "any core".into(), |core| format!("core {core}"));
            entry(out, "", &format!("{core}: {kind} {name}/{number} ({waits}), {why}"));
        }
        entry(out, "machine", if report.machine.is_empty() { "nothing to tell" } else { "" });
        for line in &report.machine {
            let _ = writeln!(out, "          {line}");
        }
        report.notices.iter().for_each(|line| entry(out, "noticed", line));
        return;
    }
    let warnings = report.machine.iter().filter_map(|line| line.strip_prefix("warning: "));
    let warnings = warnings.filter_map(|line| line.split(':').next());
    let missing = report.machine.iter().filter_map(|line| Some(line.split_once(": not granted")?.0));
    let mut words: Vec<_> = warnings.chain(missing).collect();
    words.dedup();
    if !words.is_empty() {
        entry(out, "machine", &format!("{} (more with --verbose)", words.join(", ")));
    }
    report.notices.iter().for_each(|line| entry(out, "noticed", line));
}

fn tags(report: &Report, out: &mut String) {
    let mut by_tag = report.by_tag.clone();
    by_tag.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let _ = writeln!(out, "\n{:<26}{:>14}  {:>7}", "events by tag", "events", "share");
    for (name, count) in by_tag {
        let share = count as f64 * 100.0 / report.events.max(1) as f64;
        let share = if share < 0.05 { "< 0.1".into() } else { format!("{share:.1}") };
        let _ = writeln!(out, "  {name:<24}{:>14}  {share:>5} %", thousands(count));
    }
}

fn row(
    out: &mut String,
    (name, width): (&str, usize),
    core: &str,
    events: &str,
    what: &str,
    snapshot: &HistogramSnapshot,
) {
    let empty = snapshot.count() == 0;
    let show = |ns| if empty { "-   ".into() } else { time(ns) };
    let q = |q| show(snapshot.quantile(q));
    let _ = writeln!(
        out,
        "  {name:<width$} {core:>4} {events:>14}  {what:<8}{:>10}{:>10}{:>10}{:>10}",
        q(0.5),
        q(0.99),
        q(0.999),
        show(snapshot.max())
    );
}

fn slots(report: &Report, out: &mut String) {
    let width = report.slots.iter().map(|slot| slot.name.len()).max().unwrap_or(0).max(10);
    let _ = writeln!(
        out,
        "\n{:<head$} {:>4} {:>14}  {:<8}{:>10}{:>10}{:>10}{:>10}",
        "slot",
        "core",
        "events",
        "",
        "p50   ",
        "p99   ",
        "p99.9   ",
        "max   ",
        head = width + 2
    );
    for SlotReport { name, core, stats, latencies, health, .. } in &report.slots {
        let core = core.map_or_else(|| "-".into(), |core| core.to_string());
        row(out, (name, width), &core, &thousands(stats.delivered), "hop", &latencies.hop);
        row(out, ("", width), "", "", "service", &latencies.service);
        if report.pace != Pace::Max {
            row(out, ("", width), "", "", "age", &latencies.age);
        }
        let stays_well = matches!(health, Health::Well | Health::Over);
        if stats.state != SlotState::Stopped || !stays_well || stats.panics > 0 {
            let (state, panics, restarts) = (stats.state, stats.panics, stats.restarts);
            let _ =
                writeln!(out, "    {state}, was {health}; {panics} panics, {restarts} restarts, {} dead", stats.dead);
        }
    }
    row(out, ("platform", width), "", "", "jitter", &report.jitter);
    let _ = writeln!(out, "  hop: from publishing to the handler. service: the handler's own time.");
    if report.pace != Pace::Max {
        let _ =
            writeln!(out, "  age: from the time the schedule intended to the handler; lateness of the feed counts.");
    }
    let _ =
        writeln!(out, "  jitter: gaps seen by a loop that only reads the clock, on the slots' core, before and after.");
}

/// A price with at least so many decimals, so that the two sides of a book line up.
fn price(units: i64, decimals: usize) -> String {
    let text = decimal::text(units).to_string();
    let fine = decimals_of(&text);
    let missing = "0".repeat(decimals.saturating_sub(fine));
    grouped(&if fine == 0 && decimals > 0 { text + "." + &missing } else { text + &missing })
}

fn decimals_of(text: &str) -> usize {
    text.find('.').map_or(0, |at| text.len() - at - 1)
}

/// An average price, cut to two decimals more than the prices it is made of.
fn average(units: i64, decimals: usize) -> String {
    let text = price(units, decimals + 2);
    let end = text.len() - decimals_of(&text).saturating_sub(decimals + 2);
    text[..end].to_owned()
}

fn markets(report: &Report, out: &mut String) {
    if report.books.is_empty() && report.trades.is_empty() {
        return;
    }
    let mut rows: Vec<_> = report.books.iter().map(|(symbol, top)| (symbol.as_str(), Some(top), None)).collect();
    for trades in &report.trades {
        match rows.iter_mut().find(|(symbol, ..)| *symbol == trades.symbol) {
            Some(row) => row.2 = Some(trades),
            None => rows.push((&trades.symbol, None, Some(trades))),
        }
    }
    rows.sort_by_key(|(.., trades)| std::cmp::Reverse(trades.map_or(0, |trades| trades.count)));
    let _ = writeln!(
        out,
        "\n{:<14}{:>11}{:>11}  {:<11}{:>11}{:>13}{:>9}{:>13}{:>13}",
        "busiest books", "bid size", "bid", "ask", "ask size", "levels", "trades", "volume", "vwap"
    );
    rows.iter().take(ROWS).for_each(|&(symbol, top, trades)| market(out, symbol, top, trades));
    if rows.len() > ROWS {
        let _ = writeln!(out, "  and {} more", thousands((rows.len() - ROWS) as u64));
    }
    let (prints, signals) = (thousands(report.prints), thousands(report.signals));
    let _ = writeln!(out, "  second bus: {prints} prints to the tape, {signals} signals");
    let agreement = report.agreement;
    if agreement.compared + agreement.not_comparable > 0 {
        let _ = writeln!(
            out,
            "  best prices against the exchange's own ticker: {} compared, {} agreed, {} not comparable",
            thousands(agreement.compared),
            thousands(agreement.agreed),
            thousands(agreement.not_comparable)
        );
    }
    report.disagreements.iter().for_each(|one| {
        let _ = writeln!(out, "    {one}");
    });
}

/// One instrument, as a ladder shows it: sizes outside, prices inside.
fn market(out: &mut String, symbol: &str, top: Option<&BookTop>, trades: Option<&Trades>) {
    let (bid, ask) = top.map_or((None, None), |top| (top.bid, top.ask));
    let of = |level: Option<(i64, i64)>| level.map_or(0, |(price, _)| decimals_of(&decimal::text(price).to_string()));
    let decimals = of(bid).max(of(ask));
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let size = |level: Option<(i64, i64)>| shown(level.map(|(_, qty)| grouped(&decimal::text(qty).to_string())));
    let at = |level: Option<(i64, i64)>| shown(level.map(|(units, _)| price(units, decimals)));
    let levels = shown(top.map(|top| format!("{} / {}", top.bid_levels, top.ask_levels)));
    let _ = writeln!(
        out,
        "  {symbol:<12}{:>11}{:>11}  {:<11}{:>11}{levels:>13}{:>9}{:>13}{:>13}",
        size(bid),
        at(bid),
        at(ask),
        size(ask),
        shown(trades.map(|trades| thousands(trades.count))),
        shown(trades.map(|trades| grouped(&decimal::text(trades.volume).to_string()))),
        shown(trades.and_then(|trades| trades.vwap).map(|vwap| average(vwap, decimals))),
    );
}

fn foot(report: &Report, out: &mut String) {
    if !report.skips.is_empty() {
        let names: Vec<_> = report.skips.iter().map(|(name, n)| format!("{} x {name}", thousands(*n))).collect();
        let _ = writeln!(out);
        entry(out, "skipped", &names.join(", "));
        report.examples.iter().for_each(|example| entry(out, "", example));
        let (all, shown) = (report.skips.iter().map(|(_, n)| n).sum::<u64>(), report.examples.len() as u64);
        if all > shown {
            entry(out, "", &format!("and {} more", thousands(all - shown)));
        }
    }
    if !report.oddities.is_empty() {
        let _ = writeln!(out);
        let names: Vec<_> = report.oddities.iter().map(|(name, n)| format!("{} {name}", thousands(*n))).collect();
        entry(out, "odd", &names.join(", "));
    }
    let letters: Vec<_> = report.dead_letters.iter().filter(|(_, count)| *count > 0).collect();
    if !letters.is_empty() {
        let words: Vec<_> = letters.iter().map(|(bus, count)| format!("{} on {bus}", thousands(*count))).collect();
        let _ = writeln!(out);
        entry(out, "dead", &format!("letters: {}", words.join(", ")));
    }
    if let Some(counts) = &report.log {
        let _ = writeln!(out);
        entry(out, "log", &counts.to_string());
    }
    if !report.shutdown.is_empty() {
        let _ = writeln!(out);
        entry(out, "shutdown", "not everything was drained, or ended as it should");
        report.shutdown.iter().for_each(|line| entry(out, "", line));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_unit() {
        let table = [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (9_994, "9.99 us"),
            (9_996, "10.0 us"),
            (99_960, "100 us"),
            (999_600, "1.00 ms"),
            (1_017_500_000, "1.02 s "),
            (59_000_000_000, "59.0 s "),
        ];
        table.iter().for_each(|(ns, text)| assert_eq!(time(*ns), *text));
    }

    #[test]
    fn numbers_are_grouped_and_prices_line_up() {
        let table = [("1", "1"), ("999", "999"), ("1000", "1,000"), ("-1234567.5000", "-1,234,567.5000")];
        table.iter().for_each(|(number, text)| assert_eq!(grouped(number), *text));
        assert_eq!(price(31_000_000_000, 2), "310.00");
        assert_eq!(price(268_250_000_000, 2), "2,682.50");
        assert_eq!(price(5, 0), "0.00000005");
        assert_eq!(average(11_939_640_379, 2), "119.3964");
        assert_eq!(average(10_000_000_000, 0), "100.00");
    }
}

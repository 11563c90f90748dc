//! Slow events as text.

use super::super::text::{thousands, time};
use super::{Tail, ThreadDuty};
use std::fmt::Write as _;
use tagring::bus::TailCause;
use tagring::runtime::tail::{Explained, SlotTailReport};

/// Tags of a slot that are told of.
const TAGS: usize = 5;

/// The lines for a run's report: of each slot the outermost percentile that is known, and how busy each thread was.
pub(in super::super) fn lines(tail: &Tail) -> String {
    let mut out = String::new();
    let told: Vec<_> = tail.report.slots.iter().filter(|slot| slot.tail.count > 0).collect();
    if !told.is_empty() {
        let _ = writeln!(out, "\nslow events: where their time went (more with `tagring tail`)");
    }
    for slot in told {
        head(&mut out, slot);
        if let Some(slowest) = slot.percentiles().last() {
            let percentile = percentile(slowest.ppm);
            let _ = writeln!(out, "    {percentile}: {}", slot.shares(&slowest.parts));
        }
    }
    duty(&mut out, &tail.threads);
    out
}

/// Everything: percentiles, tags, reasons, and the slowest events of those that are kept.
pub(crate) fn text(tail: &Tail, slowest: usize) -> String {
    let mut out = String::new();
    for slot in &tail.report.slots {
        if !out.is_empty() {
            out.push('\n');
        }
        head(&mut out, slot);
        percentiles(&mut out, slot);
        reasons(&mut out, slot);
        events(&mut out, slot, slowest);
    }
    if tail.report.slots.iter().any(|slot| slot.tail.count > 0) {
        let _ = writeln!(out);
        for cause in TailCause::ALL {
            let _ = writeln!(out, "  {cause:<10} {}", cause.explanation());
        }
    }
    duty(&mut out, &tail.threads);
    out
}

fn head(out: &mut String, slot: &SlotTailReport) {
    let (name, measured) = (format!("{}.{}", slot.bus, slot.slot), thousands(slot.measured));
    let _ = match slot.tail.threshold {
        None => writeln!(out, "  {name}: no threshold yet after {measured} events measured"),
        Some(over) => {
            let (count, over) = (thousands(slot.tail.count), time(over.as_nanos() as u64));
            writeln!(out, "  {name}: {count} slow events recorded, of {measured}; now those over {}", over.trim_end())
        }
    };
}

fn percentile(ppm: u64) -> String {
    format!("p{}", 100.0 - ppm as f64 / 10_000.0)
}

fn percentiles(out: &mut String, slot: &SlotTailReport) {
    let all = slot.percentiles();
    if !all.is_empty() {
        let _ = writeln!(out, "    {:<8}{:>11}{:>14}  time went into", "beyond", "from", "events");
    }
    for slowest in all {
        let (from, events) = (time(slowest.from_ns), thousands(slowest.events));
        let shares = slot.shares(&slowest.parts);
        let _ = writeln!(out, "    {:<8}{from:>11}{events:>14}  {shares}", percentile(slowest.ppm));
    }
}

fn reasons(out: &mut String, slot: &SlotTailReport) {
    let each = |(count, ns): (u64, u64)| format!("{} ({})", thousands(count), time(ns).trim_end());
    if !slot.absences.is_empty() {
        let words: Vec<_> =
            slot.absences.iter().map(|(why, count, ns)| format!("{why} {}", each((*count, *ns)))).collect();
        let _ = writeln!(out, "    thread not at its work, by the kernel's count: {}", words.join(", "));
    }
    let tags: Vec<_> = slot.tags.iter().filter(|tag| tag.outliers > 0).take(TAGS).collect();
    if !tags.is_empty() {
        let name = |name: Option<&str>, tag| name.map_or_else(|| format!("tag {tag}"), str::to_owned);
        let words =
            tags.iter().map(|tag| format!("{} {}", name(tag.name, tag.tag), each((tag.outliers, tag.handler_ns))));
        let _ = writeln!(out, "    slow in the handler: {}", words.collect::<Vec<_>>().join(", "));
    }
    if slot.missed > 0 {
        let _ = writeln!(out, "    {} came and went before the kernel was asked", thousands(slot.missed));
    }
}

/// The slowest of those kept, the slowest first.
fn events(out: &mut String, slot: &SlotTailReport, most: usize) {
    let mut kept: Vec<&Explained> = slot.latest.iter().collect();
    kept.sort_by_key(|one| std::cmp::Reverse(one.outlier.total_ns()));
    kept.truncate(most);
    if !kept.is_empty() {
        let _ = writeln!(out, "    {:>14}  {:<16}{:>10}  the slowest of the latest", "sequence", "event", "took");
    }
    for Explained { outlier, absence } in kept {
        let tag = slot.tags.iter().find(|tag| tag.tag == outlier.tag).and_then(|tag| tag.name);
        let tag = tag.map_or_else(|| format!("tag {}", outlier.tag), str::to_owned);
        let tag = if outlier.events > 1 { format!("{} after {tag}", outlier.events) } else { tag };
        let parts = outlier.parts.shares().into_iter().filter(|(_, share)| *share >= 0.005);
        let parts: Vec<_> =
            parts.map(|(cause, _)| format!("{cause} {}", time(outlier.parts[cause]).trim_end())).collect();
        let why = absence.map_or_else(String::new, |why| format!("; {why}"));
        let (sequence, took) = (thousands(outlier.sequence), time(outlier.total_ns()));
        let _ = writeln!(out, "    {sequence:>14}  {tag:<16}{took:>10}  {}{why}", parts.join(", "));
    }
}

fn duty(out: &mut String, threads: &[ThreadDuty]) {
    if !threads.is_empty() {
        let _ =
            writeln!(out, "\n{:<16}{:>6}{:>12}{:>12}{:>12}", "slot thread", "core", "handling", "looking", "resting");
    }
    for thread in threads {
        let core = thread.core.map_or_else(|| "any".into(), |core| core.to_string());
        let [handling, looking, resting] = thread.shares().map(|share| format!("{:.1} %", share * 100.0));
        let _ = writeln!(out, "  {:<14}{core:>6}{handling:>12}{looking:>12}{resting:>12}", thread.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tagring::bus::DutyTimes;

    #[test]
    fn a_thread_tells_what_it_spends_its_time_on() {
        let second = Duration::from_secs(1);
        let times = DutyTimes { alive: 4 * second, looking: second, resting: second };
        let tail =
            Tail { threads: vec![ThreadDuty { name: "slots/0".into(), core: Some(3), times }], ..Tail::default() };
        let text = lines(&tail);
        assert!(text.contains("  slots/0            3      50.0 %      25.0 %      25.0 %\n"), "{text}");
        assert_eq!(lines(&Tail::default()), "");
    }
}

//! The report for people, and the lines that are shown while a load runs.

use super::baseline::wait_at;
use super::graph::{Role, SlotPlan};
use super::port::PortTally;
use super::quantity::shown_rate;
use super::report::{Report, Trial};
use super::sample::{Five, Interval, PERCENTILES};
use super::session::Stage;
use crate::report::{thousands, time};
use std::fmt::Write as _;

/// Intervals in the text; the JSON object and the plot have all.
const ROWS: usize = 20;

/// Over the columns of [`interval`].
pub(super) fn heading() -> String {
    format!(
        "{:>10}  {:>9} {:>9}  {:<24}{:>9} {:>9} {:>9} {:>9} {:>9}  {:>9} {:>9} {:>8}",
        "until", "asked/s", "done/s", "slot", "p50", "p90", "p99", "p99.9", "max", "hop p99", "serv. p99", "lag"
    )
}

/// An interval, a line for each slot.
pub(super) fn interval(slots: &[SlotPlan], one: &Interval) -> String {
    let mut out = String::new();
    for ((plan, slot), at) in slots.iter().zip(&one.slots).zip(0..) {
        let head = if at == 0 {
            let (asked, achieved) = (one.asked / one.seconds(), one.generated as f64 / one.seconds());
            format!("{:>8.2} s  {:>9} {:>9}", one.to.as_secs_f64(), shown_rate(asked), shown_rate(achieved))
        } else {
            format!("{:>31}", "")
        };
        let _ = write!(out, "{head}  {:<24}{}", plan.full_name(), columns(&slot.done));
        let _ = writeln!(out, "  {:>9} {:>9} {:>8}", time(slot.hop.0[2]), time(slot.service.0[2]), thousands(slot.lag));
    }
    if one.lost() > 0 {
        let _ = writeln!(out, "{:>31}  {}", "", lost(&one.sources, &one.outlets));
    }
    out
}

/// A trial of a search, in a line.
pub(super) fn trial(trial: &Trial) -> String {
    let result = match &trial.result {
        Ok(()) => "held".to_owned(),
        Err(failure) => format!("failed: {failure}"),
    };
    format!("{:>10} events/s  {result}", shown_rate(trial.rate))
}

fn columns(five: &Five) -> String {
    five.0.map(|ns| format!("{:>9}", time(ns))).join(" ")
}

fn lost(sources: &PortTally, outlets: &PortTally) -> String {
    let part = |of: &str, tally: &PortTally| {
        let kinds =
            [("shed", tally.shed), ("timed out", tally.timed_out), ("failed", tally.failed), ("closed", tally.closed)];
        let kinds = kinds.into_iter().filter(|(_, count)| *count > 0);
        kinds.map(|(kind, count)| format!("{} {kind} {of}", thousands(count))).collect::<Vec<_>>()
    };
    [part("at sources", sources), part("at outlets", outlets)].concat().join(", ")
}

impl Report {
    pub(super) fn as_text(&self) -> String {
        let mut out = String::new();
        self.head(&mut out);
        if let Some(stage) = &self.stage {
            self.over_time(&mut out);
            self.whole(stage, &mut out);
        }
        if !self.trials.is_empty() {
            let _ = writeln!(out, "\ntrials");
            for one in &self.trials {
                let _ = writeln!(out, "{}", trial(one));
            }
        }
        self.foot(&mut out);
        out.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
    }

    fn head(&self, out: &mut String) {
        let _ = writeln!(out, "graph     {}", self.graph);
        let _ = writeln!(out, "load      {}", self.load);
        let _ = writeln!(out, "cores     {}", self.cores);
        let _ = writeln!(out, "clock     {}", self.clock);
        for (slot, at) in self.slots.iter().zip(0..) {
            let name = if at == 0 { "handlers" } else { "" };
            let stall = slot.stall.map(|stall| {
                let time = super::quantity::shown_ns(stall.time.as_nanos() as u64);
                format!(", and {time} more every {} events", thousands(stall.every))
            });
            let _ = writeln!(out, "{name:<10}{} {}{}", slot.full_name(), slot.service, stall.unwrap_or_default());
        }
        for (plan, _) in &self.ports {
            if let Role::Outlet { bus, slot, share } = &plan.role {
                let _ =
                    writeln!(out, "{:<10}{bus}.{slot} forwards {} of {} to {}", "", share.of, share.in_all, plan.bus);
            }
        }
        if self.is_interrupted {
            let _ = writeln!(out, "ended     early, by a signal");
        }
    }

    fn over_time(&self, out: &mut String) {
        let intervals = self.intervals.at_most(ROWS);
        let joined = intervals.len() < self.intervals.all().len();
        let note = if joined { "; neighbours are joined, with the greater percentile of both" } else { "" };
        let _ = writeln!(out, "\nover time, from when an event was due to when it was done{note}\n{}", heading());
        intervals.iter().for_each(|one| out.push_str(&interval(&self.slots, one)));
    }

    fn whole(&self, stage: &Stage, out: &mut String) {
        let (before, after) = (&stage.before, &stage.after);
        let names = PERCENTILES.map(|(name, _)| name).into_iter().chain(["max"]).map(|name| format!("{name:>9}"));
        let _ = writeln!(
            out,
            "\nin all    {:<24}{:<9}{:>14} {}",
            "slot",
            "",
            "events",
            names.collect::<Vec<_>>().join(" ")
        );
        for (plan, (before, after)) in self.slots.iter().zip(before.slots.iter().zip(&after.slots)) {
            let rows = [
                ("due-done", after.done.since(&before.done)),
                ("hop", after.hop.since(&before.hop)),
                ("service", after.service.since(&before.service)),
            ];
            for ((what, seen), at) in rows.iter().zip(0..) {
                let name = if at == 0 { plan.full_name() } else { String::new() };
                let (count, five) = (thousands(seen.count()), columns(&Five::of(seen)));
                let _ = writeln!(out, "{:<10}{name:<24}{what:<9}{count:>14} {five}", "");
            }
        }
        let waits = PERCENTILES.map(|(_, q)| format!("{:>9}", time(wait_at(&self.gaps, q)))).join(" ");
        let _ = writeln!(
            out,
            "{:<10}{:<24}{:<9}{:>14} {waits} {:>9}",
            "",
            "platform",
            "the clock alone",
            "",
            time(self.gaps.max())
        );
        let late = [
            ("through itself", &before.late_own, &after.late_own),
            ("behind a full ring", &before.late_bus, &after.late_bus),
        ];
        for (who, before, after) in late {
            let late = after.since(before);
            if late.count() > 0 {
                let (count, five) = (thousands(late.count()), columns(&Five::of(&late)));
                let _ = writeln!(out, "{:<10}{:<24}{who:<9}{count:>14} {five}", "", "generator late");
            }
        }
        let seen = &stage.seen;
        let rates = format!("{} of {} events/s", shown_rate(seen.achieved), shown_rate(seen.asked));
        let (sources, outlets) = (after.sources.since(&before.sources), after.outlets.since(&before.outlets));
        let lost = if sources.lost() + outlets.lost() > 0 { lost(&sources, &outlets) } else { "nothing lost".into() };
        let waits = thousands(sources.waits);
        let _ = writeln!(
            out,
            "generated {}, {rates}; {lost}; {waits} waits for room",
            thousands(after.generated - before.generated)
        );
        if seen.left > 0 {
            let _ = writeln!(out, "left      {} events were not done in time", thousands(seen.left));
        }
    }

    fn foot(&self, out: &mut String) {
        for (name, lines) in [("noticed", &self.notices), ("not clean", &self.unclean)] {
            for line in lines {
                let _ = writeln!(out, "{name:<10}{line}");
            }
        }
        let sentence = self.verdict.sentence();
        if !sentence.is_empty() {
            let _ = writeln!(out, "\nverdict   {sentence}");
            for line in self.verdict.baseline(&self.gaps) {
                let _ = writeln!(out, "platform  {line}");
            }
        }
    }
}

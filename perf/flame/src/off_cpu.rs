//! Context switches: how long each thread did not run, whether it was put aside or waited, and where it was then.

use crate::failure::Failure;
use crate::graph::{Folded, Labels, draw};
use crate::script::{Record, What, read};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;

/// Why threads stop running.
#[derive(Clone, Copy, Default)]
struct Pauses {
    count: u64,
    sum_ns: u64,
    max_ns: u64,
}

impl Pauses {
    fn add(&mut self, ns: u64) {
        self.count += 1;
        self.sum_ns += ns;
        self.max_ns = self.max_ns.max(ns);
    }
}

#[derive(Default)]
struct Thread {
    name: String,
    preempted: Pauses,
    waited: Pauses,
    /// The last sample: perf takes one right before a switch, where it may look into the kernel.
    stack: Option<Vec<String>>,
    /// Since when it does not run, and whether it was put aside.
    out: Option<(u64, bool)>,
}

#[derive(Default)]
struct Account {
    threads: BTreeMap<u32, Thread>,
    folded: Folded,
    with_stacks: bool,
    switches: u64,
}

impl Account {
    fn take(&mut self, record: Record) {
        let thread = self.threads.entry(record.tid).or_default();
        thread.name = record.name;
        match record.what {
            What::Stack(stack) => thread.stack = Some(stack),
            What::Out { preempted } => {
                self.switches += 1;
                thread.out = Some((record.time_ns, preempted));
            }
            What::In => {
                let Some((since, preempted)) = thread.out.take() else { return };
                let ns = record.time_ns.saturating_sub(since);
                let (pauses, why) =
                    if preempted { (&mut thread.preempted, "preempted") } else { (&mut thread.waited, "waiting") };
                pauses.add(ns);
                let mut stack = thread.stack.take().unwrap_or_default();
                self.with_stacks |= !stack.is_empty();
                stack.push(why.into());
                self.folded.add(&thread.name, &stack, ns / 1_000);
            }
        }
    }
}

/// Reads standard input.
///
/// # Errors
/// [`Failure`].
pub(crate) fn main(folder: &Path) -> Result<String, Failure> {
    let mut account = Account::default();
    read(io::stdin().lock(), |record| account.take(record)).map_err(Failure::at(Path::new("standard input")))?;
    if account.switches == 0 {
        return Err(Failure::Empty { path: folder.into() });
    }
    let table = table(&account);
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).map_err(Failure::at(folder));
    write("folded.txt", &account.folded.text())?;
    write("threads.txt", &table)?;
    if account.folded.total() > 0 {
        let labels = Labels { title: "Where threads were while they did not run".into(), unit: "us" };
        draw(&account.folded.text(), &labels, &folder.join("flame.svg"))?;
    }
    Ok(table)
}

fn table(account: &Account) -> String {
    let mut out = format!(
        "{:<16} {:>9} {:>12} {:>12}   {:>9} {:>12} {:>12}\n",
        "thread", "preempted", "sum us", "worst us", "waited", "sum us", "worst us"
    );
    let us = |ns: u64| ns as f64 / 1_000.0;
    let mut threads: Vec<_> = account.threads.iter().filter(|(_, t)| t.preempted.count + t.waited.count > 0).collect();
    threads.sort_by_key(|(tid, thread)| (std::cmp::Reverse(thread.preempted.sum_ns), **tid));
    for (_, Thread { name, preempted, waited, .. }) in threads {
        let _ = writeln!(
            out,
            "{name:<16} {:>9} {:>12.1} {:>12.1}   {:>9} {:>12.1} {:>12.1}",
            preempted.count,
            us(preempted.sum_ns),
            us(preempted.max_ns),
            waited.count,
            us(waited.sum_ns),
            us(waited.max_ns)
        );
    }
    if !account.with_stacks {
        out += "No stacks: they need CAP_PERFMON or `sysctl kernel.perf_event_paranoid=1`. The times above need neither.\n";
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, time_ns: u64, what: What) -> Record {
        Record { name: name.into(), tid: 7, time_ns, what }
    }

    #[test]
    fn a_pause_is_counted_by_its_reason_and_its_stack() {
        let mut account = Account::default();
        let stack = || What::Stack(vec!["start_thread".into(), "Host::run".into()]);
        for record in [
            record("slots", 10_000, What::In), // the record begins in the middle
            record("slots", 20_000, stack()),
            record("slots", 21_000, What::Out { preempted: true }),
            record("slots", 26_000, What::In),
            record("slots", 30_000, What::Out { preempted: false }),
            record("slots", 33_000, What::In),
            record("slots", 40_000, What::Out { preempted: true }), // and ends in one
        ] {
            account.take(record);
        }
        assert_eq!(account.folded.text(), "slots;start_thread;Host::run;preempted 5\nslots;waiting 3\n");
        let table = table(&account);
        let row: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row, ["slots", "1", "5.0", "5.0", "1", "3.0", "3.0"]);
    }
}

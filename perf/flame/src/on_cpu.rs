//! Samples of running threads: a flame graph with a tower for each thread, and a table of where each thread's time goes.

use crate::failure::Failure;
use crate::graph::{Folded, Labels, draw};
use crate::script::{Record, What, read};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;

/// Functions told of each thread.
const TOP: usize = 6;
/// What stands out in a thread of the runtime, by a part of the function's name: what it does there, callees included.
const LANDMARKS: [(&str, &str); 9] = [
    ("RunSlot>::turn", "a slot's turns"),
    ("Host::wait", "the slot thread has nothing to do"),
    ("room_for", "publishing waits: the ring is full"),
    // glibc's stubs have no frame: who called them is not seen.
    ("sched_yield", "gives its core away: nothing to do, or the ring is full"),
    ("Doorbell::sleep", "parks"),
    ("Pacer::idle_until", "the feed is ahead of its pace"),
    ("feed_itch", "the feed: reads, decodes, publishes"),
    ("feed_binance", "the feed: reads, decodes, publishes"),
    ("LocalSlot", "a slot's turns, in a loop of one's own"),
];
/// Less is not told.
const LANDMARK_PERCENT: f64 = 0.5;
/// Frames at which a whole stack ends, at its outer end.
const OUTERMOST: [&str; 8] = [
    "start_thread",
    "clone3",
    "__clone",
    "__clone3",
    "_start",
    "__libc_start_main",
    "__libc_start_call_main",
    "ret_from_fork_asm_[k]",
];

/// By their kernel ids.
type Threads = BTreeMap<u32, Thread>;

#[derive(Default)]
struct Thread {
    name: String,
    samples: u64,
    /// Samples whose stack does not reach the thread's start.
    cut: u64,
    /// By innermost function.
    own: BTreeMap<String, u64>,
    /// By landmark and function, callees included.
    landmarks: BTreeMap<(usize, String), u64>,
}

/// Reads standard input.
///
/// # Errors
/// [`Failure`].
pub(crate) fn main(folder: &Path) -> Result<String, Failure> {
    let (mut folded, mut threads) = (Folded::default(), Threads::new());
    let done = read(io::stdin().lock(), |record| take(&mut threads, &mut folded, record));
    done.map_err(Failure::at(Path::new("standard input")))?;
    if threads.is_empty() {
        return Err(Failure::Empty { path: folder.into() });
    }
    let table = table(&threads);
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).map_err(Failure::at(folder));
    write("folded.txt", &folded.text())?;
    write("threads.txt", &table)?;
    let labels = Labels { title: "Where running threads are".into(), unit: "samples" };
    draw(&folded.text(), &labels, &folder.join("flame.svg"))?;
    Ok(table)
}

/// The landmarks of a stack, each once.
fn landmarks(stack: &[String]) -> impl Iterator<Item = (usize, &String)> {
    LANDMARKS.iter().enumerate().filter_map(|(index, (part, _))| {
        stack.iter().find(|frame| frame.contains(part) && !frame.ends_with("_[i]")).map(|frame| (index, frame))
    })
}

fn take(threads: &mut Threads, folded: &mut Folded, record: Record) {
    let What::Stack(stack) = record.what else { return };
    let thread = threads.entry(record.tid).or_default();
    thread.samples += 1;
    thread.cut += u64::from(stack.len() < 2 || !stack.iter().take(4).any(|frame| is_outermost(frame)));
    let innermost = stack.last().map_or("[unknown]", String::as_str);
    *thread.own.entry(innermost.into()).or_default() += 1;
    for (landmark, frame) in landmarks(&stack) {
        *thread.landmarks.entry((landmark, frame.clone())).or_default() += 1;
    }
    folded.add(&record.name, &stack, 1);
    thread.name = record.name;
}

fn is_outermost(frame: &str) -> bool {
    OUTERMOST.iter().any(|name| frame.split('@').next() == Some(name))
}

fn table(threads: &Threads) -> String {
    let all: u64 = threads.values().map(|thread| thread.samples).sum();
    let cut: u64 = threads.values().map(|thread| thread.cut).sum();
    let mut out = format!("{:<16} {:>8} {:>7}  where, of its own samples\n", "thread", "samples", "share");
    let mut by_samples: Vec<_> = threads.iter().collect();
    by_samples.sort_by_key(|(tid, thread)| (std::cmp::Reverse(thread.samples), **tid));
    for (_, thread) in by_samples {
        let share = percent(thread.samples, all);
        let mut lead = format!("{:<16} {:>8} {share:>5.1} %", thread.name, thread.samples);
        let mut own: Vec<_> = thread.own.iter().collect();
        own.sort_by_key(|(_, samples)| std::cmp::Reverse(**samples));
        for (name, samples) in own.into_iter().take(TOP) {
            let _ = writeln!(out, "{lead:<33}  {:>5.1} %  {name}", percent(*samples, thread.samples));
            lead.clear();
        }
    }
    out += &landmark_table(threads);
    if cut * 2 > all {
        let _ = writeln!(
            out,
            "{:.0} % of the stacks are cut short: the program has no frame pointers. Build it with perf/build, or record with \
             --call-graph dwarf.",
            percent(cut, all)
        );
    }
    out
}

/// What the threads do, in the runtime's words; empty where nothing is known.
fn landmark_table(threads: &Threads) -> String {
    let mut rows = Vec::new();
    for thread in threads.values() {
        for ((landmark, frame), samples) in &thread.landmarks {
            rows.push((thread, percent(*samples, thread.samples), frame, LANDMARKS[*landmark].1));
        }
    }
    rows.retain(|(_, share, ..)| *share >= LANDMARK_PERCENT);
    rows.sort_by(|a, b| (&a.0.name, b.1).partial_cmp(&(&b.0.name, a.1)).unwrap_or(std::cmp::Ordering::Equal));
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{:<16} {:>7}  landmark, with all that it calls\n", "thread", "share");
    for (thread, share, frame, what) in rows {
        let _ = writeln!(out, "{:<16} {share:>5.1} %  {frame}: {what}", thread.name);
    }
    out
}

fn percent(part: u64, all: u64) -> f64 {
    part as f64 * 100.0 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stacks: &[&[&str]]) -> String {
        let (mut folded, mut threads) = (Folded::default(), Threads::new());
        for stack in stacks {
            let stack = stack.iter().map(|frame| (*frame).to_owned()).collect();
            let record = Record { name: "slots".into(), tid: 7, time_ns: 0, what: What::Stack(stack) };
            take(&mut threads, &mut folded, record);
        }
        table(&threads)
    }

    #[test]
    fn landmarks_count_with_all_that_they_call() {
        let turn = "<Slot<Events, Books> as RunSlot>::turn";
        let text = told(&[
            &["start_thread", "Host::run", turn, "<Books as Handler>::on_event", "insert"],
            &["start_thread", "Host::run", turn],
            &["start_thread", "Host::run", turn],
            &["start_thread", "Host::run", "Host::wait"],
        ]);
        assert!(text.contains(" 50.0 %  <Slot<Events, Books> as RunSlot>::turn\n"), "its own: {text}");
        assert!(
            text.contains("slots             75.0 %  <Slot<Events, Books> as RunSlot>::turn: a slot's turns\n"),
            "{text}"
        );
        assert!(text.contains("slots             25.0 %  Host::wait: the slot thread has nothing to do\n"), "{text}");
        assert!(!text.contains("cut short"), "{text}");
    }

    #[test]
    fn stacks_that_are_cut_short_are_told() {
        let text = told(&[&["insert"], &["[unknown]", "insert"], &["start_thread", "Host::run"]]);
        assert!(text.contains("67 % of the stacks are cut short") && text.contains("perf/build"), "{text}");
    }
}

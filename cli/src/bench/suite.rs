//! A run of the suite: what was asked is checked, then measured part by part, then told.

use super::args::BenchArgs;
use super::outputs::Outputs;
use super::progress::{INTERRUPTED, Shown, interruption};
use crate::say::{print, say};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::rc::Rc;
use tagring_benches::bars::Bar;
use tagring_benches::cores::{Cores, pin};
use tagring_benches::suite::{self, Found, PARTS, Part, Setup, Size};

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    AllMeasured,
    Interrupted,
}

/// Measures, or names the parts.
pub(crate) fn main(args: &BenchArgs) -> ExitCode {
    let done = if args.list { print(&list()).map(|()| Ended::AllMeasured) } else { measure(args) };
    match done {
        Ok(Ended::AllMeasured) => ExitCode::SUCCESS,
        Ok(Ended::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(message) => {
            say(&message);
            ExitCode::from(2)
        }
    }
}

fn list() -> String {
    let width = PARTS.iter().map(|part| part.name.len()).max().unwrap_or(0);
    PARTS.iter().fold(String::new(), |mut text, part| {
        let _ = writeln!(text, "{:width$}  {}", part.name, part.about);
        text
    })
}

fn measure(args: &BenchArgs) -> Result<Ended, String> {
    let parts = parts(&args.parts)?;
    let cores = cores(args.cores)?;
    let outputs = Outputs::check(args.json.as_deref(), args.svg.as_deref())?;
    let size = if args.quick { Size::Quick } else { Size::Full };
    let flag = interruption().map_err(|error| format!("TR-3016: Ctrl-C cannot be taken over: {error}"))?;
    on_a_thread(|| on_near_core(&parts, cores, (size, args.rounds), &Rc::new(Shown::new(flag)), &outputs))
}

/// Runs on a thread of its own: it is pinned, and the program's first thread is not.
fn on_a_thread(run: impl FnOnce() -> Result<Ended, String> + Send) -> Result<Ended, String> {
    let ended = std::thread::scope(|scope| {
        let measuring = std::thread::Builder::new().name("bench".into());
        measuring.spawn_scoped(scope, run).map(std::thread::ScopedJoinHandle::join)
    });
    match ended {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err("TR-3016: a measurement panicked, as said above; leave that part out, and report it".into()),
        Err(error) => Err(format!("TR-3016: the system gives no thread to measure on: {error}; free some")),
    }
}

/// The parts asked for, in that order, each once; all without any.
fn parts(names: &[String]) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    for name in names {
        let part = PARTS.iter().find(|part| part.name == name).ok_or_else(|| {
            let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
            format!("TR-3011: {name:?} is no part of the suite; there are {}", known.join(", "))
        })?;
        if parts.iter().all(|known| known.name != part.name) {
            parts.push(*part);
        }
    }
    Ok(if parts.is_empty() { PARTS.to_vec() } else { parts })
}

fn cores(asked: Option<[usize; 2]>) -> Result<Cores, String> {
    match asked {
        Some([near, far]) => Cores::of(near, far).ok_or_else(|| {
            format!(
                "TR-3013: --cores {near},{far}: give two different cores that this process may use, or leave it out"
            )
        }),
        None => Cores::choose().ok_or_else(|| {
            "TR-3014: the suite needs two cores, and this process may use only one; widen its mask (taskset, cgroup, \
             container), or take a machine with more"
                .to_owned()
        }),
    }
}

/// Measures part by part, and tells of each when it is done.
fn on_near_core(
    parts: &[Part],
    cores: Cores,
    (size, rounds): (Size, Option<usize>),
    shown: &Rc<Shown>,
    outputs: &Outputs<'_>,
) -> Result<Ended, String> {
    pin(cores.near);
    let mut setup = Setup::new(cores, size);
    setup.rounds = rounds.unwrap_or(setup.rounds);
    let shows = Rc::clone(shown);
    setup.progress = Box::new(move |step| shows.step(step));
    print(&format!("{}; {} rounds\n", suite::machine_line(&setup), setup.rounds))?;
    let mut done = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        shown.part(part.name, i + 1, parts.len());
        let found = (part.measure)(&setup);
        shown.clear();
        print(&tables(part, &found))?;
        done.push((*part, found));
        if shown.is_interrupted() {
            print("\nInterrupted: what was measured until then counts.\n")?;
            break;
        }
    }
    print(&bars(&done))?;
    outputs.write(&setup, &done)?;
    Ok(if shown.is_interrupted() { Ended::Interrupted } else { Ended::AllMeasured })
}

/// A part's tables, one for each distance of the cores with enough rounds.
fn tables(part: &Part, found: &Found) -> String {
    let mut text = format!("\n## {}: {}\n", part.name, part.about);
    for table in found.tables.iter().filter(|table| table.rounds_done() > 0) {
        for apart in table.enough() {
            let _ = write!(text, "\n{}", table.markdown(apart));
        }
    }
    text
}

fn bars(done: &[(Part, Found)]) -> String {
    let bars: Vec<&Bar> = done.iter().flat_map(|(_, found)| &found.bars).collect();
    if bars.is_empty() {
        return String::new();
    }
    let met = bars.iter().filter(|bar| bar.is_met()).count();
    let mut text =
        format!("\n## Bars: {met} of {} met\n\n| bar | asked | this run | |\n|---|---|---:|---|\n", bars.len());
    for bar in bars {
        let _ = writeln!(text, "{bar}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::on_a_thread;

    #[test]
    fn a_measurement_that_panics_is_an_error_of_the_program() {
        // Without the message of a panic among those of the tests.
        let error = on_a_thread(|| std::panic::resume_unwind(Box::new("as scripted")));
        assert!(error.is_err_and(|error| error.starts_with("TR-3016: ")));
    }
}

//! What an event costs after warm-up: no system call, no context switch, no page fault. Counted on `tests/hot_path/program.rs`, built for release.
//! (Allocations are counted in `event_costs.rs`, instructions in `costs/`.)

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// `SIGSYS`: what the kernel sends for a refused system call.
const SIGSYS: i32 = 31;

/// What the program can do: on rings, and on a bus with a slot; the last on two threads.
const WORKS: [&str; 6] = ["ring-single", "ring-one-by-one", "ring-many", "ring-batches", "bus", "bus-threads"];
const EVENTS: &str = "1000000";

/// The program, built once.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf();
        let build = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--locked",
                "--release",
                "-p",
                "tagring",
                "--example",
                "hot-path",
                "--target-dir",
            ])
            .arg(&target)
            .env_remove("RUSTFLAGS")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(build.unwrap().success());
        target.join("release/examples/hot-path")
    })
}

/// Says that a test was not done, and why, also to the script that runs all of them.
fn skip(test: &str, why: &str) {
    let line = format!("skipped: {test}: {why}");
    eprintln!("{line}");
    if let Some(skips) = std::env::var_os("TAGRING_SKIPS") {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(skips).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn run(work: &str, rest: &[&str]) -> Output {
    Command::new(program()).args([work, EVENTS]).args(rest).output().unwrap()
}

/// Whether the kernel can refuse system calls: tried with one that is refused.
fn can_refuse() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let control = run("one-system-call", &["no-system-calls"]);
        if text(&control).contains("cannot refuse") {
            return false;
        }
        assert_eq!(control.status.signal(), Some(SIGSYS), "one call is noticed: {}", text(&control));
        true
    })
}

/// Every work, done once for all tests: without system calls where the kernel can see to that.
fn runs() -> &'static [(&'static str, Output)] {
    static RUNS: OnceLock<Vec<(&'static str, Output)>> = OnceLock::new();
    RUNS.get_or_init(|| {
        let rest: &[&str] = if can_refuse() { &["no-system-calls"] } else { &[] };
        WORKS.map(|work| (work, run(work, rest))).into()
    })
}

#[test]
fn issue_4536_no_event_asks_the_kernel_for_anything() {
    if !can_refuse() {
        return skip(
            "issue_4536_no_event_asks_the_kernel_for_anything",
            "this kernel has no system call user dispatch",
        );
    }
    for (work, output) in runs() {
        assert!(output.status.success(), "{work}: {:?} {}", output.status, text(output));
    }
}

/// Of each thread: voluntary and involuntary context switches, minor and major page faults.
fn usage(output: &Output) -> Vec<(String, [u64; 4])> {
    let line = |line: &str| {
        let (thread, counts) = line.split_once(": ").unwrap();
        let counts: Vec<u64> = counts.split(' ').filter_map(|word| word.parse().ok()).collect();
        (thread.into(), counts.try_into().unwrap())
    };
    text(output).lines().map(line).collect()
}

#[test]
fn issue_4536_no_event_switches_threads_or_touches_a_new_page() {
    let [slept, ..] = usage(&run("one-sleep", &[]))[0].1;
    assert!(slept > 0, "a sleep is noticed");
    let [_, _, touched, _] = usage(&run("one-page", &[]))[0].1;
    assert!(touched > 0, "a new page is noticed");
    for (work, output) in runs() {
        let threads = usage(output);
        assert_eq!(threads.len(), if *work == "bus-threads" { 2 } else { 1 }, "{work}: {}", text(output));
        for (thread, [voluntary, involuntary, minor, major]) in threads {
            // To be taken off the core by others is the machine's doing, and told here.
            println!("{work}, {thread}: {involuntary} times taken off the core");
            assert_eq!(
                [voluntary, minor, major],
                [0; 3],
                "{work}, {thread}: voluntary switches, minor and major faults"
            );
        }
    }
}

#[test]
fn issue_4585_the_first_lap_finds_its_memory_there() {
    let [_, _, minor, major] = usage(&run("first-lap", &[]))[0].1;
    // 256 pages of cells, as many of bytes, 32 of a histogram, and those of the two lists beside the arena. What is left is code and stack.
    assert!(minor < 16 && major < 16, "{minor} {major}");
}

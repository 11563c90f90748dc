//! What an event costs after warm-up: no system call, and so many instructions. Counted on `tests/hot_path/program.rs`, built for release.
//! (Allocations are counted in `bus_rows.rs` and `ring_rows.rs`.)

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// `SIGSYS`: what the kernel sends for a refused system call.
const SIGSYS: i32 = 31;

/// Each kind of work and the instructions that an event may take in it, publishing and reading together. Measured with Rust 1.95: 64,
/// 133, 73, 47 and 153; compilers differ a little.
const WORKS: [(&str, u64); 5] = [
    // Published one by one, read by 64.
    ("ring-single", 68),
    // Each event read before the next is published.
    ("ring-one-by-one", 143),
    // As ring-single, by one of many publishers: a compare-exchange more.
    ("ring-many", 80),
    // Published and read by 64.
    ("ring-batches", 54),
    // Header, time, bus, slot, tag set, handler; published one by one with a clock read each, handled by 64.
    ("bus", 166),
];

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

#[test]
fn issue_4536_no_event_asks_the_kernel_for_anything() {
    let run = |work| Command::new(program()).args([work, "1000000", "no-system-calls"]).output().unwrap();
    let control = run("one-system-call");
    if text(&control).contains("cannot refuse") {
        return skip(
            "issue_4536_no_event_asks_the_kernel_for_anything",
            "this kernel has no system call user dispatch",
        );
    }
    assert_eq!(control.status.signal(), Some(SIGSYS), "one call is noticed: {}", text(&control));
    for work in WORKS.iter().map(|(work, _)| *work).chain(["bus-threads"]) {
        let output = run(work);
        assert!(output.status.success(), "{work}: {:?} {}", output.status, text(&output));
    }
}

/// Instructions of one run, all told.
fn instructions(work: &str, events: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program())
        .args([work, &events.to_string()])
        .output()
        .unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{work}: {text}");
    let count = text.lines().find_map(|line| line.split_once("Collected : "));
    count.unwrap_or_else(|| panic!("{work}: {text}")).1.trim().parse().unwrap()
}

#[test]
fn issue_4557_4576_an_event_takes_so_many_instructions_and_no_more() {
    const EVENTS: u64 = 64_000;
    if Command::new("valgrind").arg("--version").output().is_err() {
        return skip("issue_4557_4576_an_event_takes_so_many_instructions_and_no_more", "no valgrind");
    }
    let counts = WORKS.map(|(work, limit)| {
        let per_event = (instructions(work, 2 * EVENTS) - instructions(work, EVENTS)) as f64 / EVENTS as f64;
        println!("{work}: {per_event:.1} instructions an event");
        (work, per_event, limit)
    });
    assert!(counts.iter().all(|(_, count, limit)| *count > 10.0 && *count <= *limit as f64), "{counts:?}");
}

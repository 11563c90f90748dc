//! Runs the built program in a folder of its own and keeps what it said. Every run is bounded, and a child that is still there is
//! killed when its test ends.
#![allow(dead_code, reason = "each test file uses its own part")]

use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far more than any run here takes, so that a hang fails its test and nothing else.
const BOUND: Duration = Duration::from_secs(120);

/// A folder for one test, gone afterwards.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and gives its path.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path().join(name);
        fs::write(&path, bytes).expect("a file in the temporary folder");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// Starts the program with its outputs in files.
    pub(crate) fn start(&self, args: &[&str], stdin: Stdio) -> Running<'_> {
        let output = |name| File::create(self.path().join(name)).expect("a file for an output");
        self.start_with(args, stdin, output("stdout").into(), output("stderr").into())
    }

    pub(crate) fn start_with(&self, args: &[&str], stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Running<'_> {
        self.start_set(&[], args, stdin, stdout, stderr)
    }

    /// Starts the program with more environment variables.
    pub(crate) fn start_set(
        &self,
        variables: &[(&str, &str)],
        args: &[&str],
        stdin: Stdio,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Running<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagring"));
        command.args(args.iter().map(OsStr::new)).current_dir(self.path()).env("RUST_BACKTRACE", "1");
        command.envs(variables.iter().copied());
        let child = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn().expect("the program starts");
        Running { child, place: self }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.run_set(&[], args)
    }

    /// Runs with more environment variables.
    pub(crate) fn run_set(&self, variables: &[(&str, &str)], args: &[&str]) -> Done {
        self.start_with_variables(variables, args).wait()
    }

    pub(crate) fn start_with_variables(&self, variables: &[(&str, &str)], args: &[&str]) -> Running<'_> {
        let output = |name| Stdio::from(File::create(self.path().join(name)).expect("a file for an output"));
        self.start_set(variables, args, Stdio::null(), output("stdout"), output("stderr"))
    }

    /// Runs with these bytes on standard input.
    pub(crate) fn run_fed(&self, args: &[&str], bytes: &[u8]) -> Done {
        let mut running = self.start(args, Stdio::piped());
        // A child that stops reading is not this end's failure.
        let _ = running.stdin().write_all(bytes);
        running.close_stdin();
        running.wait()
    }
}

/// A child that is killed when its test goes.
pub(crate) struct Running<'a> {
    child: Child,
    place: &'a Place,
}

impl Running<'_> {
    pub(crate) fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().expect("standard input is piped")
    }

    pub(crate) fn close_stdin(&mut self) {
        self.child.stdin = None;
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the child takes a signal");
    }

    /// Waits until something holds of the running child.
    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < BOUND, "waited in vain until {what}");
            assert!(self.status().is_none(), "the program ended before {what}: {}", self.place.read("stderr"));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether the child has taken over the signal, by what the kernel says of it.
    pub(crate) fn catches(&self, signal: rustix::process::Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        mask >> (signal.as_raw() - 1) & 1 == 1
    }

    /// Whether a thread of that name runs in the child.
    pub(crate) fn has_thread(&self, name: &str) -> bool {
        self.thread(name).is_some()
    }

    /// The kernel's number of the thread of that name.
    fn thread(&self, name: &str) -> Option<i32> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let is_it =
            |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name);
        tasks.into_iter().flatten().flatten().find(is_it)?.file_name().to_str()?.parse().ok()
    }

    /// Leaves the thread of that name a tenth of what others on its core get.
    pub(crate) fn slow_down(&self, name: &str) {
        let thread = self.thread(name).and_then(rustix::process::Pid::from_raw).expect("the thread is there");
        rustix::process::setpriority_process(Some(thread), 10).expect("a child may be slowed down");
    }

    /// Whether one thread is left in the child, and waits.
    pub(crate) fn waits_alone(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let of = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        of("Threads:") == "1" && of("State:").starts_with('S')
    }

    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child can be waited for")
    }

    /// Waits for its end; whatever it was told, it must neither hang nor panic.
    pub(crate) fn wait(mut self) -> Done {
        let start = Instant::now();
        let status = loop {
            match self.status() {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
            assert!(start.elapsed() < BOUND, "the program hangs: {}", self.place.read("stderr"));
        };
        let done = Done { code: status.code(), out: self.place.read("stdout"), err: self.place.read("stderr") };
        for word in ["panicked", "backtrace", "unwrap"] {
            assert!(!done.err.contains(word) && !done.out.contains(word), "{done:?}");
        }
        done
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// The report as one JSON object, with nothing around it.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts the code, and that every one of the words was said on standard error.
    pub(crate) fn failed_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in {:?}", self.err);
        }
    }
}

/// A small Binance capture: a book of two levels a side, then a trade, a ticker and a depth message in each round. The book's
/// best bid moves up a cent a round.
pub(crate) fn capture(rounds: u64) -> String {
    let mut text = String::from(
        "1000000000 {\"lastUpdateId\":100,\"bids\":[[\"99.00\",\"5.0\"],[\"98.50\",\"1\"]],\
         \"asks\":[[\"200.00\",\"2.50\"],[\"201\",\"1\"]],\"symbol\":\"TESTUSDT\"}\n",
    );
    for round in 1..=rounds {
        let (id, at, ms) = (100 + round, 1_000_000_000 + round * 1_000_000, 1_000 + round);
        let bid = 9_900 + round;
        let bid = format!("{}.{:02}", bid / 100, bid % 100);
        text.push_str(&format!(
            "{at} {{\"e\":\"trade\",\"E\":{ms},\"s\":\"TESTUSDT\",\"t\":{round},\"p\":\"100.50\",\"q\":\"0.2500\",\"T\":{ms},\"m\":true}}\n\
             {at} {{\"e\":\"depthUpdate\",\"E\":{ms},\"s\":\"TESTUSDT\",\"U\":{id},\"u\":{id},\"b\":[[\"{bid}\",\"3.0\"]],\"a\":[]}}\n\
             {at} {{\"u\":{id},\"s\":\"TESTUSDT\",\"b\":\"{bid}\",\"B\":\"3.000\",\"a\":\"200.00\",\"A\":\"2.50\"}}\n"
        ));
    }
    text
}

/// Messages of [`capture`].
pub(crate) fn capture_messages(rounds: u64) -> u64 {
    1 + 3 * rounds
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

pub(crate) fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes it")
}

/// The real captures of that kind, or `None`, in which case `test` is reported as skipped.
pub(crate) fn data(name: &str, test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("TAGRING_DATA").map_or(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let line = format!("skipped: {test}: no data at {}", folder.display());
    eprintln!("{line}");
    if let Some(skips) = std::env::var_os("TAGRING_SKIPS") {
        let mut file = File::options().append(true).create(true).open(skips).expect("the list of skips opens");
        writeln!(file, "{line}").expect("the list of skips is written");
    }
    None
}

/// Removes what no two runs have in common: times, places of work, figures of the platform.
pub(crate) fn without_timings(mut report: Value) -> Value {
    let object = report.as_object_mut().expect("an object");
    for name in
        ["elapsed_s", "events_per_s", "decode_share", "jitter_ns", "clock", "waits", "machine", "notices", "tail"]
    {
        assert!(object.remove(name).is_some(), "{name}");
    }
    for slot in object["slots"].as_array_mut().expect("slots") {
        let slot = slot.as_object_mut().expect("a slot");
        for name in ["hop_ns", "service_ns", "age_ns", "batches", "health"] {
            assert!(slot.remove(name).is_some(), "{name}");
        }
    }
    let accounting = object["accounting"].as_object_mut().expect("accounts");
    for name in ["resident_bytes", "over_time"] {
        assert!(accounting.remove(name).is_some(), "{name}");
    }
    report
}

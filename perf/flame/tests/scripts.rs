//! The scripts of `perf/` as a user calls them: help, bad input, what they do without privileges, and what they say where they cannot.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPTS: [&str; 8] =
    ["build", "record", "offcpu", "sched-latency", "cache-lines", "isolation", "jitter", "compare"];
/// A program that is busy for about half a second, and ends by itself.
const BUSY: [&str; 5] = ["timeout", "20", "bash", "-c", "for ((i = 0; i < 150000; i++)); do :; done"];

/// A folder that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tagring-perf-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file, folders included.
    fn put(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a program.
    fn program(&self, path: &str, text: &str) {
        self.put(path, text);
        fs::set_permissions(self.0.join(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A script, about to run here.
    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name));
        command.current_dir(&self.0).env("TAGRING_FLAME", env!("CARGO_BIN_EXE_tagring-flame"));
        command
    }

    fn run(&self, name: &str, words: &[&str]) -> Output {
        self.script(name).args(words).output().unwrap()
    }

    /// The same where `perf` is a program of ours.
    fn run_with_perf(&self, perf: &str, name: &str, words: &[&str]) -> Output {
        self.program("bin/perf", perf);
        let path = format!("{}:{}", self.0.join("bin").display(), std::env::var("PATH").unwrap());
        self.script(name).args(words).env("PATH", path).output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// It refused: with that exit code, that code, and nothing on standard output.
fn refuses(output: &Output, exit: i32, code: &str) {
    let said = err(output);
    assert_eq!(output.status.code(), Some(exit), "{said}");
    assert!(said.trim_end().ends_with(&format!("[{code}]")) && said.lines().count() <= 2, "{code}: {said}");
}

/// Says that a test was not done, and why, also to the script that runs all of them.
fn skip(test: &str, why: &str) {
    let line = format!("skipped: {test}: {why}");
    eprintln!("{line}");
    if let Some(skips) = std::env::var_os("TAGRING_SKIPS") {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(skips).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

/// Whether perf may record here at all; if not, the test is reported as skipped.
fn perf_records(place: &Place, test: &str) -> bool {
    let output = place.run("record", &["--out", "probe", "--", "true"]);
    // `true` may well be over before it is sampled.
    let can = output.status.code() != Some(3);
    if !can {
        skip(test, err(&output).trim());
    }
    can
}

#[test]
fn shellcheck_finds_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let parts = fs::read_dir(folder.join("parts")).unwrap().map(|entry| entry.unwrap().path());
    let mut shellcheck = Command::new("shellcheck");
    shellcheck.args(["--external-sources", "--source-path=SCRIPTDIR"]).args(SCRIPTS).args(parts);
    match shellcheck.current_dir(folder).output() {
        Ok(output) => assert!(output.status.success(), "{}", out(&output)),
        Err(_) => skip("shellcheck_finds_nothing", "no shellcheck"),
    }
}

#[test]
fn every_script_says_what_it_does_and_what_it_needs() {
    let place = Place::new("help");
    for name in SCRIPTS {
        let help = place.run(name, &["--help"]);
        let text = out(&help);
        assert_eq!(help.status.code(), Some(0), "{name}");
        assert!(text.starts_with(&format!("perf/{name} ")), "{name}: {text}");
        if name != "build" {
            assert!(text.contains("Exit code: 0 done") && text.contains("perf/README.md"), "{name}: {text}");
            assert!(text.contains("eed"), "{name} says what it needs: {text}");
        }
        assert!(text.lines().all(|line| line.len() <= 145), "{name}: a line is too long");
    }
}

#[test]
fn bad_words_are_refused_and_nothing_is_left_behind() {
    let place = Place::new("words");
    place.put("taken/file", "");
    let gone = "399999999";
    let cases: [(&str, &[&str], &str); 24] = [
        ("record", &[], "TR-3040"),
        ("record", &["--wrong"], "TR-3040"),
        ("record", &["--pid"], "TR-3040"),
        ("record", &["--pid", "x"], "TR-3040"),
        ("record", &["--pid", gone], "TR-3041"),
        ("record", &["--pid", "1", "--seconds", "0"], "TR-3040"),
        ("record", &["--pid", "1", "--", "true"], "TR-3040"),
        ("record", &["--seconds", "1", "--", "true"], "TR-3040"),
        ("record", &["--frequency", "0", "--", "true"], "TR-3040"),
        ("record", &["--call-graph", "magic", "--", "true"], "TR-3040"),
        ("record", &["--inlined", "perhaps", "--", "true"], "TR-3040"),
        ("record", &["--", "no-such-command-anywhere"], "TR-3041"),
        ("offcpu", &["--source", "tea-leaves", "--", "true"], "TR-3040"),
        ("offcpu", &["--source", "schedstat", "--out", "taken", "--", "true"], "TR-3047"),
        ("sched-latency", &["--source", "x", "--", "true"], "TR-3040"),
        ("cache-lines", &[], "TR-3040"),
        ("isolation", &[], "TR-3040"),
        ("isolation", &["--core", "x"], "TR-3040"),
        ("isolation", &["--core", "99999"], "TR-3041"),
        ("isolation", &["--pid", gone], "TR-3041"),
        ("jitter", &["--seconds", "x"], "TR-3040"),
        ("jitter", &["--core", "99999"], "TR-3041"),
        ("compare", &["one"], "TR-3040"),
        ("compare", &["none", "neither"], "TR-3046"),
    ];
    for (name, words, code) in cases {
        let output = place.run(name, words);
        assert_eq!(out(&output), "", "{name} {words:?}");
        refuses(&output, 2, code);
    }
    let left: Vec<_> = fs::read_dir(&place.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["taken"]);
}

#[test]
fn without_perf_or_leave_or_counters_it_is_said_how_to_get_them() {
    let place = Place::new("missing");
    // A path with all that the script needs, but perf.
    fs::create_dir_all(place.0.join("few")).unwrap();
    for tool in ["bash", "env", "dirname", "cat", "true", "id"] {
        let path = std::env::var("PATH").unwrap();
        let mut found = std::env::split_paths(&path).map(|folder| folder.join(tool));
        symlink(found.find(|path| path.exists()).unwrap(), place.0.join("few").join(tool)).unwrap();
    }
    let missing = place.script("record").args(["--", "true"]).env("PATH", place.0.join("few")).output().unwrap();
    refuses(&missing, 3, "TR-3042");
    assert!(err(&missing).contains("apt-get install linux-perf"));

    let denied = "#!/usr/bin/env bash\necho 'No permission to enable cpu-clock event.' >&2; exit 255\n";
    let output = place.run_with_perf(denied, "record", &["--out", "denied", "--", "true"]);
    let last = err(&output);
    assert_eq!(output.status.code(), Some(3), "{last}");
    for part in ["No permission", "perf_event_paranoid is", "CAP_PERFMON", "[TR-3043]"] {
        assert!(last.contains(part), "{part}: {last}");
    }
    assert!(!place.0.join("denied").exists(), "nothing is left where nothing was recorded");

    let no_counters = "#!/usr/bin/env bash\necho '<not supported>,,cycles:u,0,100.00,,' >&2\n";
    refuses(&place.run_with_perf(no_counters, "cache-lines", &["--", "true"]), 3, "TR-3044");

    // perf writes a file without a sample.
    let empty = "#!/usr/bin/env bash\n[ \"$1\" != record ] || echo x >silent/perf.data\n";
    refuses(&place.run_with_perf(empty, "record", &["--out", "silent", "--", "true"]), 2, "TR-3045");
}

#[test]
fn a_profile_of_a_command_names_its_thread_and_its_functions() {
    let place = Place::new("record");
    if !perf_records(&place, "a_profile_of_a_command_names_its_thread_and_its_functions") {
        return;
    }
    for run in ["a", "b"] {
        let output = place.run("record", &[&["--out", run, "--"], &BUSY[..]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
    let threads = place.read("a/threads.txt");
    assert!(threads.starts_with("thread ") && threads.contains("\nbash "), "{threads}");
    assert!(place.read("a/folded.txt").lines().any(|line| line.starts_with("bash;")));
    let svg = place.read("a/flame.svg");
    assert!(svg.contains("<svg") && svg.contains("Where running threads are") && svg.contains("bash"));
    assert!(place.read("a/about.txt").starts_with("command   timeout 20 bash"));
    let compared = place.run("compare", &["a", "b"]);
    assert_eq!(compared.status.code(), Some(0), "{}", err(&compared));
    assert!(out(&compared).starts_with("thread ") && place.read("b/compare.svg").contains("<svg"));
    // The command's own failure is not hidden.
    let failing =
        place.run("record", &["--out", "c", "--", "bash", "-c", "for ((i = 0; i < 50000; i++)); do :; done; exit 3"]);
    assert_eq!(failing.status.code(), Some(1), "{}", err(&failing));
    assert!(err(&failing).contains("the command ended with 3"));
}

#[test]
fn pauses_are_counted_by_perf_and_without_it() {
    let place = Place::new("offcpu");
    let words = ["bash", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 0.1; done"];
    let columns = |text: &str| -> Vec<String> {
        let row = text.lines().find(|line| line.starts_with("bash ") || line.starts_with("sleep ")).unwrap_or(text);
        row.split_whitespace().map(String::from).collect()
    };
    // From /proc: works for everybody.
    let output = place.run("offcpu", &[&["--source", "schedstat", "--out", "p", "--"], &words[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let row = columns(&place.read("p/threads.txt"));
    assert!(row[2].parse::<u64>().unwrap() > 0, "it waited for its child: {row:?}");
    let output = place.run("sched-latency", &[&["--source", "schedstat", "--out", "l", "--"], &words[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(place.read("l/latency.txt").contains("kept from it"));
    if !perf_records(&place, "pauses_are_counted_by_perf_and_without_it") {
        return;
    }
    // The machine's scheduler events, or what /proc says where they are not to be had.
    let output = place.run("sched-latency", &[&["--out", "m", "--"], &words[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let latency = place.read("m/latency.txt");
    assert!(latency.contains("kept from it") && latency.lines().any(|line| line.starts_with("bash")), "{latency}");
    let output = place.run("offcpu", &[&["--out", "s", "--"], &words[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let threads = place.read("s/threads.txt");
    let sleep = threads.lines().filter(|line| line.starts_with("sleep ")).map(columns).collect::<Vec<_>>();
    assert_eq!(sleep.len(), 8, "{threads}");
    for row in sleep {
        assert!(row[4].parse::<u64>().unwrap() >= 1 && row[5].parse::<f64>().unwrap() >= 100_000.0, "0.1 s: {row:?}");
    }
}

#[test]
fn two_reports_are_compared_and_what_is_none_is_refused() {
    let place = Place::new("compare");
    let report = |hop: u64| {
        format!(
            r#"{{"events_per_s": 1000000.5, "slots": [{{"name": "book", "hop_ns": {{"p50": 150, "p99": {hop}, "max": 9000}}}}],
                "jitter_ns": {{"p50": 20, "max": 30000}}}}"#
        )
    };
    place.put("a.json", &report(200));
    place.put("b.json", &report(300));
    let output = place.run("compare", &["a.json", "b.json"]);
    let text = out(&output);
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    let words = |name: &str| row(name)[name.len()..].split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words("book hop p99"), ["200", "300", "+50.0", "%*"]);
    assert_eq!(words("book hop p50"), ["150", "150", "+0.0", "%"]);
    assert_eq!(words("platform jitter max"), ["30000", "30000", "+0.0", "%"]);

    fs::create_dir(place.0.join("folder")).unwrap();
    place.put("rubbish.json", "{");
    place.put("other.json", "{}");
    for (a, b) in [("a.json", "folder"), ("folder", "folder"), ("a.json", "rubbish.json"), ("other.json", "a.json")] {
        refuses(&place.run("compare", &[a, b]), 2, "TR-3046");
    }
}

#[test]
fn jitter_counts_every_gap() {
    let place = Place::new("jitter");
    let program = "#!/usr/bin/env bash\necho \"seconds $1 core ${2:-none}\"\n";
    place.program("jitter", program);
    let output = place.script("jitter").args(["--seconds", "3"]).env("TAGRING_JITTER", "./jitter").output().unwrap();
    assert_eq!(out(&output), "seconds 3 core none\n");
    let words = ["--core", "0", "--seconds", "1"];
    let output = place.script("jitter").args(words).env("TAGRING_JITTER", "./jitter").output().unwrap();
    assert_eq!(out(&output), "seconds 1 core 0\n");
}

/// A machine of four cores: 2 and 3 are isolated hyper-threads of one core, and a process with a thread on each of 1, 2 and 3.
fn machine() -> Place {
    let place = Place::new("machine");
    let cpu = "sys/devices/system/cpu";
    place.put(&format!("{cpu}/isolated"), "2-3\n");
    place.put(&format!("{cpu}/nohz_full"), "2\n");
    place.put("proc/cmdline", "quiet isolcpus=2-3 nohz_full=2 rcu_nocbs=3\n");
    place.put("proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1000 0 -2\n");
    place.put("proc/sys/vm/swappiness", "60\n");
    place.put("proc/cpuinfo", "processor : 0\nflags : fpu hypervisor tsc\n");
    place.put("sys/class/dmi/id/sys_vendor", "QEMU\n");
    place.put("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
    place.put(&format!("{cpu}/cpufreq/boost"), "1\n");
    for (core, governor) in [(1, "powersave"), (2, "performance"), (3, "performance")] {
        place.put(&format!("{cpu}/cpu{core}/cpufreq/scaling_governor"), governor);
    }
    place.put(&format!("{cpu}/cpu2/topology/thread_siblings_list"), "2-3\n");
    for (state, name, latency, disabled) in [(1, "C1E", 10, 0), (2, "C6", 133, 0), (3, "C7", 200, 1)] {
        for (file, text) in
            [("name", name.to_owned()), ("latency", format!("{latency}")), ("disable", format!("{disabled}"))]
        {
            place.put(&format!("{cpu}/cpu1/cpuidle/state{state}/{file}"), &text);
        }
    }
    // user nice system idle iowait irq softirq steal
    place.put(
        "proc/stat",
        "cpu0 0 0 0 0 0 0 0 0\ncpu1 100 0 0 100 0 0 0 0\ncpu2 5 0 0 5 0 0 0 0\ncpu3 0 0 0 9 0 0 0 0\n",
    );
    place.put(
        "proc/stat.later",
        "cpu0 0 0 0 100 0 0 0 0\ncpu1 190 0 0 100 0 0 0 10\ncpu2 105 0 0 5 0 0 0 0\ncpu3 50 0 0 59 0 0 0 0\n",
    );
    place.put("proc/interrupts", "      CPU0 CPU1 CPU2 CPU3\n 24: 5 7 0 0 edge eth0\nLOC: 1 1 1 1\n");
    place.put("proc/interrupts.later", "      CPU0 CPU1 CPU2 CPU3\n 24: 5 19 0 0 edge eth0\nLOC: 1 251 2 2\n");
    place.put("proc/irq/24/smp_affinity_list", "0-1\n");
    place.put("proc/irq/25/smp_affinity_list", "0-3\n");
    place.put("proc/irq/25/effective_affinity_list", "0\n");
    place.put("proc/77/cgroup", "0::/trading\n");
    place.put("sys/fs/cgroup/trading/cpu.max", "250000 100000\n");
    place.put("proc/77/status", "VmLck:\t0 kB\n");
    thread(&place, 77, 77, "tagring service", "0-3", 0, [0, 0]);
    thread(&place, 77, 78, "feed", "1", 1, [10, 50]);
    thread(&place, 77, 79, "slots", "2", 2, [10, 110]);
    thread(&place, 77, 80, "slots-1", "3", 3, [0, 50]);
    thread(&place, 99, 99, "a (nasty) one", "0-3", 1, [10, 60]);
    place
}

/// A thread's files; `ticks` at both looks.
fn thread(place: &Place, pid: u32, tid: u32, name: &str, allowed: &str, core: u32, ticks: [u32; 2]) {
    let folder = format!("proc/{pid}/task/{tid}");
    place.put(&format!("{folder}/comm"), &format!("{name}\n"));
    place.put(&format!("{folder}/status"), &format!("Name:\t{name}\nCpus_allowed_list:\t{allowed}\n"));
    for (file, ticks) in ["stat", "stat.later"].iter().zip(ticks) {
        // Fields 3 to 41 of proc_pid_stat(5): 14 is user time, 39 the core.
        let fields: Vec<String> = (4..=41)
            .map(|field| match field {
                14 => ticks.to_string(),
                39 => core.to_string(),
                _ => "0".into(),
            })
            .collect();
        place.put(&format!("{folder}/{file}"), &format!("{tid} ({name}) R {}\n", fields.join(" ")));
    }
}

#[test]
fn isolation_says_of_each_thing_whether_it_is_good_and_what_to_do() {
    let place = machine();
    let run = |words: &[&str]| place.script("isolation").args(words).env("TAGRING_ROOT", &place.0).output().unwrap();
    let output = run(&["--pid", "77"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), String::new()));
    let text = out(&output);
    for line in [
        "thread tagring service: not pinned (may use 0-3, was on 0)",
        "thread feed: pinned to core 1",
        "info: cores not isolated: core 1: the kernel may run others there; wanted: cores kept for us; boot with `isolcpus=` and \
         `nohz_full=` for them, or use a cpuset partition [TR-0767]",
        "info: cores with a tick: cores 1, 3: the kernel's timer interrupts them 100 to 1,000 times a second; wanted: cores kept for us; \
         boot with `nohz_full=` for them [TR-0767]",
        "info: kernel's callbacks on our cores: core 1: neither in rcu_nocbs= nor in nohz_full=; wanted: callbacks run by threads on \
         other cores; boot with `rcu_nocbs=` for them [TR-0767]",
        "warning: interrupts of devices: core 1: 12 in 1 s (interrupts 24 may come there); wanted: none; write other cores to \
         /proc/irq/N/smp_affinity_list, and stop irqbalance or give it IRQBALANCE_BANNED_CPULIST [TR-0767]",
        "good: no interrupts of devices: core 2: 2 interrupts, none may come there",
        "good: few interrupts of the kernel: core 2: timer 1, other cores' calls 0 a second",
        "warning: core busy with others: core 1: 50 % busy, by a (nasty) one, process 99, thread 99; wanted: at most 20 %: a thread of \
         ours keeps it busy; move the other elsewhere (taskset, cpuset), or choose another core [TR-0775]",
        "good: core left to us: core 2: others take 0 %",
        "warning: core's time taken by the hypervisor: core 1: 10 % of its time went to other machines; wanted: at most 5 %; have the \
         virtual processors pinned to processors of their own, or use another host [TR-0776]",
        "warning: hyper-threads of one core both in use: cores 2, 3: the other one is 50 % busy; wanted: a busy thread alone on its \
         physical core: two get about 60 % of its pace each; use fewer threads, choose other cores, or switch hyper-threading off [TR-0766]",
        "warning: cores may be clocked down: core 1: governor `powersave`; wanted: `performance`; run `cpupower frequency-set -g \
         performance` [TR-0763]",
        "good: full pace: core 2: governor `performance`",
        "info: cores may sleep deep: core 1: enabled: C6 (133 us); wanted: no state that takes more than 10 us to leave, where threads \
         park; run `cpupower idle-set -D 10`, or let the slots yield or spin [TR-0764]",
        "warning: memory may be swapped out: /proc/swaps: /dev/sda2 (vm.swappiness 60); wanted: no swap, or locked memory; say \
         `lock_memory = \"try\"`, or run `swapoff -a` [TR-0769]",
        "warning: processor time is rationed: /sys/fs/cgroup/trading/cpu.max: 250 % of a core, and 3 threads are pinned; wanted: no \
         quota, or more: at its end all threads are stopped; raise the container's or the service's CPU limit (CPUQuota=), or let \
         threads park [TR-0773]",
    ] {
        assert!(text.lines().any(|found| found == line), "missing: {line}\n{text}");
    }
    for code in ["TR-0765", "TR-0768", "TR-0774"] {
        assert_eq!(text.matches(code).count(), 1, "{code}: {text}");
    }
    assert_eq!(text.matches("warning: ").count(), 7, "{text}");
    assert_eq!(run(&["--pid", "77", "--strict", "yes"]).status.code(), Some(1));

    let output = run(&["--core", "2", "--strict", "yes"]);
    let text = out(&output);
    assert!(text.contains("good: cores isolated: core 2: in /sys/devices/system/cpu/isolated"), "{text}");
    assert!(text.contains("good: kernel's callbacks elsewhere: core 2"), "{text}");
    assert!(
        text.contains("warning: core busy with others: core 2: 100 % busy, by slots, process 77, thread 79"),
        "{text}"
    );
}

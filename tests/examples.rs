//! Every example runs to its end and says what it promises.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// Each example and a line that it prints.
const EXAMPLES: [(&str, &str); 13] = [
    ("hello", "vwap 102 over 100000 trades"),
    ("pipeline", "the signal saw 20000 quotes, the book was behind at 0"),
    ("many_publishers", "quantities [10000, 10000, 10000], 0 out of order"),
    ("groups", "2 members left, 0 of 20000 fills out of order"),
    ("own_loop", "high 996 after 10000 ticks"),
    ("history", "trade 9990 of key 3: 999 at 100"),
    ("gates", "200 offered, 100 rejected, 100 published, 100 open"),
    ("two_buses", "30000 shares in bars"),
    ("lanes", "by lane: [100, 100000] handled, no halt late by more than a turn"),
    ("runtime", "9990 shares in bars, 1 panic told"),
    ("simulation", "1000 runs, each with a panic, none lost anything else"),
    ("jitter", "no latency on this core is better than these gaps"),
    ("testing", "1 alarm after 1000000000 ns, no waiting"),
];
/// A hang, on any machine.
const LIMIT: Duration = Duration::from_secs(60);
/// Lines of an example that is read at a glance.
const LINES_MAX: usize = 60;

fn source_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"))
}

fn changed(path: &Path) -> SystemTime {
    path.metadata().and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// When a folder's newest file was changed.
fn newest(folder: &Path) -> SystemTime {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { newest(&path) } else { changed(&path) }).max().unwrap()
}

/// The folder of the programs, beside this test's own. `cargo test` builds all of them; a run of this test alone may find none, or old
/// ones, and builds them.
fn programs() -> PathBuf {
    let folder = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = newest(&root.join("src")).max(newest(&root.join("examples")));
    if EXAMPLES.iter().any(|(name, _)| changed(&folder.join(name)) < sources) {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--examples", "-p", "tagring"]);
        build.args((!cfg!(debug_assertions)).then_some("--release"));
        assert!(build.current_dir(root).status().unwrap().success());
    }
    folder
}

/// What the program prints, once it has ended within the limit.
fn output_of(mut child: Child, name: &str) -> String {
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if since.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{name} does not end");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {out}{err}");
    out.into_owned()
}

#[test]
fn issue_4596_every_example_runs_and_says_what_it_promises() {
    let programs = programs();
    for (name, line) in EXAMPLES {
        let child = Command::new(programs.join(name)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = output_of(child, name);
        assert!(out.lines().any(|printed| printed == line), "{name} does not print \"{line}\":\n{out}");
    }
}

#[test]
fn every_example_is_run_here_is_short_and_opens_by_saying_what_it_shows() {
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap();
    let sources = folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let mut found: Vec<String> = sources.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    found.sort();
    let mut listed = EXAMPLES.map(|(name, _)| name.to_owned());
    listed.sort();
    assert_eq!(found, listed);
    for name in listed {
        let source = std::fs::read_to_string(source_of(&name)).unwrap();
        assert!(source.starts_with("//! Shows ") && source.lines().count() < LINES_MAX, "{name}");
    }
}

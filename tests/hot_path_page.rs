//! Compares `docs/hot-path.md` with the code that the compiler makes: `tests/hot_path/landmarks.rs` is run under callgrind, and the instructions
//! that were executed for each event are those that the page explains, one by one. `TAGRING_BLESS=1 cargo test --test hot_path_page` writes them
//! into the page; what was explained stays, what is new gets a `?`, with which this test does not pass.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Events of each part of the program.
const EVENTS: u64 = 1_024;
/// The landmarks: what a block of the page is called, and the function as objdump shows it.
const LANDMARKS: [(&str, &str); 4] = [
    ("publish to a ring", "<landmark_ring_publish>:"),
    ("poll a ring", "<landmark_ring_poll>:"),
    ("publish to a bus", "<landmark_bus_publish>:"),
    ("dispatch in a slot", "RunSlot>::turn>:"),
];
/// What stands between an instruction and its explanation.
const EXPLAINED: &str = " ; ";
const NOT_EXPLAINED: &str = "?";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hot-path.md")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The program's path, built for release.
fn program() -> PathBuf {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf();
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--release", "-p", "tagring", "--example", "landmarks", "--target-dir"])
        .arg(&target)
        .env_remove("RUSTFLAGS")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(build.status.success(), "{}", text(&build));
    target.join("release/examples/landmarks")
}

/// How often the instruction at each address was executed.
fn executed(program: &Path) -> BTreeMap<u64, u64> {
    let profile = program.with_extension("callgrind");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let lines = std::fs::read_to_string(&profile).unwrap();
    std::fs::remove_file(&profile).unwrap();
    let (mut counts, mut is_call) = (BTreeMap::new(), false);
    for line in lines.lines() {
        // The line behind `calls=` is what the callee took.
        if let Some(fields) = line.strip_prefix("0x").filter(|_| !is_call) {
            let fields: Vec<&str> = fields.split(' ').collect();
            let [address, _, count] = fields[..] else { continue };
            *counts.entry(u64::from_str_radix(address, 16).unwrap()).or_default() += count.parse::<u64>().unwrap();
        }
        is_call = line.starts_with("calls=");
    }
    counts
}

/// The instructions of one function that were executed for each event, in the order of their addresses. A jump says where it goes: on, or
/// off the way.
fn straight(listing: &str, landmark: &str, counts: &BTreeMap<u64, u64>) -> Vec<String> {
    // A slot's turn is there once for each kind of source: the one that ran the most is meant.
    let starts = listing.lines().enumerate().filter(|(_, line)| line.ends_with(landmark)).map(|(at, _)| at + 1);
    let body = |start: usize| listing.lines().skip(start).take_while(|line| !line.is_empty());
    let ran = |line: &str| {
        let address = line.split_once(':').and_then(|(address, _)| u64::from_str_radix(address.trim(), 16).ok());
        address.and_then(|address| counts.get(&address)).copied().unwrap_or(0)
    };
    let lines = starts.map(body).max_by_key(|lines| lines.clone().map(ran).sum::<u64>()).into_iter().flatten();
    let mut instructions = Vec::new();
    for line in lines {
        let Some((address, instruction)) = line.split_once(':') else { continue };
        let address = u64::from_str_radix(address.trim(), 16).unwrap();
        if counts.get(&address).is_some_and(|count| count * 4 >= EVENTS * 3) {
            instructions.push((address, instruction.split('#').next().unwrap().split_whitespace().collect::<Vec<_>>()));
        }
    }
    let way: BTreeSet<u64> = instructions.iter().map(|(address, _)| *address).collect();
    let shown = |(address, words): (u64, Vec<&str>)| match words[..] {
        [jump, target, ..] if jump.starts_with('j') => {
            let target = u64::from_str_radix(target, 16).unwrap();
            let place = if !way.contains(&target) {
                "aside"
            } else if target < address {
                "back"
            } else {
                "on"
            };
            format!("{jump} {place}")
        }
        _ => words.join(" "),
    };
    instructions.into_iter().map(shown).collect()
}

/// A block of the page: its instructions, and what is said of each.
fn block<'p>(page: &'p str, name: &str) -> (&'p str, Vec<(&'p str, &'p str)>) {
    let start = page.find(&format!("```text\n{name}: ")).unwrap_or_else(|| panic!("the page has no block {name:?}"));
    let body = &page[start..][..page[start + 3..].find("```").unwrap() + 3];
    let explained = body.lines().skip(2).filter_map(|line| line.split_once(EXPLAINED));
    (body, explained.map(|(instruction, why)| (instruction.trim(), why)).collect())
}

/// The block anew: what was said of an instruction goes on being said of it, in the order of the page.
fn block_of(name: &str, instructions: &[String], old: &[(&str, &str)]) -> String {
    let mut text = format!("```text\n{name}: {} instructions\n", instructions.len());
    let mut at = 0;
    for instruction in instructions {
        let found = old[at..].iter().position(|(known, _)| known == instruction);
        let why = found.map_or(NOT_EXPLAINED, |ahead| old[at + ahead].1);
        at += found.map_or(0, |ahead| ahead + 1);
        text += &format!("{instruction:<40}{EXPLAINED}{why}\n");
    }
    text
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

fn rustc() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    String::from_utf8(Command::new(rustc).arg("--version").output().unwrap().stdout).unwrap().trim().into()
}

#[test]
fn issue_4557_the_page_shows_the_code_of_publish_poll_and_dispatch() {
    const NAME: &str = "issue_4557_the_page_shows_the_code_of_publish_poll_and_dispatch";
    for tool in ["valgrind", "objdump"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return skip(NAME, &format!("no {tool}"));
        }
    }
    let (bless, mut page_text) =
        (std::env::var_os("TAGRING_BLESS").is_some(), std::fs::read_to_string(page()).unwrap());
    let marked =
        page_text.lines().find_map(|line| line.strip_prefix("Compiler: ")).expect("the page names its compiler");
    if marked != rustc() {
        if !bless {
            return skip(NAME, &format!("docs/hot-path.md is of {marked}"));
        }
        page_text = page_text.replace(&format!("Compiler: {marked}"), &format!("Compiler: {}", rustc()));
    }
    let program = program();
    let counts = executed(&program);
    let objdump = Command::new("objdump").args(["-d", "-C", "--no-show-raw-insn"]).arg(&program).output().unwrap();
    let listing = String::from_utf8(objdump.stdout).unwrap();
    let mut stale = Vec::new();
    for (name, landmark) in LANDMARKS {
        let instructions = straight(&listing, landmark, &counts);
        assert!((10..200).contains(&instructions.len()), "{name}: {instructions:?}");
        let (old, explained) = block(&page_text, name);
        let new = block_of(name, &instructions, &explained);
        if new.contains(&format!("{EXPLAINED}{NOT_EXPLAINED}\n")) || old != new {
            stale.push(name);
        }
        page_text = page_text.replace(&old.to_string(), &new);
    }
    if bless {
        std::fs::write(page(), page_text).unwrap();
    }
    assert!(
        stale.is_empty(),
        "docs/hot-path.md is not of this code: {stale:?}; TAGRING_BLESS=1 cargo test --test hot_path_page"
    );
}

#[test]
fn what_was_explained_stays_and_what_is_new_is_marked() {
    let old = [("push %rbx", "kept"), ("mov (%rdi),%rax", "the first"), ("ret", "back")];
    let new = ["push %rbx", "inc %rax", "ret"].map(String::from);
    let text = block_of("b", &new, &old);
    assert!(text.starts_with("```text\nb: 3 instructions\n"));
    let page = format!("# p\n\n{text}```\n");
    let (body, explained) = block(&page, "b");
    assert_eq!((body, explained), (text.as_str(), vec![("push %rbx", "kept"), ("inc %rax", "?"), ("ret", "back")]));
}

//! Holds the instructions of the hot path to `budget.toml`. gungraun counts them in `benches/instructions.rs`, under callgrind. More than the
//! budget fails, and less does too: a gain is written down on purpose, with `TAGRING_BLESS=1 cargo test -p tagring-costs`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tagring_costs::{EVENTS, NO_TSC};

/// How far a count may be from its budget, either way: half an instruction an event. What varies hangs on how long things took: the smallest
/// and the largest value of a histogram, and events that were slow enough to be recorded.
const SLACK: u64 = EVENTS / 2;
/// What another compiler may take more, in hundredths.
const OTHER_COMPILER: u64 = 10;
/// A busy machine can make the calibration of the clock fail under valgrind.
const TRIES: usize = 5;
const BLESS: &str = "TAGRING_BLESS=1 cargo test -p tagring-costs";

type Counts = BTreeMap<String, u64>;

/// The file.
#[derive(Debug, PartialEq)]
struct Budget {
    rustc: String,
    instructions: Counts,
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.toml")
}

impl Budget {
    fn parse(text: &str) -> Option<Self> {
        let table: toml::Table = text.parse().ok()?;
        let count =
            |(work, count): (&String, &toml::Value)| Some((work.clone(), u64::try_from(count.as_integer()?).ok()?));
        let instructions = table.get("instructions")?.as_table()?.iter().map(count).collect::<Option<_>>()?;
        Some(Self { rustc: table.get("rustc")?.as_str()?.into(), instructions })
    }

    fn text(&self) -> String {
        let mut text = format!(
            "# Instructions of {EVENTS} events, as callgrind counts them; benches/instructions.rs says of what.\n\
             # Written by: {BLESS}\n\nrustc = \"{}\"\n\n[instructions]\n",
            self.rustc
        );
        for (work, count) in &self.instructions {
            text += &format!("\"{work}\" = {count} # {:.1} an event\n", *count as f64 / EVENTS as f64);
        }
        text
    }

    /// What is wrong with these counts.
    fn objections(&self, rustc: &str, counts: &Counts) -> Vec<String> {
        let known = self.rustc == rustc;
        let mut objections = Vec::new();
        for (work, &count) in counts {
            let Some(&budget) = self.instructions.get(work) else {
                objections.push(format!("{work}: {count} instructions, and no budget"));
                continue;
            };
            let most = if known { budget + SLACK } else { budget + budget * OTHER_COMPILER / 100 };
            if count > most {
                objections.push(format!("{work}: {count} instructions of {EVENTS} events, the budget is {budget}"));
            } else if known && count + SLACK < budget {
                objections
                    .push(format!("{work}: {count} instructions of {EVENTS} events, fewer than the budget's {budget}"));
            }
        }
        let gone = self.instructions.keys().filter(|work| !counts.contains_key(*work));
        objections.extend(gone.map(|work| format!("{work}: a budget, and no bench")));
        objections
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A command of the cargo that runs this test, in its target folder.
fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--quiet", "--locked", "-p", "tagring-costs", "--target-dir"]).arg(target());
    cargo.env_remove("RUSTFLAGS").current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf()
}

fn rustc() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    String::from_utf8(Command::new(rustc).arg("--version").output().unwrap().stdout).unwrap().trim().into()
}

/// Builds the runner and the benches, and runs them.
fn count() -> Counts {
    let built = cargo(&["build", "--features", "runner", "--bin", "count-instructions"]).output().unwrap();
    assert!(built.status.success(), "{}", text(&built));
    let runner = target().join("debug/count-instructions");
    for _ in 0..TRIES {
        let mut bench = cargo(&["bench", "--bench", "instructions"]);
        bench.args(["--", "--output-format=json", "--home"]).arg(target().join("gungraun"));
        let output = bench.env("GUNGRAUN_RUNNER", &runner).output().unwrap();
        if output.status.success() {
            return counts_of(&output.stdout);
        }
        assert!(text(&output).contains(NO_TSC), "{}", text(&output));
    }
    panic!("{NO_TSC}, and valgrind's was refused {TRIES} times");
}

/// One JSON document for each bench.
fn counts_of(stdout: &[u8]) -> Counts {
    let documents = serde_json::Deserializer::from_slice(stdout).into_iter::<serde_json::Value>();
    let count = |document: serde_json::Value| {
        let name = |field: &str| document[field].as_str().unwrap().to_string();
        let count = &document["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        (name("function_name") + "." + &name("id"), count.as_u64().unwrap())
    };
    documents.map(|document| count(document.unwrap())).collect()
}

/// The counts, made once; `None`: not on this machine.
fn counts(test: &str) -> Option<&'static Counts> {
    static COUNTS: OnceLock<Option<Counts>> = OnceLock::new();
    let counts = COUNTS.get_or_init(|| {
        Command::new("valgrind").arg("--version").output().ok()?;
        let counts = count();
        if std::env::var_os("TAGRING_BLESS").is_some() {
            std::fs::write(file(), Budget { rustc: rustc(), instructions: counts.clone() }.text()).unwrap();
        }
        Some(counts)
    });
    if counts.is_none() {
        skip(test, "no valgrind");
    }
    counts.as_ref()
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

#[test]
fn issue_4557_publish_poll_and_dispatch_take_the_instructions_of_their_budget() {
    let Some(counts) = counts("issue_4557_publish_poll_and_dispatch_take_the_instructions_of_their_budget") else {
        return;
    };
    let budget = Budget::parse(&std::fs::read_to_string(file()).unwrap()).expect("a budget");
    let objections = budget.objections(&rustc(), counts);
    assert!(objections.is_empty(), "{}\nIf that is meant: {BLESS}", objections.join("\n"));
}

#[test]
fn issue_4561_a_gate_that_is_not_used_takes_no_instruction() {
    let Some(counts) = counts("issue_4561_a_gate_that_is_not_used_takes_no_instruction") else { return };
    let (open, bare) = (counts["bus_publish_gated.open"], counts["bus_publish.one_by_one"]);
    assert!(open <= bare + SLACK, "it is the publisher itself: {open} {bare}");
    assert!(counts["bus_publish_gated.validate_and_rate"] > counts["bus_publish.one_by_one"]);
}

#[test]
fn issue_4576_measuring_takes_a_bounded_part_of_a_dispatch() {
    let Some(counts) = counts("issue_4576_measuring_takes_a_bounded_part_of_a_dispatch") else { return };
    let [off, slot, tags] = ["off", "slot", "slot_and_tags"].map(|measure| counts[&format!("dispatch.{measure}")]);
    assert!(off < slot && slot <= tags);
    // A count per batch and a clock read per group, not a histogram per event: some 70 instructions each for three of them would be 210.
    assert!(tags - off < 25 * EVENTS, "{off} {tags}");
}

#[test]
fn issue_4580_to_publish_a_struct_is_to_copy_its_words() {
    let Some(counts) = counts("issue_4580_to_publish_a_struct_is_to_copy_its_words") else { return };
    assert_eq!(counts["publish_struct.single"], counts["publish_words.single"], "no step of encoding");
}

#[test]
fn issue_4581_a_batch_takes_fewer_instructions_than_its_events_one_by_one() {
    let Some(counts) = counts("issue_4581_a_batch_takes_fewer_instructions_than_its_events_one_by_one") else { return };
    let fewer = |batched: &str, single: &str| assert!(counts[batched] < counts[single], "{batched}: {counts:?}");
    fewer("publish_claim.of_64", "publish_words.single");
    fewer("bus_publish_batch.of_64", "bus_publish.one_by_one");
    let (publish, then) = (counts["bus_publish.one_by_one"], counts["bus_publish_then_dispatch.off"]);
    assert!(publish + counts["dispatch.off"] < then / 2, "a turn over many events against a turn each: {counts:?}");
}

#[test]
fn a_count_beside_its_budget_is_objected_to() {
    let budget = |instructions: &[(&str, u64)]| Budget {
        rustc: "1.95".into(),
        instructions: instructions.iter().map(|(work, count)| ((*work).to_string(), *count)).collect(),
    };
    let held = budget(&[("poll", 10_000)]);
    assert_eq!(Budget::parse(&held.text()), Some(budget(&[("poll", 10_000)])));
    let objections = |rustc: &str, counts: &[(&str, u64)]| held.objections(rustc, &budget(counts).instructions);
    for near in [10_000, 10_000 + SLACK, 10_000 - SLACK] {
        assert_eq!(objections("1.95", &[("poll", near)]), [""; 0]);
    }
    assert!(objections("1.95", &[("poll", 10_001 + SLACK)])[0].contains("the budget is 10000"));
    assert!(objections("1.95", &[("poll", 9_999 - SLACK)])[0].contains("fewer than the budget"));
    assert_eq!(objections("1.96", &[("poll", 11_000)]).len() + objections("1.96", &[("poll", 5)]).len(), 0);
    assert_eq!(objections("1.96", &[("poll", 11_001)]).len(), 1);
    assert_eq!(
        objections("1.95", &[("look", 1)]),
        ["look: 1 instructions, and no budget", "poll: a budget, and no bench"]
    );
}

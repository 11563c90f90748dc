//! Configurations from files, the environment and code: what is wrong with them is named whole, each with its line, and the three sources
//! are equal.
#![cfg(feature = "config")]

mod config_table;

use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tagring::runtime::config::{
    BusConfig, ClockChoice, Config, Cores, Grant, MeasureChoice, Mistake, Mistakes, Origin, OverflowChoice,
    PanicChoice, PreflightChoice, SlotConfig, StampingChoice, StartPolicy, StuckChoice, TimeOrderChoice, WaitChoice,
};

/// One of everything.
const GOOD: &str = r#"
[runtime]
name = "trading"
cores = [0, 1, 2, 3]

[threads.fast]
threads_max = 2
cores = [1, 2]

[threads.slow]
cores = "any"

[feeds.itch]
cores = [3]

[buses.md]
capacity_cells = 0x1_0000
[buses.md.publishers.feed]
[buses.md.slots.book]
thread = "fast"
wait = "spin"
[buses.md.slots.vwap]
after = ["book"]
tags = ["Trade"]

[buses.derived-data]
capacity_cells = 4096
publishers.signals = { slot = "md.vwap", overflow = "timeout" }
slots.tape = { thread = "slow", panic = "restart" }
"#;

fn lines(mistakes: &Mistakes) -> Vec<String> {
    mistakes.iter().map(ToString::to_string).collect()
}

fn refused(text: &str) -> Mistakes {
    Config::from_toml("t.toml", text).expect_err(text)
}

/// Line and column of a mistake of a file.
fn place(mistake: &Mistake) -> Option<(usize, usize)> {
    match &mistake.origin {
        Origin::File { line, column, .. } => Some((*line, *column)),
        _ => None,
    }
}

#[test]
fn issue_4544_each_bad_configuration_is_refused_with_its_exact_messages() {
    for (text, expected) in config_table::TABLE {
        assert_eq!(lines(&refused(text)), *expected, "{text}");
    }
    assert!(config_table::TABLE.len() > 70);
}

#[test]
fn issue_4544_every_code_of_the_page_is_reached() {
    let reached: BTreeSet<&str> =
        config_table::TABLE.iter().flat_map(|(text, _)| refused(text)).map(|mistake| mistake.code).collect();
    let page = include_str!("../docs/errors.md");
    let codes = page.match_indices("| TR-07").map(|(at, _)| &page[at + 2..at + 9]).filter(|code| *code < "TR-0750");
    // What has to do with files and variables alone stands in tests of its own.
    let elsewhere = ["TR-0701", "TR-0702", "TR-0703", "TR-0704", "TR-0713"];
    let missing: Vec<_> = codes.filter(|code| !elsewhere.contains(code) && !reached.contains(code)).collect();
    assert_eq!(missing, Vec::<&str>::new());
    assert!(reached.len() > 20);
}

#[test]
fn issue_4544_all_mistakes_of_a_file_come_at_once_in_its_order() {
    let text = r#"[runtime]
name = "my runtime"
check_every_ms = 2.0
buses_maxx = 3
[buses.md]
capacity_cells = 10x
slots_max = 0x1_00
slots_max = 3
[buses.md.slots.a]
after = ["b", "a"]
wait = "spinn"
[buses.md.slots.b]
after = ["a"]
foo
restart_pause_ms = 9999
[buses.derived]
capacity_cells = 1_000
publishers.x = { slot = "md.a" }
publishers.y = { slot = "derived.z" }
slots.z = {}
[threads.t]
cores = [0, 0]
[feeds]
f.cores = "autp"
h.realtime_priority = 300
"#;
    let expected = [
        "t.toml:2: runtime.name = \"my runtime\": a name with other characters; ",
        "t.toml:3: runtime.check_every_ms = 2.0: of the wrong type, a float; ",
        "t.toml:4: runtime.buses_maxx = 3: no such key; ",
        "t.toml:6:18: capacity_cells = 10x: not a value; ",
        "t.toml:7: buses.md.slots_max = 0x1_00: too large; ",
        "t.toml:8: buses.md.slots_max: a second time; first in line 7; ",
        "t.toml:10: buses.md.slots.a.after[0] = \"b\": a cycle: a after b, b after a; ",
        "t.toml:10: buses.md.slots.a.after[1] = \"a\": a slot after itself; ",
        "t.toml:11: buses.md.slots.a.wait = \"spinn\": no such choice; ",
        "t.toml:14:4: foo: key with no value; ",
        "t.toml:15: buses.md.slots.b.restart_pause_ms = 9999: above restart_pause_max_ms; ",
        "t.toml:17: buses.derived.capacity_cells = 1_000: not a power of two; ",
        "t.toml:19: buses.derived.publishers.y.slot = \"derived.z\": slot derived.z waits for bus derived, its own, ",
        "t.toml:22: threads.t.cores = [0, 0]: 2 cores for 1 thread; ",
        "t.toml:22: threads.t.cores[1] = 0: twice in the list; ",
        "t.toml:24: feeds.f.cores = \"autp\": no such choice; ",
        "t.toml:25: feeds.h.realtime_priority = 300: too large; ",
    ];
    let found = lines(&refused(text));
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn the_text_of_many_mistakes_is_bounded() {
    let keys: String = (0..250).map(|at| format!("key{at} = 1\n")).collect();
    let mistakes = refused(&keys);
    assert_eq!(mistakes.iter().count(), 250);
    let text = mistakes.to_string();
    assert_eq!(text.lines().count(), 101);
    assert!(text.ends_with("\nand 150 more"), "{text}");
    let long = refused(&format!("[runtime]\nclock = \"{}\"", "\\u0007x".repeat(1 << 10)));
    assert!(lines(&long)[0].len() < 300 && !lines(&long)[0].contains('\u{7}'), "{long}");
}

#[test]
fn files_that_cannot_be_read_are_mistakes_too() {
    let folder = Folder::new("unreadable");
    let refused = |path: PathBuf| lines(&Config::loader().file(path).load().unwrap_err());
    let has = |lines: Vec<String>, words: &[&str]| {
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(words.iter().all(|word| lines[0].contains(word)), "{} has not all of {words:?}", lines[0]);
    };
    has(refused(folder.0.join("none.toml")), &["none.toml: no such file; check the path [TR-0701]"]);
    has(refused(folder.0.clone()), &["not read: ", "directory", "[TR-0702]"]);
    let large = folder.file("large", &[b'#'; (1 << 20) + 1]);
    has(refused(large), &["large: too large; allowed: 1048576 bytes", "[TR-0703]"]);
    has(refused(folder.file("latin", b"[runtime]\nname = '\xe4'")), &["latin:2:9: not UTF-8", "[TR-0704]"]);
    assert!(Config::loader().file(folder.file("full", &[b'#'; 1 << 20])).load().is_ok());
    assert_eq!(Config::load(folder.file("good.toml", GOOD.as_bytes())), Config::from_toml("t", GOOD));
    // Whatever else is wrong is said with it, but not what may be in the file that was not read.
    let both = Config::loader()
        .file("none.toml")
        .text("t", "x = 1\nbuses.md.slots.a.thread = 'fast'")
        .set("runtime.seed", "-1")
        .load()
        .unwrap_err();
    assert_eq!(both.iter().map(|mistake| mistake.code).collect::<Vec<_>>(), ["TR-0701", "TR-0709", "TR-0706"]);
}

#[test]
fn whatever_is_written_a_mistake_is_one_line_that_no_terminal_obeys() {
    let text = "[runtime]\ncores = \"\"\"\n1\n\u{7f}\"\"\"\n[buses.\"a\\nb\\u001b\"]\nslots.\"c\\nd\".after = [\"c\\nd\", \"e\\nf\"]";
    let mistakes = Config::from_toml("t\n.toml", text).unwrap_err();
    assert!(mistakes.iter().count() >= 4, "{mistakes}");
    for line in lines(&mistakes) {
        assert!(line.starts_with("t\\n.toml:") && !line.contains(char::is_control), "{line:?}");
    }
}

/// A folder of the test's own, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tagring-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn marks_carriage_returns_and_nothing_at_all_load() {
    assert_eq!(Config::from_toml("t", "").unwrap(), Config::default());
    assert_eq!(Config::from_toml("t", "\u{feff}").unwrap(), Config::default());
    let good = Config::from_toml("t", GOOD).unwrap();
    assert_eq!(Config::from_toml("t", &GOOD.replace('\n', "\r\n")).unwrap(), good);
    assert_eq!(Config::from_toml("t", &format!("\u{feff}{GOOD}")).unwrap(), good);
    let bad = lines(&refused("\u{feff}seed = x\r\n[runtime]\r\nbuses_max = 0\r\n"));
    let value = "a number, true, false, a list, or a string in quotes; correct the line [TR-0711]";
    assert_eq!(bad[0], format!("t.toml:1:8: seed = x: not a value; allowed: {value}"));
    assert_eq!(bad[1], "t.toml:3: runtime.buses_max = 0: too small; allowed: 1 to 1024; take 1 [TR-0706]");
}

/// A key of the schema: where it is in a configuration with the names of [`BASE`], and what the schema says of it.
struct Key {
    path: String,
    schema: Value,
}

/// A publisher that a slot of its own bus holds must not wait, so the one that keys are tried on has another bus; and one with gates cannot be
/// cloned, so theirs are tried on a third.
const BASE: &str = "[buses.md.slots.a]\n[buses.md.slots.b]\n[buses.md.history.h]\n[buses.orders.publishers.p]\n\
                    [buses.gated.publishers.p.gate.rates.g]\ntags = [\"Trade\"]\n[threads.t]\n[feeds.f]\n\
                     [buses.orders.lanes]\ncount = 3\nweights = [4, 2, 1]";

fn key(path: &str) -> Key {
    Key { path: path.to_owned(), schema: Value::Null }
}

/// Every key of the schema.
fn keys() -> Vec<Key> {
    let schema: Value = serde_json::from_str(&Config::json_schema()).unwrap();
    let mut keys = Vec::new();
    walk(&schema, "", &schema, &mut keys);
    assert!(keys.len() > 40, "{} keys", keys.len());
    keys
}

fn walk(schema: &Value, path: &str, root: &Value, keys: &mut Vec<Key>) {
    let target = match schema["$ref"].as_str() {
        Some(name) => &root["$defs"][name.rsplit('/').next().unwrap()],
        None => schema,
    };
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if target["additionalProperties"].is_object() {
        let name = match path.rsplit('.').next().unwrap() {
            "threads" => "t",
            "feeds" => "f",
            "buses" => "md",
            "publishers" => "p",
            "slots" => "a",
            "overflow_tags" => "quote",
            "history" => "h",
            "rates" => "g",
            other => panic!("a table of names that this test does not know: {other}"),
        };
        walk(&target["additionalProperties"], &below(name), root, keys);
    } else if let Some(properties) = target["properties"].as_object() {
        assert_eq!(target["additionalProperties"], false, "{path} refuses unknown keys in editors too");
        for (name, property) in properties {
            assert!(property["description"].is_string() && !property["default"].is_null(), "{path}.{name}: {property}");
            walk(property, &below(name), root, keys);
        }
    } else {
        let mut merged = target.clone();
        merged["default"] = schema["default"].clone();
        let bus = if path.contains(".gate.") { "gated.publishers" } else { "orders.publishers" };
        let path = path.replace("md.publishers", bus).replace("md.lanes", "orders.lanes");
        keys.push(Key { path, schema: merged });
    }
}

impl Key {
    fn is_integer(&self) -> bool {
        self.schema["type"] == "integer"
    }

    /// A valid value other than the default, as TOML.
    fn other_value(&self) -> String {
        let default = &self.schema["default"];
        if let Some(choices) = self.schema["oneOf"].as_array() {
            let other = choices.iter().map(|choice| &choice["const"]).find(|name| *name != default).unwrap();
            return other.to_string();
        }
        match self.path.rsplit('.').next().unwrap() {
            "name" => "\"x1\"".into(),
            "thread" => "\"t\"".into(),
            "after" => "[\"b\"]".into(),
            "tags" => "[\"Trade\", \"Quote\"]".into(),
            "keep" => "[\"Trade\"]".into(),
            "slot" => "\"md.b\"".into(),
            "cores" => "[5]".into(),
            "weights" => "[3, 2, 1]".into(),
            "lane" => "2".into(),
            "ranges" => "[\"Trade.price in 1..=5\"]".into(),
            // A power of two.
            "dedup_window" => "64".into(),
            _ if default.is_boolean() => (!default.as_bool().unwrap()).to_string(),
            _ => match (default.as_u64().unwrap(), self.schema["maximum"].as_u64().unwrap()) {
                (0, _) => "32".into(),
                (value, max) if value * 2 > max => (value / 2).to_string(),
                (value, _) => (value * 2).to_string(),
            },
        }
    }

    /// The environment variable that names it.
    fn variable(&self) -> String {
        format!("TAGRING__{}", self.path.to_uppercase().replace('.', "__").replace('-', "_"))
    }

    /// With this value in a file, in a variable, and from code.
    fn in_each_source(&self, value: &str) -> [Result<Config, Mistakes>; 3] {
        let base = || Config::loader().text("base", BASE);
        [
            base().text("t.toml", format!("{} = {value}\n", self.path)).load(),
            base().variables([(self.variable(), value)]).load(),
            base().set(&self.path, value).load(),
        ]
    }
}

#[test]
fn every_key_goes_through_file_environment_and_code_alike() {
    let before = Config::from_toml("base", BASE).unwrap();
    for key in keys() {
        let value = key.other_value();
        let all = key.in_each_source(&value);
        let all = all.map(|loaded| loaded.unwrap_or_else(|mistakes| panic!("{} = {value}: {mistakes}", key.path)));
        assert_ne!(all[0], before, "{} = {value} changes something", key.path);
        assert_eq!(all[0], all[1], "{}", key.variable());
        assert_eq!(all[0], all[2], "{}", key.path);
        assert_eq!(Config::from_toml("again", &all[0].to_toml()).unwrap(), all[0], "{}", key.path);
    }
}

#[test]
fn every_bound_of_the_schema_is_checked_alike_in_every_source() {
    let mut in_code = 0;
    for key in keys().iter().filter(|key| key.is_integer()) {
        let (min, max) = (key.schema["minimum"].as_i64().unwrap(), key.schema["maximum"].as_u64().unwrap());
        let below = (i128::from(min) - 1, format!("too small; allowed: {min} to {max}; take {min} [TR-0706]"));
        let above = (i128::from(max) + 1, format!("too large; allowed: {min} to {max}; take {max} [TR-0706]"));
        for (value, words) in [below, above] {
            let words = format!("{} = {value}: {words}", key.path);
            for loaded in key.in_each_source(&value.to_string()) {
                let found = lines(&loaded.unwrap_err());
                assert!(found.len() == 1 && found[0].ends_with(&words), "{found:?}: {words}");
            }
            in_code += usize::from(refused_in_code(key, value, &words));
        }
        for value in [i128::from(min), i128::from(max)] {
            for loaded in key.in_each_source(&value.to_string()) {
                let found = loaded.err().map(|mistakes| lines(&mistakes)).unwrap_or_default();
                assert!(!found.iter().any(|line| line.contains("TR-0706")), "{} = {value}: {found:?}", key.path);
            }
        }
    }
    assert!(in_code > 20, "{in_code} bounds can be left in code");
}

/// Whether the type of the field can hold the value at all; if so, the rules alone must refuse it.
fn refused_in_code(key: &Key, value: i128, words: &str) -> bool {
    let Ok(value) = u64::try_from(value) else { return false };
    let nested = key.path.rsplit('.').fold(Value::from(value), |value, name| serde_json::json!({ name: value }));
    let Ok(config) = serde_json::from_value::<Config>(nested) else { return false };
    let found: Vec<_> = config.mistakes().iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|line| line == words), "{words}: {found:?}");
    true
}

#[test]
fn the_same_mistake_reads_the_same_from_every_source() {
    let after_the_place = |loaded: Result<Config, Mistakes>| {
        let whole = lines(&loaded.unwrap_err()).join("\n");
        whole[whole.find("buses.").expect("the key is named")..].to_owned()
    };
    let table = [
        ("buses.md.capacity_cells", "1000"),
        ("buses.md.capacity_cells", "true"),
        ("buses.md.capacity_cells", "1.5"),
        ("buses.md.capcity_cells", "1024"),
        ("buses.md.slots.a.wait", "\"spinn\""),
        ("buses.md.slots.a.thread", "\"fsat\""),
        ("buses.md.slots.a.after", "[\"c\"]"),
        ("buses.md.slots.a.after", "[\"a\"]"),
        ("buses.md.slots.a.after", "[1]"),
        ("buses.orders.publishers.p.slot", "\"x.y\""),
    ];
    for (path, value) in table {
        let [file, variable, code] = key(path).in_each_source(value).map(after_the_place);
        assert_eq!((&file, &file), (&variable, &code));
    }
}

#[test]
fn later_layers_win_key_by_key() {
    let config = Config::loader()
        .text("a", "[buses.md]\ncapacity_cells = 2\nslots_max = 2\n[buses.x]\n[threads.t]\ncores = [1]")
        .text("b", "[buses.md]\ncapacity_cells = 4\n[threads.t]\nthreads_max = 3\ncores = [4, 5, 6]")
        .variables([("TAGRING__BUSES__MD__CAPACITY_CELLS", "8"), ("OTHER", "1"), ("TAGRING_DATA", "x")])
        .set("buses.md.capacity_cells", "16")
        .load()
        .unwrap();
    assert_eq!((config.buses["md"].capacity_cells, config.buses["md"].slots_max, config.buses.len()), (16, 2, 2));
    assert_eq!(config.threads["t"].cores, Cores::List(vec![4, 5, 6]), "lists are replaced, not joined");
    // A mistake that a later layer hides is one nevertheless.
    let hidden = Config::loader().text("a", "[runtime]\nseed = true").set("runtime.seed", "1").load().unwrap_err();
    assert_eq!(hidden.iter().count(), 1, "{hidden}");
    // A combination is reported where its key was written last.
    let name = "tagring__buses__md__slots__a__restart_pause_ms";
    let over = Config::loader().text("a", "[buses.md.slots.a]\nrestart_pause_ms = 20").variables([(name, "6_000")]);
    let over = over.load().unwrap_err().to_string();
    assert!(over.starts_with(&format!("{name}: buses.md.slots.a.restart_pause_ms = 6_000: above")), "{over}");
}

#[test]
fn variables_find_names_whatever_their_case_and_dashes() {
    let config = Config::loader()
        .text("a", "[buses.md-Raw.slots.a_b]\n[buses.md-Raw.slots.c]")
        .variables([
            ("TAGRING__BUSES__MD_RAW__SLOTS__A_B__AFTER", "[\"c\"]"),
            ("Tagring__Buses__md-raw__Slots__New-One__Wait", "spin"),
            ("TAGRING__RUNTIME__NAME", "123"),
            ("TAGRING__THREADS__T__CORES", "any"),
            ("TAGRING__FEEDS__F", "{ spins = false, cores = [2] }"),
        ])
        .load()
        .unwrap();
    let bus = &config.buses["md-Raw"];
    assert_eq!(bus.slots["a_b"].after, ["c"]);
    assert_eq!(bus.slots["new-one"].wait, WaitChoice::Spin);
    assert_eq!((config.runtime.name.as_str(), &config.threads["t"].cores), ("123", &Cores::Any));
    assert_eq!((config.feeds["f"].spins, &config.feeds["f"].cores), (false, &Cores::List(vec![2])));
}

#[test]
fn variables_that_name_nothing_are_mistakes() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
    let mistakes = Config::loader()
        .variables([
            pair("TAGRING__RUNTIME__SEDE", "1"),
            pair("TAGRING__RUNTIME__SEED__X", "1"),
            pair("TAGRING__", "1"),
            pair("TAGRING__RUNTIME__BUSES_MAX", "16"),
            pair("TAGRING__RUNTIME__buses-max", "17"),
            (OsString::from("TAGRING__RUNTIME__NAME"), OsString::from_vec(vec![b'a', 0xff])),
            pair("TAGRING__THREADS", "many"),
        ])
        .load()
        .unwrap_err();
    let expected = [
        "TAGRING__: \"\" = 1: no such key; allowed: runtime, threads, feeds, buses; take one of those [TR-0709]",
        "TAGRING__RUNTIME__NAME: a\u{fffd}: not UTF-8; allowed: UTF-8; set it anew [TR-0713]",
        "TAGRING__RUNTIME__SEDE: runtime.sede = 1: no such key; allowed: name, buses_max, threads_max, memory_max_bytes, cores, \
         clock, start, shutdown_timeout_ms, signals, check_every_ms, system_cells, seed, preflight, lock_memory, prefault, \
         huge_pages, realtime; did you mean seed? [TR-0709]",
        "TAGRING__RUNTIME__SEED__X: runtime.seed.x = 1: no such key; allowed: nothing (there is none); leave it out [TR-0709]",
        "TAGRING__RUNTIME__buses-max: 17: a second time; first as TAGRING__RUNTIME__BUSES_MAX; allowed: each key once; unset one of \
         them [TR-0710]",
        "TAGRING__THREADS: threads = \"many\": of the wrong type, a string; allowed: a table; give one of those [TR-0708]",
    ];
    assert_eq!(lines(&mistakes), expected);
}

#[test]
fn the_files_of_the_guide_load() {
    let page = include_str!("../docs/guide/configuration.md");
    let files: Vec<_> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(files.len(), 1);
    for file in files {
        let config = Config::from_toml("guide", file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!((config.buses.len(), config.threads.len(), config.feeds.len()), (2, 2, 1));
    }
}

#[test]
fn the_schema_in_the_repository_is_the_one_of_the_types() {
    let committed = include_str!("../docs/config.schema.json");
    assert!(committed == Config::json_schema(), "write it anew: tagring check --schema > docs/config.schema.json");
}

#[test]
fn the_tables_of_choices_are_those_of_the_schema() {
    fn same<T>(name: &str, table: &[(&str, T)])
    where
        T: Copy + PartialEq + std::fmt::Debug + std::fmt::Display + std::str::FromStr<Err = Mistake>,
    {
        let schema: Value = serde_json::from_str(&Config::json_schema()).unwrap();
        let choices = schema["$defs"][name]["oneOf"].as_array().unwrap_or_else(|| panic!("{name} is in the schema"));
        let names: Vec<_> = choices.iter().map(|choice| choice["const"].as_str().unwrap()).collect();
        assert_eq!(table.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        for (name, choice) in table {
            assert_eq!((name.parse::<T>().unwrap(), choice.to_string().as_str()), (*choice, *name));
        }
        let wrong = "nonsense".parse::<T>().unwrap_err();
        assert_eq!((wrong.code, wrong.allowed), ("TR-0707", names.join(", ")));
    }
    same("WaitChoice", WaitChoice::TABLE);
    same("OverflowChoice", OverflowChoice::TABLE);
    same("StampingChoice", StampingChoice::TABLE);
    same("TimeOrderChoice", TimeOrderChoice::TABLE);
    same("PanicChoice", PanicChoice::TABLE);
    same("StuckChoice", StuckChoice::TABLE);
    same("MeasureChoice", MeasureChoice::TABLE);
    same("ClockChoice", ClockChoice::TABLE);
    same("StartPolicy", StartPolicy::TABLE);
    same("PreflightChoice", PreflightChoice::TABLE);
    same("Grant", Grant::TABLE);
}

/// Every way to look a choice up: right names, wrong ones, through a file.
fn look_up() -> Vec<Result<WaitChoice, String>> {
    let names = ["spin", "spin-then-yield", "spin-then-park", "spni", "", "Spin"];
    let found = names.iter().map(|name| name.parse::<WaitChoice>().map_err(|mistake| mistake.to_string()));
    let loaded = Config::from_toml("t", "[buses.b.slots.s]\nwait = \"spni\"").unwrap_err();
    found.chain([Err(loaded.to_string())]).collect()
}

#[test]
fn issue_4545_choices_are_an_immutable_table_that_all_threads_see_alike() {
    // A registry that is filled at its first use would give some of the threads nothing.
    let start = std::sync::Barrier::new(4);
    let looking = || {
        start.wait();
        (0..50).map(|_| look_up()).collect::<Vec<_>>()
    };
    let seen: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(looking)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let expected = look_up();
    assert_eq!(seen.len(), 200);
    assert!(seen.iter().all(|found| *found == expected));
    assert_eq!(&expected[..3], [Ok(WaitChoice::Spin), Ok(WaitChoice::SpinThenYield), Ok(WaitChoice::SpinThenPark)]);
    let wrong: Vec<_> = expected[3..].iter().map(|found| found.as_ref().unwrap_err()).collect();
    assert!(wrong.iter().all(|text| text.contains("allowed: spin, spin-then-yield, spin-then-park;")), "{wrong:?}");
    assert!(wrong[0].contains("did you mean spin?"));
}

#[test]
fn code_is_checked_by_the_same_rules() {
    let mut config = Config::from_toml("t", GOOD).unwrap();
    assert_eq!(config.check(), Ok(()));
    config.buses.get_mut("md").unwrap().slots.get_mut("book").unwrap().after = vec!["vwap".into()];
    config.buses.insert("a b".into(), BusConfig { capacity_cells: 3, ..BusConfig::default() });
    let expected = [
        "buses.\"a b\".capacity_cells = 3: not a power of two; allowed: a power of two from 2 to 4294967296; take 4 [TR-0705]",
        "buses.\"a b\": a name with other characters; allowed: 1 to 31 letters and digits, with single - or _ between them; rename \
         it [TR-0721]",
        "buses.md.slots.book.after[0] = \"vwap\": a cycle: book after vwap, vwap after book; allowed: an order; leave one of them \
         out [TR-0732]",
    ];
    assert_eq!(lines(&config.check().unwrap_err()), expected);
}

#[test]
fn a_cycle_of_buses_is_none_where_one_does_not_wait_for_ever() {
    for overflow in ["wait", "timeout", "fail", "shed"] {
        let text = format!(
            "[buses.a]\nslots.x = {{}}\npublishers.p = {{ slot = 'b.y' }}\n\
             [buses.b]\nslots.y = {{}}\npublishers.p = {{ slot = 'a.x', overflow = '{overflow}' }}\n"
        );
        assert_eq!(Config::from_toml("t", &text).is_ok(), overflow != "wait", "{overflow}");
    }
}

#[test]
fn chains_of_thousands_of_slots_are_checked_without_a_deep_stack() {
    let mut bus = BusConfig::default();
    let count = 50_000;
    for at in 0..count {
        let after = vec![format!("s{}", (at + 1) % count)];
        bus.slots.insert(format!("s{at}"), SlotConfig { after, ..SlotConfig::default() });
    }
    let config = Config { buses: [("md".into(), bus)].into(), ..Config::default() };
    let codes: Vec<_> = config.mistakes().iter().map(|mistake| mistake.code).collect();
    assert_eq!(codes, ["TR-0724", "TR-0732"]);
}

/// Valid or not, a value of the key's type.
fn drawn(key: &Key, number: u64) -> String {
    if !key.is_integer() {
        return key.other_value();
    }
    let bound = |bound: &str| key.schema[bound].as_u64().unwrap();
    (bound("minimum") + number % (bound("maximum") - bound("minimum") + 1)).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_loads_back_to_the_same(
        picks in proptest::collection::vec((any::<usize>(), any::<u64>()), 0..20),
        name in "[a-z]{1,5}([-_][A-Z0-9]{1,3}){0,3}",
        tag in any::<String>(),
    ) {
        let keys = keys();
        let loader = Config::loader().text("good", GOOD).text("base", BASE).set(format!("buses.{name}.slots_max"), "5");
        let picks = picks.iter().map(|(at, number)| (&keys[at % keys.len()], *number));
        let loader = picks.fold(loader, |loader, (key, number)| loader.set(&key.path, drawn(key, number)));
        // Some combinations are refused; what is not must come back.
        if let Ok(mut config) = loader.load() {
            config.buses.get_mut("md").unwrap().slots.get_mut("vwap").unwrap().tags = vec![tag];
            let printed = config.to_toml();
            prop_assert_eq!(Config::from_toml("again", &printed).unwrap(), config, "{}", printed);
        }
    }

    #[test]
    fn what_the_schema_takes_for_a_name_is_one(name in "[A-Za-z0-9]{1,8}([-_][A-Za-z0-9]{1,6}){0,3}") {
        let is_long = name.len() > 31;
        let config = Config { buses: [(name, BusConfig::default())].into(), ..Config::default() };
        prop_assert_eq!(config.mistakes().iter().any(|mistake| mistake.code == "TR-0721"), is_long);
    }
}

/// Changes of a text: at a place, so many characters become these.
fn changes() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    let text = prop_oneof![
        "[\\[\\]{}=.,#'\"\\\\ \n\r\t]{0,3}",
        "(\\[buses\\.md\\]|slots|=|1e9|-1|0x|true|\"\"\"|'''|wait|\\[\\[|\u{feff}|\u{0})",
        "[a-z_0-9]{0,4}",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec((any::<usize>(), 0..6_usize, text), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_is_a_configuration_or_refused_at_lines_it_has(changes in changes()) {
        let mut text: Vec<char> = GOOD.chars().collect();
        for (at, remove, insert) in changes {
            let from = at % text.len();
            let to = (from + remove).min(text.len());
            text.splice(from..to, insert.chars());
        }
        let text: String = text.into_iter().collect();
        match Config::from_toml("t.toml", &text) {
            Ok(config) => prop_assert_eq!(config.check(), Ok(())),
            Err(mistakes) => {
                prop_assert!(mistakes.iter().count() > 0);
                for mistake in &mistakes {
                    let (line, column) = place(mistake).expect("all are of the file");
                    prop_assert!((1..=text.split('\n').count()).contains(&line) && column >= 1, "{}", mistake);
                    prop_assert_eq!(mistake.to_string().lines().count(), 1, "{}", mistake);
                    prop_assert!(!mistake.what.is_empty() && !mistake.remedy.is_empty(), "{}", mistake);
                }
            }
        }
    }
}

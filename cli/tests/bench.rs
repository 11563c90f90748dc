//! `tagring bench`: what it shows and writes, and everything that is refused before anything is measured.

mod support;

#[cfg(not(feature = "bench"))]
#[test]
fn a_build_without_the_suite_says_how_to_get_one() {
    support::Place::new().run(&["bench"]).failed_with(2, &["TR-3010", "--features bench"]);
}

#[cfg(feature = "bench")]
mod with_the_suite {
    use super::support::{Done, Place};
    use roxmltree::Document;
    use rustix::process::Signal;
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use serde_json::{Value, json};
    use std::fs;
    use std::io::Write as _;
    use std::process::Stdio;

    /// Whether there are two cores; a test that needs them is skipped otherwise, by name.
    fn has_two_cores(test: &str) -> bool {
        let has = sched_getaffinity(None).is_ok_and(|mask| mask.count() >= 2);
        if !has && let Some(path) = std::env::var_os("TAGRING_SKIPS") {
            let file = fs::OpenOptions::new().append(true).create(true).open(path);
            let _ = file.and_then(|mut file| writeln!(file, "{test}: it needs two cores"));
        }
        has
    }

    fn svg_files(folder: &std::path::Path) -> Vec<String> {
        let files = fs::read_dir(folder).expect("the folder is there");
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_list_names_each_part_with_what_it_measures() {
        let done = Place::new().run(&["bench", "--list"]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        for part in ["clock", "trip", "hop", "stream", "burst"] {
            let line = done.out.lines().find(|line| line.split_whitespace().next() == Some(part));
            assert!(line.is_some_and(|line| line.split_whitespace().count() > 2), "{part}: {}", done.out);
        }
    }

    #[test]
    fn issue_4595_one_run_gives_tables_bars_json_and_plots() {
        if !has_two_cores("tables, bars, JSON and plots of bench") {
            return;
        }
        let place = Place::new();
        let old = place.file("out.json", "what was there");
        let args =
            ["bench", "trip", "clock", "trip", "--quick", "--rounds", "1", "--json", &old, "--svg", "plots/deep"];
        let done = place.run(&args);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        let at = |text: &str| done.out.find(text).unwrap_or_else(|| panic!("{text:?} is missing: {}", done.out));
        assert!(at("; 1 rounds\n") < at("## trip") && at("## trip") < at("## clock") && at("## clock") < at("## Bars"));
        assert_eq!(done.out.matches("\n## trip").count(), 1, "a part that is named twice runs once");
        assert!(at("| tagring | ") < at("| disruptor 4.4 | "));
        let report: Value = serde_json::from_str(&place.read("out.json")).expect("one JSON object");
        assert_eq!((&report["size"], &report["rounds"]), (&json!("quick"), &json!(1)));
        let names: Vec<_> = report["parts"].as_array().unwrap().iter().map(|part| part["name"].clone()).collect();
        assert_eq!(names, [json!("trip"), json!("clock")]);
        assert!(report["bars"].as_array().is_some_and(|bars| bars.iter().any(|bar| bar["part"] == "trip")));
        let names = svg_files(&place.path().join("plots/deep"));
        assert!(names.iter().any(|name| name.starts_with("trip-1-") && name.ends_with("-curves.svg")), "{names:?}");
        assert!(names.contains(&"clock-1-any.svg".to_owned()), "{names:?}");
        for name in names {
            let text = fs::read_to_string(place.path().join("plots/deep").join(&name)).unwrap();
            let document = Document::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let texts: Vec<_> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
            let row = if name.starts_with("trip") { "tagring" } else { "RDTSC" };
            assert!(texts.contains(&row), "{name} names its rows: {texts:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_measured() {
        let place = Place::new();
        let file = place.file("file", "");
        let folder = place.path().to_str().unwrap().to_owned();
        let table: [(&[&str], &[&str]); 11] = [
            (&["nothing"], &["TR-3011", "\"nothing\"", "trip", "burst"]),
            (&["trip", "Trip"], &["TR-3011", "\"Trip\""]),
            (&["--rounds", "0"], &["TR-3012", "from 1"]),
            (&["--rounds", "-3"], &["TR-3012"]),
            (&["--rounds", "100001"], &["TR-3012", "100000"]),
            (&["--cores", "1"], &["TR-3013", "2,3"]),
            (&["--cores", "0,0"], &["TR-3013", "two different"]),
            (&["--cores", "0,99999"], &["TR-3013", "0,99999"]),
            (&["--json", &folder], &["TR-3015", "--json", &folder, "directory"]),
            (&["--json", "no/such/folder.json"], &["TR-3015", "no/such/folder.json"]),
            (&["--svg", &file], &["TR-3015", "--svg", &file]),
        ];
        for (args, words) in table {
            let done = place.run(&[&["bench"], args].concat());
            done.failed_with(2, words);
            assert_eq!(done.out, "", "{args:?}");
        }
        assert!(!place.path().join("no").exists());
    }

    #[test]
    fn a_refused_run_leaves_files_as_they_were() {
        let place = Place::new();
        let (file, old) = (place.file("file", ""), place.file("old.json", "old"));
        place.run(&["bench", "--json", &old, "--svg", &file]).failed_with(2, &["TR-3015"]);
        place.run(&["bench", "--json", "new.json", "--svg", &file]).failed_with(2, &["TR-3015"]);
        assert_eq!(place.read("old.json"), "old");
        assert!(!place.path().join("new.json").exists());
    }

    #[test]
    fn one_core_is_not_enough() {
        let place = Place::new();
        // A child has the mask of the thread that starts it.
        let run = || -> Done {
            let all = sched_getaffinity(None).unwrap();
            let mut one = CpuSet::new();
            one.set((0..CpuSet::MAX_CPU).find(|&core| all.is_set(core)).unwrap());
            sched_setaffinity(None, &one).unwrap();
            place.run(&["bench", "clock"])
        };
        let done = std::thread::scope(|scope| scope.spawn(run).join().unwrap());
        done.failed_with(2, &["TR-3014", "two cores", "taskset"]);
    }

    #[test]
    fn an_interrupted_run_tells_what_it_has() {
        if !has_two_cores("an interrupted bench") {
            return;
        }
        let place = Place::new();
        let args = ["bench", "clock", "trip", "--quick", "--rounds", "100000", "--json", "out.json"];
        let mut running = place.start(&args, Stdio::null());
        running.until("it measures", |running| running.catches(Signal::INT) && running.has_thread("bench"));
        running.signal(Signal::INT);
        let done = running.wait();
        assert_eq!((done.code, done.err.as_str()), (Some(130), ""), "{done:?}");
        assert!(done.out.contains("Interrupted"), "{}", done.out);
        let report: Value = serde_json::from_str(&place.read("out.json")).expect("one JSON object");
        assert_eq!(report["parts"].as_array().map(Vec::len), Some(1), "the second part has not begun");
    }
}

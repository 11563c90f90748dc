//! Weakens each ordering that a loom model guards, one at a time, in a copy of the sources, and expects that model to object. Run by
//! `./test --weaken`; by hand: `cargo test -p tagring-loom-tests --test weakenings -- --ignored --nocapture`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is weakened, where (file, text, text instead), and the model that must object.
struct Weakening {
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    model: &'static str,
}

const fn weaken(
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    model: &'static str,
) -> Weakening {
    Weakening { what, file, from, to, model }
}

#[rustfmt::skip]
const WEAKENINGS: [Weakening; 59] = [
    weaken("stamp store", "src/ring/cell.rs",
        "self.words.store(value);\n        self.stamp.store(s + 1, Ordering::Release);",
        "self.words.store(value);\n        self.stamp.store(s + 1, Ordering::Relaxed);", "one_publisher_one_reader"),
    weaken("stamp load", "src/ring/cell.rs",
        "let stamp = self.stamp.load(Ordering::Acquire);",
        "let stamp = self.stamp.load(Ordering::Relaxed);", "one_publisher_one_reader"),
    weaken("sequence store", "src/ring/place.rs",
        "sequence.store(sequence, Ordering::Release)",
        "sequence.store(sequence, Ordering::Relaxed)", "one_publisher_one_reader"),
    weaken("sequence load", "src/ring/place.rs",
        "sequence.load(Ordering::Acquire)",
        "sequence.load(Ordering::Relaxed)", "one_publisher_one_reader"),
    weaken("horizon store", "src/ring/publisher.rs",
        "self.shared.horizon.store(self.standing.next, Ordering::Release)",
        "self.shared.horizon.store(self.standing.next, Ordering::Relaxed)", "the_horizon_publishes"),
    weaken("horizon load", "src/ring/shared.rs",
        "self.horizon.load(Ordering::Acquire).max(next + 1)",
        "self.horizon.load(Ordering::Relaxed).max(next + 1)", "the_horizon_publishes"),
    weaken("batch order", "src/ring/claim.rs",
        "self.shared.horizon.store(self.next, Ordering::Release); // SYNC horizon\n            }\n            let more = self.next > self.first + 1;\n            self.shared.cell(self.first).expose(self.first, more);",
        "}\n            let more = self.next > self.first + 1;\n            self.shared.cell(self.first).expose(self.first, more);\n            if !self.shared.many {\n                self.shared.horizon.store(self.next, Ordering::Release);\n            }", "issue_4581"),
    weaken("hint believed", "src/ring/shared.rs",
        "while end < far && self.cell(end).is_published(end) {",
        "while end < far {", "batches_of_two_publishers"),
    weaken("two publishers seq load", "src/ring/place.rs",
        "sequence.load(Ordering::Acquire)",
        "sequence.load(Ordering::Relaxed)", "issue_4567"),
    weaken("no finished_up_to", "src/ring/shared.rs",
        "self.finished_up_to(at) + self.capacity()",
        "at + self.capacity()", "two_publishers_without_readers"),
    weaken("join reader fence", "src/ring/shared.rs",
        "        self.places.place(place).store(lowest);\n        fence(Ordering::SeqCst); // SYNC join",
        "        self.places.place(place).store(lowest);", "a_reader_joins_while"),
    weaken("join publisher fence", "src/ring/shared.rs",
        "        fence(Ordering::SeqCst); // SYNC join\n        let slowest",
        "        let slowest", "a_reader_joins_while"),
    weaken("no settle", "src/ring/shared.rs",
        "            self.settle(place, cursor);\n",
        "            self.places.place(place).store(cursor);\n", "a_reader_joins_among"),
    weaken("settled at the join", "src/ring/reader.rs",
        "            self.shared.places.place(self.place).store(self.next);\n            self.shared.bell",
        "            self.shared.bell", "joined_amid_a_claim"),
    weaken("detach store", "src/ring/place.rs",
        "sequence.store(sequence, Ordering::Release)",
        "sequence.store(sequence, Ordering::Relaxed)", "a_reader_detaches"),
    weaken("dep load", "src/ring/place.rs",
        "sequence.load(Ordering::Acquire)",
        "sequence.load(Ordering::Relaxed)", "a_reader_runs_after"),
    weaken("dep store", "src/ring/place.rs",
        "sequence.store(sequence, Ordering::Release)",
        "sequence.store(sequence, Ordering::Relaxed)", "a_reader_runs_after"),
    weaken("bell light", "src/ring/wait.rs",
        "        fence_light(); // SYNC sleeper-announced\n",
        "", "no_wake_up"),
    weaken("bell heavy", "src/ring/wait.rs",
        "let seen = fence_heavy();",
        "let seen = true;", "no_wake_up"),
    weaken("lossy release fence", "src/ring/cell.rs",
        "        fence(Ordering::Release);\n",
        "", "issue_4537"),
    weaken("lossy acquire fence", "src/ring/cell.rs",
        "        fence(Ordering::Acquire);\n",
        "", "issue_4537"),
    weaken("closed store", "src/ring/shared.rs",
        "self.control.closed.store(1, Ordering::Release)",
        "self.control.closed.store(1, Ordering::Relaxed)", "closed_comes"),
    weaken("closed load", "src/ring/shared.rs",
        "self.control.closed.load(Ordering::Acquire)",
        "self.control.closed.load(Ordering::Relaxed)", "closed_comes"),
    weaken("end_of waits for the gone", "src/ring/place.rs",
        "                sequence = self.end_of(self.after(reader));",
        "                sequence = 0;", "outlives"),
    weaken("turn light fence", "src/ring/revoke.rs",
        "        fence_light();\n",
        "", "revoked_in_its_turn"),
    weaken("revoke heavy fence", "src/ring/place.rs",
        "        if !fence_heavy() {\n            hold.unmark();",
        "        if false {\n            hold.unmark();", "revoked_in_its_turn"),
    weaken("turn looks before it holds", "src/ring/revoke.rs",
        "        self.to.store(to, Ordering::Release);",
        "        if self.state.load(Ordering::Relaxed) != LIVE {\n            return false;\n        }\n        fence_light();\n        self.to.store(to, Ordering::Release);\n        return true;", "revoked_in_its_turn"),
    weaken("bit before pin", "src/ring/place.rs",
        "        hold.pin(Run::of(from, to, most, mask));\n        self.sets.revoked.fetch_or(1 << reader.index(), Ordering::Release); // SYNC cells-pinned",
        "        self.sets.revoked.fetch_or(1 << reader.index(), Ordering::Release); // SYNC cells-pinned\n        hold.pin(Run::of(from, to, most, mask));", "revoked_in_its_turn"),
    weaken("pinned store", "src/ring/place.rs",
        "fetch_or(1 << reader.index(), Ordering::Release)",
        "fetch_or(1 << reader.index(), Ordering::Relaxed)", "revoked_in_its_turn"),
    weaken("pinned load", "src/ring/place.rs",
        "self.sets.revoked.load(Ordering::Acquire)",
        "self.sets.revoked.load(Ordering::Relaxed)", "revoked_in_its_turn"),
    weaken("turn end store", "src/ring/revoke.rs",
        "self.to.store(to, Ordering::Release);",
        "self.to.store(to, Ordering::Relaxed);", "revoked_between_turns"),
    weaken("turn end load", "src/ring/revoke.rs",
        "self.to.load(Ordering::Acquire)",
        "self.to.load(Ordering::Relaxed)", "revoked_between_turns"),
    weaken("pins of many", "src/ring/shared.rs",
        "end: gate.min(self.places.pins(self.mask).next(at))",
        "end: gate", "revoked_among_many"),
    weaken("pin gone store", "src/ring/place.rs",
        "fetch_and(!(1 << reader.index()), Ordering::Release)",
        "fetch_and(!(1 << reader.index()), Ordering::Relaxed)", "revoked_reader_leaves"),
    weaken("pin of the gone stays", "src/ring/place.rs",
        "        if !stays {\n            self.take_pin_away(reader);\n        }",
        "", "revoked_as_it_leaves"),
    weaken("end_of waits for the revoked", "src/ring/place.rs",
        "if sequence == FREE || revoked & (1 << index) != 0 {\n                sequence",
        "if sequence == FREE {\n                sequence", "after_a_revoked_one"),
    weaken("tagset release fence", "src/event/atomic_tag_set.rs",
        "        fence(Ordering::Release);\n",
        "", "changes_as_one"),
    weaken("tagset acquire fence", "src/event/atomic_tag_set.rs",
        "        fence(Ordering::Acquire);\n",
        "", "changes_as_one"),
    weaken("tagset cas acquire", "src/event/atomic_tag_set.rs",
        "compare_exchange(version, odd, Ordering::Acquire,",
        "compare_exchange(version, odd, Ordering::Relaxed,", "no_change_of"),
    weaken("record count store", "src/counters/latest.rs",
        "self.count.store(number + 1, Ordering::Release)",
        "self.count.store(number + 1, Ordering::Relaxed)", "counted_records"),
    weaken("block release fence", "src/counters/block.rs",
        "        fence(Ordering::Release);\n",
        "", "counts_of_a_block"),
    weaken("block acquire fence", "src/counters/block.rs",
        "            fence(Ordering::Acquire);\n",
        "", "counts_of_a_block"),
    weaken("block version store", "src/counters/block.rs",
        "self.version.store(version, Ordering::Release)",
        "self.version.store(version, Ordering::Relaxed)", "counts_of_a_block"),
    weaken("block version load", "src/counters/block.rs",
        "let version = self.version.load(Ordering::Acquire); // SYNC block-written\n            let copy",
        "let version = self.version.load(Ordering::Relaxed);\n            let copy", "counts_of_a_block"),
    weaken("evict without exchange", "src/ring/place.rs",
        "self.sequence.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(|_| ())",
        "{\n            let _ = from;\n            self.sequence.store(to, Ordering::Release);\n            Ok(())\n        }", "claims_while_a_publisher_evicts"),
    weaken("spill lent", "src/ring/evict.rs",
        "compare_exchange(parcel, lent(), Ordering::Acquire, Ordering::Relaxed)",
        "compare_exchange(parcel, lent(), Ordering::Relaxed, Ordering::Relaxed)", "a_spill_is_one_threads"),
    weaken("spill given back", "src/ring/evict.rs",
        "compare_exchange(lent(), parcel, Ordering::Release, Ordering::Relaxed)",
        "compare_exchange(lent(), parcel, Ordering::Relaxed, Ordering::Relaxed)", "a_spill_is_one_threads"),
    weaken("ledger release fence", "src/counters/ledger.rs",
        "        fence(Ordering::Release);\n", "", "rows_of_a_ledger"),
    weaken("ledger acquire fence", "src/counters/ledger.rs",
        "        fence(Ordering::Acquire);\n", "", "rows_of_a_ledger"),
    weaken("ledger version store", "src/counters/ledger.rs",
        "version.store(version, Ordering::Release)",
        "version.store(version, Ordering::Relaxed)", "rows_of_a_ledger"),
    weaken("ledger version load", "src/counters/ledger.rs",
        "version.load(Ordering::Acquire)",
        "version.load(Ordering::Relaxed)", "rows_of_a_ledger"),
    weaken("kept store", "src/retain/history/trail.rs",
        "self.trail.kept.store(number + 1, Ordering::Release)",
        "self.trail.kept.store(number + 1, Ordering::Relaxed)", "counted_entries_are_there"),
    weaken("kept load", "src/retain/history/trail.rs",
        "self.kept.load(Ordering::Acquire)",
        "self.kept.load(Ordering::Relaxed)", "counted_entries_are_there"),
    weaken("head store", "src/retain/history/trail.rs",
        "head.store(number + 1, Ordering::Release)",
        "head.store(number + 1, Ordering::Relaxed)", "a_chain_leads"),
    weaken("head load", "src/retain/history/trail.rs",
        "self.heads[chain].load(Ordering::Acquire)",
        "self.heads[chain].load(Ordering::Relaxed)", "a_chain_leads"),
    weaken("lease said", "src/bus/group/lease.rs",
        "reached.store(sequence + 1, Ordering::Release)",
        "reached.store(sequence + 1, Ordering::Relaxed)", "what_the_holder_did"),
    weaken("lease swap", "src/bus/group/lease.rs",
        "cell.swap(TAKEN, Ordering::AcqRel)",
        "cell.swap(TAKEN, Ordering::Relaxed)", "what_the_holder_did"),
    weaken("lease light fence", "src/bus/group/lease.rs",
        "        fence_light();\n", "", "begun_by_the_holder"),
    weaken("lease heavy fence", "src/bus/group/lease.rs",
        "if !fence_heavy() {", "if false {", "begun_by_the_holder"),
];

/// A copy of what the models are built from.
fn copy_sources(root: &Path, to: &Path) {
    for file in ["Cargo.toml", "Cargo.lock", "loom-tests/Cargo.toml"] {
        fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        fs::copy(root.join(file), to.join(file)).unwrap();
    }
    for folder in ["src", "loom-tests/src"] {
        copy_folder(&root.join(folder), &to.join(folder));
    }
    // Of the workspace's members the models need no other.
    let manifest = fs::read_to_string(to.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    let defaults = manifest.lines().find(|line| line.starts_with("default-members")).unwrap();
    let manifest = manifest.replace(members, r#"members = [".", "loom-tests"]"#).replace(defaults, "");
    // Nor does the copy hold the tests and examples that stand at the manifest's end.
    let manifest = manifest.split("\n[[").next().unwrap();
    fs::write(to.join("Cargo.toml"), manifest).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// Whether the models whose name holds `model` pass; an `Err` is a build that failed.
fn passes(sources: &Path, target: &Path, model: &str) -> Result<bool, String> {
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(["test", "--quiet", "--offline", "-p", "tagring-loom-tests", "--lib"]).args(arguments);
        command.current_dir(sources).env("CARGO_TARGET_DIR", target).output().unwrap()
    };
    let built = cargo(&["--no-run"]);
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    Ok(cargo(&["--", model]).status.success())
}

/// A folder that goes away with its test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
#[ignore = "a build for each weakening: two minutes; `./test --weaken` runs it"]
fn every_weakening_is_found_by_its_model() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let copy = Folder(std::env::temp_dir().join(format!("tagring-weakened-{}", std::process::id())));
    copy_sources(root, &copy.0);
    let target = copy.0.join("target");
    let mut unnoticed = Vec::new();
    for weakening in &WEAKENINGS {
        let path = copy.0.join(weakening.file);
        let sound = fs::read_to_string(&path).unwrap();
        assert!(
            sound.contains(weakening.from),
            "{}: {} has changed; change this list with it",
            weakening.what,
            weakening.file
        );
        fs::write(&path, sound.replacen(weakening.from, weakening.to, 1)).unwrap();
        let passed =
            passes(&copy.0, &target, weakening.model).unwrap_or_else(|error| panic!("{}: {error}", weakening.what));
        println!("{:28} {}", weakening.what, if passed { "NOT NOTICED" } else { "found" });
        unnoticed.extend(passed.then_some(weakening.what));
        fs::write(&path, sound).unwrap();
    }
    assert_eq!(unnoticed, Vec::<&str>::new());
    // The copy as it is passes, so it was the weakening that each model objected to.
    assert_eq!(passes(&copy.0, &target, "tag_set"), Ok(true));
}

/// The list keeps up with the sources, also where the long test does not run.
#[test]
fn every_weakening_names_a_text_of_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let models = [
        "ring_models.rs",
        "tag_set_models.rs",
        "block_models.rs",
        "latest_models.rs",
        "lease_models.rs",
        "ledger_models.rs",
        "evict_models.rs",
        "trail_models.rs",
    ]
    .map(|file| fs::read_to_string(root.join("loom-tests/src").join(file)).unwrap());
    for weakening in &WEAKENINGS {
        let source = fs::read_to_string(root.join(weakening.file)).unwrap();
        assert!(
            source.contains(weakening.from),
            "{}: {} has changed; change this list with it",
            weakening.what,
            weakening.file
        );
        assert!(
            models.iter().any(|models| models.contains(weakening.model)),
            "{}: no model {}",
            weakening.what,
            weakening.model
        );
    }
}

//! The peer in Java, where it is installed: it answers, and what it answers is sane.

use std::io::Write as _;
use tagring_benches::cores::Cores;
use tagring_benches::peers::lmax::{Absent, Lmax};

/// Says that a test was skipped, and why: `./test` lists it at its end.
fn skip(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
    if let Some(path) = std::env::var_os("TAGRING_SKIPS")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = writeln!(file, "{test}: {why}");
    }
}

#[test]
fn issue_4598_lmax_passes_every_event_and_answers_round_by_round() {
    let test = "LMAX Disruptor among the peers";
    let Some(cores) = Cores::choose() else { return skip(test, "it needs two cores") };
    let mut lmax = match Lmax::start(cores) {
        Ok(lmax) => lmax,
        Err(absent @ Absent::NotInstalled { .. }) => return skip(test, &absent.to_string()),
        Err(absent) => panic!("{absent}"),
    };
    // The program counts its events itself, and checks their order: it fails where one is lost.
    let trips = lmax.trips(16, 64).expect("round trips");
    assert_eq!(trips.len(), 64);
    assert!(trips.iter().all(|&ns| ns > 0), "time passes: {trips:?}");
    for (words, batch) in [(4, 1), (7, 64)] {
        assert!(lmax.one_to_one(words, batch, 1 << 10).expect("a rate") > 0.0);
        for publishers in [2, 4] {
            assert!(lmax.many_to_one(publishers, words, batch, 1 << 10).expect("a rate") > 0.0);
        }
    }
    // A command that makes no sense ends it with a reason, and nothing hangs.
    let why = lmax.one_to_one(4, 0, 64).expect_err("a batch of nothing").to_string();
    assert!(why.contains("java.") || why.contains("Exception"), "{why}");
    assert!(matches!(lmax.one_to_one(4, 1, 64), Err(Absent::Failed { .. })), "it has ended");
}

#[test]
fn a_missing_peer_says_what_to_install() {
    let absent = Absent::NotInstalled { what: "java".into() };
    assert_eq!(absent.to_string(), "no java; apt-get install default-jdk-headless libdisruptor-java");
}

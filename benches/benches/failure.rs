//! A failing neighbour: `cargo bench -p tagring-benches --bench failure [-- ROUNDS]`.
//!
//! The same slot does the same work alone, beside a stuck slot that was quarantined, and beside one that panicked; rounds in turn, medians, and
//! the ratio to the round beside it.

use tagring_benches::bars::{Bar, Sense};
use tagring_benches::cores::Cores;
use tagring_benches::stuck::{Beside, round};
use tagring_benches::suite::{Setup, Size};
use tagring_benches::table::Column;

const ALONE: &str = "alone";
const STUCK: &str = "beside a stuck slot, quarantined";
const PANICKED: &str = "beside a slot that panicked";
const EVENTS: usize = 1 << 20;

fn main() -> std::process::ExitCode {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(41);
    let Some(cores) = Cores::choose() else {
        eprintln!("failure: two cores are needed, this process may use only one");
        return std::process::ExitCode::from(2);
    };
    let mut setup = Setup::new(cores, Size::Full);
    setup.rounds = rounds;
    let case = |beside| move || vec![round(cores, beside, EVENTS) / 1e6];
    let table = setup
        .table("One slot of a bus, one event at a time, M events/s", &[Column::more("single")])
        .limit(ALONE, case(Beside::Nobody))
        .ours(STUCK, case(Beside::Stuck))
        .ours(PANICKED, case(Beside::Panicked));
    let table = setup.run(table);
    for apart in table.enough() {
        println!("{}", table.markdown(apart));
        for other in [STUCK, PANICKED] {
            let bar = Bar::new(other, (&table, 0), other, &[ALONE], (Sense::AtLeast, 0.9), apart);
            bar.iter().for_each(|bar| println!("{bar}"));
        }
    }
    std::process::ExitCode::SUCCESS
}

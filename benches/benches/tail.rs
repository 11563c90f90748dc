//! The suite, as `tagring bench` runs it, without plots: `cargo bench -p tagring-benches --bench tail [-- [PART..] [--rounds N] [--quick]]`.
//!
//! Every round of every row is run in turn with the others of its table, on the same two cores, so that what else the machine
//! does meets all of them. At the end stand the bars, each met or missed.

use std::process::ExitCode;
use tagring_benches::cores::{Cores, pin};
use tagring_benches::suite::{PARTS, Part, Setup, Size};

/// Counts, for the rows that tell their allocations.
#[global_allocator]
static ALLOCATOR: tagring_benches::allocations::Counted<std::alloc::System> =
    tagring_benches::allocations::Counted(std::alloc::System);

/// What the command line asks for.
struct Options {
    parts: Vec<Part>,
    rounds: Option<usize>,
    size: Size,
}

impl Options {
    fn parse() -> Result<Self, String> {
        let mut options = Self { parts: Vec::new(), rounds: None, size: Size::Full };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--bench" => {}
                "--quick" => options.size = Size::Quick,
                "--rounds" => options.rounds = Some(value()?.parse().map_err(|e| format!("--rounds: {e}"))?),
                name => match PARTS.iter().find(|part| part.name == name) {
                    Some(part) => options.parts.push(*part),
                    None => return Err(unknown(name)),
                },
            }
        }
        if options.parts.is_empty() {
            options.parts = PARTS.to_vec();
        }
        if options.rounds == Some(0) { Err("--rounds: at least 1".into()) } else { Ok(options) }
    }
}

fn unknown(word: &str) -> String {
    let parts: Vec<_> = PARTS.iter().map(|part| part.name).collect();
    format!("{word}: neither an option (--rounds N, --quick) nor a part ({})", parts.join(", "))
}

fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("tail: {why}");
            return ExitCode::from(2);
        }
    };
    let Some(cores) = Cores::choose() else {
        eprintln!("tail: two cores are needed, this process may use only one");
        return ExitCode::from(2);
    };
    // A slot thread may use what the main thread may: that stays free, and another one is pinned.
    let run = std::thread::spawn(move || measure(options, cores));
    run.join().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn measure(options: Options, cores: Cores) {
    pin(cores.near);
    let mut setup = Setup::new(cores, options.size);
    setup.rounds = options.rounds.unwrap_or(setup.rounds);
    let mut bars = Vec::new();
    for part in options.parts {
        let found = (part.measure)(&setup);
        for table in &found.tables {
            table.enough().into_iter().for_each(|apart| println!("{}", table.markdown(apart)));
        }
        bars.extend(found.bars);
    }
    println!("| bar | asked | this run | |\n|---|---|---:|---|");
    bars.iter().for_each(|bar| println!("{bar}"));
}

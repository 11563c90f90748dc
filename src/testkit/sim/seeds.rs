//! Runs a test with many seeds, and says how to repeat the one that fails.

use core::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

/// The seed to run alone.
const ONE: &str = "TAGRING_SEED";
/// How many seeds to run instead of the test's own number.
const MANY: &str = "TAGRING_SEEDS";

/// Runs `test` with each seed below `count`; or, where the environment says so, with the first `TAGRING_SEEDS`, or with `TAGRING_SEED`
/// alone. Returns how many it ran.
///
/// # Panics
/// As the test does with the first seed that fails, after one line on the standard error that repeats it: `TAGRING_SEED=1234 cargo test -p tagring
/// --test sim name_of_the_test -- --exact`.
///
/// ```
/// let mut sum = 0;
/// assert_eq!(tagring::testkit::seeds(10, |seed| sum += seed), 10);
/// # assert_eq!(sum, 45);
/// ```
pub fn seeds(count: u64, mut test: impl FnMut(u64)) -> u64 {
    let one = number(ONE);
    let range = one.map_or_else(|| 0..number(MANY).unwrap_or(count), |seed| seed..seed + 1);
    for seed in range.clone() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed))) {
            eprintln!("{}", repeat(seed));
            resume_unwind(panic);
        }
    }
    range.end - range.start
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.trim().replace('_', "").parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text} is not a number: leave it out, or give one from 0")))
}

/// The line that repeats a seed.
fn repeat(seed: u64) -> String {
    let mut line = format!("{ONE}={seed} cargo test");
    if !cfg!(debug_assertions) {
        line.push_str(" --release");
    }
    let package = std::env::var("CARGO_PKG_NAME").ok();
    if let Some(package) = &package {
        let _ = write!(line, " -p {package}");
    }
    if let Some(target) = target() {
        match package {
            Some(package) if package.replace('-', "_") == target => line.push_str(" --lib"),
            _ => drop(write!(line, " --test {target}")),
        }
    }
    match std::thread::current().name() {
        // The test's name, as libtest names its thread; with one test thread it is the main one.
        Some(name) if name != "main" => drop(write!(line, " {name} -- --exact")),
        _ => {}
    }
    line
}

/// The test program's name, without what cargo appends.
fn target() -> Option<String> {
    let program = std::env::args_os().next()?;
    let stem = Path::new(&program).file_stem()?.to_str()?;
    Some(stem.rsplit_once('-').map_or(stem, |(name, _)| name).to_owned())
}

//! gungraun's runner: starts valgrind on the benches and reads what it counted. `cargo bench` runs it through `GUNGRAUN_RUNNER`, the test in
//! `tests/` as well. Here, and not installed, so that library and runner are always of one version.

use std::process::ExitCode;

fn main() -> ExitCode {
    match gungraun_runner::runner::run::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("count-instructions: {error:?}");
            ExitCode::FAILURE
        }
    }
}

//! The program behind the scripts in `perf/`: turns what perf has recorded into counts and flame graphs. Users call the scripts, not this.
//! It reads text that perf printed, or files that it wrote itself, and writes into the folder it is given; it runs nothing.

mod compare;
mod failure;
mod graph;
mod off_cpu;
mod on_cpu;
mod reports;
mod script;
mod symbol;

use failure::Failure;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
tagring-flame on-cpu FOLDER      perf script's text on standard input: folded.txt, threads.txt, flame.svg in FOLDER
tagring-flame off-cpu FOLDER     the same of context switches: where threads were when they stopped running, and for how long
tagring-flame compare A B SVG    two such folders, or two reports of `tagring run --json`; a flame graph of the difference, for folders";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["on-cpu", folder] => on_cpu::main(Path::new(folder)),
        ["off-cpu", folder] => off_cpu::main(Path::new(folder)),
        ["compare", before, after, svg] => compare::main(Path::new(before), Path::new(after), Path::new(svg)),
        _ => Err(Failure::Usage),
    };
    match done {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(2)
        }
    }
}

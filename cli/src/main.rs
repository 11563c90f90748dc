//! The program `tagring`. Without a command it runs the main job: a feed into a bus into slots, and a report of what happened.

mod args;
mod bench;
mod check;
mod derived;
mod jitter;
mod load;
mod log;
mod overload;
mod report;
mod run;
mod say;
mod series;
mod tail;

use clap::Parser;
use report::Shown;
use std::process::ExitCode;
use tagring_benches::allocations::Counted;

#[global_allocator]
static ALLOCATOR: Counted<mimalloc::MiMalloc> = Counted(mimalloc::MiMalloc);

fn main() -> ExitCode {
    let args = args::Args::parse();
    match args.command {
        Some(args::Command::Run(run)) => run::main(&run, &Shown::whole()),
        Some(args::Command::Tail(tail)) => tail::main(&tail),
        Some(args::Command::Check(check)) => check::main(&check),
        Some(args::Command::Bench(bench)) => bench::main(&bench),
        Some(args::Command::Load(load)) => load::main(&load),
        None => run::main(&args.run, &Shown::whole()),
    }
}

//! `tagring tail`: runs the main job, and tells of its slow events alone: how many, where their time went, which were the slowest.

use crate::args::TailArgs;
use crate::report::Shown;
use crate::run;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn main(args: &TailArgs) -> ExitCode {
    run::main(&args.run, &Shown::tail(args.slowest))
}

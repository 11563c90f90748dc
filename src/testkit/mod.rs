//! What a test of a handler needs: a clock moved by hand and a slot that takes one step at a time ([`Drive`]), a handler that writes
//! down what it saw ([`Recorder`]), and faults on demand ([`Faulty`]); a whole runtime whose threads, time and faults come from a
//! seed (`Sim`, with the feature `sim`); and scripts of what goes wrong at fault points (`FaultScript`, with the feature `faults`).
//!
//! Uses every floor; no floor uses it. Made for tests: it allocates and locks where the rest of the library does not, and it panics with
//! a sentence where the rest returns errors, so that a test needs no `unwrap`.

mod drive;
#[cfg(feature = "faults")]
mod fault_script;
mod faulty;
mod recorder;
#[cfg(feature = "sim")]
mod sim;

pub use crate::faults::Fault;
pub use drive::Drive;
#[cfg(feature = "faults")]
pub use fault_script::{Befallen, FaultRun, FaultScript, FaultScriptError, Passes};
pub use faulty::Faulty;
pub use recorder::{Record, Recorder, Records};
#[cfg(feature = "sim")]
pub use sim::{Faults, Rates, Sim, SimBus, Simulated, seeds};

//! The runtime through its public API: what it refuses, how it starts, runs, fails and stops.

mod buses;
mod failures;
mod groups;
mod held;
mod history;
mod house;
mod leaks;
mod notices;
mod signals;
mod start;
mod stop;
mod stopped_process;
mod tail;

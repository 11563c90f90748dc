//! Runtimes under simulation: chance and seeds, single failures to the exact count, and the simulation itself.

mod accounts;
mod chance;
mod degradation;
mod failures;
mod groups;
mod house;
mod itself;
mod lanes;

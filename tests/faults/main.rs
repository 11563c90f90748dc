//! Every fault point of the library, with every fault that it takes; and scripts themselves. Needs the feature `faults`: `./test` runs it.

mod house;
mod io;
mod moments;
mod scripts;
mod simulated;
mod slots;
mod threads;

//! Where an input can be made to fail: see [`tagring::faults`].

tagring::fault_points! {
    /// Bytes are about to be read from a file or pipe. Drop: it ends there.
    READ = "input.read", of "the input's name", takes [Delay, Error, Drop];
}

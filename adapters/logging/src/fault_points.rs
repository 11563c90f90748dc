//! Where a log can be made to fail: see [`tagring::faults`]. Passed by the writer's thread, which has the script of who started the log.

tagring::fault_points! {
    /// Lines are about to be written to the log file.
    WRITE = "log.write", of "the file's path", takes [Delay, Error, Panic, DiskFull, TornWrite];
    /// A log file that is full is about to be set aside. Error: it cannot be renamed.
    SET_ASIDE = "log.set-aside", of "the file's path", takes [Delay, Error];
}

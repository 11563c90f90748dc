//! What became of records. Once a logging has ended, what was recorded was written or is lost: nothing else.

use core::fmt;

/// Counts since the start. While threads log, each is of its own moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Records that passed the filter and the limit per second.
    pub recorded: u64,
    /// Those whose last byte the target took.
    pub written: u64,
    /// Those that will not be written, by why.
    pub lost: Lost,
    /// Records that were too long and of which something was left out; they are written, and marked.
    pub cut: u64,
    /// Records held back by the limit per second: not among the recorded.
    pub suppressed: u64,
    /// Times that the target failed to write or to flush. The same bytes are tried again.
    pub write_errors: u64,
}

/// Why records were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The ring was full.
    pub full: u64,
    /// More threads than there are ways into the ring (64) were inside a record at that moment.
    pub busy: u64,
    /// The logging had ended.
    pub closed: u64,
    /// The target still did not take them when the time for the end was over.
    pub unwritten: u64,
}

impl Lost {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.full + self.busy + self.closed + self.unwritten
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, .. } = self;
        write!(f, "{} written, {} lost", self.written, lost.total())?;
        let reasons = [
            (lost.full, "found the ring full"),
            (lost.busy, "found no way into the ring"),
            (lost.closed, "came after the end"),
            (lost.unwritten, "were not taken by the target"),
        ];
        let mut open = " (";
        for (count, reason) in reasons.iter().filter(|(count, _)| *count > 0) {
            write!(f, "{open}{count} {reason}")?;
            open = ", ";
        }
        if lost.total() > 0 {
            f.write_str(")")?;
        }
        let more = [(self.cut, "cut"), (self.suppressed, "suppressed"), (self.write_errors, "write errors")];
        more.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_told() {
        assert_eq!(Counts { recorded: 7, written: 7, ..Counts::default() }.to_string(), "7 written, 0 lost");
        let lost = Lost { full: 1, busy: 2, closed: 3, unwritten: 4 };
        let counts = Counts { recorded: 15, written: 5, lost, cut: 1, suppressed: 2, write_errors: 3 };
        assert_eq!(
            counts.to_string(),
            "5 written, 10 lost (1 found the ring full, 2 found no way into the ring, 3 came after the end, \
             4 were not taken by the target), 1 cut, 2 suppressed, 3 write errors"
        );
    }
}

//! What an answer of a history covers, exactly.

/// What an answer covers: **every** event that the group has kept, that is not too old, meets the conditions of the query and has a sequence in
/// `from..next` is in the answer, and no other. Whatever might have matched beside that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[must_use = "an answer may not be all that was asked for"]
pub struct Coverage {
    /// The first sequence of the bus that the answer covers.
    pub from: u64,
    /// The first sequence that it does not cover any more: ask for the first ones since this to read on.
    pub next: u64,
    /// Whether it ended early: at the limit of the query, or ([`super::Query::first`] alone) before a gap that the writer tore meanwhile.
    pub more: bool,
    /// Events that the group had kept once, that were no longer there when the query began, for their number or their age, and that the
    /// conditions on sequence and time do not rule out. 0 where the span that was asked for begins within what is kept.
    pub forgotten: u64,
    /// Events that were there when the query began, that the conditions on sequence and time do not rule out, and that were overwritten
    /// before they were read.
    pub overwritten: u64,
    /// Entries that were copied and looked at: what the query cost.
    pub looked: u64,
}

impl Coverage {
    /// Whether nothing is missing at the answer's older end: all that ever matched is in it, or newer than what the limit let in.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.forgotten == 0 && self.overwritten == 0
    }
}

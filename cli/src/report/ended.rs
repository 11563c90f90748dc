//! Why a run ended, as reports tell it.

/// Why a feed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The input was at its end, or an error stopped it.
    Input,
    /// Ctrl-C, or a request to terminate.
    Interrupted,
    /// The time asked for was over.
    Seconds,
}

impl Ended {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Interrupted => "interrupted",
            Self::Seconds => "seconds",
        }
    }
}

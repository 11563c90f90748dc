//! Slow events, as a run tells of them: a few lines in every report, tables and a drawing for who asks, and all of it as JSON.

mod chart;
mod json;
mod tables;

pub(super) use chart::charts;
pub(super) use json::object;
pub(super) use tables::lines;
pub(crate) use tables::text;

use std::time::Duration;
use tagring::bus::DutyTimes;
use tagring::runtime::tail::TailReport;

/// What a run knows of slow events and of where its threads' time went.
#[derive(Default)]
pub(crate) struct Tail {
    pub(crate) report: TailReport,
    pub(crate) threads: Vec<ThreadDuty>,
}

/// What one slot thread did with its time.
pub(crate) struct ThreadDuty {
    pub(crate) name: String,
    pub(crate) core: Option<usize>,
    pub(crate) times: DutyTimes,
}

impl ThreadDuty {
    /// The parts of its life: handling, looking for events, resting.
    fn shares(&self) -> [f64; 3] {
        let DutyTimes { alive, looking, resting } = self.times;
        let share = |time: Duration| time.as_secs_f64() / alive.as_secs_f64().max(1e-9);
        [share(self.times.handling()), share(looking), share(resting)]
    }
}

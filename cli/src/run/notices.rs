//! What the runtime noticed of its parts while the job ran, for the report: the first few in words, the others counted.

use crate::log;
use std::sync::{Arc, Mutex, PoisonError};
use tagring::runtime::Notice;

/// Notices kept.
const KEPT: usize = 8;

/// Written by the runtime's service thread, read at the end.
#[derive(Clone, Default)]
pub(crate) struct Notices(Arc<Mutex<(Vec<String>, u64)>>);

impl Notices {
    /// Keeps what a reader of the report wants to know: that buses come and stages change is no news. The log has all of it.
    pub(crate) fn keep(&self, notice: &Notice) {
        log::notice(notice);
        let is_news = matches!(
            notice,
            Notice::SlotHealth { .. }
                | Notice::SlotChanged { .. }
                | Notice::CoreContended { .. }
                | Notice::ModeChanged { .. }
        );
        if !is_news {
            return;
        }
        if let Notice::SlotChanged { panics: 0, to, .. } = notice
            && !matches!(to, tagring::bus::SlotState::Quarantined | tagring::bus::SlotState::Failed)
        {
            return;
        }
        if let Notice::SlotHealth { change, .. } = notice
            && change.to == tagring::runtime::watchdog::Health::Over
        {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0.len() < KEPT {
            kept.0.push(notice.to_string());
        } else {
            kept.1 += 1;
        }
    }

    /// All of them.
    pub(crate) fn lines(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = (kept.1 > 0).then(|| format!("and {} more", kept.1));
        kept.0.iter().cloned().chain(more).collect()
    }
}

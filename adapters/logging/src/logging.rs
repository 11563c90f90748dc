//! A running logging, as a value: its layer, its counts, its end.

use crate::bridge::Bridge;
use crate::builder::Service;
use crate::cell::LogCell;
use crate::counts::{Counts, Lost};
use crate::hot::Hot;
use crate::layer::LogLayer;
use crate::thread::me;
use crate::writer::Control;
use core::fmt;
use core::time::Duration;
use crossbeam_channel::RecvTimeoutError;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::Thread;
use std::time::Instant;
use tagring::ring::Ring;
use tracing::Subscriber;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{Filtered, Targets};
use tracing_subscriber::registry::LookupSpan;

/// How long threads inside a record get at least to come out of it, and the writer for its own way out: an end takes the longer of its limit and
/// this, and this once more.
const GRACE: Duration = Duration::from_millis(200);

/// A logging that runs. Dropping it ends it as [`Self::shutdown`] does, within the builder's drop limit: keep it until the last record is made.
#[must_use = "dropping it ends the logging"]
pub struct Logging {
    hot: Arc<Hot>,
    control: Arc<Control>,
    ring: Ring<LogCell>,
    filter: Targets,
    /// None once it has ended.
    service: Option<Service>,
    drop_limit: Duration,
}

/// How a logging ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What became of all records.
    pub counts: Counts,
    /// Whether the writer's thread has ended. If not, it is inside a write that does not return, or waits for a thread that is still inside a
    /// record, and was left there: counts are not final then.
    pub writer_ended: bool,
}

impl Logging {
    pub(crate) fn new(
        hot: Arc<Hot>,
        control: Arc<Control>,
        ring: Ring<LogCell>,
        filter: Targets,
        service: Service,
        drop_limit: Duration,
    ) -> Self {
        Self { hot, control, ring, filter, service: Some(service), drop_limit }
    }

    /// The layer, with the configured filter around it, for a subscriber of one's own. Other layers beside it see what they want to see.
    ///
    /// ```
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// let logging = tagring_logging::builder().to_writer(std::io::sink()).start_alone()?;
    /// let subscriber = tracing_subscriber::registry().with(logging.layer());
    /// tracing::subscriber::with_default(subscriber, || tracing::info!(qty = 5, "filled"));
    /// assert_eq!(logging.counts().recorded, 1);
    /// # Ok::<(), tagring_logging::LogError>(())
    /// ```
    #[must_use]
    pub fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> Filtered<LogLayer, Targets, S> {
        LogLayer::new(Arc::clone(&self.hot)).with_filter(self.filter.clone())
    }

    /// The logger for the `log` crate. Who installs it also calls `log::set_max_level`.
    #[must_use]
    pub fn bridge(&self) -> Bridge {
        Bridge::new(Arc::clone(&self.hot), self.filter.clone())
    }

    /// What became of records so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let hot = &self.hot;
        let get = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        // Written before recorded: so that no moment shows more written than recorded.
        let (written, unwritten) = (get(&hot.written), get(&hot.unwritten));
        let lost = Lost { full: hot.pens.full(), busy: hot.pens.busy(), closed: hot.pens.closed(), unwritten };
        Counts {
            recorded: hot.pens.taken() + lost.busy + lost.closed,
            written,
            lost,
            cut: hot.pens.cut(),
            suppressed: hot.limiter.as_ref().map_or(0, |limiter| limiter.suppressed()),
            write_errors: get(&hot.write_errors),
        }
    }

    /// Waits until the target has taken all that was recorded before this call, for at most `limit`; whether it has. Not for a slot's thread.
    pub fn flush(&self, limit: Duration) -> bool {
        let Some((thread, _)) = &self.service else { return false };
        Flush { control: Arc::downgrade(&self.control), ring: self.ring.clone(), writer: thread.thread().clone() }
            .wait(limit)
    }

    /// Ends the logging: records from here on are lost and counted; those before are written, for at most `limit`; then the writer's thread
    /// ends. What was recorded is then written or lost, to the last one. Takes no longer than `limit` and 0.4 s.
    pub fn shutdown(mut self, limit: Duration) -> Ended {
        let writer_ended = self.end(limit);
        Ended { counts: self.counts(), writer_ended }
    }

    fn end(&mut self, limit: Duration) -> bool {
        let Some((thread, ended)) = self.service.take() else { return true };
        let deadline = Instant::now() + limit.min(Duration::from_secs(86_400));
        // Before the deadline is known: a writer that gave up earlier would leave behind what is still published. It gives up only what it
        // finds until the ring is closed, so that its end also says that no record comes any more.
        self.hot.pens.close(deadline.max(Instant::now() + GRACE));
        self.control.end_by(deadline);
        thread.thread().unpark();
        let left = deadline.saturating_duration_since(Instant::now()) + GRACE;
        let is_over = ended.recv_timeout(left) == Err(RecvTimeoutError::Disconnected);
        if is_over {
            // It ends at this moment.
            let _ = thread.join();
        }
        is_over
    }

    pub(crate) fn flush_on_panic(&self, limit: Duration) {
        let Some((thread, _)) = &self.service else { return };
        let control = Arc::downgrade(&self.control);
        let flush = Flush { control, ring: self.ring.clone(), writer: thread.thread().clone() };
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            before(info);
            if !me().is_silent {
                flush.wait(limit);
            }
        }));
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.end(self.drop_limit);
    }
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logging").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// Waits for the writer.
struct Flush {
    /// Gone with the logging and its writer: there is nothing to wait for then.
    control: Weak<Control>,
    ring: Ring<LogCell>,
    writer: Thread,
}

impl Flush {
    fn wait(&self, limit: Duration) -> bool {
        let Some(control) = self.control.upgrade() else { return false };
        let (published, since) = (self.ring.published(), Instant::now());
        // SYNC log-done
        while control.done.load(Ordering::Acquire) < published {
            if since.elapsed() >= limit {
                return false;
            }
            self.writer.unpark();
            std::thread::sleep(Duration::from_micros(200));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_4583_a_record_under_way_when_there_is_no_time_left_is_counted() {
        let logging = crate::builder().to_writer(std::io::sink()).start_alone().unwrap();
        let hot = Arc::clone(&logging.hot);
        hot.pens.write_slowly(3, || {
            let ended = logging.shutdown(Duration::ZERO);
            assert!(!ended.writer_ended, "it waits for the thread inside the record");
        });
        let since = Instant::now();
        while hot.unwritten.load(Ordering::Relaxed) == 0 && since.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((hot.pens.taken(), hot.unwritten.load(Ordering::Relaxed)), (1, 1));
    }
}

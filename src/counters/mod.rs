//! Counters and histograms with one writer each: plain stores by the writer, reads by anyone at any time.

mod histogram;
mod snapshot;

pub use histogram::{Histogram, HistogramReader, HistogramWriter};
pub use snapshot::HistogramSnapshot;

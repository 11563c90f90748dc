//! Counters and histograms with one writer each: plain stores by the writer, reads by anyone at any time.

mod block;
mod histogram;
mod latest;
mod ledger;
mod snapshot;

pub use block::Block;
pub use histogram::{Histogram, HistogramReader, HistogramWriter};
pub use latest::Latest;
pub use ledger::{LedgerReader, LedgerWriter, ROW, ledger};
pub use snapshot::HistogramSnapshot;

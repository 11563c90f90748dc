//! Where the main job's messages come from: a capture in one of two formats, or the synthetic session.

use super::sink::BusSink;
use crate::args::RunArgs;
use std::io::Cursor;
use std::time::Instant;
use tagring_market::exchange::Session;
use tagring_market::input::{Format, Input, InputError};
use tagring_market::{binance, itch};

/// Instruments a run can hold: ITCH locate codes have 16 bits.
pub(crate) const INSTRUMENTS_MAX: usize = 1 << 16;

/// An opened source.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) format: &'static str,
    kind: Kind,
    strict: bool,
}

enum Kind {
    Itch(Input),
    Binance(Input),
    /// Standard input that closed before its first byte.
    Nothing,
}

/// What a source came to.
#[derive(Debug, Default)]
pub(crate) struct Consumed {
    /// Messages by kind.
    pub(crate) messages: Vec<(String, u64)>,
    /// What was left out, by name.
    pub(crate) skips: Vec<(String, u64)>,
    /// The first ones left out, in words.
    pub(crate) examples: Vec<String>,
    /// What ended the source early.
    pub(crate) error: Option<String>,
    /// Time in reading and decoding, publishing not included, as a share of the feed's time; sampled.
    pub(crate) decode_share: Option<f64>,
    /// Bytes of input, decompressed.
    pub(crate) bytes: u64,
}

impl Source {
    /// Opens what the arguments name.
    ///
    /// # Errors
    /// Those of the input: missing, foreign, empty, corrupt from the first byte.
    pub(crate) fn open(args: &RunArgs) -> Result<Self, InputError> {
        let Some(path) = &args.input else { return Ok(Self::synthetic(args)) };
        let input = Input::open(path)?;
        let format = match args.format {
            Some(format) => Some(format.into()),
            None => input.format()?,
        };
        let name = if path == "-" { "standard input".into() } else { path.clone() };
        let (format, kind) = match format {
            Some(Format::Itch) => ("itch", Kind::Itch(input)),
            Some(Format::Binance) => ("binance", Kind::Binance(input)),
            None => ("none", Kind::Nothing),
        };
        Ok(Self { name, format, kind, strict: args.strict })
    }

    /// The whole session is made before the feed starts: making it is not what is measured.
    fn synthetic(args: &RunArgs) -> Self {
        let mut session = Session::new(args.seed);
        let mut bytes = Vec::with_capacity((args.messages as usize + 64) * 34);
        session.write(args.messages, &mut bytes);
        session.close(&mut bytes);
        let name = format!("synthetic session, seed {}, {} messages", args.seed, session.written());
        let kind = Input::from_reader("session", Box::new(Cursor::new(bytes))).map_or(Kind::Nothing, Kind::Itch);
        Self { name, format: "itch", kind, strict: true }
    }

    /// Feeds everything into the sink, until the end or until the sink wants no more.
    pub(crate) fn feed(self, sink: &mut BusSink) -> Consumed {
        match self.kind {
            Kind::Itch(input) => feed_itch(input, self.strict, sink),
            Kind::Binance(input) => feed_binance(input, self.strict, sink),
            Kind::Nothing => Consumed::default(),
        }
    }
}

fn named(pairs: &[(&'static str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

fn feed_itch(mut input: Input, strict: bool, sink: &mut BusSink) -> Consumed {
    let (mut frames, mut feed) = (itch::Frames::new(), itch::Feed::new(strict));
    let error = loop {
        match frames.next(&mut input) {
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
            Ok(Some(frame)) => {
                let at = itch::timestamp_ns(frame.bytes);
                if at.is_some_and(|at| sink.message(at).is_err()) {
                    break None;
                }
                match feed.message(&frame, sink) {
                    Ok(()) => {}
                    Err(itch::FeedError::Stopped) => break None,
                    Err(error) => break Some(error.to_string()),
                }
            }
        }
    };
    Consumed {
        messages: feed.messages().map(|(kind, count)| (kind.to_string(), count)).collect(),
        skips: named(feed.skips()),
        examples: feed.examples().iter().map(ToString::to_string).collect(),
        error,
        decode_share: None,
        bytes: input.offset() + input.block().len() as u64,
    }
}

/// One line in so many is timed, with and without a sink behind it, to tell the decoder's share.
fn feed_binance(mut input: Input, strict: bool, sink: &mut BusSink) -> Consumed {
    let options = binance::FeedOptions { strict, symbols_max: INSTRUMENTS_MAX };
    let (mut lines, mut feed) = (binance::Lines::new(), binance::Feed::new(options));
    let start = Instant::now();
    let mut error = loop {
        match lines.next(&mut input) {
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
            Ok(Some(line)) => {
                if line.local_ns().is_some_and(|at| sink.message(at).is_err()) {
                    break None;
                }
                match feed.line(&line, sink) {
                    Ok(()) => {}
                    Err(binance::FeedError::Stopped) => break None,
                    Err(error) => break Some(error.to_string()),
                }
            }
        }
    };
    let elapsed = start.elapsed();
    if error.is_none() {
        error = feed.finish().err().map(|error| error.to_string());
    }
    Consumed {
        messages: feed.counts().messages().map(|(kind, count)| (kind.to_owned(), count)).collect(),
        skips: named(feed.skips()),
        examples: feed.examples().iter().map(ToString::to_string).collect(),
        error,
        decode_share: sink.share_outside(elapsed),
        bytes: input.offset() + input.block().len() as u64,
    }
}

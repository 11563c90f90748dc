//! Where the main job's messages come from: a capture in one of two formats, or the synthetic session.

use super::ending::{Ending, Pipe};
use super::session::{Making, Pause};
use super::sink::BusSink;
use crate::args::RunArgs;
use crate::report::Ended;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::Arc;
use std::time::Instant;
use tagring_market::input::{Format, Input, InputError};
use tagring_market::{binance, itch};

/// Instruments a run can hold: ITCH locate codes have 16 bits.
pub(crate) const INSTRUMENTS_MAX: usize = 1 << 16;

/// Messages between two notes of how far the feed is.
const NOTE_EVERY: u64 = 256;

/// An opened source.
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) format: &'static str,
    /// How much there is in all, in the unit of the notes; 0 when unknown.
    pub(crate) size: u64,
    kind: Kind,
    strict: bool,
    ending: Arc<Ending>,
}

enum Kind {
    Itch(Input),
    /// The synthetic session, whose size is in messages, and the time that making it takes.
    Session(Input, Arc<Pause>),
    Binance(Input),
    /// A pipe that closed before its first byte.
    Nothing,
}

/// What a source came to.
#[derive(Debug)]
pub(crate) struct Consumed {
    /// Messages by kind.
    pub(crate) messages: Vec<(String, u64)>,
    /// What was left out, by name.
    pub(crate) skips: Vec<(String, u64)>,
    /// The first ones left out, in words.
    pub(crate) examples: Vec<String>,
    /// What a closing pipe cut off, by name and in words: no error, and no fault of what came before.
    cuts: Vec<(String, String)>,
    /// What did not add up, by name.
    pub(crate) oddities: Vec<(&'static str, u64)>,
    /// What ended the source early.
    pub(crate) error: Option<String>,
    pub(crate) ended: Ended,
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
    pub(crate) fn open(args: &RunArgs, ending: &Arc<Ending>) -> Result<Self, InputError> {
        let ending = Arc::clone(ending);
        let Some(path) = &args.input else { return Ok(Self::synthetic(args, ending)) };
        let name = if path == "-" { "standard input" } else { path };
        let input = match stream(path) {
            Some((file, true)) => {
                let pipe = Pipe::new(file, Arc::clone(&ending), args.seconds);
                Input::from_pipe(name, Box::new(pipe))?
            }
            Some((file, false)) => Input::from_reader(name, Box::new(file))?,
            None => Input::open(path)?,
        };
        ending.set_opened();
        let format = match args.format {
            Some(format) => Some(Format::from(format)).filter(|_| !input.block().is_empty()),
            None => input.format()?,
        };
        let (format, kind) = match format {
            Some(Format::Itch) => ("itch", Kind::Itch(input)),
            Some(Format::Binance) => ("binance", Kind::Binance(input)),
            None => ("none", Kind::Nothing),
        };
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        Ok(Self { name: name.to_owned(), format, size, kind, strict: args.strict, ending })
    }

    fn synthetic(args: &RunArgs, ending: Arc<Ending>) -> Self {
        let name = format!("synthetic session, seed {}", args.seed);
        let pause = Arc::<Pause>::default();
        let making = Making::new(args.seed, args.messages, Arc::clone(&ending), Arc::clone(&pause));
        let input = Input::from_reader(&name, Box::new(making));
        // The first part was made before the run.
        pause.take();
        let kind = input.map_or(Kind::Nothing, |input| Kind::Session(input, pause));
        Self { name, format: "itch", size: args.messages, kind, strict: true, ending }
    }

    /// Feeds everything into the sink, until the end or until the sink wants no more.
    pub(crate) fn feed(self, sink: &mut BusSink) -> Consumed {
        let start = Instant::now();
        let mut consumed = match self.kind {
            Kind::Itch(input) => feed_itch(input, self.strict, None, sink),
            Kind::Session(input, pause) => feed_itch(input, self.strict, Some(&pause), sink),
            Kind::Binance(input) => feed_binance(input, self.strict, sink),
            Kind::Nothing => Consumed::of(Stopped::AtEnd),
        };
        consumed.decode_share = sink.share_outside(start.elapsed().saturating_sub(sink.paused()));
        if consumed.ended != Ended::Input || (self.size == 0 && self.ending.is_set()) {
            consumed.ended = self.ending.why();
        }
        consumed.tell_oversized(sink, self.strict);
        consumed.tell_undecodable(self.format);
        consumed.tell_cuts();
        consumed.error = consumed
            .error
            .map(|error| if error.contains(&self.name) { error } else { format!("{}: {error}", self.name) });
        consumed
    }
}

/// Standard input or a named pipe, and whether its end may come in the middle; `None` for any other file.
fn stream(path: &str) -> Option<(File, bool)> {
    if path == "-" {
        let file = File::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
        let is_file = file.metadata().is_ok_and(|meta| meta.is_file());
        return Some((file, !is_file));
    }
    let is_pipe = std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo());
    // Not blocking: opening would wait for a writer, whatever Ctrl-C says.
    let open = || OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path).ok();
    is_pipe.then(open).flatten().map(|file| (file, true))
}

/// How a loop over messages ended.
enum Stopped {
    AtEnd,
    BySink,
    ByError(String),
}

impl Consumed {
    fn of(stopped: Stopped) -> Self {
        let (error, ended) = match stopped {
            Stopped::AtEnd => (None, Ended::Input),
            // By whom exactly is told by who knows it.
            Stopped::BySink => (None, Ended::Seconds),
            Stopped::ByError(error) => (Some(error), Ended::Input),
        };
        Self {
            messages: Vec::new(),
            skips: Vec::new(),
            examples: Vec::new(),
            cuts: Vec::new(),
            oddities: Vec::new(),
            error,
            ended,
            decode_share: None,
            bytes: 0,
        }
    }

    /// Keeps what a closing pipe cut off: a message, compressed data.
    fn keep_cuts(&mut self, input: &Input, name: &str, cut: Option<String>) {
        self.cuts.extend(cut.map(|cut| (name.to_owned(), cut)));
        if input.ended_early() {
            let (compression, offset) = (input.compression(), input.compressed_offset());
            let words = format!(
                "TR-2007: the pipe closed in the middle of {compression} data, after byte {offset}; what came before is processed"
            );
            self.cuts.push((format!("cut {compression} data"), words));
        }
    }

    fn tell_cuts(&mut self) {
        for (name, words) in std::mem::take(&mut self.cuts) {
            self.skips.push((name, 1));
            self.examples.push(words);
        }
    }

    /// Snapshots beyond what the bus can take were counted by the sink.
    fn tell_oversized(&mut self, sink: &BusSink, strict: bool) {
        let (count, Some(first)) = sink.oversized() else { return };
        if strict {
            self.ended = Ended::Input;
            self.error.get_or_insert_with(|| first.to_owned());
        } else {
            self.skips.push(("snapshot too large".into(), count));
            self.examples.push(first.to_owned());
        }
    }

    /// An input of which nothing at all could be decoded is no input with bad lines.
    fn tell_undecodable(&mut self, format: &str) {
        let skipped: u64 = self.skips.iter().map(|(_, count)| count).sum();
        if self.error.is_none() && self.messages.is_empty() && skipped > 0 {
            let first = self.examples.first().map_or("", String::as_str);
            self.error = Some(format!(
                "TR-3004: none of {skipped} messages could be decoded as {format}; is it another format, or cut? The first: {first}"
            ));
        }
    }
}

fn named(pairs: &[(&'static str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

fn feed_itch(mut input: Input, strict: bool, pause: Option<&Pause>, sink: &mut BusSink) -> Consumed {
    let (mut frames, mut feed) = (itch::Frames::new(), itch::Feed::new(strict));
    let (mut seen, mut cut) = (0_u64, None);
    let stopped = loop {
        if seen.is_multiple_of(NOTE_EVERY) {
            sink.note(if pause.is_some() { seen } else { input.compressed_offset() });
        }
        seen += 1;
        let is_pipe = input.is_pipe();
        match frames.next(&mut input) {
            Ok(None) => break Stopped::AtEnd,
            Err(error) => break Stopped::ByError(error.to_string()),
            Ok(Some(frame)) if is_pipe && frame.cut.is_some() => {
                let (there, expected) = frame.cut.unwrap_or_default();
                cut = Some(format!(
                    "TR-2201: message {} (byte {}): the pipe closed inside it, after {there} of {expected} bytes",
                    frame.number, frame.offset
                ));
                break Stopped::AtEnd;
            }
            Ok(Some(frame)) => {
                if let Some(pause) = pause.and_then(Pause::take) {
                    sink.pause(pause);
                }
                let at = itch::timestamp_ns(frame.bytes);
                if at.is_some_and(|at| sink.message(at).is_err()) {
                    break Stopped::BySink;
                }
                match feed.message(&frame, sink) {
                    Ok(()) => {}
                    Err(itch::FeedError::Stopped) => break Stopped::BySink,
                    Err(error) => break Stopped::ByError(error.to_string()),
                }
            }
        }
    };
    let mut consumed = Consumed {
        messages: feed.messages().map(|(kind, count)| (kind.to_string(), count)).collect(),
        skips: named(feed.skips()),
        examples: feed.examples().iter().map(ToString::to_string).collect(),
        bytes: input.offset() + input.block().len() as u64,
        ..Consumed::of(stopped)
    };
    consumed.keep_cuts(&input, "cut message", cut);
    consumed
}

fn feed_binance(mut input: Input, strict: bool, sink: &mut BusSink) -> Consumed {
    let options = binance::FeedOptions { strict, symbols_max: INSTRUMENTS_MAX };
    let (mut lines, mut feed) = (binance::Lines::new(), binance::Feed::new(options));
    let mut seen = 0_u64;
    let mut stopped = loop {
        if seen.is_multiple_of(NOTE_EVERY) {
            sink.note(input.compressed_offset());
        }
        seen += 1;
        match lines.next(&mut input) {
            Ok(None) => break Stopped::AtEnd,
            Err(error) => break Stopped::ByError(error.to_string()),
            Ok(Some(line)) => {
                if line.local_ns().is_some_and(|at| sink.message(at).is_err()) {
                    break Stopped::BySink;
                }
                match feed.line(&line, sink) {
                    Ok(()) => {}
                    Err(binance::FeedError::Stopped) => break Stopped::BySink,
                    Err(error) => break Stopped::ByError(error.to_string()),
                }
            }
        }
    };
    if let (Stopped::AtEnd, Err(error)) = (&stopped, feed.finish()) {
        stopped = Stopped::ByError(error.to_string());
    }
    let counts = feed.counts();
    let oddities = [
        ("depth messages that do not continue the one before", counts.gaps),
        ("depth messages without a level", counts.depth_without_levels),
    ];
    let cut = lines.cut_bytes();
    let cut = (cut > 0).then(|| {
        format!("TR-2104: line {}: the pipe closed inside it; its {cut} bytes are left out", lines.count() + 1)
    });
    let mut messages = Vec::<(String, u64)>::new();
    for (kind, count) in counts.messages() {
        // A kind by its name in the capture may be called as one of ours.
        match messages.iter_mut().find(|(known, _)| known == kind) {
            Some((_, sum)) => *sum += count,
            None => messages.push((kind.to_owned(), count)),
        }
    }
    let mut consumed = Consumed {
        messages,
        skips: named(feed.skips()),
        examples: feed.examples().iter().map(ToString::to_string).collect(),
        oddities: oddities.into_iter().filter(|&(_, count)| count > 0).collect(),
        bytes: input.offset() + input.block().len() as u64,
        ..Consumed::of(stopped)
    };
    consumed.keep_cuts(&input, "cut off", cut);
    consumed
}

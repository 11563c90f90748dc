//! Bytes as they lie in the file, and the decompressor over them. Called by `blocks` alone. The invariant: `consumed` is
//! the exact number of file bytes that the decompressor has taken.
use flate2::bufread::MultiGzDecoder;
use std::fmt;
use std::io::{self, BufRead, Read};
use tagring::faults::FaultyIo;

/// File bytes read at once; the decompressors' own windows come on top.
const RAW_BYTES: usize = 128 << 10;
/// A zstd frame may ask for a window of at most 2^27 bytes, as its own command line tool allows.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// Asked of zstd at once: half a block. Given room for all of a small frame it decodes that in one step, and keeps all of it when the
/// last byte is bad.
const ZSTD_OUT_BYTES: usize = 64 << 10;

/// How an input is compressed, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 8878, one or more frames.
    Zstd,
}

impl Compression {
    /// Recognises `1f 8b` and the two zstd frame magics.
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame may come first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// The file's bytes, buffered and counted.
pub(super) struct Raw {
    inner: FaultyIo<Box<dyn Read + Send>>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    consumed: u64,
    /// The system failed, as against the data being bad.
    failed: bool,
}

impl Raw {
    fn new(inner: FaultyIo<Box<dyn Read + Send>>) -> Self {
        let buffer = vec![0; RAW_BYTES].into_boxed_slice();
        Self { inner, buffer, start: 0, end: 0, consumed: 0, failed: false }
    }

    /// Reads until at least `wanted` bytes are buffered or the end has come.
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.end - self.start < wanted {
            let read = self.read_inner(self.end)?;
            if read == 0 {
                break;
            }
            self.end += read;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn read_inner(&mut self, at: usize) -> io::Result<usize> {
        loop {
            match self.inner.read(&mut self.buffer[at..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = true;
                    return Err(error);
                }
                Ok(read) => return Ok(read),
            }
        }
    }
}

impl BufRead for Raw {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.end = self.read_inner(0)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        debug_assert!(amount <= self.end - self.start, "consumed more than was buffered");
        self.start += amount;
        self.consumed += amount as u64;
    }
}

impl Read for Raw {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let amount = available.len().min(into.len());
        into[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

/// The decompressor that the first bytes ask for.
pub(super) enum Decompressor {
    Plain(Raw),
    Gzip(Box<MultiGzDecoder<Raw>>),
    Zstd(zstd::stream::read::Decoder<'static, Raw>),
}

impl Decompressor {
    pub(super) fn new(inner: FaultyIo<Box<dyn Read + Send>>) -> io::Result<Self> {
        let mut raw = Raw::new(inner);
        Ok(match Compression::of(raw.peek(4)?) {
            Compression::None => Self::Plain(raw),
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(raw))),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(raw)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Self::Zstd(decoder)
            }
        })
    }

    pub(super) fn compression(&self) -> Compression {
        match self {
            Self::Plain(_) => Compression::None,
            Self::Gzip(_) => Compression::Gzip,
            Self::Zstd(_) => Compression::Zstd,
        }
    }

    /// File bytes taken so far.
    pub(super) fn consumed(&self) -> u64 {
        self.raw().consumed
    }

    /// Whether the system failed to read, as against the data being bad.
    pub(super) fn system_failed(&self) -> bool {
        self.raw().failed
    }

    fn raw(&self) -> &Raw {
        match self {
            Self::Plain(raw) => raw,
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(into),
            Self::Gzip(decoder) => decoder.read(into),
            Self::Zstd(decoder) => {
                let enough = into.len().min(ZSTD_OUT_BYTES);
                decoder.read(&mut into[..enough])
            }
        }
    }
}

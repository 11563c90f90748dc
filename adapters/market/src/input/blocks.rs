//! [`Input`]: an opened capture as blocks of decompressed bytes. Feeds hold one and walk through its blocks. The invariant:
//! every byte that was decompressed before an error is handed out before the error is, and memory does not grow with the
//! file.
use super::compressed::Decompressor;
use super::fault_points::READ;
use super::{Compression, Format, InputError, foreign};
use std::fs::File;
use std::io::{self, Read};
use tagring::faults::FaultyIo;

/// Decompressed bytes in a block: large enough that a block costs nothing per line, small enough for a second-level cache.
pub const BLOCK_BYTES: usize = 1 << 20;
/// Enough of a slow pipe to recognise its format by.
const HEAD_BYTES: usize = 512;

/// A capture, opened and recognised: `FILE` or `-`; plain, gzip or zstd.
///
/// ```
/// use tagring_market::input::{Format, Input};
/// let capture = b"1723161256172216566 {\"stream\":\"btcusdt@depth\",\"data\":{}}\n";
/// let mut input = Input::from_reader("example", Box::new(&capture[..]))?;
/// assert_eq!(input.format()?, Some(Format::Binance));
/// let mut bytes = 0;
/// while !input.block().is_empty() {
///     bytes += input.block().len();
///     input.advance()?;
/// }
/// assert_eq!(bytes, capture.len());
/// # Ok::<(), tagring_market::input::InputError>(())
/// ```
pub struct Input {
    name: String,
    source: Decompressor,
    block: Box<[u8]>,
    filled: usize,
    /// Decompressed bytes before the present block.
    offset: u64,
    /// What stopped the reading; told once the bytes before it are used up.
    failure: Option<InputError>,
    ended: bool,
    pipe: bool,
    ended_early: bool,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let compression = self.compression();
        f.debug_struct("Input").field("name", &self.name).field("compression", &compression).finish_non_exhaustive()
    }
}

impl Input {
    /// Opens a file, or standard input for `-`, and reads its first block.
    ///
    /// # Errors
    /// The file is missing, forbidden, a directory, empty, or bad from its first byte on. Standard input that closes
    /// early is none: it is an input without bytes.
    pub fn open(path: &str) -> Result<Self, InputError> {
        if path == "-" {
            return Self::from_pipe("-", Box::new(io::stdin()));
        }
        let file = File::open(path).map_err(|e| InputError::opening(path, e))?;
        let meta = file.metadata().map_err(|e| InputError::opening(path, e))?;
        if meta.is_dir() {
            return Err(InputError::Directory { path: path.to_owned() });
        }
        Self::from_reader(path, Box::new(file))
    }

    /// Reads what is not a named file; `name` stands in errors. An end in the middle is an error.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn from_reader(name: &str, reader: Box<dyn Read + Send>) -> Result<Self, InputError> {
        Self::with_block_bytes(name, reader, BLOCK_BYTES, false)
    }

    /// Reads a pipe: blocks come as soon as there is something, and an end in the middle is a normal end.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn from_pipe(name: &str, reader: Box<dyn Read + Send>) -> Result<Self, InputError> {
        Self::with_block_bytes(name, reader, BLOCK_BYTES, true)
    }

    /// As [`Input::from_reader`] (or [`Input::from_pipe`]), with another size of block than [`BLOCK_BYTES`].
    ///
    /// # Errors
    /// As [`Input::open`].
    ///
    /// # Panics
    /// Where `block_bytes` is 0.
    pub fn with_block_bytes(
        name: &str,
        reader: Box<dyn Read + Send>,
        block_bytes: usize,
        pipe: bool,
    ) -> Result<Self, InputError> {
        assert!(block_bytes > 0, "a block holds at least one byte");
        let source = Decompressor::new(FaultyIo::new(READ, name, reader)).map_err(|e| InputError::opening(name, e))?;
        let block = vec![0; block_bytes].into_boxed_slice();
        let mut input = Self {
            name: name.to_owned(),
            source,
            block,
            filled: 0,
            offset: 0,
            failure: None,
            ended: false,
            pipe,
            ended_early: false,
        };
        input.fill(HEAD_BYTES);
        if input.filled == 0 {
            if let Some(failure) = input.failure.take() {
                return Err(failure);
            }
            if !pipe {
                return Err(InputError::Empty { name: name.to_owned(), compression: input.compression() });
            }
        }
        Ok(input)
    }

    /// The name that errors carry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the bytes were compressed.
    pub fn compression(&self) -> Compression {
        self.source.compression()
    }

    /// Whether this is a pipe, whose end in the middle is a normal end.
    pub fn is_pipe(&self) -> bool {
        self.pipe
    }

    /// Whether a pipe closed in the middle of compressed data.
    pub fn ended_early(&self) -> bool {
        self.ended_early
    }

    /// Decompressed bytes before the present block.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the file that were read so far, for a progress bar.
    pub fn compressed_offset(&self) -> u64 {
        self.source.consumed()
    }

    /// The present block; empty at the end.
    pub fn block(&self) -> &[u8] {
        &self.block[..self.filled]
    }

    /// The format of the present (first) block; `None` where a pipe closed before its first byte.
    ///
    /// # Errors
    /// [`InputError::Foreign`], with what it looks like.
    pub fn format(&self) -> Result<Option<Format>, InputError> {
        if self.block().is_empty() {
            return Ok(None);
        }
        if let Some(format) = Format::of(self.block()) {
            return Ok(Some(format));
        }
        Err(InputError::Foreign { name: self.name.clone(), looks_like: foreign::looks_like(self.block()) })
    }

    /// Goes on to the next block; `false` at the end.
    ///
    /// # Errors
    /// Truncated or corrupt compressed data, or a failing read; everything before it was handed out. After an error the
    /// input is at its end.
    pub fn advance(&mut self) -> Result<bool, InputError> {
        self.offset += self.filled as u64;
        self.filled = 0;
        if self.failure.is_none() {
            self.fill(1);
        }
        if self.filled == 0
            && let Some(failure) = self.failure.take()
        {
            return Err(failure);
        }
        Ok(self.filled > 0)
    }

    /// Fills the block; a pipe's only as far as `enough` bytes and what lies ready.
    fn fill(&mut self, enough: usize) {
        while !self.ended && self.filled < self.block.len() {
            match self.source.read(&mut self.block[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.fail(error),
            }
            if self.pipe && self.filled >= enough {
                break;
            }
        }
    }

    #[cold]
    fn fail(&mut self, error: io::Error) {
        self.ended = true;
        let (name, compression) = (self.name.clone(), self.compression());
        let (compressed_offset, offset) = (self.source.consumed(), self.offset + self.filled as u64);
        let truncated = error.kind() == io::ErrorKind::UnexpectedEof;
        if self.source.system_failed() || compression == Compression::None {
            self.failure = Some(InputError::Unread { name, offset, source: error });
        } else if truncated && self.pipe {
            self.ended_early = true;
        } else if truncated {
            self.failure = Some(InputError::Truncated { name, compression, compressed_offset, offset });
        } else if error.to_string().contains("too much memory") {
            self.failure = Some(InputError::WindowTooLarge { name });
        } else {
            let reason = error.to_string();
            self.failure = Some(InputError::Corrupt { name, compression, compressed_offset, offset, reason });
        }
    }
}

//! [`Lines`]: cuts the blocks of an input into lines. A line that lies in one block is lent from it; one that crosses a
//! border is put together in a buffer that is reused and bounded.
use crate::input::{Input, InputError};

/// Longest line by default. The longest in the captures at hand has 64 kB; a full-depth snapshot of 5,000 levels has 0.3 MB.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// So much of a line that is too long is kept, to show it by.
const SHOWN_BYTES: usize = 64;

/// One line, without its line feed (and carriage return).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its bytes; of a line that is too long only the first few.
    pub bytes: &'a [u8],
    /// Its number, from 1.
    pub number: u64,
    /// Where it begins in the decompressed input.
    pub offset: u64,
    /// All its bytes, also those of a line that is too long.
    pub length: u64,
    /// Whether a line feed ended it; else the input did.
    pub terminated: bool,
}

impl Line<'_> {
    /// Whether it is longer than the limit, so that `bytes` holds only its beginning.
    pub fn is_too_long(&self) -> bool {
        self.length > self.bytes.len() as u64
    }

    /// The local receive time in ns that it begins with, for pacing; `None` where no JSON object comes after it.
    pub fn local_ns(&self) -> Option<u64> {
        split_time(self.bytes).filter(|(_, json)| json.starts_with(b"{")).map(|(time_ns, _)| time_ns)
    }
}

/// The local time in front and what comes after the space.
#[inline]
pub(super) fn split_time(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut time_ns = 0u64;
    for (at, byte) in line.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return (at > 0 && *byte == b' ').then(|| (time_ns, &line[at + 1..]));
        }
        time_ns = time_ns.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    None
}

/// Walks through an input line by line.
///
/// ```
/// use tagring_market::binance::Lines;
/// use tagring_market::input::Input;
/// let mut input = Input::from_reader("example", Box::new(&b"1 {}\n2 {}"[..]))?;
/// let mut lines = Lines::new();
/// while let Some(line) = lines.next(&mut input)? {
///     println!("{} at byte {}: {} ns", line.number, line.offset, line.local_ns().unwrap_or(0));
/// }
/// assert_eq!(lines.count(), 2);
/// # Ok::<(), tagring_market::input::InputError>(())
/// ```
#[derive(Debug)]
pub struct Lines {
    /// The beginning of a line whose end is in a later block.
    carry: Vec<u8>,
    /// Where the next line begins in the present block.
    at: usize,
    /// Lines begun.
    number: u64,
    line_bytes_max: usize,
    cut_bytes: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a line was found.
enum Found {
    Block { start: usize, end: usize },
    Carry { length: u64, terminated: bool },
}

impl Lines {
    /// Lines of up to [`LINE_BYTES_MAX`].
    pub fn new() -> Self {
        Self::with_limit(LINE_BYTES_MAX)
    }

    /// Lines of up to `line_bytes_max`; longer ones are lent by their beginning only.
    pub fn with_limit(line_bytes_max: usize) -> Self {
        Self { carry: Vec::new(), at: 0, number: 0, line_bytes_max, cut_bytes: 0 }
    }

    /// Lines seen so far.
    pub fn count(&self) -> u64 {
        self.number
    }

    /// Bytes of a last line that a closing pipe cut off and that was therefore left out.
    pub fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// The next line that is not empty; `None` at the end.
    ///
    /// # Errors
    /// What [`Input::advance`] reports, after every whole line before it was lent; the beginning of a line that the error
    /// cut off is left out.
    pub fn next<'a>(&'a mut self, input: &'a mut Input) -> Result<Option<Line<'a>>, InputError> {
        loop {
            let Some((found, offset)) = self.find(input)? else { return Ok(None) };
            let (length, blank) = match found {
                Found::Block { start, end } => ((end - start) as u64, is_blank(&input.block()[start..end])),
                Found::Carry { length, .. } => (length, is_blank(&self.carry)),
            };
            self.number += 1;
            if blank {
                continue;
            }
            return Ok(Some(self.lend(input, found, offset, length)));
        }
    }

    fn lend<'a>(&'a self, input: &'a Input, found: Found, offset: u64, length: u64) -> Line<'a> {
        let (bytes, terminated) = match found {
            Found::Block { start, end } => (&input.block()[start..end], true),
            Found::Carry { terminated, .. } => (&self.carry[..], terminated),
        };
        let number = self.number;
        if length > self.line_bytes_max as u64 {
            let bytes = &bytes[..bytes.len().min(SHOWN_BYTES).min(self.line_bytes_max)];
            return Line { bytes, number, offset, length, terminated };
        }
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Line { bytes, number, offset, length: bytes.len() as u64, terminated }
    }

    /// Finds the next line and the offset it begins at.
    #[inline]
    fn find(&mut self, input: &mut Input) -> Result<Option<(Found, u64)>, InputError> {
        self.carry.clear();
        let start = self.at;
        let offset = input.offset() + start as u64;
        match memchr::memchr(b'\n', &input.block()[start..]) {
            Some(length) => {
                self.at = start + length + 1;
                Ok(Some((Found::Block { start, end: start + length }, offset)))
            }
            None => Ok(self.find_across(input)?.map(|found| (found, offset))),
        }
    }

    /// Puts together a line that goes beyond the present block.
    #[cold]
    fn find_across(&mut self, input: &mut Input) -> Result<Option<Found>, InputError> {
        let mut length = 0;
        loop {
            let rest = &input.block()[self.at..];
            let end = memchr::memchr(b'\n', rest);
            let part = &rest[..end.unwrap_or(rest.len())];
            // One more than the limit is kept, so that a carriage return does not make a line too long.
            let room = (self.line_bytes_max + 1).saturating_sub(self.carry.len());
            self.carry.extend_from_slice(&part[..part.len().min(room)]);
            length += part.len() as u64;
            if let Some(end) = end {
                self.at += end + 1;
                return Ok(Some(Found::Carry { length, terminated: true }));
            }
            self.at = 0;
            if !input.advance()? {
                return Ok(self.last_line(input, length));
            }
        }
    }

    /// What stands after the last line feed: a line, unless a closing pipe visibly cut it off.
    fn last_line(&mut self, input: &Input, length: u64) -> Option<Found> {
        if length == 0 {
            return None;
        }
        if input.is_pipe() && !self.carry.trim_ascii_end().ends_with(b"}") {
            self.cut_bytes = length;
            return None;
        }
        Some(Found::Carry { length, terminated: false })
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.is_empty() || line == b"\r"
}

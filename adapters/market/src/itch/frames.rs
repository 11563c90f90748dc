//! [`Frames`]: cuts the blocks of an input into messages. A message that lies in one block is lent from it; one that crosses
//! a border is put together in a buffer that is reused.
use crate::input::{Input, InputError};

/// One message, without its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its bytes, from the type on.
    pub bytes: &'a [u8],
    /// Its number, from 1.
    pub number: u64,
    /// Where its length stands in the decompressed input.
    pub offset: u64,
    /// The input ended inside it: bytes that are there and bytes it should have, its length included.
    pub cut: Option<(usize, usize)>,
}

/// Walks through an input message by message.
#[derive(Debug, Default)]
pub struct Frames {
    /// Position in the present block.
    at: usize,
    carry: Vec<u8>,
    count: u64,
    offset: u64,
}

impl Frames {
    /// At the beginning of an input.
    pub fn new() -> Self {
        Self { carry: Vec::with_capacity(1 << 16), ..Self::default() }
    }

    /// The next message; `None` at the end. A message that the end cuts is given with `cut` set.
    ///
    /// # Errors
    /// Those of the input, once all before is given out.
    #[inline]
    pub fn next<'a>(&'a mut self, input: &'a mut Input) -> Result<Option<Frame<'a>>, InputError> {
        self.carry.clear();
        let rest = &input.block()[self.at..];
        if let Some(end) = frame_end(rest).filter(|&end| end <= rest.len()) {
            let start = self.at;
            self.at += end;
            let (number, offset) = self.step(end);
            return Ok(Some(Frame { bytes: &input.block()[start + 2..start + end], number, offset, cut: None }));
        }
        self.across(input)
    }

    /// The message goes on in the next block, or the input is at its end.
    #[cold]
    fn across<'a>(&'a mut self, input: &mut Input) -> Result<Option<Frame<'a>>, InputError> {
        loop {
            let rest = &input.block()[self.at..];
            let missing = frame_end(&self.carry).map_or(2, |end| end).saturating_sub(self.carry.len());
            let taken = missing.min(rest.len());
            self.carry.extend_from_slice(&rest[..taken]);
            self.at += taken;
            if frame_end(&self.carry).is_some_and(|end| self.carry.len() == end) {
                return Ok(Some(self.carried(None)));
            }
            if self.at == input.block().len() {
                self.at = 0;
                if !input.advance()? {
                    break;
                }
            }
        }
        let expected = frame_end(&self.carry).unwrap_or(2);
        let there = self.carry.len();
        Ok((there > 0).then(|| self.carried(Some((there, expected)))))
    }

    fn carried(&mut self, cut: Option<(usize, usize)>) -> Frame<'_> {
        let (number, offset) = self.step(self.carry.len());
        Frame { bytes: self.carry.get(2..).unwrap_or(&[]), number, offset, cut }
    }

    fn step(&mut self, bytes: usize) -> (u64, u64) {
        let offset = self.offset;
        self.offset += bytes as u64;
        self.count += 1;
        (self.count, offset)
    }
}

/// Bytes of the message at the start, its length included; `None` while the length is not whole.
#[inline(always)]
fn frame_end(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk::<2>().map(|len| 2 + usize::from(u16::from_be_bytes(*len)))
}

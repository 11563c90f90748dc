//! The bytes of a message: where fields stand, how long each type is. All numbers are big-endian.

/// Length of a message by its type, the type byte included; 0 for types that do not exist.
pub const fn message_len(kind: u8) -> usize {
    match kind {
        b'S' | b'W' => 12,
        b'R' => 39,
        b'H' => 25,
        b'Y' | b'N' => 20,
        b'L' => 26,
        b'V' | b'J' | b'U' => 35,
        b'K' => 28,
        b'h' => 21,
        b'A' | b'C' => 36,
        b'F' | b'Q' => 40,
        b'E' => 31,
        b'X' => 23,
        b'D' | b'B' => 19,
        b'P' => 44,
        b'I' => 50,
        b'O' => 48,
        _ => 0,
    }
}

/// A message whose length was checked against its type: fields are read at constant offsets.
#[derive(Clone, Copy)]
pub(super) struct Message<'a>(pub(super) &'a [u8]);

impl Message<'_> {
    #[inline(always)]
    pub(super) fn bytes<const N: usize>(self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[at..at + N]);
        bytes
    }

    #[inline(always)]
    pub(super) fn u8(self, at: usize) -> u8 {
        self.0[at]
    }

    #[inline(always)]
    pub(super) fn u16(self, at: usize) -> u16 {
        u16::from_be_bytes(self.bytes(at))
    }

    #[inline(always)]
    pub(super) fn u32(self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes(at))
    }

    #[inline(always)]
    pub(super) fn u64(self, at: usize) -> u64 {
        u64::from_be_bytes(self.bytes(at))
    }

    /// Nanoseconds since midnight: six bytes at offset 5.
    #[inline(always)]
    pub(super) fn time_ns(self) -> u64 {
        // The two bytes before are the tracking number: read eight, keep six.
        self.u64(3) & 0x0000_ffff_ffff_ffff
    }

    /// Stock locate: the day's number of the instrument.
    #[inline(always)]
    pub(super) fn locate(self) -> u32 {
        u32::from(self.u16(1))
    }
}

/// The time of a whole message, in nanoseconds since midnight; `None` if it is too short to have one.
#[inline]
pub fn timestamp_ns(message: &[u8]) -> Option<u64> {
    (message.len() >= 11).then(|| Message(message).time_ns())
}

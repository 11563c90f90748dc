//! Which of the known formats some bytes are in, by their content alone.
use super::InputError;
use std::fmt;
use std::str::FromStr;

/// Messages (or lines) that are looked at; a bad one among them does not hide the format.
const LOOKED_AT: usize = 16;

/// A format that a feed can decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// NASDAQ TotalView-ITCH 5.0, a two-byte length before each message.
    Itch,
    /// A capture of Binance streams: local time in ns, a space, the JSON as it came; one line per message.
    Binance,
}

impl Format {
    /// Recognises the format of the beginning of an input.
    ///
    /// ```
    /// use tagring_market::input::Format;
    /// assert_eq!(Format::of(b"1723161256172216566 {\"e\":\"trade\"}\n"), Some(Format::Binance));
    /// assert_eq!(Format::of(b"time,price\n1,2\n"), None);
    /// ```
    pub fn of(head: &[u8]) -> Option<Self> {
        if is_binance(head) {
            return Some(Self::Binance);
        }
        is_itch(head).then_some(Self::Itch)
    }

    /// The name that `--format` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Itch => "itch",
            Self::Binance => "binance",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = InputError;

    fn from_str(name: &str) -> Result<Self, InputError> {
        [Self::Itch, Self::Binance]
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| InputError::UnknownFormat { given: name.to_owned() })
    }
}

/// Whether one of the first lines is digits, a space and an opening brace.
fn is_binance(head: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n').take(LOOKED_AT).any(|line| {
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (1..=20).contains(&digits) && line[digits..].starts_with(b" {")
    })
}

/// The length that the specification (NASDAQ TotalView-ITCH 5.0, chapter 1) gives a message of this type.
fn itch_message_bytes(kind: u8) -> Option<usize> {
    Some(match kind {
        b'S' | b'W' => 12,
        b'R' => 39,
        b'H' => 25,
        b'Y' | b'N' => 20,
        b'L' => 26,
        b'V' | b'U' | b'J' => 35,
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
        _ => return None,
    })
}

/// Whether the first message, and more than half of those that follow it, have a known type with the length of that type.
fn is_itch(head: &[u8]) -> bool {
    let (mut at, mut seen, mut good) = (0, 0, 0);
    while seen < LOOKED_AT {
        let Some(&[high, low, kind]) = head.get(at..at + 3) else { break };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let known = itch_message_bytes(kind) == Some(length);
        if seen == 0 && !known {
            return false;
        }
        seen += 1;
        good += usize::from(known);
        at += 2 + length;
    }
    good * 2 > seen
}

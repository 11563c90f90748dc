//! What can be wrong with a line: each fault has a name (under which skipped lines are counted), a stable code and a
//! sentence with what, where, value, limit and remedy.
use crate::decimal::DecimalError;
use std::fmt;

/// Why a line was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `TR-2101`: it does not begin with the local time in ns and a space.
    NoTime {
        /// Its beginning.
        begins: String,
    },
    /// `TR-2102`: it is not JSON.
    NotJson {
        /// Byte in the line.
        at: usize,
        /// What the parser said.
        reason: String,
    },
    /// `TR-2103`: longer than the limit.
    TooLong {
        /// Its bytes.
        bytes: u64,
    },
    /// `TR-2104`: the input ends in the middle of it.
    Cut,
    /// `TR-2105`: JSON, but no message of the exchange.
    UnknownMessage,
    /// `TR-2106`: a field that its kind must have is missing, or is of another type.
    NoField {
        /// Kind of message.
        kind: &'static str,
        /// The field.
        field: &'static str,
    },
    /// `TR-2107`: a price or size that is no exact decimal number within range.
    BadNumber {
        /// Kind of message.
        kind: &'static str,
        /// The field.
        field: &'static str,
        /// Its text, shortened.
        value: String,
        /// What is wrong with it.
        why: DecimalError,
    },
    /// `TR-2108`: a negative price or size, or a level without a price.
    NotPositive {
        /// Kind of message.
        kind: &'static str,
        /// The field.
        field: &'static str,
        /// Its text, shortened.
        value: String,
    },
    /// `TR-2109`: a symbol that does not fit an `Instrument` event.
    SymbolTooLong {
        /// The symbol, shortened.
        symbol: String,
    },
    /// `TR-2110`: a new symbol, and the table has no place for it.
    SymbolTableFull {
        /// The symbol.
        symbol: String,
        /// Places in the table.
        limit: usize,
    },
    /// `TR-2111`: a snapshot without a symbol that fits none of those seen.
    SnapshotOfNoSymbol {
        /// Its update id.
        update_id: u64,
    },
}

impl Fault {
    /// The name that skipped lines are counted under.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoTime { .. } => "no local time",
            Self::NotJson { .. } => "not JSON",
            Self::TooLong { .. } => "line too long",
            Self::Cut => "cut off",
            Self::UnknownMessage => "unknown message",
            Self::NoField { .. } => "missing field",
            Self::BadNumber { .. } => "bad number",
            Self::NotPositive { .. } => "not positive",
            Self::SymbolTooLong { .. } => "symbol too long",
            Self::SymbolTableFull { .. } => "symbol table full",
            Self::SnapshotOfNoSymbol { .. } => "snapshot of no symbol",
        }
    }

    /// The stable code, `TR-2101` to `TR-2111`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoTime { .. } => "TR-2101",
            Self::NotJson { .. } => "TR-2102",
            Self::TooLong { .. } => "TR-2103",
            Self::Cut => "TR-2104",
            Self::UnknownMessage => "TR-2105",
            Self::NoField { .. } => "TR-2106",
            Self::BadNumber { .. } => "TR-2107",
            Self::NotPositive { .. } => "TR-2108",
            Self::SymbolTooLong { .. } => "TR-2109",
            Self::SymbolTableFull { .. } => "TR-2110",
            Self::SnapshotOfNoSymbol { .. } => "TR-2111",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTime { begins } => {
                write!(f, "it begins {begins:?}, not with the local time in ns and a space; repair or remove it")
            }
            Self::NotJson { at, reason } => write!(f, "not JSON at byte {at} of the line: {reason}"),
            Self::TooLong { bytes } => {
                write!(f, "{bytes} bytes, a line has at most {} by default; split or repair it", super::LINE_BYTES_MAX)
            }
            Self::Cut => f.write_str("the input ends in the middle of it; fetch the capture again"),
            Self::UnknownMessage => f.write_str("neither an event (`e`), a snapshot (`lastUpdateId`) nor a ticker"),
            Self::NoField { kind, field } => write!(f, "{kind} without a valid field `{field}`"),
            Self::BadNumber { kind, field, value, why } => write!(f, "{kind}: `{field}` is `{value}`, which {why}"),
            Self::NotPositive { kind, field, value } => {
                write!(f, "{kind}: `{field}` is `{value}`; prices are above 0, sizes at least 0")
            }
            Self::SymbolTooLong { symbol } => {
                write!(f, "symbol `{symbol}` is longer than {} bytes", super::SYMBOL_BYTES)
            }
            Self::SymbolTableFull { symbol, limit } => {
                write!(f, "no place for symbol `{symbol}`: the table holds {limit}; split the capture by symbol")
            }
            Self::SnapshotOfNoSymbol { update_id } => {
                write!(f, "snapshot {update_id} names no symbol and fits none by price; add its stream to the line")
            }
        }
    }
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Line, from 1.
    pub line: u64,
    /// Byte at which the line begins in the decompressed input.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {} (byte {}): {}", self.fault.code(), self.line, self.offset, self.fault)
    }
}

impl std::error::Error for LineError {}

/// The beginning of a text, for an error.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

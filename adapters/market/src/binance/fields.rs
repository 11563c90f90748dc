//! The fields of one message. simd-json turns the line into a tape (values in a row, each container with its extent), in
//! memory that is reused; one walk over it picks the known fields and converts levels to fixed point.
//!
//! A value of an unexpected type is no error here: `b` is a price in one kind and a row of levels in another. Only what
//! is not JSON at all is.
use super::fault::{Fault, shortened};
use crate::decimal::{self, DecimalError};
use crate::sink::Level;
use simd_json::{Buffers, Node, StaticNode, Tape};

/// After a longer line than this the parser's memory (some ten bytes for each of the line's) is given back.
const KEPT_LINE_BYTES: usize = 1 << 20;

/// One field's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Value<'a> {
    #[default]
    Absent,
    Bool(bool),
    Number(u64),
    Text(&'a str),
    /// Null, an object, a row, or a number that is no `u64`.
    Other,
}

macro_rules! names {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// The fields that any kind needs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Name { $($name),* }

        impl Name {
            const ALL: &'static [Self] = &[$(Self::$name),*];

            pub(super) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            fn of_long(key: &str) -> Option<Self> {
                match key { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

names! {
    Event = "e", EventTime = "E", Time = "T", Symbol = "s", FirstId = "U", FinalId = "u", PreviousId = "pu",
    Bid = "b", BidSize = "B", Ask = "a", AskSize = "A", Price = "p", Size = "q", Trade = "t", BuyerMakes = "m",
    Stream = "stream", Data = "data", SnapshotId = "lastUpdateId", Bids = "bids", Asks = "asks", SnapshotSymbol = "symbol",
    Result = "result", Failure = "error",
}

impl Name {
    /// Names of one letter, by that letter: nearly all of them.
    const LETTERS: [Option<Self>; 256] = {
        let mut letters = [None; 256];
        let mut at = 0;
        while at < Self::ALL.len() {
            if let &[letter] = Self::ALL[at].text().as_bytes() {
                letters[letter as usize] = Some(Self::ALL[at]);
            }
            at += 1;
        }
        letters
    };

    #[inline]
    fn of(key: &str) -> Option<Self> {
        match key.as_bytes() {
            &[letter] => Self::LETTERS[usize::from(letter)],
            _ => Self::of_long(key),
        }
    }
}

/// What is wrong with a row of levels, told only if the message's kind needs the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LevelFault {
    /// Not `[price, size]` in text.
    Shape,
    Number {
        field: &'static str,
        value: String,
        why: DecimalError,
    },
    NotPositive {
        field: &'static str,
        value: String,
    },
}

/// One side's levels.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) levels: Vec<Level>,
    pub(super) present: bool,
    pub(super) fault: Option<LevelFault>,
}

impl Row {
    fn clear(&mut self) {
        self.levels.clear();
        self.present = false;
        self.fault = None;
    }

    /// Reads `["price","size"]` after `["price","size"]`, until one is wrong.
    fn read(&mut self, mut nodes: &[Node<'_>]) {
        self.clear();
        self.present = true;
        while let Some(node) = nodes.first() {
            // Old captures have an empty third element.
            let &[Node::Array { len: 2.., .. }, Node::String(price), Node::String(qty), ..] = nodes else {
                self.fault = Some(LevelFault::Shape);
                return;
            };
            match (decimal::parse(price.as_bytes()), decimal::parse(qty.as_bytes())) {
                (Ok(price), Ok(qty)) if price > 0 && qty >= 0 => self.levels.push(Level { price, qty }),
                _ => {
                    self.fault = Some(level_fault(price, qty));
                    return;
                }
            }
            nodes = &nodes[extent(node)..];
        }
    }
}

#[cold]
fn level_fault(price: &str, qty: &str) -> LevelFault {
    let price_is_good = decimal::parse(price.as_bytes()).is_ok_and(|units| units > 0);
    let (field, text) = if price_is_good { ("size", qty) } else { ("price", price) };
    let value = shortened(text);
    match decimal::parse(text.as_bytes()) {
        Err(why) => LevelFault::Number { field, value, why },
        Ok(_) => LevelFault::NotPositive { field, value },
    }
}

/// A value's place on the tape, itself and all inside of it.
#[inline]
fn extent(node: &Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}

/// The parser's memory and the rows of levels, reused from message to message.
pub(super) struct Rows {
    pub(super) bids: Row,
    pub(super) asks: Row,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("bids", &self.bids).field("asks", &self.asks).finish_non_exhaustive()
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self { bids: Row::default(), asks: Row::default(), buffers: Buffers::default(), tape: Tape(Vec::new()) }
    }
}

/// The fields of one message.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    values: [Value<'a>; Name::ALL.len()],
}

impl<'a> Fields<'a> {
    /// Decodes one message; escapes in texts are resolved in `json` itself.
    pub(super) fn decode(json: &'a mut [u8], rows: &mut Rows) -> Result<Self, Fault> {
        rows.bids.clear();
        rows.asks.clear();
        let bytes = json.len();
        let mut fields = Self { values: [Value::Absent; Name::ALL.len()] };
        let mut tape = std::mem::replace(&mut rows.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape(json, &mut rows.buffers, &mut tape);
        let result = match parsed {
            Ok(()) => fields.take_message(&tape.0, rows),
            Err(error) => Err(not_json(&error)),
        };
        if bytes <= KEPT_LINE_BYTES {
            rows.tape = tape.reset();
        } else {
            rows.buffers = Buffers::default();
        }
        result.map(|()| fields)
    }

    fn take_message(&mut self, nodes: &[Node<'a>], rows: &mut Rows) -> Result<(), Fault> {
        if !matches!(nodes.first(), Some(Node::Object { .. })) {
            return Err(Fault::NotJson { at: 0, reason: "not an object".to_owned() });
        }
        if let Some(data) = self.take_object(nodes, rows) {
            self.take_object(data, rows);
        }
        Ok(())
    }

    /// Takes the fields of the object that `nodes` begins with; returns the object in its field `data`.
    fn take_object<'t>(&mut self, nodes: &'t [Node<'a>], rows: &mut Rows) -> Option<&'t [Node<'a>]> {
        let mut inner = None;
        let mut rest = nodes.get(1..extent(nodes.first()?))?;
        while let [Node::String(key), value, ..] = rest {
            let (whole, after) = rest[1..].split_at(extent(value));
            rest = after;
            let Some(name) = Name::of(key) else { continue };
            self.values[name as usize] = match *value {
                Node::String(text) => Value::Text(text),
                Node::Static(StaticNode::U64(number)) => Value::Number(number),
                Node::Static(StaticNode::I64(number)) => u64::try_from(number).map_or(Value::Other, Value::Number),
                Node::Static(StaticNode::Bool(flag)) => Value::Bool(flag),
                Node::Static(_) => Value::Other,
                Node::Object { .. } => {
                    inner = if name == Name::Data { Some(whole) } else { inner };
                    Value::Other
                }
                Node::Array { .. } => {
                    match name {
                        Name::Bid | Name::Bids => rows.bids.read(&whole[1..]),
                        Name::Ask | Name::Asks => rows.asks.read(&whole[1..]),
                        _ => {}
                    }
                    Value::Other
                }
            };
        }
        inner
    }

    #[inline]
    pub(super) fn get(&self, name: Name) -> Value<'a> {
        self.values[name as usize]
    }

    #[inline]
    pub(super) fn number(&self, name: Name) -> Option<u64> {
        match self.get(name) {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn text(&self, name: Name) -> Option<&'a str> {
        match self.get(name) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

#[cold]
fn not_json(error: &simd_json::Error) -> Fault {
    Fault::NotJson { at: error.index(), reason: format!("{:?}", error.error()) }
}

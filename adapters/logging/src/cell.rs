//! What a record looks like in the ring: [`Draft`] writes it on the thread that logs, [`Record`] reads it on the writer's. A record is a head and
//! items, packed, in one to eight cells next to each other; what does not fit is left out and marked. Nothing here allocates.
//!
//! ```text
//!         0        8          16       20     24           28    30      31
//!         +--------+----------+--------+------+------------+-----+-------+-------+
//! head    | ticks  | callsite | thread | lost | suppressed | len | level | flags |
//!         +--------+--+-------+-+------+--+---+-+----------+-----+-------+-------+
//!      32 | line   | pen | name | cells | 0 | thread's name, 16 bytes, 0 padded    | 56
//!         +--------+-----+------+-------+---+-------------------------------------+
//! item    kind u8 · field's index in its callsite u8 · value:
//!           8 bytes (u64, i64, f64) · 16 bytes (u128, i128) · 1 byte (bool) · length u16 and bytes (texts)
//!           span: callsite u64, length u16 and its own items
//!           static text: address u64, length u64
//! ```
//! Static parts are told by address: target, file, line, the names of fields and spans are read through the callsite, by the writer.

use core::fmt;
use core::mem::MaybeUninit;
use tracing::{Level, Metadata};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// An element of the ring. With the ring's stamp it fills two cache lines.
pub(crate) type LogCell = [u64; CELL_BYTES / 8];

/// Bytes of a record in one cell.
pub(crate) const CELL_BYTES: usize = 120;
/// Cells that one record may take.
pub(crate) const CELLS_MAX: usize = 8;
/// Bytes of the longest record.
const RECORD_MAX: usize = CELL_BYTES * CELLS_MAX;
/// Bytes of one text: the rest is for the other values.
pub(crate) const TEXT_MAX: usize = 512;
/// Bytes of a thread's name.
pub(crate) const NAME_MAX: usize = 16;

/// Something was left out.
pub(crate) const CUT: u8 = 1;

/// What stands before the items.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub(crate) struct Head {
    /// When, by the clock of this logging.
    pub(crate) ticks: u64,
    /// Address of the callsite's metadata; 0 where the record came through the `log` crate.
    pub(crate) callsite: u64,
    /// Which thread, by our own number.
    pub(crate) thread: u32,
    /// Records that the pen below had lost until then, as far as 32 bits tell.
    pub(crate) lost: u32,
    /// Records of this callsite held back since the last one.
    pub(crate) suppressed: u32,
    /// Bytes of the record, head included.
    pub(crate) len: u16,
    /// 1 for errors to 5 for traces.
    pub(crate) level: u8,
    pub(crate) flags: u8,
    /// Line of a record of the `log` crate; 0: not known.
    pub(crate) line: u32,
    /// Which pen wrote it.
    pub(crate) pen: u8,
    /// Bytes of the thread's name.
    pub(crate) name_len: u8,
    pub(crate) cells: u8,
    pub(crate) unused: u8,
    pub(crate) name: [u8; NAME_MAX],
}

const HEAD: usize = size_of::<Head>();
const _: () = assert!(HEAD == 56 && HEAD + 64 == CELL_BYTES);

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    U64 = 1,
    I64,
    F64,
    Bool,
    U128,
    I128,
    /// A string.
    Str,
    /// Text that was formatted.
    Text,
    Span,
    /// The target of a record of the `log` crate, where it is not static.
    Target,
    StaticTarget,
    StaticFile,
}

/// The number of a level: 1 for errors.
pub(crate) fn number_of(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        _ => 5,
    }
}

/// Where a callsite's metadata lies.
pub(crate) fn address_of(metadata: &'static Metadata<'static>) -> u64 {
    core::ptr::from_ref(metadata).expose_provenance() as u64
}

/// A record while it is written. It lies on the stack of the thread that logs.
pub(crate) struct Draft {
    cells: MaybeUninit<[LogCell; CELLS_MAX]>,
    /// Bytes written; the head's are, as zeros, from the start.
    len: usize,
    cut: bool,
}

impl Draft {
    pub(crate) fn new() -> Self {
        let mut draft = Self { cells: MaybeUninit::uninit(), len: 0, cut: false };
        draft.put(Head::default().as_bytes());
        draft
    }

    fn room(&self) -> usize {
        RECORD_MAX - self.len
    }

    /// Something does not fit, or would be too much.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// Writes behind what is there.
    fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.room(), "the caller looks whether there is room");
        // SAFETY: `len + bytes.len()` is at most the buffer's size, as was just looked at; the buffer is ours alone.
        unsafe {
            let target = self.cells.as_mut_ptr().cast::<u8>().add(self.len);
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
        }
        self.len += bytes.len();
    }

    /// Overwrites bytes that were written before.
    fn put_at(&mut self, at: usize, bytes: &[u8]) {
        let end = self.len;
        assert!(at + bytes.len() <= end, "only what was written is overwritten");
        self.len = at;
        self.put(bytes);
        self.len = end;
    }

    /// One item whose value has a fixed size, if it fits.
    #[inline]
    pub(crate) fn item(&mut self, kind: Kind, index: usize, value: &[u8]) {
        if self.room() < 2 + value.len() {
            return self.cut();
        }
        self.put(&[kind as u8, index as u8]);
        self.put(value);
    }

    /// One item that is a text, as much of it as fits.
    pub(crate) fn text(&mut self, kind: Kind, index: usize, write: impl FnOnce(&mut Text<'_>)) {
        if self.room() < 4 {
            return self.cut();
        }
        self.put(&[kind as u8, index as u8, 0, 0]);
        let (start, limit) = (self.len, self.len + TEXT_MAX.min(self.room()));
        write(&mut Text { draft: self, limit });
        let len = (self.len - start) as u16;
        self.put_at(start - 2, &len.to_le_bytes());
    }

    /// A static text, by its address.
    pub(crate) fn static_text(&mut self, kind: Kind, text: &'static str) {
        let (address, len) = (text.as_ptr().expose_provenance() as u64, text.len() as u64);
        let mut value = [0; 16];
        value[..8].copy_from_slice(&address.to_le_bytes());
        value[8..].copy_from_slice(&len.to_le_bytes());
        self.item(kind, 0, &value);
    }

    /// A span and its items, if they fit.
    pub(crate) fn span(&mut self, callsite: u64, items: &[u8]) {
        if self.room() < 12 + items.len() {
            return self.cut();
        }
        self.put(&[Kind::Span as u8, 0]);
        self.put(&callsite.to_le_bytes());
        self.put(&(items.len() as u16).to_le_bytes());
        self.put(items);
    }

    /// The items so far.
    pub(crate) fn items(&self) -> &[u8] {
        // SAFETY: `put` has written the first `len` bytes, and `len` is at least `HEAD`.
        unsafe { core::slice::from_raw_parts(self.cells.as_ptr().cast::<u8>().add(HEAD), self.len - HEAD) }
    }

    /// Whether something was left out.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Finishes the record: its length and flags are set here, the rest of the head is the caller's. It may be called again with another head.
    pub(crate) fn seal(&mut self, head: Head) -> &[LogCell] {
        let end = self.len;
        let cells = end.div_ceil(CELL_BYTES);
        let flags = if self.cut { CUT } else { 0 };
        let head = Head { len: end as u16, flags, cells: cells as u8, ..head };
        self.put_at(0, head.as_bytes());
        const ZEROS: [u8; CELL_BYTES] = [0; CELL_BYTES];
        self.put(&ZEROS[..cells * CELL_BYTES - end]);
        self.len = end;
        // SAFETY: the first `cells` cells are written: up to `end` by `put` before, and behind it just now.
        unsafe { core::slice::from_raw_parts(self.cells.as_ptr().cast::<LogCell>(), cells) }
    }
}

/// Takes the text of one item.
pub(crate) struct Text<'d> {
    draft: &'d mut Draft,
    limit: usize,
}

impl fmt::Write for Text<'_> {
    /// An error ends the formatting: the text is full.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.limit - self.draft.len;
        if text.len() <= room {
            self.draft.put(text.as_bytes());
            return Ok(());
        }
        let end = (0..=room).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        self.draft.put(&text.as_bytes()[..end]);
        self.draft.cut();
        Err(fmt::Error)
    }
}

/// A value, as read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'r> {
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    U128(u128),
    I128(i128),
    Str(&'r [u8]),
    Text(&'r [u8]),
}

/// An item, as read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Item<'r> {
    Field { index: usize, value: Value<'r> },
    Span { callsite: u64, items: &'r [u8] },
    Target(&'r [u8]),
    StaticTarget(&'static str),
    StaticFile(&'static str),
}

/// A record, as read from its cells.
pub(crate) struct Record<'r> {
    pub(crate) head: Head,
    items: &'r [u8],
}

impl<'r> Record<'r> {
    /// Of the words of all its cells.
    pub(crate) fn of(words: &'r [u64]) -> Option<Self> {
        let (head, _) = Head::read_from_prefix(words.as_bytes()).ok()?;
        let items = words.as_bytes().get(HEAD..usize::from(head.len))?;
        Some(Self { head, items })
    }

    pub(crate) fn items(&self) -> Items<'r> {
        Items(self.items)
    }

    /// The callsite, where the record has one.
    pub(crate) fn callsite(&self) -> Option<&'static Metadata<'static>> {
        // SAFETY: heads are written by this crate alone.
        unsafe { metadata_at(self.head.callsite) }
    }

    pub(crate) fn thread(&self) -> &[u8] {
        &self.head.name[..usize::from(self.head.name_len).min(NAME_MAX)]
    }
}

/// How many cells a record takes that begins with this one.
pub(crate) fn cells_of(first: &LogCell) -> usize {
    Head::read_from_prefix(first.as_bytes()).map_or(1, |(head, _)| usize::from(head.cells).clamp(1, CELLS_MAX))
}

/// # Safety
/// `address` is 0 or came from [`address_of`], in this process.
pub(crate) unsafe fn metadata_at(address: u64) -> Option<&'static Metadata<'static>> {
    let pointer = core::ptr::with_exposed_provenance::<Metadata<'static>>(address as usize);
    // SAFETY: the caller's promise: null, or a `&'static Metadata` whose provenance was exposed.
    unsafe { pointer.as_ref() }
}

/// Reads items one by one; ends at the first that makes no sense.
#[derive(Clone)]
pub(crate) struct Items<'r>(pub(crate) &'r [u8]);

impl<'r> Items<'r> {
    fn take(&mut self, count: usize) -> Option<&'r [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn word<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn bytes(&mut self) -> Option<&'r [u8]> {
        let len = u16::from_le_bytes(self.word()?);
        self.take(usize::from(len))
    }

    fn static_text(&mut self) -> Option<&'static str> {
        let (address, len) = (u64::from_le_bytes(self.word()?), u64::from_le_bytes(self.word()?));
        let start = core::ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: `Draft::static_text` wrote both, of a `&'static str` of this process whose provenance it exposed.
        unsafe { Some(core::str::from_utf8_unchecked(core::slice::from_raw_parts(start, len as usize))) }
    }
}

impl<'r> Iterator for Items<'r> {
    type Item = Item<'r>;

    fn next(&mut self) -> Option<Item<'r>> {
        let [kind, index] = self.word()?;
        let field = |value| Some(Item::Field { index: usize::from(index), value });
        match kind {
            k if k == Kind::U64 as u8 => field(Value::U64(u64::from_le_bytes(self.word()?))),
            k if k == Kind::I64 as u8 => field(Value::I64(i64::from_le_bytes(self.word()?))),
            k if k == Kind::F64 as u8 => field(Value::F64(f64::from_le_bytes(self.word()?))),
            k if k == Kind::Bool as u8 => field(Value::Bool(self.word::<1>()? == [1])),
            k if k == Kind::U128 as u8 => field(Value::U128(u128::from_le_bytes(self.word()?))),
            k if k == Kind::I128 as u8 => field(Value::I128(i128::from_le_bytes(self.word()?))),
            k if k == Kind::Str as u8 => field(Value::Str(self.bytes()?)),
            k if k == Kind::Text as u8 => field(Value::Text(self.bytes()?)),
            k if k == Kind::Span as u8 => {
                Some(Item::Span { callsite: u64::from_le_bytes(self.word()?), items: self.bytes()? })
            }
            k if k == Kind::Target as u8 => Some(Item::Target(self.bytes()?)),
            k if k == Kind::StaticTarget as u8 => Some(Item::StaticTarget(self.static_text()?)),
            k if k == Kind::StaticFile as u8 => Some(Item::StaticFile(self.static_text()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Write as _;
    use proptest::prelude::*;

    /// What is written into a draft.
    #[derive(Clone, Debug)]
    enum Written {
        Number(Kind, Vec<u8>),
        Text(String),
        Span(Vec<u8>),
    }

    fn written() -> impl Strategy<Value = Written> {
        let number =
            |kind, len| prop::collection::vec(any::<u8>(), len).prop_map(move |bytes| Written::Number(kind, bytes));
        prop_oneof![
            number(Kind::U64, 8),
            number(Kind::F64, 8),
            number(Kind::I128, 16),
            "\\PC{0,300}".prop_map(Written::Text),
            prop::collection::vec(any::<u8>(), 0..160).prop_map(Written::Span),
        ]
    }

    proptest! {
        /// What was written is read again, in order; what did not fit, and only that, is missing and marked.
        #[test]
        fn issue_4583_a_record_reads_as_it_was_written(all in prop::collection::vec(written(), 0..12)) {
            let mut draft = Draft::new();
            for (index, one) in all.iter().enumerate() {
                match one {
                    Written::Number(kind, bytes) => draft.item(*kind, index, bytes),
                    Written::Text(text) => draft.text(Kind::Str, index, |out| _ = out.write_str(text)),
                    Written::Span(items) => draft.span(0, items),
                }
            }
            let is_cut = draft.is_cut();
            let cells: Vec<u64> = draft.seal(Head { ticks: 7, ..Head::default() }).concat();
            let record = Record::of(&cells).unwrap();
            prop_assert_eq!(cells_of(cells[..CELL_BYTES / 8].try_into().unwrap()) * CELL_BYTES, cells.len() * 8);
            prop_assert_eq!((record.head.ticks, record.head.flags & CUT != 0), (7, is_cut));
            let mut left = all.iter().enumerate();
            let mut missing = 0;
            for item in record.items() {
                let matches = |(at, one): &(usize, &Written)| match (one, item) {
                    (Written::Number(Kind::U64, b), Item::Field { index, value: Value::U64(v) }) => index == *at && v.to_le_bytes()[..] == b[..],
                    (Written::Number(Kind::F64, b), Item::Field { index, value: Value::F64(v) }) => index == *at && v.to_le_bytes()[..] == b[..],
                    (Written::Number(_, b), Item::Field { index, value: Value::I128(v) }) => index == *at && v.to_le_bytes()[..] == b[..],
                    (Written::Text(t), Item::Field { index, value: Value::Str(v) }) =>
                        index == *at && (t.as_bytes() == v || (is_cut && t.as_bytes().starts_with(v) && core::str::from_utf8(v).is_ok())),
                    (Written::Span(b), Item::Span { items, .. }) => items == b,
                    _ => false,
                };
                let before = left.len();
                prop_assert!(left.by_ref().any(|one| matches(&one)), "{:?}", item);
                missing += before - left.len() - 1;
            }
            missing += left.len();
            prop_assert!(is_cut || missing == 0);
            prop_assert!(cells.len() * 8 <= RECORD_MAX);
        }
    }

    #[test]
    fn a_full_record_takes_nothing_more_and_stays_readable() {
        let mut draft = Draft::new();
        (0..200).for_each(|index| draft.item(Kind::U64, index, &[1; 8]));
        draft.text(Kind::Str, 0, |out| _ = out.write_str("no"));
        let cells = draft.seal(Head::default()).concat();
        assert_eq!((cells.len(), draft.is_cut()), (RECORD_MAX / 8, true));
        // Ninety numbers, and a text of which nothing fits.
        assert_eq!(Record::of(&cells).unwrap().items().count(), (RECORD_MAX - HEAD) / 10 + 1);
    }
}

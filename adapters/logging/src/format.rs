//! A record as a line: text for people, JSON for programs. Whatever a record holds, it makes one line: what a terminal would obey is escaped.

use crate::bridge::MESSAGE;
use crate::calendar::Calendar;
use crate::cell::{CUT, Head, Item, Items, Record, Value, metadata_at};
use core::fmt;
use serde_json::{Map, Number, Value as Json, json};
use std::borrow::Cow;
use std::io::Write as _;
use tagring::clock::Ticks;
use tracing::Metadata;

/// What lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `TIME LEVEL thread span{field=value}: target: message field=value`.
    #[default]
    Text,
    /// One JSON object a line: `time`, `level`, `thread`, `target`, `file`, `line`, `message`, `fields`, `spans` (the outermost first), and
    /// `suppressed` and `cut` where they apply.
    Json,
}

/// One line of our own, in place of records.
pub(crate) struct Note {
    pub(crate) text: String,
    pub(crate) count: u64,
}

/// What is told of a record, wherever it stood in it.
#[derive(Default)]
struct Told<'r> {
    target: Cow<'r, str>,
    file: Option<&'static str>,
    line: Option<u32>,
    message: Option<Cow<'r, str>>,
    fields: Vec<(&'static str, Value<'r>)>,
    /// The innermost first.
    spans: Vec<(&'static str, Vec<(&'static str, Value<'r>)>)>,
}

const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

fn level(head: &Head) -> &'static str {
    LEVELS[usize::from(head.level.clamp(1, 5)) - 1]
}

fn name_of(callsite: Option<&'static Metadata<'static>>, index: usize) -> &'static str {
    callsite.and_then(|callsite| callsite.fields().iter().nth(index)).map_or("?", |field| field.name())
}

/// Adds a field; one that is there already has a new value.
fn set<'r>(fields: &mut Vec<(&'static str, Value<'r>)>, name: &'static str, value: Value<'r>) {
    match fields.iter_mut().find(|(known, _)| *known == name) {
        Some(field) => field.1 = value,
        None => fields.push((name, value)),
    }
}

impl<'r> Told<'r> {
    fn of(record: &Record<'r>) -> Self {
        let callsite = record.callsite();
        let mut told = Told { line: (record.head.line > 0).then_some(record.head.line), ..Told::default() };
        if let Some(callsite) = callsite {
            told.target = Cow::Borrowed(callsite.target());
            (told.file, told.line) = (callsite.file(), callsite.line());
        }
        for item in record.items() {
            match item {
                Item::Field { index, value } => {
                    let name =
                        if callsite.is_none() && index == MESSAGE { "message" } else { name_of(callsite, index) };
                    match value {
                        Value::Str(text) | Value::Text(text) if name == "message" => {
                            told.message = Some(String::from_utf8_lossy(text));
                        }
                        value => told.fields.push((name, value)),
                    }
                }
                Item::Span { callsite, items } => told.spans.push(span(callsite, items)),
                Item::Target(target) => told.target = String::from_utf8_lossy(target),
                Item::StaticTarget(target) => told.target = Cow::Borrowed(target),
                Item::StaticFile(file) => told.file = Some(file),
            }
        }
        told
    }
}

fn span(callsite: u64, items: &[u8]) -> (&'static str, Vec<(&'static str, Value<'_>)>) {
    // SAFETY: items are written by this crate alone, and the address is one that `address_of` gave.
    let callsite = unsafe { metadata_at(callsite) };
    let mut fields = Vec::new();
    for item in Items(items) {
        if let Item::Field { index, value } = item {
            set(&mut fields, name_of(callsite, index), value);
        }
    }
    (callsite.map_or("?", |callsite| callsite.name()), fields)
}

/// Writes a record as one line.
pub(crate) fn line(format: Format, record: &Record<'_>, calendar: &Calendar, out: &mut Vec<u8>) {
    let told = Told::of(record);
    let time = calendar.text(Ticks(record.head.ticks));
    let thread = String::from_utf8_lossy(record.thread());
    // Writing to memory does not fail.
    let _ = match format {
        Format::Text => write!(out, "{time} {:>5} {} ", level(&record.head), Plain(&thread)).and_then(|()| {
            text(&told, out)?;
            if record.head.suppressed > 0 {
                write!(out, " (suppressed {})", record.head.suppressed)?;
            }
            if record.head.flags & CUT != 0 { write!(out, " [cut]") } else { Ok(()) }
        }),
        Format::Json => write!(out, "{}", object(record, &told, &time, &thread)),
    };
    out.push(b'\n');
}

/// Writes a note as one line.
pub(crate) fn note(format: Format, note: &Note, at: Ticks, calendar: &Calendar, out: &mut Vec<u8>) {
    const THREAD: &str = "tagring-log";
    const TARGET: &str = "tagring_logging";
    let (time, Note { text, count }) = (calendar.text(at), note);
    let _ = match format {
        Format::Text => writeln!(out, "{time}  WARN {THREAD} {TARGET}: {text}"),
        Format::Json => writeln!(
            out,
            "{}",
            json!({"time": time.to_string(), "level": "WARN", "thread": THREAD, "target": TARGET, "message": text,
                   "fields": {"count": count}})
        ),
    };
}

fn text(told: &Told<'_>, out: &mut Vec<u8>) -> std::io::Result<()> {
    for (at, (name, fields)) in told.spans.iter().rev().enumerate() {
        let between = if at > 0 { ":" } else { "" };
        write!(out, "{between}{name}")?;
        if !fields.is_empty() {
            let mut open = '{';
            for (name, value) in fields {
                write!(out, "{open}{name}={}", Shown(value))?;
                open = ' ';
            }
            write!(out, "}}")?;
        }
    }
    let colon = if told.spans.is_empty() { "" } else { ": " };
    write!(out, "{colon}{}:", Plain(&told.target))?;
    if let Some(message) = &told.message {
        write!(out, " {}", Plain(message))?;
    }
    told.fields.iter().try_for_each(|(name, value)| write!(out, " {name}={}", Shown(value)))
}

fn object(record: &Record<'_>, told: &Told<'_>, time: &dyn fmt::Display, thread: &str) -> Json {
    let mut object = Map::new();
    object.insert("time".into(), time.to_string().into());
    object.insert("level".into(), level(&record.head).into());
    object.insert("thread".into(), thread.into());
    object.insert("target".into(), told.target.as_ref().into());
    if let Some(file) = told.file {
        object.insert("file".into(), file.into());
    }
    if let Some(line) = told.line {
        object.insert("line".into(), line.into());
    }
    if let Some(message) = &told.message {
        object.insert("message".into(), message.as_ref().into());
    }
    if !told.fields.is_empty() {
        object.insert("fields".into(), fields(&told.fields));
    }
    if !told.spans.is_empty() {
        let span = |(name, values): &(&str, Vec<_>)| json!({"name": name, "fields": fields(values)});
        object.insert("spans".into(), told.spans.iter().rev().map(span).collect());
    }
    if record.head.suppressed > 0 {
        object.insert("suppressed".into(), record.head.suppressed.into());
    }
    if record.head.flags & CUT != 0 {
        object.insert("cut".into(), true.into());
    }
    Json::Object(object)
}

fn fields(fields: &[(&'static str, Value<'_>)]) -> Json {
    fields.iter().map(|(name, value)| ((*name).to_owned(), json(value))).collect::<Map<_, _>>().into()
}

/// Numbers that JSON's readers may not hold, and those that it has not, are texts.
fn json(value: &Value<'_>) -> Json {
    match *value {
        Value::U64(value) => value.into(),
        Value::I64(value) => value.into(),
        Value::F64(value) => Number::from_f64(value).map_or_else(|| value.to_string().into(), Json::Number),
        Value::Bool(value) => value.into(),
        Value::U128(value) => value.to_string().into(),
        Value::I128(value) => value.to_string().into(),
        Value::Str(text) | Value::Text(text) => String::from_utf8_lossy(text).into(),
    }
}

/// A value in a line of text: strings in quotes, what was formatted as it is.
struct Shown<'v>(&'v Value<'v>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::U64(value) => write!(f, "{value}"),
            Value::I64(value) => write!(f, "{value}"),
            Value::F64(value) => write!(f, "{value:?}"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::U128(value) => write!(f, "{value}"),
            Value::I128(value) => write!(f, "{value}"),
            Value::Str(text) => write!(f, "{:?}", String::from_utf8_lossy(text)),
            Value::Text(text) => Plain(&String::from_utf8_lossy(text)).fmt(f),
        }
    }
}

/// Text without what a terminal obeys, on one line.
struct Plain<'t>(&'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| c.is_control()) {
            write!(f, "{}{}", &rest[..at], c.escape_default())?;
            rest = &rest[at + c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

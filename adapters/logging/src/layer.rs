//! The `tracing` side: a layer that copies events, with the spans around them, into the ring. What an event is asked for on its thread is here;
//! the rest is the writer's.

use crate::cell::{Draft, Head, Kind, Text, address_of, number_of};
use crate::hot::Hot;
use core::fmt::{self, Write as _};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Spans told with an event, the innermost first; more are left out, and the record is marked as cut.
const SPANS_MAX: usize = 4;
/// Bytes of one span's fields.
const SPAN_FIELDS_MAX: usize = 160;

/// Copies events into the ring. Without a filter: [`crate::Logging::layer`] puts the configured one around it.
pub struct LogLayer {
    hot: Arc<Hot>,
}

impl LogLayer {
    pub(crate) fn new(hot: Arc<Hot>) -> Self {
        Self { hot }
    }
}

/// A span's fields, kept with the span.
struct SpanFields {
    callsite: u64,
    items: Vec<u8>,
    is_cut: bool,
}

impl SpanFields {
    fn add(&mut self, draft: &Draft) {
        let items = draft.items();
        self.is_cut |= draft.is_cut() || self.items.len() + items.len() > SPAN_FIELDS_MAX;
        if self.items.len() + items.len() <= SPAN_FIELDS_MAX {
            self.items.extend_from_slice(items);
        }
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for LogLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut draft = Draft::new();
        attributes.record(&mut Values(&mut draft));
        let mut fields = SpanFields { callsite: address_of(attributes.metadata()), items: Vec::new(), is_cut: false };
        fields.add(&draft);
        span.extensions_mut().replace(fields);
    }

    fn on_record(&self, id: &Id, values: &SpanRecord<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut draft = Draft::new();
        values.record(&mut Values(&mut draft));
        if let Some(fields) = span.extensions_mut().get_mut::<SpanFields>() {
            fields.add(&draft);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let callsite = address_of(metadata);
        let head = Head { callsite, level: number_of(*metadata.level()), ..Head::default() };
        self.hot.record(callsite, head, |draft| {
            event.record(&mut Values(draft));
            for (depth, span) in context.event_scope(event).into_iter().flatten().enumerate() {
                if depth == SPANS_MAX {
                    draft.cut();
                    break;
                }
                if let Some(fields) = span.extensions().get::<SpanFields>() {
                    draft.span(fields.callsite, &fields.items);
                    if fields.is_cut {
                        draft.cut();
                    }
                }
            }
        });
    }
}

/// Writes values as items.
struct Values<'d>(&'d mut Draft);

impl Values<'_> {
    fn text(&mut self, kind: Kind, field: &Field, write: impl FnOnce(&mut Text<'_>) -> fmt::Result) {
        // An error says that the text is full, and the draft knows that already.
        self.0.text(kind, field.index(), |text| _ = write(text));
    }
}

impl Visit for Values<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.item(Kind::U64, field.index(), &value.to_le_bytes());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.item(Kind::I64, field.index(), &value.to_le_bytes());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.item(Kind::F64, field.index(), &value.to_le_bytes());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.item(Kind::Bool, field.index(), &[u8::from(value)]);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.0.item(Kind::U128, field.index(), &value.to_le_bytes());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.0.item(Kind::I128, field.index(), &value.to_le_bytes());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(Kind::Str, field, |text| text.write_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(Kind::Text, field, |text| write!(text, "{value:?}"));
    }
}

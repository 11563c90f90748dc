//! `events!`: payload structs, tags, schemas and the exhaustive view from one text; and the checks it makes while compiling.

use super::payload::PAYLOAD_MAX;
use super::tag::Tag;
use super::timed_cell::DEADLINE_BYTES;

/// The number in a version written as `v1`.
#[must_use]
pub const fn parse_version(text: &str) -> u16 {
    const SHAPE: &str = "events!: a version is written `v1`, `v2`, .. up to `v65535`";
    let bytes = text.as_bytes();
    assert!(bytes.len() > 1 && bytes.len() < 7 && bytes[0] == b'v', "{}", SHAPE);
    let mut version = 0_u32;
    let mut i = 1;
    while i < bytes.len() {
        assert!(bytes[i].is_ascii_digit(), "{}", SHAPE);
        version = version * 10 + (bytes[i] - b'0') as u32;
        i += 1;
    }
    assert!(version <= u16::MAX as u32, "{}", SHAPE);
    version as u16
}

/// Refuses two payloads with one tag.
pub const fn assert_distinct(tags: &[Tag]) {
    let mut i = 0;
    while i < tags.len() {
        let mut j = i + 1;
        while j < tags.len() {
            assert!(tags[i].get() != tags[j].get(), "events!: two structs claim one tag; give each its own");
            j += 1;
        }
        i += 1;
    }
}

/// Refuses payloads that are empty, too large, padded or aligned beyond a cell's 8 bytes.
pub const fn assert_payload(size: usize, align: usize, fields: usize) {
    assert!(size > 0, "events!: a payload has at least one field");
    assert!(size <= PAYLOAD_MAX, "events!: a payload has at most 4072 bytes; publish the rest beside it as bytes");
    assert!(align <= 8, "events!: a payload is aligned to at most 8 bytes; split 128-bit fields into two of 64");
    assert!(
        size == fields,
        "events!: this payload has padding; order its fields from large to small and fill the rest with `pub pad: [u8; N]`"
    );
}

/// Refuses a family with deadlines whose largest payload leaves no room for one.
pub const fn assert_room(largest: usize, deadline: bool) {
    assert!(
        !deadline || largest <= PAYLOAD_MAX - DEADLINE_BYTES,
        "events!: a payload of a family with deadlines has at most 4064 bytes; publish the rest beside it as bytes"
    );
}

/// Declares a family of events.
///
/// Each struct is plain data with a tag and a schema version. Beside the structs the module gets `Events`, which names the family
/// (`Bus::<market::Events>`), and `View`, any of them, to `match` on. A field may declare its values (`where` a list or a range), which
/// [`Payload::check`] then checks. In a family declared `pub mod orders with deadline;` each event may say until when it is of use
/// ([`Envelope::deadline`]), which takes 8 bytes of its cell.
///
/// Compile errors: two structs with one tag, a tag above 1,023, a payload over 4,072 bytes, with padding, or with a field that is
/// not plain data.
///
/// ```
/// tagring::events! {
///     /// What the market says.
///     pub mod market;
///     /// A print on the tape.
///     pub struct Trade = 1, v1 {
///         /// Price in ticks.
///         pub price: i64,
///         /// Shares.
///         pub qty: u32,
///         /// Who took.
///         pub side: u8 where [b'B', b'S'],
///         /// Zero.
///         pub pad: [u8; 3],
///     }
///     /// One price level.
///     pub struct BookDelta = 2, v1 { pub price: i64, pub qty: i64 }
/// }
/// use market::{Trade, View};
/// use tagring::event::{Event, Payload};
///
/// fn describe(event: &Event) -> String {
///     match View::of(event) {
///         Some(View::Trade(trade)) => format!("{} at {}", trade.qty, trade.price),
///         Some(View::BookDelta(delta)) => format!("level {}", delta.price),
///         None => "another family".into(),
///     }
/// }
/// let wrong = Trade { price: 1, qty: 1, side: b'?', pad: [0; 3] };
/// assert!(wrong.check().unwrap_err().to_string().contains("Trade.side is 63"));
/// ```
///
/// [`Payload::check`]: crate::event::Payload::check
/// [`Envelope::deadline`]: crate::bus::Envelope::deadline
#[macro_export]
macro_rules! events {
    (@tag $name:ident $tag:literal) => { $tag };
    (@tag $name:ident) => {
        ::core::compile_error!(::core::concat!(
            "events!: `", ::core::stringify!($name), "` has no tag; write `pub struct ", ::core::stringify!($name),
            " = TAG, v1 { .. }` with an integer from 0 to 1023"
        ))
    };
    (@version $name:ident $version:ident) => {
        $crate::event::checks::parse_version(::core::stringify!($version))
    };
    (@version $name:ident) => {
        ::core::compile_error!(::core::concat!(
            "events!: `", ::core::stringify!($name), "` has no version; write `pub struct ", ::core::stringify!($name),
            " = TAG, v1 { .. }`"
        ))
    };
    (@cell $largest:ident) => { $crate::event::EventCell<{ $crate::event::cell_words($largest) }> };
    (@cell $largest:ident deadline) => {
        $crate::event::TimedCell<{ $crate::event::cell_words($largest + $crate::event::DEADLINE_BYTES) }>
    };
    (@cell $largest:ident $other:ident) => {
        ::core::compile_error!(::core::concat!(
            "events!: a family may be declared `with deadline`, not `with ", ::core::stringify!($other), "`"
        ))
    };
    ($(#[$meta:meta])* pub mod $family:ident $(with $extra:ident)?;
     $($(#[$smeta:meta])* pub struct $name:ident $(= $tag:literal)? $(, $version:ident)? {
        $($(#[$fmeta:meta])* pub $field:ident : $ty:ty $(where $allowed:expr)?),* $(,)?
     })*) => {
        $(#[$meta])*
        #[allow(missing_docs, reason = "fields may be documented by their names")]
        pub mod $family {
            #[allow(unused_imports)]
            use super::*;
            $(
                $(#[$smeta])*
                #[derive(Clone, Copy, Debug, PartialEq, $crate::zerocopy::FromBytes, $crate::zerocopy::IntoBytes,
                         $crate::zerocopy::Immutable, $crate::zerocopy::KnownLayout)]
                #[zerocopy(crate = "tagring::zerocopy")]
                #[repr(C)]
                pub struct $name { $($(#[$fmeta])* pub $field: $ty),* }

                impl $crate::event::Payload for $name {
                    const TAG: $crate::event::Tag = $crate::event::Tag::new($crate::events!(@tag $name $($tag)?));
                    const NAME: &'static str = stringify!($name);
                    const VERSION: u16 = $crate::events!(@version $name $($version)?);
                    const SCHEMA: &'static $crate::event::Schema = &$crate::event::Schema {
                        tag: Self::TAG,
                        name: Self::NAME,
                        version: Self::VERSION,
                        size: ::core::mem::size_of::<$name>(),
                        align: ::core::mem::align_of::<$name>(),
                        fields: &[$($crate::event::Field {
                            name: stringify!($field),
                            type_name: stringify!($ty),
                            offset: ::core::mem::offset_of!($name, $field),
                            size: ::core::mem::size_of::<$ty>(),
                        }),*],
                    };
                    #[allow(unused_variables, clippy::unnecessary_wraps)]
                    fn check(&self) -> ::core::result::Result<(), $crate::event::EventError> {
                        $($(
                            if !($allowed).contains(&{ self.$field }) {
                                return ::core::result::Result::Err($crate::event::EventError::Value {
                                    payload: stringify!($name),
                                    field: stringify!($field),
                                    value: ::std::format!("{:?}", { self.$field }),
                                    allowed: stringify!($allowed),
                                });
                            }
                        )?)*
                        ::core::result::Result::Ok(())
                    }
                    #[inline]
                    #[allow(unused_variables, unused_assignments, unused_mut, clippy::explicit_counter_loop)]
                    fn undeclared(&self) -> ::core::option::Option<(usize, &'static str)> {
                        let mut field = 0;
                        $(
                            $(if !($allowed).contains(&{ self.$field }) {
                                return ::core::option::Option::Some((field, stringify!($allowed)));
                            })?
                            field += 1;
                        )*
                        ::core::option::Option::None
                    }
                }

                const _: () = {
                    const fn plain<T: $crate::event::PlainField>() {}
                    $(plain::<$ty>();)*
                    $crate::event::checks::assert_payload(
                        ::core::mem::size_of::<$name>(),
                        ::core::mem::align_of::<$name>(),
                        0 $(+ ::core::mem::size_of::<$ty>())*,
                    );
                };
            )*

            /// The family: what names the kind of a bus.
            #[derive(Clone, Copy, Debug)]
            pub enum Events {}

            /// Any event of the family, borrowed where it lies.
            #[derive(Clone, Copy, Debug, PartialEq)]
            pub enum View<'e> {
                $(#[doc = concat!("A [`", stringify!($name), "`].")] $name(&'e $name)),*
            }

            impl<'e> View<'e> {
                /// The event as a member of this family; `None` if its tag is not in it.
                #[inline(always)]
                #[must_use]
                pub fn of(event: &'e $crate::event::Event) -> ::core::option::Option<Self> {
                    match event.tag() {
                        $(<$name as $crate::event::Payload>::TAG => event.get::<$name>().map(Self::$name),)*
                        _ => ::core::option::Option::None,
                    }
                }
            }

            const TAGS: &[$crate::event::Tag] = &[$(<$name as $crate::event::Payload>::TAG),*];
            const _: () = $crate::event::checks::assert_distinct(TAGS);
            /// Bytes of the largest payload.
            const LARGEST: usize = {
                let mut largest = 0;
                $(if ::core::mem::size_of::<$name>() > largest { largest = ::core::mem::size_of::<$name>(); })*
                largest
            };

            const _: () = $crate::event::checks::assert_room(LARGEST, <Events as $crate::event::Family>::DEADLINE);

            impl $crate::event::Family for Events {
                const NAME: &'static str = stringify!($family);
                const SCHEMAS: &'static [&'static $crate::event::Schema] =
                    &[$(<$name as $crate::event::Payload>::SCHEMA),*];
                const ALL: $crate::event::TagSet = $crate::event::TagSet::of(TAGS);
                type Cell = $crate::events!(@cell LARGEST $($extra)?);

                #[inline]
                fn undeclared(
                    tag: $crate::event::Tag,
                    bytes: &[u8],
                ) -> ::core::option::Option<(usize, &'static str)> {
                    match tag {
                        $(<$name as $crate::event::Payload>::TAG => $crate::event::Payload::undeclared(
                            &<$name as $crate::zerocopy::FromBytes>::read_from_bytes(bytes).ok()?,
                        ),)*
                        _ => ::core::option::Option::None,
                    }
                }
            }
        }
    };
}

//! `events!`: payload structs, tags and schema from one text.
/// Declares a family of events (first draft; the checks and views come with the event floor).
#[macro_export]
macro_rules! events {
    ($(#[$meta:meta])* pub mod $family:ident;
     $($(#[$smeta:meta])* pub struct $name:ident = $tag:literal, $version:ident {
        $($(#[$fmeta:meta])* pub $field:ident : $ty:ty),* $(,)?
     })*) => {
        $(#[$meta])*
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
                    const TAG: $crate::event::Tag = $crate::event::Tag::new($tag);
                    const NAME: &'static str = stringify!($name);
                    const VERSION: u16 = 1;
                }
            )*
        }
    };
}

//! 64 kinds of events of one shape, and eight handlers with eight kinds each: the load of the dispatch benches and of `costs/`, which includes
//! this file. Invariant: tag `t` is kind `t - 1`, and handler `h` has the kinds `8 h .. 8 h + 8`.

use tagring::bus::{Batch, Context, Handler, Outcome};
use tagring::event::{Event, TagSet};

/// What a handler does with an event: adds it up, and `ROUNDS` times more.
#[must_use]
#[inline(always)]
pub fn work<const ROUNDS: usize>(sum: u64, value: u64) -> u64 {
    (0..ROUNDS).fold(sum.wrapping_add(value), |sum, _| sum.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(7) ^ value)
}

/// Declares kinds, handlers, and what goes over all of them.
macro_rules! kinds {
    ($($handler:ident $field:ident: $($name:ident $tag:literal),*;)*) => {
        tagring::events! {
            /// The 64 kinds.
            pub mod kinds;
            $($(
                /// One of them.
                pub struct $name = $tag, v1 { pub qty: u64, pub price: i64, pub more: [u64; 3] }
            )*)*
        }

        $(
            /// Handles eight kinds, each event with so many rounds of work.
            #[derive(Debug, Default)]
            pub struct $handler<const ROUNDS: usize> {
                /// What it adds up.
                pub sum: u64,
            }

            impl<const ROUNDS: usize> Handler for $handler<ROUNDS> {
                #[inline(always)]
                fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
                    self.take(event);
                    Outcome::Done
                }
            }

            impl<const ROUNDS: usize> $handler<ROUNDS> {
                /// Handles an event, if it is one of its kinds.
                #[inline(always)]
                pub fn take(&mut self, event: &Event) {
                    match kinds::View::of(event) {
                        $(Some(kinds::View::$name(kind)) => self.sum = work::<ROUNDS>(self.sum, kind.qty ^ $tag),)*
                        _ => {}
                    }
                }

                /// The tags that it handles.
                #[must_use]
                pub fn tags() -> TagSet {
                    tagring::tags![$(kinds::$name),*]
                }
            }
        )*

        /// The eight handlers in one slot, told apart by one `match`.
        #[derive(Debug, Default)]
        pub struct Eight<const ROUNDS: usize> {
            $(
                /// One of the eight.
                pub $field: $handler<ROUNDS>,
            )*
        }

        impl<const ROUNDS: usize> Handler for Eight<ROUNDS> {
            #[inline(always)]
            fn on_event(&mut self, event: &Event, _: &mut Context) -> Outcome {
                self.take(event);
                Outcome::Done
            }
        }

        impl<const ROUNDS: usize> Eight<ROUNDS> {
            /// Hands an event to the handler that it is for.
            #[inline(always)]
            pub fn take(&mut self, event: &Event) {
                match kinds::View::of(event) {
                    $(Some($(kinds::View::$name(_))|*) => self.$field.take(event),)*
                    None => {}
                }
            }
        }

        /// Adds an event of `tag` (1 to 64) to a batch.
        ///
        /// # Panics
        /// On another tag.
        pub fn push(batch: &mut Batch<'_, kinds::Events>, tag: u64, qty: u64) {
            match tag {
                $($($tag => batch.push(0, &kinds::$name { qty, price: 1, more: [0; 3] }),)*)*
                _ => panic!("no kind has tag {tag}"),
            }
        }
    };
}

kinds! {
    H1 h1: K01 1, K02 2, K03 3, K04 4, K05 5, K06 6, K07 7, K08 8;
    H2 h2: K09 9, K10 10, K11 11, K12 12, K13 13, K14 14, K15 15, K16 16;
    H3 h3: K17 17, K18 18, K19 19, K20 20, K21 21, K22 22, K23 23, K24 24;
    H4 h4: K25 25, K26 26, K27 27, K28 28, K29 29, K30 30, K31 31, K32 32;
    H5 h5: K33 33, K34 34, K35 35, K36 36, K37 37, K38 38, K39 39, K40 40;
    H6 h6: K41 41, K42 42, K43 43, K44 44, K45 45, K46 46, K47 47, K48 48;
    H7 h7: K49 49, K50 50, K51 51, K52 52, K53 53, K54 54, K55 55, K56 56;
    H8 h8: K57 57, K58 58, K59 59, K60 60, K61 61, K62 62, K63 63, K64 64;
}

/// The tag of the `i`-th event: all 64 in an order that no branch predictor's table of 64 knows by heart in one lap.
#[must_use]
pub const fn tag_of(i: u64) -> u64 {
    1 + (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
}

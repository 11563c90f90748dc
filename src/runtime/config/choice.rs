//! Choices by name. The names of a choice are one constant table, fixed when the program is built: a look-up reads it and nothing
//! can change it, whatever other threads do. A wrong name is refused with the known ones and the nearest.

/// Gives a choice its table of names, [`FromStr`](core::str::FromStr) and [`Display`](core::fmt::Display). The names are those of its serde form; a test
/// compares.
macro_rules! choices {
    ($(#[doc = $what:literal] $choice:ident as $key:literal { $($name:literal => $variant:ident,)+ })+) => { $(
        impl $choice {
            #[doc = concat!("All there are, by name: ", $what)]
            pub const TABLE: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),+];

            /// Its name in a configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl core::str::FromStr for $choice {
            type Err = $crate::runtime::config::Mistake;

            /// Looks a name up.
            ///
            /// # Errors
            /// TR-0707 with the known names and the nearest.
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let found = Self::TABLE.iter().find(|(known, _)| *known == name);
                found.map(|(_, choice)| *choice).ok_or_else(|| {
                    let known = Self::TABLE.iter().map(|(known, _)| *known);
                    $crate::runtime::config::Mistake::unknown_choice($key.into(), name, known)
                })
            }
        }

        impl core::fmt::Display for $choice {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }
    )+ };
}

pub(super) use choices;

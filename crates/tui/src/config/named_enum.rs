//! A macro for enums whose variants each have one name in files and one sentence of help.

/// Declares an enum whose variants have names in the files a user writes.
macro_rules! named {
    ($(#[$meta:meta])* $vis:vis enum $Type:ident { $($Variant:ident, $name:literal, $help:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $Type {
            $(#[doc = $help] $Variant,)+
        }

        impl $Type {
            /// All variants, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$Variant,)+];

            /// Returns the name used in files and messages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name,)+ }
            }

            /// Returns the sentence used in help and documentation.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$Variant => $help,)+ }
            }

            /// Finds the variant of this name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }

            /// Iterates over the names of all variants.
            pub fn names() -> impl Iterator<Item = &'static str> {
                Self::ALL.iter().map(|one| one.name())
            }
        }

        impl std::fmt::Display for $Type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl serde::Serialize for $Type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::from_name(&name)
                    .ok_or_else(|| serde::de::Error::custom(format!("unknown name `{name}`")))
            }
        }
    };
}

pub(crate) use named;

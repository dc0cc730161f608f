//! Enums of stable codes: one list gives the variants, the words that are shown, written and read, and the long stories of
//! `aku explain`. Decides no code.

/// `stable_codes! { /// Doc.  pub enum Name;  /// Story.  Variant = "X000-word"; ... }`: the enum with `ALL`, `as_str` and `explanation`.
/// The documentation of a variant is its story.
#[macro_export]
macro_rules! stable_codes {
    ($(#[$meta:meta])* pub enum $name:ident; $($(#[doc = $doc:literal])+ $variant:ident = $word:literal;)+) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that is shown. Scripts may match it; it never changes.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The long story, for `aku explain`.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n"),+)),+ }
            }
        }
    };
}

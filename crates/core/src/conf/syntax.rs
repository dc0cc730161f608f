//! What a file says before anyone judges it: assignments, groups, items, each with its place.
//!
//! No type here has `Debug`, because a value may be the password.

use super::Span;

/// `KEY = value`.
pub(super) struct Assign {
    pub key: String,
    pub key_span: Span,
    pub value: Value,
}

/// The text right of `=`, quotes taken off; empty when nothing is there.
pub(super) struct Value {
    pub text: String,
    pub span: Span,
    pub quoted: bool,
}

/// A name in a new-style target.
pub(super) struct Name {
    pub text: String,
    pub span: Span,
    pub quoted: bool,
}

/// One entry of a group's list.
pub(super) enum Item {
    /// `USER.TABLE [PARTITION P]`
    Target { user: Name, table: Name, partition: Option<Name>, span: Span },
    /// `( USER_NAME = ".." TABLE_NAME = ".." )`
    Old { assigns: Vec<Assign>, span: Span },
}

/// Whether reading something met a syntax error, so that what is missing in it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Sound,
    Damaged,
}

/// One `( ... )` of REPLICATIONS.
pub(super) struct Group {
    pub assigns: Vec<Assign>,
    pub items: Vec<Item>,
    /// The opening parenthesis.
    pub open: Span,
    pub health: Health,
}

/// The whole file.
#[derive(Default)]
pub(super) struct File {
    pub assigns: Vec<Assign>,
    pub groups: Vec<Group>,
    /// Keys that were written in some form, even a broken one: they are not reported as missing.
    pub mentioned: Vec<String>,
}

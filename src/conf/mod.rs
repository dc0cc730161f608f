//! `aku.conf`: grammar (both published dialects), model, validation with line, column and caret.
//!
//! Reads text and returns a [`Config`] or every error at once. Never touches a database, never prints.

mod model;

pub use model::{Config, GroupConf, GroupId, Switch};

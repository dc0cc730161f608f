//! Why a hook did not reach its goal, left in a file for whoever started it: `aku run` shows it in its log, in the
//! termination message of the container, and to probes.

use std::{path::PathBuf, time::Duration};

use aku_supervise::note;

use super::env::Env;
use crate::{
    bounded,
    render::{self, Colour, Diagnostic},
};

/// Variable with the file.
pub const VARIABLE: &str = "AKU_REASON_FILE";

/// Columns of the text.
const WIDTH: usize = 100;
/// How long the file may take.
const TIME: Duration = Duration::from_secs(1);

/// A trouble as text.
pub fn text(trouble: &Diagnostic) -> String {
    render::trouble(trouble, WIDTH).text(Colour::Plain)
}

/// Leaves it. Nothing depends on whether that succeeds.
pub fn leave(env: &Env, text: &str) {
    let Some(path) = env.var(VARIABLE).map(PathBuf::from) else { return };
    let text = note::head(text, note::TERMINATION_MESSAGE).to_owned();
    let _ = bounded::within(TIME, move || note::replace(&path, &text));
}

//! The symbol of one action beside its words. ASCII symbols, so that logs and mail survive.

pub use aku_core::plan::words::{Words, kind, short, words};

use super::style::Role;
use crate::plan::{Effect, Op};

/// Symbol and role of what an action can do (`contract.md` 3).
#[must_use]
pub fn symbol(op: &Op) -> (&'static str, Role) {
    match op.effect() {
        Effect::Define => match op {
            Op::DropTable { .. }
            | Op::ChangeHost { .. }
            | Op::ClearOption { .. }
            | Op::SetOption { .. }
            | Op::SetLogPath { .. } => ("~", Role::Change),
            _ => ("+", Role::Add),
        },
        Effect::CopiesRows => ("=>", Role::Add),
        Effect::ForgetsPosition => ("<<", Role::Change),
        Effect::DeletesRows | Effect::RemovesDefinition => ("!!", Role::Destroy),
        Effect::Setting => ("~", Role::Change),
        Effect::Observe | Effect::Marks => ("*", Role::Plain),
        Effect::Run => match op {
            Op::Stop { .. } => ("x", Role::Change),
            _ => (">", Role::Start),
        },
    }
}

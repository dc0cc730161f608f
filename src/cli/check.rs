//! `aku check`: every preflight question on every pod. Changes nothing.

use std::collections::BTreeMap;

use clap::Args;

use super::{
    common::Common,
    look,
    plan_args::Format,
    scene::CommandContext,
    stream::talk,
    stream::{OutputStyle, Streams, answer, shown},
    wiring::Platform,
};
use crate::{
    exit::Exit,
    observe::{
        Observed, TableName,
        layout::{Layout, layouts},
    },
    preflight::{self, Finding, Level, Scope},
    printed::{CheckDocument, Printed as _},
    render,
    topology::{Ordinal, Target},
};

/// Flags of `aku check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Form of the answer on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs it.
pub fn run(args: &CheckArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    match checked(args, common, world, look, s) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn checked(
    args: &CheckArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Exit, Exit> {
    let scene = look::open(common, world, look, s)?;
    let observed = look::observe(&scene, world, look, s);
    let layouts = columns(&scene, &observed, look, s);
    let (conf, desired) = (&scene.conf, &scene.desired);
    let scope = Scope { conf, desired, observed: &observed, layouts: &layouts };
    let findings = preflight::examine(scope);
    let exit = exit(&findings, look::view(&scene.desired, &observed));
    let text = match args.format {
        Format::Human => shown(&render::check(&findings, &scene.desired.statefulset, look.width), look),
        Format::Json => {
            let statefulset = scene.desired.statefulset.clone();
            let document = CheckDocument { at: world.now(), statefulset, findings, exit: exit as u8 }.document();
            format!("{document:#}\n")
        }
    };
    match answer(s, &text) {
        Ok(()) | Err(Exit::Ok) => Ok(exit),
        Err(other) => Err(other),
    }
}

/// A fault is a refusal; else what the view says.
fn exit(findings: &[Finding], view: Exit) -> Exit {
    match preflight::worst(findings) {
        Level::Fail => Exit::Refused,
        Level::Pass | Level::Warn | Level::Unknown => view,
    }
}

type Tables = BTreeMap<Ordinal, BTreeMap<TableName, Layout>>;

/// Columns and keys of the pods that were seen; a pod that does not give them is told and left out.
fn columns(scene: &CommandContext, observed: &Observed, look: &OutputStyle, s: &mut Streams<'_>) -> Tables {
    let (owners, login) = (Target::owners(scene.desired.targets()), scene.login());
    let mut all = BTreeMap::new();
    for pod in observed.pods.keys().copied().filter(|pod| observed.pod(*pod).is_some()) {
        let found = match scene.cluster.connect(pod, &login) {
            Ok(mut session) => layouts(&mut *session, &owners).map_err(|e| format!("pod {pod}: {e}")),
            Err(e) => Err(e.to_string()),
        };
        match found {
            Ok(tables) => {
                all.insert(pod, tables);
            }
            Err(why) => talk(look, s, &format!("the columns of tables cannot be read: {why}")),
        }
    }
    all
}

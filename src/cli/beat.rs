//! A beat of the ledger: what this pod has applied of the others is noted while it serves (`docs/ledger.md`).
//!
//! One ordinary session, two questions, at most one statement; nothing waits for it and nothing depends on it. It takes no
//! lock: a row that a run wrote meanwhile is left as that run wrote it.

use std::collections::BTreeMap;

use super::{common::Common, scene::CommandContext, wiring::Platform};
use crate::{
    conf::Switch,
    db::{
        DbError, Rows,
        sql::{ChangeSql, ReadSql},
    },
    desired::{Desired, Goal},
    exit::Exit,
    ledger::View,
    observe,
    render::Diagnostic,
    topology::{Ordinal, ReplicationName},
};

/// Beats once.
///
/// # Errors
/// Nobody gets in, or the server says no (exit 7); what is missing before that.
pub(super) fn run(common: &Common, world: &dyn Platform) -> Result<(), Diagnostic> {
    let scene = CommandContext::open(world, common, Goal::Start, &mut |_| {})?;
    if scene.desired.ledger == Switch::Off {
        return Ok(());
    }
    let pod = scene.who.pod;
    let missed = |e: String| Diagnostic::new(Exit::Unknown, "no-beat", format!("the ledger is not beaten: {e}"));
    let of = |e: DbError| missed(e.to_string());
    let mut session = scene.cluster.enter(pod, &scene.login()).map_err(|e| missed(e.to_string()))?;
    let before = match observe::ledger_of(&session.query(&ReadSql::Ledger).map_err(of)?) {
        View::Held(row) => row,
        // Whatever is wrong with it is told by those who look, and mended by runs.
        View::NotRead | View::Missing | View::Empty | View::Broken { .. } | View::Newer { .. } => return Ok(()),
    };
    // Another pod's row, on a volume that was moved or copied: nothing is written into it.
    if before.pod != pod {
        return Ok(());
    }
    let applied = applied(&scene.desired, pod, &session.query(&ReadSql::Receivers).map_err(of)?);
    if let Some(after) = before.beaten(&applied) {
        session.execute(&ChangeSql::BeatLedger { before, after: Box::new(after) }).map_err(of)?;
    }
    Ok(())
}

/// How far the log of each other pod was applied here, over all its objects.
fn applied(desired: &Desired, pod: Ordinal, receivers: &Rows) -> BTreeMap<Ordinal, u64> {
    let mut applied = BTreeMap::new();
    let peers: BTreeMap<&ReplicationName, Ordinal> = desired.objects_of(pod).map(|(peer, o)| (&o.name, peer)).collect();
    for row in receivers.iter() {
        let name = row.text("REP_NAME").and_then(|n| ReplicationName::exact(n).ok());
        let at = row.int("APPLY_XSN").and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        if let (Some(peer), Some(at)) = (name.and_then(|n| peers.get(&n).copied()), at) {
            let known = applied.entry(peer).or_insert(at);
            *known = at.max(*known);
        }
    }
    applied
}

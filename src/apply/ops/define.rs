//! CREATE and DROP REPLICATION. An object of the same name is never touched when it differs; it is reported.

use std::{collections::BTreeSet, sync::Arc};

use super::super::{
    codes::Code,
    look,
    op_error::OpError,
    work::{Ended, Work},
};
use crate::{
    attributes::Shape,
    db::sql::ChangeSql,
    observe::Unlike,
    topology::{ReplicationName, Target},
};

pub(super) fn create(
    work: &mut Work<'_>,
    name: &ReplicationName,
    (host, port): (&str, u16),
    targets: &[Target],
    shape: &Shape,
) -> Result<Ended, OpError> {
    if look::side(work, name)?.is_some() {
        let found = look::definition(work, name)?;
        let wanted: BTreeSet<_> = targets.iter().cloned().collect();
        let strange = found.crossed.len() + found.unread;
        if strange == 0 && found.targets == wanted && found.hosts == [(host.to_owned(), port)] {
            // What aku.conf asks nothing of was not looked at before there were attributes, and is left to reconcile.
            if shape.is_plain() || look::unlike(work, name, shape)? == Unlike::default() {
                return Ok(Ended::Already);
            }
            let detail = format!("{name} has another mode, role or other options than aku.conf asks for");
            return Err(work.told(Code::ObjectDiffers, detail));
        }
        let hosts: Vec<_> = found.hosts.iter().map(|(h, p)| format!("{h}:{p}")).collect();
        let detail = format!(
            "{name} goes to {} with {} items, and it should go to {host}:{port} with {}",
            if hosts.is_empty() { "nowhere".to_owned() } else { hosts.join(", ") },
            found.targets.len() + strange,
            wanted.len()
        );
        return Err(work.told(Code::ObjectDiffers, detail));
    }
    let shared = Arc::clone(work.shared);
    let _turn = shared.turns.take(work.action.pod, targets, &work.control)?;
    let (name, host, targets, shape) = (name.clone(), host.to_owned(), targets.to_vec(), shape.clone());
    work.change(&ChangeSql::CreateReplication { name, host, port, targets, shape })?;
    Ok(Ended::done())
}

pub(super) fn drop(work: &mut Work<'_>, name: &ReplicationName) -> Result<Ended, OpError> {
    if look::side(work, name)?.is_none() {
        return Ok(Ended::Already);
    }
    work.change(&ChangeSql::DropReplication(name.clone()))?;
    Ok(Ended::done())
}

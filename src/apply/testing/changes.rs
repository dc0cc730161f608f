//! Changing statements on the scripted cluster, with the server's codes.

use super::{
    db_error,
    scripted::{FakePod, Object, ScriptedPods},
};
use crate::{
    attributes::{GroupMode, GroupOption, ObjectOption, Role},
    db::{DbError, sql::ChangeSql},
    topology::{Ordinal, ReplicationName, Target},
};

fn appliers(option: GroupOption) -> i64 {
    match option {
        GroupOption::Parallel { appliers, .. } => i64::from(appliers.get()),
        GroupOption::Recovery | GroupOption::Gapless | GroupOption::Grouping => 0,
    }
}

fn refuse(native: i32) -> Result<(), DbError> {
    Err(db_error("HY000", native))
}

fn object<'w>(world: &'w mut ScriptedPods, pod: Ordinal, name: &ReplicationName) -> Result<&'w mut Object, DbError> {
    let here = world.pods.get_mut(&pod).unwrap();
    here.objects.get_mut(name).ok_or_else(|| db_error("HY000", 397_595))
}

/// The object, when neither a sender nor a receiver of it is there.
fn quiet<'w>(world: &'w mut ScriptedPods, pod: Ordinal, name: &ReplicationName) -> Result<&'w mut Object, DbError> {
    let fed = world.pods[&pod].receivers.contains(name);
    let object = object(world, pod, name)?;
    if object.is_started {
        return Err(db_error("HY000", 397_566));
    }
    if fed { Err(db_error("HY000", 397_471)) } else { Ok(object) }
}

pub(super) fn change(world: &mut ScriptedPods, pod: Ordinal, sql: &ChangeSql) -> Result<(), DbError> {
    match sql {
        ChangeSql::CreateLedger => {
            let here = world.pods.get_mut(&pod).unwrap();
            if here.ledger.is_some() {
                return refuse(200_738);
            }
            here.ledger = Some(None);
            Ok(())
        }
        ChangeSql::InsertLedger(row) | ChangeSql::UpdateLedger(row) => {
            let here = world.pods.get_mut(&pod).unwrap();
            let there = matches!(here.ledger, Some(Some(_)));
            if here.ledger.is_none() || there != matches!(sql, ChangeSql::UpdateLedger(_)) {
                return refuse(200_753);
            }
            here.ledger = Some(Some((**row).clone()));
            Ok(())
        }
        ChangeSql::BeatLedger { before, after } => {
            let here = world.pods.get_mut(&pod).unwrap();
            if let Some(Some(row)) = here.ledger.as_mut().filter(|row| row.as_ref() == Some(&**before)) {
                row.peers.clone_from(&after.peers);
            }
            Ok(())
        }
        ChangeSql::SessionReplicationOff
        | ChangeSql::InsertRow(_)
        | ChangeSql::UpdateRow(_)
        | ChangeSql::DeleteRow(_) => panic!("the scripted pods have no rows to repair: {sql:?}"),
        ChangeSql::CreateReplication { name, host, port, targets, shape } => {
            let here = world.pods.get_mut(&pod).unwrap();
            if here.objects.contains_key(name) {
                return refuse(397_568);
            }
            let hosts = vec![(host.clone(), *port)];
            let eager = shape.mode == GroupMode::Eager;
            let (options, conflict) = (shape.mask(), Role::number(shape.role));
            let appliers = shape.options.iter().map(|o| appliers(*o)).sum();
            let made = Object { eager, options, conflict, appliers, hosts, ..Object::new(host, targets) };
            here.objects.insert(name.clone(), made);
            Ok(())
        }
        ChangeSql::DropReplication(name) => {
            if object(world, pod, name)?.is_started {
                return refuse(397_566);
            }
            world.pods.get_mut(&pod).unwrap().objects.remove(name);
            Ok(())
        }
        ChangeSql::AddTable { name, target } => {
            let object = quiet(world, pod, name)?;
            if object.items.contains(target) {
                return refuse(397_576);
            }
            object.items.push(target.clone());
            Ok(())
        }
        ChangeSql::DropTable { name, target, .. } => {
            let object = quiet(world, pod, name)?;
            if !object.items.contains(target) {
                return refuse(397_594);
            }
            object.items.retain(|t| t != target);
            Ok(())
        }
        ChangeSql::AddHost { name, host, port } => {
            let (object, address) = (object(world, pod, name)?, (host.clone(), *port));
            if object.is_started {
                return refuse(397_566);
            }
            if object.hosts.contains(&address) {
                return refuse(397_580);
            }
            object.hosts.push(address);
            Ok(())
        }
        ChangeSql::DropHost { name, host, port } => {
            let object = object(world, pod, name)?;
            if object.is_started {
                return refuse(397_566);
            }
            let at = object.hosts.iter().position(|(h, p)| h == host && p == port);
            match (at, object.hosts.len()) {
                (None, _) => refuse(397_599),
                (Some(_), 0 | 1) => refuse(397_497),
                (Some(at), _) => {
                    object.hosts.remove(at);
                    Ok(())
                }
            }
        }
        ChangeSql::ClearOption { name, option } => {
            let object = quiet(world, pod, name)?;
            if object.options & option.bit() == 0 {
                return refuse(if *option == ObjectOption::Offline { 397_604 } else { 397_662 });
            }
            if *option == ObjectOption::Offline {
                object.logs = None;
            }
            object.options &= !option.bit();
            if *option == ObjectOption::Parallel {
                object.appliers = 0;
            }
            Ok(())
        }
        ChangeSql::SetOffline { name, path } => {
            let object = quiet(world, pod, name)?;
            if object.logs.is_some() {
                return refuse(397_603);
            }
            object.options |= ObjectOption::Offline.bit();
            object.logs = Some(path.to_string());
            Ok(())
        }
        ChangeSql::StartOffline(name) => {
            let object = object(world, pod, name)?;
            if object.sender {
                return refuse(397_322);
            }
            if object.logs.is_none() {
                return refuse(397_610);
            }
            object.read = 2;
            Ok(())
        }
        ChangeSql::SetOption { name, option } => {
            let object = quiet(world, pod, name)?;
            if object.options & option.kind().bit() != 0 {
                return refuse(397_665);
            }
            object.options |= option.kind().bit();
            object.appliers += appliers(*option);
            Ok(())
        }
        ChangeSql::SyncTables { name, targets, .. } => sync(world, pod, name, Some(targets)),
        ChangeSql::Start(name) if object(world, pod, name)?.refused => refuse(397_325),
        ChangeSql::StartRetry(name) if object(world, pod, name)?.eager => refuse(397_601),
        ChangeSql::Start(name) | ChangeSql::StartRetry(name) => start(world, pod, name),
        ChangeSql::Stop(name) => {
            let object = object(world, pod, name)?;
            if !object.sender && !object.is_started {
                return refuse(397_351);
            }
            (object.sender, object.is_started) = (false, false);
            if let Some(peer) = world.peer(pod, name) {
                peer.receivers.remove(name);
            }
            Ok(())
        }
        ChangeSql::Reset(name) => {
            let object = object(world, pod, name)?;
            if object.sender {
                return refuse(397_322);
            }
            (object.xsn, object.is_started, object.gave_up) = (-1, false, None);
            Ok(())
        }
        ChangeSql::Flush { name, .. } => {
            if !object(world, pod, name)?.sender {
                return refuse(397_351);
            }
            let gap = world.pods[&pod].gaps.get(name).copied().unwrap_or(0);
            if gap > 0 { refuse(397_429) } else { Ok(()) }
        }
        ChangeSql::Sync { name, .. } => sync(world, pod, name, None),
        ChangeSql::Truncate(target) => {
            let here = world.pods.get_mut(&pod).unwrap();
            if here.properties["REPLICATION_DDL_ENABLE"] == 0 {
                return refuse(201_412);
            }
            here.rows.insert(target.clone(), 0);
            Ok(())
        }
        ChangeSql::SetSystem { property, value } => {
            world.pods.get_mut(&pod).unwrap().properties.insert(property, *value);
            Ok(())
        }
        ChangeSql::CloseSession { database, session } => {
            assert_eq!(database.as_str(), "MYDB");
            let here = world.pods.get_mut(&pod).unwrap();
            if here.sticky.contains(session) {
                return refuse(266_364);
            }
            here.end_session(*session);
            Ok(())
        }
        // Locks are the rules' of a test.
        ChangeSql::SessionQueryTimeout(_)
        | ChangeSql::SessionIdleTimeout(_)
        | ChangeSql::SessionAutocommit(_)
        | ChangeSql::LockTable { .. }
        | ChangeSql::Rollback
        | ChangeSql::Commit => Ok(()),
    }
}

fn start(world: &mut ScriptedPods, pod: Ordinal, name: &ReplicationName) -> Result<(), DbError> {
    let sn = world.pods.get_mut(&pod).map(FakePod::next_sn).unwrap();
    let object = object(world, pod, name)?;
    if object.sender {
        return refuse(397_322);
    }
    (object.sender, object.is_started) = (true, true);
    if object.xsn == -1 {
        object.xsn = sn;
    }
    if let Some(peer) = world.peer(pod, name) {
        peer.receivers.insert(name.clone());
    }
    Ok(())
}

/// Copies some items, or all.
fn sync(
    world: &mut ScriptedPods,
    pod: Ordinal,
    name: &ReplicationName,
    some: Option<&[Target]>,
) -> Result<(), DbError> {
    let here = &world.pods[&pod];
    let rows = here.rows.clone();
    let Some(object) = here.objects.get(name) else { return refuse(397_606) };
    if object.sender {
        return refuse(397_322);
    }
    let items = some.map_or_else(|| object.items.clone(), <[Target]>::to_vec);
    let Some(peer) = world.peer(pod, name) else { return refuse(397_325) };
    if items.iter().any(|t| peer.rows.get(t).copied().unwrap_or(0) > 0) {
        return refuse(397_651);
    }
    for target in items {
        let n = rows.get(&target).copied().unwrap_or(0);
        peer.rows.insert(target, n);
    }
    start(world, pod, name)
}

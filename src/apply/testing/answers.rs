//! SELECTs on the scripted cluster.

use super::{db_error, scripted::ScriptedPods};
use crate::{
    db::{DbError, Rows, Value, sql::ReadSql},
    topology::Ordinal,
};

fn text(t: impl Into<String>) -> Value {
    Value::Text(t.into())
}

fn rows(columns: &[&str], rows: Vec<Vec<Value>>) -> Rows {
    Rows { columns: columns.iter().map(|c| (*c).to_owned()).collect(), rows }
}

pub(super) fn answer(world: &ScriptedPods, pod: Ordinal, session: i64, sql: &ReadSql) -> Result<Rows, DbError> {
    use Value::{Int, Null};
    let here = &world.pods[&pod];
    let flag = |b: bool| Int(i64::from(b));
    let objects = || here.objects.iter().map(|(name, o)| (text(name.as_str()), o));
    Ok(match sql {
        ReadSql::Property(name) => {
            rows(&["VALUE1"], here.properties.get(name).map(|v| vec![text(v.to_string())]).into_iter().collect())
        }
        ReadSql::LockRequest(id) => {
            let holder = *here.locks.lock().unwrap().entry(*id).or_insert(session);
            rows(&["LOCK"], vec![vec![Int(i64::from(holder != session))]])
        }
        ReadSql::SessionsOf(app) => {
            let columns = ["ID", "TASK_STATE", "LOGIN_TIME", "CLIENT_APP_INFO", "COMM_NAME"];
            let ours = here.sessions.iter().filter(|(_, s)| s.app.starts_with(app));
            let line = |(id, s): (&i64, &super::scripted::FakeLogin)| {
                vec![Int(*id), text("WAITING"), Int(0), text(&s.app), text("TCP 10.9.9.9:4000")]
            };
            rows(&columns, ours.map(line).collect())
        }
        ReadSql::SessionId => rows(&["SESSION_ID"], vec![vec![Int(session)]]),
        ReadSql::Server => rows(&["DB_NAME"], vec![vec![text("MYDB")]]),
        ReadSql::Sessions => {
            let columns = ["ID", "TRANS_ID", "DB_USERNAME", "SYSDBA_FLAG", "CLIENT_APP_INFO", "COMM_NAME"];
            let line = |(id, s): (&i64, &super::scripted::FakeLogin)| {
                let user = s.user.map_or(Null, text);
                vec![Int(*id), Int(s.transaction), user, flag(s.sysdba), text(&s.app), text("TCP 10.9.9.9:4000")]
            };
            rows(&columns, here.sessions.iter().map(line).collect())
        }
        ReadSql::OpenWriters => {
            let clients = here.writers.iter().map(|id| vec![Int(*id), Int(5)]);
            let receivers = here.applying.iter().map(|(id, session)| vec![Int(*id), Int(*session)]);
            rows(&["ID", "SESSION_ID"], clients.chain(receivers).collect())
        }
        ReadSql::Senders => {
            let status = |o: &super::scripted::Object| [Int(i64::from(!(o.refused || o.slow))), flag(o.refused)];
            let senders = objects().filter(|(_, o)| o.sender).map(|(n, o)| {
                let [status, error] = status(o);
                vec![n, Int(o.xsn), status, error]
            });
            rows(&["REP_NAME", "XSN", "STATUS", "NET_ERROR_FLAG"], senders.collect())
        }
        ReadSql::Receivers => rows(&["REP_NAME"], here.receivers.iter().map(|n| vec![text(n.as_str())]).collect()),
        ReadSql::Gaps => {
            let gaps = here.objects.iter().filter(|(_, o)| o.sender);
            let gap = |n| here.gaps.get(n).copied().unwrap_or(0);
            rows(&["REP_NAME", "REP_GAP"], gaps.map(|(n, _)| vec![text(n.as_str()), Int(gap(n))]).collect())
        }
        ReadSql::SyncProgress => {
            here.sync_looks.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
            let line = |(n, count): (&crate::topology::ReplicationName, &i64)| {
                [vec![text(n.as_str()), text("T1"), Int(*count)], vec![text(n.as_str()), text("T2"), Int(-1)]]
            };
            rows(&["REP_NAME", "SYNC_TABLE", "SYNC_RECORD_COUNT"], here.syncing.iter().flat_map(line).collect())
        }
        ReadSql::Replication(name) => {
            let line = here.objects.get(name).map(|o| {
                vec![
                    flag(o.is_started),
                    Int(o.xsn),
                    o.gave_up.map_or(Null, text),
                    Int(if o.eager { 2 } else { 0 }),
                    Int(o.options),
                ]
            });
            rows(&["IS_STARTED", "XSN", "GIVE_UP_TIME", "REPL_MODE", "OPTIONS"], line.into_iter().collect())
        }
        ReadSql::OfflineDirectories(name) => {
            let logs = here.objects.get(name).and_then(|o| o.logs.as_ref());
            rows(&["PATH"], logs.map(|path| vec![text(path)]).into_iter().collect())
        }
        ReadSql::OfflineStatus(name) => {
            let line = here.objects.get(name).filter(|o| o.logs.is_some()).map(|o| vec![Int(o.read), Null]);
            rows(&["STATUS", "SUCCESS_TIME"], line.into_iter().collect())
        }
        ReadSql::Shape(name) => {
            let columns =
                ["IS_STARTED", "XSN", "REPL_MODE", "OPTIONS", "CONFLICT_RESOLUTION", "PARALLEL_APPLIER_COUNT"];
            let line = here.objects.get(name).map(|o| {
                let mode = Int(if o.eager { 2 } else { 0 });
                vec![flag(o.is_started), Int(o.xsn), mode, Int(o.options), Int(o.conflict), Int(o.appliers)]
            });
            rows(&columns, line.into_iter().collect())
        }
        ReadSql::Hosts => {
            let hosts = objects().flat_map(|(n, o)| {
                o.hosts.iter().map(move |(host, port)| vec![n.clone(), text(host), Int(i64::from(*port))])
            });
            rows(&["REPLICATION_NAME", "HOST_IP", "PORT_NO"], hosts.collect())
        }
        ReadSql::Items => {
            let columns = [
                "REPLICATION_NAME",
                "LOCAL_USER_NAME",
                "LOCAL_TABLE_NAME",
                "LOCAL_PARTITION_NAME",
                "REMOTE_USER_NAME",
                "REMOTE_TABLE_NAME",
                "REMOTE_PARTITION_NAME",
                "REPLICATION_UNIT",
            ];
            let items = objects().flat_map(|(n, o)| {
                o.items.iter().map(move |t| {
                    let partition = t.partition.as_ref().map_or(Null, |p| text(p.as_str()));
                    let unit = text(if t.partition.is_some() { "P" } else { "T" });
                    let name = [text(t.user.as_str()), text(t.table.as_str()), partition];
                    [&[n.clone()][..], &name, &name, &[unit]].concat()
                })
            });
            rows(&columns, items.collect())
        }
        ReadSql::CountRows(targets) => {
            let count = |(i, t): (usize, _)| {
                let n = here.rows.get(t).ok_or_else(|| db_error("42S02", 200_753))?;
                Ok(vec![Int(i64::try_from(i).unwrap()), Int(i64::try_from(*n).unwrap())])
            };
            rows(&["N", "ROWS_NOW"], targets.iter().enumerate().map(count).collect::<Result<_, DbError>>()?)
        }
        ReadSql::Ledger => match &here.ledger {
            None => return Err(db_error("42S02", 200_753)),
            Some(None) => Rows::default(),
            Some(Some(row)) => {
                let number = |n: u64| Int(i64::try_from(n).unwrap());
                let cells = [
                    ("LAYOUT", Int(crate::ledger::LAYOUT)),
                    ("CLUSTER_ID", text(row.cluster.to_string())),
                    ("POD_NO", number(row.pod.get().into())),
                    ("SIGNATURE", text(&row.signature)),
                    ("INCARNATION", number(row.incarnation)),
                    ("RUN_NO", number(row.run)),
                    ("STANDING", text(row.standing.as_str())),
                    ("COPIED_FROM", row.copied.map_or(Null, |c| number(c.from.get().into()))),
                    ("COPIED_RUN", row.copied.map_or(Null, |c| number(c.run))),
                    ("PEERS", text(row.peers_text())),
                ];
                let (columns, cells): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
                rows(&columns, vec![cells])
            }
        },
        ReadSql::FactBatch(_)
        | ReadSql::Properties
        | ReadSql::Definitions
        | ReadSql::DefinitionsOfOld
        | ReadSql::ServerAndLocale
        | ReadSql::AnyRows(_)
        | ReadSql::Tables(_)
        | ReadSql::Constraints(_)
        | ReadSql::Partitions(_)
        | ReadSql::Columns(_)
        | ReadSql::KeyColumns(_)
        | ReadSql::Page(_) => panic!("the executor has no use for {sql:?}"),
    })
}

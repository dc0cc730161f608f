//! Asks all pods at once, so that k unreachable pods cost one connect timeout, not k.

use std::collections::BTreeMap;

use super::{
    model::{BrokenBy, MarkerView, Observed, Pod, PodView},
    parse,
};
use crate::{
    db::{self, ConnectError, Connector, DbError, Login, Privilege, Session, each_pod, error::native, sql::ReadSql},
    desired::Desired,
    topology::{Identifier, Ordinal, Target},
};

/// How to look.
#[derive(Clone, Debug)]
pub struct Gathering {
    /// How sessions are opened; the privilege is chosen by the server's ADMIN_MODE.
    pub login: Login,
    /// What is known of the start marker.
    pub marker: MarkerView,
}

/// Looks at every pod of the configuration.
pub fn observe(connector: &dyn Connector, desired: &Desired, how: &Gathering) -> Observed {
    let owners = owners(desired);
    let views = each_pod(desired.pods.keys().copied(), |pod| match db::connect_sys(connector, pod, &how.login) {
        Ok((mut session, privilege)) => view(&mut *session, privilege, &owners),
        Err(e) => unseen(e),
    });
    Observed { pods: views, marker: how.marker.clone() }
}

/// Counts the rows of targets on several pods at once and notes them in `observed`.
///
/// A pod that fails here becomes broken: a plan that needs counts must not be made from half of them.
pub fn count_rows(
    connector: &dyn Connector,
    observed: &mut Observed,
    wanted: &[(Ordinal, Vec<Target>)],
    how: &Gathering,
) {
    let wanted: BTreeMap<Ordinal, &Vec<Target>> = wanted.iter().map(|(pod, targets)| (*pod, targets)).collect();
    let answers = each_pod(wanted.keys().copied(), |pod| {
        let targets = wanted[&pod];
        let (mut session, _) = db::connect_sys(connector, pod, &how.login)?;
        count(&mut *session, targets).map_err(|error| ConnectError {
            pod,
            address: String::new(),
            failure: db::ConnectFailure::Other,
            error,
        })
    });
    for (pod, answer) in answers {
        match (answer, observed.pods.get_mut(&pod)) {
            (Ok(rows), Some(PodView::Seen(seen))) => seen.rows = rows,
            (Err(e), Some(slot)) => *slot = unseen(e),
            (Ok(_), Some(PodView::Absent { .. } | PodView::Broken { .. }) | None) | (Err(_), None) => {}
        }
    }
}

/// One query for up to this many targets.
const BATCH: usize = 100;

fn count(session: &mut dyn Session, targets: &[Target]) -> Result<Vec<(Target, u64)>, DbError> {
    let mut counts = Vec::with_capacity(targets.len());
    for batch in targets.chunks(BATCH) {
        let rows = session.query(&ReadSql::CountRows(batch.to_vec()))?;
        for row in rows.iter() {
            let index = row.int("N").and_then(|n| usize::try_from(n).ok());
            let target = index.and_then(|i| batch.get(i));
            let n = row.int("ROWS_NOW").and_then(|n| u64::try_from(n).ok());
            if let (Some(target), Some(n)) = (target, n) {
                counts.push((target.clone(), n));
            }
        }
    }
    Ok(counts)
}

fn owners(desired: &Desired) -> Vec<Identifier> {
    let mut owners: Vec<_> = desired.targets().map(|t| t.user.clone()).collect();
    owners.sort();
    owners.dedup();
    owners
}

fn unseen(e: ConnectError) -> PodView {
    let said = e.error.to_string();
    match BrokenBy::from_failure(e.failure) {
        None => PodView::Absent { address: e.address, said },
        Some(failure) => PodView::Broken { address: e.address, failure, said },
    }
}

fn view(session: &mut dyn Session, privilege: Privilege, owners: &[Identifier]) -> PodView {
    observe_pod(session, privilege, owners).map_or_else(
        |e| PodView::Broken { address: String::new(), failure: BrokenBy::Other, said: e.to_string() },
        |pod| PodView::Seen(Box::new(pod)),
    )
}

/// Everything about one pod over an open session.
///
/// # Errors
/// A query failed; a missing view or column of an older server is not a failure.
pub fn observe_pod(session: &mut dyn Session, privilege: Privilege, owners: &[Identifier]) -> Result<Pod, DbError> {
    let mut ask = |sql: ReadSql| match session.query(&sql) {
        Ok(rows) => Ok(rows),
        Err(e) if [native::NO_TABLE, native::NO_COLUMN].contains(&e.native) => Ok(db::Rows::default()),
        Err(e) => Err(e),
    };
    let server = parse::server(&ask(ReadSql::Server)?);
    let properties = parse::properties(&ask(ReadSql::Properties)?);
    // The views before the catalog: a sender that starts in between is then seen as IS_STARTED without a row, never as
    // a row without its object.
    let (senders, receivers, gaps) = (ask(ReadSql::Senders)?, ask(ReadSql::Receivers)?, ask(ReadSql::Gaps)?);
    let (replications, hosts, items) = (ask(ReadSql::Replications)?, ask(ReadSql::Hosts)?, ask(ReadSql::Items)?);
    let tables = ask(ReadSql::Tables(owners.to_vec()))?;
    let constraints = ask(ReadSql::Constraints(owners.to_vec()))?;
    let partitions = ask(ReadSql::Partitions(owners.to_vec()))?;
    let catalog = parse::Catalog {
        replications: &replications,
        hosts: &hosts,
        items: &items,
        senders: &senders,
        receivers: &receivers,
        gaps: &gaps,
    };
    Ok(Pod {
        privilege,
        server,
        properties,
        replications: parse::replications(&catalog),
        tables: parse::tables(&tables, &constraints, &partitions),
        rows: Vec::new(),
    })
}

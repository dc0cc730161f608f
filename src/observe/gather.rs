//! Asks all pods at once, so that k unreachable pods cost one connect timeout, not k.

use std::{collections::BTreeMap, sync::mpsc, thread};

use super::{
    model::{BrokenBy, MarkerView, Observed, Pod, PodView},
    parse,
};
use crate::{
    db::{self, ConnectError, Connector, DbError, Login, Privilege, Session, error::native, sql::ReadSql},
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
    let views = each_pod(desired.pods.keys().copied(), |pod| look(connector, pod, desired, how));
    Observed { pods: views, marker: how.marker.clone() }
}

/// Looks at one pod.
pub fn look(connector: &dyn Connector, pod: Ordinal, desired: &Desired, how: &Gathering) -> PodView {
    match db::connect_sys(connector, pod, &how.login) {
        Ok((mut session, privilege)) => view(&mut *session, privilege, &owners(desired)),
        Err(e) => unseen(e),
    }
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
    let answers = each_pod(wanted.keys().copied(), |pod| count_on(connector, pod, wanted[&pod], how));
    for (pod, answer) in answers {
        note_counts(observed, pod, answer);
    }
}

/// Counts on one pod.
///
/// # Errors
/// No session, or a query failed.
pub fn count_on(
    connector: &dyn Connector,
    pod: Ordinal,
    targets: &[Target],
    how: &Gathering,
) -> Result<Vec<(Target, u64)>, ConnectError> {
    let (mut session, _) = db::connect_sys(connector, pod, &how.login)?;
    let failed = |error| ConnectError { pod, address: String::new(), failure: db::ConnectFailure::Other, error };
    count(&mut *session, targets).map_err(failed)
}

/// Puts what [`count_on`] found where it belongs.
pub fn note_counts(observed: &mut Observed, pod: Ordinal, answer: Result<Vec<(Target, u64)>, ConnectError>) {
    match (answer, observed.pods.get_mut(&pod)) {
        (Ok(rows), Some(PodView::Seen(seen))) => seen.rows = rows,
        (Err(e), Some(slot)) => *slot = unseen(e),
        (Ok(_), Some(PodView::Absent { .. } | PodView::Broken { .. }) | None) | (Err(_), None) => {}
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

fn each_pod<T: Send>(pods: impl Iterator<Item = Ordinal>, ask: impl Fn(Ordinal) -> T + Sync) -> BTreeMap<Ordinal, T> {
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for pod in pods {
            let (send, ask) = (send.clone(), &ask);
            scope.spawn(move || {
                // The receiver lives until the scope ends, so this cannot fail.
                let _ = send.send((pod, ask(pod)));
            });
        }
        drop(send);
        receive.iter().collect()
    })
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

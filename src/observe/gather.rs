//! Asks all pods at once, so that k unreachable pods cost one connect timeout, not k.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aku_core::observe::{ledger as read, parse};

use super::{BrokenBy, MarkerView, Observed, Pod, PodView, RowCount, layout};
use crate::{
    db::{
        self, ConnectError, Connector, DbError, Login, Privilege, Rows, Session, Value, each_pod, error::native,
        facts::FactBatch, sql::ReadSql,
    },
    desired::Desired,
    ledger,
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
    Observed::new(views, how.marker.clone())
}

/// Looks at one pod.
pub fn look(connector: &dyn Connector, pod: Ordinal, desired: &Desired, how: &Gathering) -> PodView {
    match db::connect_sys(connector, pod, &how.login) {
        Ok((mut session, privilege)) => view(&mut *session, privilege, &desired.targets().cloned().collect::<Vec<_>>()),
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

/// Looks whether targets hold rows, and counts for `COUNT_LIMIT` how many.
///
/// # Errors
/// No session, or a query failed otherwise than by taking too long.
pub fn count_on(
    connector: &dyn Connector,
    pod: Ordinal,
    targets: &[Target],
    how: &Gathering,
) -> Result<Vec<(Target, RowCount)>, ConnectError> {
    // The server ends what takes longer: a session bound, because a pod in ADMIN_MODE has room for one session only.
    let login = Login { query_timeout: Some(COUNT_LIMIT), ..how.login.clone() };
    let (mut session, _) = db::connect_sys(connector, pod, &login)?;
    let failed = |error| ConnectError { pod, address: String::new(), failure: db::ConnectFailure::Other, error };
    count(&mut *session, targets).map_err(failed)
}

/// Puts what [`count_on`] found where it belongs.
pub fn note_counts(observed: &mut Observed, pod: Ordinal, answer: Result<Vec<(Target, RowCount)>, ConnectError>) {
    match (answer, observed.pods.get_mut(&pod)) {
        (Ok(rows), Some(PodView::Seen(seen))) => seen.rows = rows,
        (Err(e), Some(slot)) => *slot = unseen(e),
        (Ok(_), Some(PodView::Absent { .. } | PodView::Broken { .. }) | None) | (Err(_), None) => {}
    }
}

/// How long rows of a pod are counted, and the bound of each query meanwhile.
const COUNT_LIMIT: Duration = Duration::from_secs(2);
/// One query for up to this many targets.
const BATCH: usize = 100;

pub(super) fn count(session: &mut dyn Session, targets: &[Target]) -> Result<Vec<(Target, RowCount)>, DbError> {
    let mut counts: Vec<(Target, RowCount)> = Vec::with_capacity(targets.len());
    for batch in targets.chunks(BATCH) {
        match numbers(session, batch, &ReadSql::AnyRows(batch.to_vec()))? {
            Some(any) => {
                let of = |n| if n == 0 { RowCount::Counted(0) } else { RowCount::AtLeast { at_least: n } };
                counts.extend(batch.iter().cloned().zip(any.into_iter().map(of)));
            }
            // Even the first row takes long to find somewhere; which table it is does not matter.
            None => counts.extend(batch.iter().cloned().map(|t| (t, RowCount::NotCounted))),
        }
    }
    let began = Instant::now();
    let mut open: Vec<&mut (Target, RowCount)> =
        counts.iter_mut().filter(|(_, n)| matches!(n, RowCount::AtLeast { .. })).collect();
    for batch in open.chunks_mut(BATCH) {
        if began.elapsed() >= COUNT_LIMIT {
            break;
        }
        let targets: Vec<Target> = batch.iter().map(|(t, _)| t.clone()).collect();
        let Some(found) = numbers(session, &targets, &ReadSql::CountRows(targets.clone()))? else { break };
        for (slot, n) in batch.iter_mut().zip(found) {
            slot.1 = RowCount::Counted(n);
        }
    }
    Ok(counts)
}

/// One number for each target in order; `None` when it took too long.
fn numbers(session: &mut dyn Session, targets: &[Target], sql: &ReadSql) -> Result<Option<Vec<u64>>, DbError> {
    let rows = match session.query(sql) {
        Ok(rows) => rows,
        Err(e) if [native::QUERY_TIMEOUT, native::CANCELLED].contains(&e.native) => return Ok(None),
        Err(e) => return Err(e),
    };
    let of = |index: usize| {
        let row = rows.iter().find(|row| row.int("N").and_then(|n| usize::try_from(n).ok()) == Some(index));
        row.and_then(|row| row.int("ROWS_NOW")).and_then(|n| u64::try_from(n).ok())
    };
    (0..targets.len()).map(of).collect::<Option<Vec<_>>>().map(Some).ok_or_else(|| DbError {
        sqlstate: "HY000".to_owned(),
        native: 0,
        message: "a count came back without a number".to_owned(),
    })
}

fn unseen(e: ConnectError) -> PodView {
    let said = e.error.to_string();
    match BrokenBy::from_failure(e.failure) {
        None => PodView::Absent { address: e.address, said },
        Some(failure) => PodView::Broken { address: e.address, failure, said },
    }
}

fn view(session: &mut dyn Session, privilege: Privilege, wanted: &[Target]) -> PodView {
    observe_pod(session, privilege, wanted).map_or_else(
        |e| PodView::Broken { address: String::new(), failure: BrokenBy::Other, said: e.to_string() },
        |pod| PodView::Seen(Box::new(pod)),
    )
}

/// Everything about one pod over an open session, in at most nine queries however many tables there are, and one more for
/// each that an older server cannot answer. `wanted`: the targets of aku.conf, whose owners' tables are looked at.
///
/// # Errors
/// A query failed; a view or column that an older server does not have is not a failure.
pub fn observe_pod(session: &mut dyn Session, privilege: Privilege, wanted: &[Target]) -> Result<Pod, DbError> {
    let owners = Target::owners(wanted);
    let server = parse::server(&server(session)?);
    let properties = parse::properties(&optional(session, &ReadSql::Properties)?);
    let clients = parse::clients(&optional(session, &ReadSql::Sessions)?);
    // The views before the catalog: a sender that starts in between is then seen as IS_STARTED without a row, never as
    // a row without its object.
    let [senders, receivers, gaps] =
        at_once(session, &FactBatch::Streams, &[ReadSql::Senders, ReadSql::Receivers, ReadSql::Gaps], optional)?;
    let definitions = match session.query(&ReadSql::Definitions) {
        Err(e) if e.native == native::NO_COLUMN => session.query(&ReadSql::DefinitionsOfOld)?,
        other => other?,
    };
    let items = session.query(&ReadSql::Items)?;
    let of = || owners.clone();
    let [tables, constraints, partitions] = at_once(
        session,
        &FactBatch::Tables(of()),
        &[ReadSql::Tables(of()), ReadSql::Constraints(of()), ReadSql::Partitions(of())],
        |session, sql| session.query(sql),
    )?;
    let (columns, keys) = columns(session, &owners)?;
    let (ledger, log_end) = read_ledger(session)?;
    let catalog = parse::Catalog {
        replications: &definitions,
        hosts: &definitions,
        items: &items,
        senders: &senders,
        receivers: &receivers,
        gaps: &gaps,
        wanted,
    };
    let mut tables = parse::tables(&tables, &constraints, &partitions);
    for (name, layout) in layout::parse(&columns, &keys) {
        if let Some(table) = tables.get_mut(&name) {
            table.layout = Some(layout.digest());
            table.key = layout.key;
        }
    }
    Ok(Pod {
        privilege,
        server,
        properties,
        replications: parse::replications(&catalog).map_err(|e| cannot_tell(&e))?,
        tables,
        rows: Vec::new(),
        clients,
        ledger,
        log_end,
    })
}

/// Who the server is. One that cannot say it together with its character sets and its time zone says it without them.
fn server(session: &mut dyn Session) -> Result<Rows, DbError> {
    match session.query(&ReadSql::ServerAndLocale) {
        Ok(rows) if rows.iter().next().is_some() => Ok(rows),
        Err(e) if e.lost_session() => Err(e),
        Ok(_) | Err(_) => optional(session, &ReadSql::Server),
    }
}

fn cannot_tell(why: &parse::Unreadable) -> DbError {
    DbError { sqlstate: "HY000".to_owned(), native: 0, message: why.to_string() }
}

/// The ledger and the end of the log. A table of that name with other columns is none of ours.
fn read_ledger(session: &mut dyn Session) -> Result<(ledger::View, Option<u64>), DbError> {
    match session.query(&ReadSql::Ledger) {
        Ok(rows) => Ok(read::read(&rows)),
        Err(e) if e.native == native::NO_TABLE => Ok((ledger::View::Missing, None)),
        Err(e) if e.native == native::NO_COLUMN => Ok((ledger::View::Broken { why: e.to_string() }, None)),
        Err(e) => Err(e),
    }
}

/// Columns and primary key columns of all tables of these owners, each in their order.
pub(super) fn columns(session: &mut dyn Session, owners: &[Identifier]) -> Result<(Rows, Rows), DbError> {
    let of = || owners.to_vec();
    let parts = [ReadSql::Columns(of()), ReadSql::KeyColumns(of())];
    let [mut columns, mut keys] =
        at_once(session, &FactBatch::Columns(of()), &parts, |session, sql| session.query(sql))?;
    for rows in [&mut columns, &mut keys] {
        if let Some(at) = rows.columns.iter().position(|c| c == "ORDER_NO") {
            rows.rows.sort_by_key(|cells| match cells.get(at) {
                Some(Value::Int(n)) => *n,
                Some(Value::Text(t)) => t.trim().parse().unwrap_or(0),
                Some(Value::Null) | None => 0,
            });
        }
    }
    Ok((columns, keys))
}

type Ask = fn(&mut dyn Session, &ReadSql) -> Result<Rows, DbError>;

/// Several questions in one query; one by one where a server does not take them together, e.g. because it lacks one of
/// the views.
fn at_once<const N: usize>(
    session: &mut dyn Session,
    facts: &FactBatch,
    parts: &[ReadSql; N],
    ask: Ask,
) -> Result<[Rows; N], DbError> {
    match session.query(&ReadSql::FactBatch(facts.clone())) {
        Ok(rows) => {
            let mut answers = facts.split(&rows).into_iter();
            Ok(std::array::from_fn(|_| answers.next().unwrap_or_default()))
        }
        Err(e) if e.lost_session() => Err(e),
        Err(e) => {
            tracing::debug!("asked one by one: {e}");
            let mut answers = Vec::with_capacity(N);
            for sql in parts {
                answers.push(ask(session, sql)?);
            }
            let mut answers = answers.into_iter();
            Ok(std::array::from_fn(|_| answers.next().unwrap_or_default()))
        }
    }
}

/// What an older server does not have is absent.
fn optional(session: &mut dyn Session, sql: &ReadSql) -> Result<Rows, DbError> {
    match session.query(sql) {
        Err(e) if [native::NO_TABLE, native::NO_COLUMN].contains(&e.native) => Ok(Rows::default()),
        other => other,
    }
}

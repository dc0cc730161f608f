//! Rows that are made as the right pod holds them, one pod at a time.
//!
//! Before each transaction every pod that was compared is asked what it holds: a row that any of them shows otherwise than
//! the plan saw it is left alone, because replication may be about to mend it. Statements go to the action's own pod only, in
//! a session that sends nothing to others, each conditional on every value being as it was read; what they made is read
//! before it is committed. Transactions are short: a receiver that waits too long for a row skips its change.

use super::super::{
    codes::Code,
    op_error::OpError,
    work::{Ended, Work},
};
use crate::{
    conf::Switch,
    db::{
        DbError, Session, Value,
        error::native,
        page::{KeyColumn, KeyKind, Page, Range, whole},
        sql::{ChangeSql, ChangedRow, ReadSql},
    },
    observe::{
        RowPrint, SeenRow, TableName,
        layout::{Layout, layouts},
    },
    plan::RowRepair,
    render::words::counted,
    topology::{Ordinal, Target},
    verify::Print,
};

/// Rows of one transaction.
const BATCH: usize = 50;
/// How long a statement may wait for a row that somebody holds, seconds. Rows of its own transaction are held meanwhile, and
/// a receiver that waits for one of those skips its change after REPLICATION_LOCK_TIMEOUT, 5 s as shipped (`measured.md` 1).
const PATIENCE_S: u32 = 1;

/// How rows of the table are read and written.
struct Shape {
    target: Target,
    key: Vec<KeyColumn>,
    rest: Vec<KeyColumn>,
}

/// A row as it is.
#[derive(Clone)]
struct Held {
    print: RowPrint,
    /// Values outside the key, whole.
    rest: Vec<Value>,
}

/// One statement and what it is to make.
struct Statement {
    at: Vec<Value>,
    sql: ChangeSql,
    wanted: Option<RowPrint>,
}

/// How a transaction ended.
enum Turn {
    /// Everything is as it was to be.
    Committed,
    /// Nothing was changed, because of these statements.
    Without(Vec<(usize, Odd)>),
}

/// Why a statement is not done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// The row came or changed meanwhile, or somebody holds it.
    Moved,
    /// Another row holds a value that must be unique. A DELETE and an INSERT could get past that, and could take rows of other
    /// tables along (ON DELETE CASCADE), so that is left to a person.
    Clashes,
}

/// What became of the rows.
#[derive(Default)]
struct Tally {
    already: usize,
    written: usize,
    /// Rows that were left alone because they, or a pod, show something else by now.
    moved: usize,
    /// Rows that were left alone because their values cannot be written.
    unwritable: usize,
    /// Rows that were left alone because another row of the pod holds a value that must be unique.
    clashing: usize,
}

pub(super) fn rows(work: &mut Work<'_>, repair: &RowRepair) -> Result<Ended, OpError> {
    let ended = all(work, repair);
    // Its settings, and a transaction that broke off, are nobody else's.
    work.close_own();
    ended
}

fn all(work: &mut Work<'_>, repair: &RowRepair) -> Result<Ended, OpError> {
    let shape = shape(work, repair)?;
    let mut tally = Tally::default();
    for rows in repair.rows.chunks(BATCH) {
        work.control.pause(std::time::Duration::ZERO)?;
        batch(work, repair, &shape, rows, &mut tally)?;
    }
    let right = looked_again(work, repair, &shape)?;
    if right < repair.rows.len() {
        return Err(work.told(Code::RowsLeft, words(repair, &tally, right)));
    }
    if tally.already == repair.rows.len() {
        return Ok(Ended::Already);
    }
    Ok(Ended::said(words(repair, &tally, right)))
}

fn words(repair: &RowRepair, tally: &Tally, right: usize) -> String {
    let words = format!("{right} of {} as on pod {} now", counted(repair.rows.len(), "row"), repair.right);
    let parts = [
        (tally.written, "written"),
        (tally.already, "right before"),
        (tally.moved, "changed meanwhile and left alone"),
        (tally.unwritable, "left alone, because a value cannot be written as SQL"),
        (tally.clashing, "left alone, because another row of the pod holds a value of it that must be unique"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if parts.is_empty() { words } else { format!("{words} ({})", parts.join(", ")) }
}

/// The same columns on every pod that was compared, all of which can be written.
fn shape(work: &mut Work<'_>, repair: &RowRepair) -> Result<Shape, OpError> {
    let owners = Target::owners([&repair.target]);
    let name = TableName::of(&repair.target);
    let mut first: Option<Layout> = None;
    for pod in &repair.pods {
        let mut of_pod = work.look(*pod, "columns and keys", |session| layouts(session, &owners))?;
        let Some(layout) = of_pod.remove(&name) else {
            return Err(work.told(Code::RowsUnfit, format!("pod {pod} has no table {}", repair.target)));
        };
        match &first {
            None => first = Some(layout),
            Some(same) if same.digest() == layout.digest() => {}
            Some(_) => {
                return Err(work.told(Code::RowsUnfit, format!("columns of {} differ on pod {pod}", repair.target)));
            }
        }
    }
    let unfit = |why: String| work.told(Code::RowsUnfit, format!("{} {why}", repair.target));
    let layout = first.ok_or_else(|| unfit("was compared on no pod".to_owned()))?;
    let (key, rest) = (layout.paging_key().map_err(unfit)?, layout.writable().map_err(unfit)?);
    if key.iter().map(|c| &c.name).ne(&repair.by) {
        return Err(unfit("has another primary key than when it was compared".to_owned()));
    }
    Ok(Shape { target: repair.target.clone(), key, rest })
}

fn at(row: &SeenRow) -> Vec<Value> {
    row.key.iter().map(|k| Value::Text(k.clone())).collect()
}

fn question(shape: &Shape, at: Vec<Value>) -> ReadSql {
    let Shape { target, key, rest } = shape;
    let range = Range::Exactly(at);
    ReadSql::Page(Box::new(Page { target: target.clone(), key: key.clone(), rest: rest.clone(), range, limit: 1 }))
}

/// The row of an answer, if there is one.
fn held(shape: &Shape, rows: Vec<Vec<Value>>) -> Result<Option<Held>, DbError> {
    let Some(mut cells) = rows.into_iter().next() else { return Ok(None) };
    let width = shape.key.len();
    let odd = || DbError {
        sqlstate: "HY000".to_owned(),
        native: 0,
        message: "the row was not given as it was asked for".to_owned(),
    };
    if cells.len() != width + shape.rest.len() {
        return Err(odd());
    }
    let rest: Vec<Value> = cells.split_off(width);
    let exact = rest.into_iter().zip(&shape.rest).map(|(cell, column)| match column.kind {
        KeyKind::Whole => whole(&cell).ok_or_else(odd),
        KeyKind::Number | KeyKind::Text | KeyKind::Time => Ok(cell),
    });
    let rest = exact.collect::<Result<Vec<_>, DbError>>()?;
    // Prints are of what a comparison reads, and no transport hands it blanks at the end.
    cells.extend(rest.iter().map(trimmed));
    Ok(Some(Held { print: Print::of(&cells).short(), rest }))
}

fn trimmed(value: &Value) -> Value {
    match value {
        Value::Text(t) => match t.trim_end_matches(' ') {
            "" => Value::Null,
            t => Value::Text(t.to_owned()),
        },
        Value::Null | Value::Int(_) => value.clone(),
    }
}

fn read(session: &mut dyn Session, shape: &Shape, at: &[Value]) -> Result<Option<Held>, DbError> {
    held(shape, session.query(&question(shape, at.to_vec()))?.rows)
}

/// What a pod holds of these rows.
fn read_all(work: &mut Work<'_>, pod: Ordinal, shape: &Shape, rows: &[SeenRow]) -> Result<Vec<Option<Held>>, OpError> {
    let what = format!("rows of {} by key", shape.target);
    work.look(pod, &what, |session| rows.iter().map(|row| read(session, shape, &at(row))).collect())
}

fn print(held: Option<&Held>) -> Option<&RowPrint> {
    held.map(|h| &h.print)
}

fn batch(
    work: &mut Work<'_>,
    repair: &RowRepair,
    shape: &Shape,
    rows: &[SeenRow],
    tally: &mut Tally,
) -> Result<(), OpError> {
    let place = |pod: Ordinal| repair.pods.iter().position(|k| *k == pod);
    let (Some(here), Some(right)) = (place(work.action.pod), place(repair.right)) else {
        return Err(work.told(Code::RowsUnfit, "its pods were not both compared"));
    };
    let mut now = Vec::with_capacity(repair.pods.len());
    for pod in &repair.pods {
        now.push(read_all(work, *pod, shape, rows)?);
    }
    let mut todo = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let shows = |k: usize| print(now[k][i].as_ref());
        let seen = |k: usize| row.seen.get(k).and_then(Option::as_ref);
        let value = seen(right);
        if row.seen.len() != repair.pods.len() {
            return Err(work.told(Code::RowsUnfit, "a row has not a print for each pod"));
        }
        let as_seen = (0..repair.pods.len()).all(|k| shows(k) == seen(k) || (seen(k) != value && shows(k) == value));
        if shows(here) == value && shows(right) == value {
            tally.already += 1;
        } else if !as_seen {
            tally.moved += 1;
        } else {
            match statement(shape, row, now[here][i].as_ref(), now[right][i].as_ref()) {
                Some(statement) => todo.push(statement),
                None => tally.unwritable += 1,
            }
        }
    }
    while !todo.is_empty() {
        let what = format!("{} of {} as on pod {}", counted(todo.len(), "row"), shape.target, repair.right);
        match work.change_with(&what, |session| transact(session, shape, &todo))? {
            Turn::Committed => {
                tally.written += todo.len();
                break;
            }
            Turn::Without(odd) => {
                let clashing = odd.iter().filter(|(_, why)| *why == Odd::Clashes).count();
                tally.clashing += clashing;
                tally.moved += odd.len() - clashing;
                let mut i = 0;
                todo.retain(|_| {
                    i += 1;
                    !odd.iter().any(|(at, _)| *at == i - 1)
                });
            }
        }
    }
    Ok(())
}

/// `None`: its values cannot be written.
fn statement(shape: &Shape, row: &SeenRow, here: Option<&Held>, right: Option<&Held>) -> Option<Statement> {
    let values = |held: Option<&Held>| held.map(|h| h.rest.clone()).unwrap_or_default();
    let changed = Box::new(ChangedRow {
        target: shape.target.clone(),
        key: shape.key.clone(),
        at: at(row),
        rest: shape.rest.clone(),
        from: values(here),
        to: values(right),
    });
    changed.check().ok()?;
    let sql = match (here, right) {
        (None, Some(_)) => ChangeSql::InsertRow(changed),
        (Some(from), Some(to)) if from.rest != to.rest => ChangeSql::UpdateRow(changed),
        (Some(_), None) => ChangeSql::DeleteRow(changed),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(Statement { at: at(row), sql, wanted: right.map(|h| h.print.clone()) })
}

/// One transaction. Commits only what was read back as it was to be.
fn transact(session: &mut dyn Session, shape: &Shape, todo: &[Statement]) -> Result<Turn, DbError> {
    session.execute(&ChangeSql::SessionQueryTimeout(PATIENCE_S))?;
    session.execute(&ChangeSql::SessionReplicationOff)?;
    session.execute(&ChangeSql::SessionAutocommit(Switch::Off))?;
    let mut odd = Vec::new();
    for (i, statement) in todo.iter().enumerate() {
        match session.execute(&statement.sql) {
            Ok(()) => {}
            // The statement alone was taken back: an INSERT whose row came meanwhile, or a value that another row holds.
            Err(e) if e.native == native::UNIQUE_VIOLATION => {
                let there = read(session, shape, &statement.at)?.is_some();
                let why = match &statement.sql {
                    ChangeSql::InsertRow(_) if there => Odd::Moved,
                    _ => Odd::Clashes,
                };
                odd.push((i, why));
            }
            // Somebody holds it: what was written so far is let go at once, and done without it.
            Err(e) if is_held(&e) => {
                session.execute(&ChangeSql::Rollback)?;
                session.execute(&ChangeSql::SessionAutocommit(Switch::On))?;
                return Ok(Turn::Without(vec![(i, Odd::Moved)]));
            }
            Err(e) => {
                // The session is closed in any case.
                let _ = session.execute(&ChangeSql::Rollback);
                return Err(e);
            }
        }
    }
    for (i, statement) in
        todo.iter().enumerate().filter(|(i, _)| !odd.iter().any(|(at, _)| at == i)).collect::<Vec<_>>()
    {
        let made = read(session, shape, &statement.at)?;
        if print(made.as_ref()) != statement.wanted.as_ref() {
            odd.push((i, Odd::Moved));
        }
    }
    let turn = if odd.is_empty() {
        session.execute(&ChangeSql::Commit)?;
        Turn::Committed
    } else {
        session.execute(&ChangeSql::Rollback)?;
        Turn::Without(odd)
    };
    session.execute(&ChangeSql::SessionAutocommit(Switch::On))?;
    Ok(turn)
}

fn is_held(e: &DbError) -> bool {
    [native::QUERY_TIMEOUT, native::LOCK_TIMEOUT, native::DEADLOCK].contains(&e.native) && !e.lost_session()
}

/// How many rows are the same on both pods now.
fn looked_again(work: &mut Work<'_>, repair: &RowRepair, shape: &Shape) -> Result<usize, OpError> {
    let mut same = 0;
    for rows in repair.rows.chunks(BATCH) {
        let right = read_all(work, repair.right, shape, rows)?;
        let here = read_all(work, work.action.pod, shape, rows)?;
        same += here.iter().zip(&right).filter(|(a, b)| print(a.as_ref()) == print(b.as_ref())).count();
    }
    Ok(same)
}

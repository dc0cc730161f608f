//! Every row of the targets on two pods, page by page (AKU_COMPARE_AT_START = contents). Sends SELECTs, and FLUSH before what
//! differs is read again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    super::{
        codes::Code,
        op_error::OpError,
        work::{Ended, Work},
    },
    rows, waits,
};
use crate::{
    db::{
        DbError,
        page::{Page, Range},
        sql::ReadSql,
    },
    observe::{
        TableName,
        layout::{Layout, layouts},
    },
    topology::{Ordinal, ReplicationName, Target},
    verify::{self, Bounds, Key, Print, Settle, Shape, Source, Sources},
};

/// What both readers share: one thing at a time is asked, on the one session that a closed pod has.
struct Desk<'d, 'w> {
    work: Mutex<&'d mut Work<'w>>,
    /// What went wrong, as the run knows it.
    trouble: Mutex<Option<OpError>>,
}

impl<'d, 'w> Desk<'d, 'w> {
    fn work(&self) -> MutexGuard<'_, &'d mut Work<'w>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(&self, ask: impl FnOnce(&mut Work<'w>) -> Result<T, OpError>) -> Result<T, DbError> {
        ask(&mut self.work()).map_err(|trouble| {
            let error = match &trouble {
                OpError::Statement(s) => s.error.clone(),
                _ => DbError { sqlstate: "HY000".to_owned(), native: 0, message: "the run was held up".to_owned() },
            };
            self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(trouble);
            error
        })
    }
}

/// Rows of one target on one pod.
struct Reader<'r, 'd, 'w> {
    desk: &'r Desk<'d, 'w>,
    pod: Ordinal,
    shape: &'r Shape,
    flushed: &'r [ReplicationName],
    wait_s: u32,
}

impl Source for Reader<'_, '_, '_> {
    fn rows(&mut self, range: &Range, limit: u32) -> Result<Vec<(Key, Print)>, DbError> {
        let Shape { target, key, rest } = self.shape.clone();
        let width = key.len();
        let page = Page { target, key, rest, range: range.clone(), limit };
        let answer = self.desk.ask(|work| work.read_on(self.pod, &ReadSql::Page(Box::new(page))))?;
        Ok(answer.rows.into_iter().map(|cells| (cells[..width.min(cells.len())].to_vec(), Print::of(&cells))).collect())
    }

    fn flush(&mut self) -> Result<Vec<(ReplicationName, String)>, DbError> {
        self.flushed
            .iter()
            .try_for_each(|name| self.desk.ask(|work| waits::flush(work, self.pod, name, self.wait_s).map(|_| ())))?;
        Ok(Vec::new())
    }
}

/// Compares every row. What changes whenever it is read is said, not judged.
pub(super) fn every_row(
    work: &mut Work<'_>,
    source: Ordinal,
    names: &[ReplicationName],
    targets: &[Target],
    wait_s: u32,
) -> Result<Ended, OpError> {
    let here = work.action.pod;
    let owners = Target::owners(targets);
    let mut tables: BTreeMap<Ordinal, BTreeMap<TableName, Layout>> = BTreeMap::new();
    for pod in [source, here] {
        tables.insert(pod, work.look(pod, "columns and keys", |session| layouts(session, &owners))?);
    }
    let poll = work.shared.context.limits.poll;
    let (mut different, mut open, mut read) = (Vec::new(), Vec::new(), 0);
    let desk = Desk { work: Mutex::new(work), trouble: Mutex::default() };
    for target in targets {
        let shape = match shape(&tables, target) {
            Ok(shape) => shape,
            Err(why) => {
                open.push(format!("{target}: {why}"));
                continue;
            }
        };
        let reader = |pod, flushed| Reader { desk: &desk, pod, shape: &shape, flushed, wait_s };
        let mut reference = reader(source, names);
        let mut others: Sources<'_> = BTreeMap::new();
        others.insert(here, Box::new(reader(here, &[])));
        let pause = || drop(desk.ask(|work| work.control.pause(poll)));
        let found = verify::compare((source, &mut reference), &mut others, Settle::Flush, Bounds::default(), &pause);
        drop(others);
        let Ok(compared) = found else {
            let trouble = desk.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
            let told = || desk.work().told(Code::Refused, format!("the rows of {target} cannot be read page by page"));
            return Err(trouble.unwrap_or_else(told));
        };
        read += compared.rows;
        let Some(versus) = compared.others.get(&here) else { continue };
        let differ = versus.found.len() as u64;
        if differ > 0 {
            let more = if versus.beyond > 0 { "at least " } else { "" };
            different.push(format!("{target}: {more}{} not the same", rows::count(differ, "row")));
        } else if versus.beyond + versus.changing > 0 {
            open.push(format!("{target}: rows change all the time"));
        }
    }
    let work = desk.work();
    if !different.is_empty() {
        return Err(work.told(Code::RowsDiffer, different.join(", ")));
    }
    let all = format!("every one of {} in {}", rows::count(read, "row"), rows::count(targets.len() as u64, "target"));
    Ok(Ended::said(if open.is_empty() { all } else { format!("{all}; not proved: {}", open.join(", ")) }))
}

/// How a target is read, where it looks the same on both.
fn shape(tables: &BTreeMap<Ordinal, BTreeMap<TableName, Layout>>, target: &Target) -> Result<Shape, String> {
    let name = TableName::of(target);
    let all: Vec<Option<&Layout>> = tables.values().map(|of| of.get(&name)).collect();
    match all.as_slice() {
        [Some(a), Some(b)] if a.digest() == b.digest() => {
            let key = a.paging_key().map_err(|why| format!("the table {why}"))?;
            Ok(Shape { target: target.clone(), key, rest: a.comparable() })
        }
        _ => Err("its columns differ between the pods".to_owned()),
    }
}

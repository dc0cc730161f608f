//! Rows over a database session. Reads, and FLUSHes between two readings of rows that differ.

use super::{Key, Print, Source};
use crate::{
    db::{
        DbError, Session,
        page::{KeyColumn, Page, Range},
        sql::{ChangeSql, ReadSql},
    },
    topology::{ReplicationName, Target},
};

/// What is read of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The target.
    pub target: Target,
    /// Its key.
    pub key: Vec<KeyColumn>,
    /// The other columns.
    pub rest: Vec<KeyColumn>,
}

/// A session that reads one target.
pub struct Reader<'a> {
    /// The session.
    pub session: &'a mut dyn Session,
    /// What is read.
    pub shape: &'a Shape,
    /// Replications of this pod that carry the target to the compared pods.
    pub flushed: Vec<ReplicationName>,
    /// Bound of one FLUSH, seconds.
    pub wait_s: u32,
}

impl Source for Reader<'_> {
    fn rows(&mut self, range: &Range, limit: u32) -> Result<Vec<(Key, Print)>, DbError> {
        let Shape { target, key, rest } = self.shape.clone();
        let width = key.len();
        let page = Page { target, key, rest, range: range.clone(), limit };
        let answer = self.session.query(&ReadSql::Page(Box::new(page)))?;
        Ok(answer.rows.into_iter().map(|cells| (cells[..width.min(cells.len())].to_vec(), Print::of(&cells))).collect())
    }

    fn flush(&mut self) -> Result<Vec<(ReplicationName, String)>, DbError> {
        let mut left = Vec::new();
        for name in &self.flushed {
            let flush = ChangeSql::Flush { name: name.clone(), wait_s: self.wait_s };
            match self.session.execute(&flush) {
                Ok(()) => {}
                // What the stream has not delivered is on no other pod, and differs for that alone.
                Err(e) if !e.lost_session() => left.push((name.clone(), e.to_string())),
                Err(e) => return Err(e),
            }
        }
        Ok(left)
    }
}

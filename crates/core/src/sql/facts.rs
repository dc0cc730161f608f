//! Several catalog questions in one query: one SELECT for each, glued with UNION ALL, and the answer taken apart again.
//!
//! All SELECTs have the same texts first and numbers last (`T1`.. and `N1`..), padded with `' '` and 0, so that every
//! column has one type on every server; the first column says which question a row answers. Decides nothing about what
//! the answers mean.

use std::fmt::Write as _;

use super::{Rows, text::users};
use crate::topology::Identifier;

/// What is asked for at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactBatch {
    /// V$REPSENDER, V$REPRECEIVER, V$REPGAP, in this order.
    Streams,
    /// Tables, constraints (0 foreign key, 3 primary key, 5 TIMESTAMP) and partitions of these owners, in this order.
    Tables(Vec<Identifier>),
    /// Columns and primary key columns of these owners' tables, in this order.
    Columns(Vec<Identifier>),
}

/// One question: a letter, its columns, and what follows SELECT's list.
struct Part {
    kind: char,
    texts: &'static [(&'static str, &'static str)],
    numbers: &'static [(&'static str, &'static str)],
    tail: String,
}

const OWNER: (&str, &str) = ("USER_NAME", "U.USER_NAME");
const TABLE: (&str, &str) = ("TABLE_NAME", "T.TABLE_NAME");

impl FactBatch {
    fn parts(&self) -> Vec<Part> {
        let of = |from: &str, condition: &str, owners: &[Identifier]| {
            format!(
                "FROM {from}SYSTEM_.SYS_TABLES_ T, SYSTEM_.SYS_USERS_ U \
                 WHERE {condition}T.USER_ID = U.USER_ID AND U.USER_NAME IN ({})",
                users(owners)
            )
        };
        match self {
            Self::Streams => vec![
                Part {
                    kind: 'S',
                    texts: &[("REP_NAME", "REP_NAME")],
                    numbers: &[
                        ("START_FLAG", "START_FLAG"),
                        ("NET_ERROR_FLAG", "NET_ERROR_FLAG"),
                        ("XSN", "XSN"),
                        ("STATUS", "STATUS"),
                    ],
                    tail: "FROM V$REPSENDER".to_owned(),
                },
                Part {
                    kind: 'R',
                    texts: &[("REP_NAME", "REP_NAME")],
                    numbers: &[
                        ("APPLY_XSN", "APPLY_XSN"),
                        ("INSERT_FAILURE_COUNT", "INSERT_FAILURE_COUNT"),
                        ("UPDATE_FAILURE_COUNT", "UPDATE_FAILURE_COUNT"),
                        ("DELETE_FAILURE_COUNT", "DELETE_FAILURE_COUNT"),
                    ],
                    tail: "FROM V$REPRECEIVER".to_owned(),
                },
                Part {
                    kind: 'G',
                    texts: &[("REP_NAME", "REP_NAME")],
                    numbers: &[("REP_GAP", "REP_GAP"), ("REP_SN", "REP_SN"), ("REP_LAST_SN", "REP_LAST_SN")],
                    tail: "FROM V$REPGAP".to_owned(),
                },
            ],
            Self::Tables(owners) => vec![
                Part {
                    kind: 'T',
                    texts: &[OWNER, TABLE, ("TABLE_TYPE", "T.TABLE_TYPE"), ("IS_PARTITIONED", "T.IS_PARTITIONED")],
                    numbers: &[("REPLICATION_COUNT", "T.REPLICATION_COUNT")],
                    tail: of("", "", owners),
                },
                Part {
                    kind: 'C',
                    texts: &[OWNER, TABLE],
                    numbers: &[("CONSTRAINT_TYPE", "C.CONSTRAINT_TYPE")],
                    tail: of(
                        "SYSTEM_.SYS_CONSTRAINTS_ C, ",
                        "C.TABLE_ID = T.TABLE_ID AND C.CONSTRAINT_TYPE IN (0, 3, 5) AND ",
                        owners,
                    ),
                },
                Part {
                    kind: 'P',
                    texts: &[OWNER, TABLE, ("PARTITION_NAME", "P.PARTITION_NAME")],
                    numbers: &[],
                    tail: of(
                        "SYSTEM_.SYS_TABLE_PARTITIONS_ P, ",
                        "P.TABLE_ID = T.TABLE_ID AND P.PARTITION_NAME IS NOT NULL AND ",
                        owners,
                    ),
                },
            ],
            Self::Columns(owners) => vec![
                Part {
                    kind: 'L',
                    texts: &[OWNER, TABLE, ("COLUMN_NAME", "C.COLUMN_NAME"), ("IS_NULLABLE", "C.IS_NULLABLE")],
                    numbers: &[
                        ("ORDER_NO", "C.COLUMN_ORDER"),
                        ("DATA_TYPE", "C.DATA_TYPE"),
                        ("PRECISION", "C.PRECISION"),
                        ("SCALE", "C.SCALE"),
                    ],
                    tail: of(
                        "SYSTEM_.SYS_COLUMNS_ C, ",
                        "C.TABLE_ID = T.TABLE_ID AND T.TABLE_TYPE = 'T' AND C.IS_HIDDEN = 'F' AND ",
                        owners,
                    ),
                },
                Part {
                    kind: 'K',
                    texts: &[OWNER, TABLE, ("COLUMN_NAME", "L.COLUMN_NAME")],
                    numbers: &[("ORDER_NO", "K.CONSTRAINT_COL_ORDER")],
                    tail: of(
                        "SYSTEM_.SYS_CONSTRAINTS_ C, SYSTEM_.SYS_CONSTRAINT_COLUMNS_ K, SYSTEM_.SYS_COLUMNS_ L, ",
                        "C.CONSTRAINT_ID = K.CONSTRAINT_ID AND C.TABLE_ID = K.TABLE_ID AND K.COLUMN_ID = L.COLUMN_ID \
                         AND C.TABLE_ID = T.TABLE_ID AND C.CONSTRAINT_TYPE = 3 AND ",
                        owners,
                    ),
                },
            ],
        }
    }

    /// The text of the query.
    pub(super) fn sql(&self) -> String {
        let parts = self.parts();
        let texts = parts.iter().map(|p| p.texts.len()).max().unwrap_or(0);
        let numbers = parts.iter().map(|p| p.numbers.len()).max().unwrap_or(0);
        let one = |part: &Part| {
            let mut sql = format!("SELECT '{}' AS KIND", part.kind);
            // Writing to a String cannot fail.
            for i in 0..texts {
                let _ = write!(sql, ", {} AS T{}", part.texts.get(i).map_or("' '", |(_, from)| from), i + 1);
            }
            for i in 0..numbers {
                let _ = write!(sql, ", {} AS N{}", part.numbers.get(i).map_or("0", |(_, from)| from), i + 1);
            }
            format!("{sql} {}", part.tail)
        };
        parts.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")
    }

    /// The answers, in the order of the questions, under the names that each question alone would give its columns.
    #[must_use]
    pub fn split(&self, rows: &Rows) -> Vec<Rows> {
        let one = |part: Part| {
            let name =
                |prefix: char| move |(i, (name, _)): (usize, &(&'static str, _))| (*name, format!("{prefix}{}", i + 1));
            let columns: Vec<(&str, String)> = part
                .texts
                .iter()
                .enumerate()
                .map(name('T'))
                .chain(part.numbers.iter().enumerate().map(name('N')))
                .collect();
            let kind = part.kind.to_string();
            let mine = rows.iter().filter(|row| row.text("KIND").as_deref() == Some(&kind));
            Rows {
                rows: mine.map(|row| columns.iter().map(|(_, from)| row.get(from).clone()).collect()).collect(),
                columns: columns.into_iter().map(|(name, _)| name.to_owned()).collect(),
            }
        };
        self.parts().into_iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Value;

    #[test]
    fn every_select_has_the_same_columns() {
        let owners = vec![Identifier::exact("SYS").unwrap()];
        for facts in [FactBatch::Streams, FactBatch::Tables(owners.clone()), FactBatch::Columns(owners)] {
            let sql = facts.sql();
            let shape = |select: &str| {
                let list = select.split(" FROM ").next().unwrap_or_default();
                list.split(", ").map(|c| c.rsplit(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
            };
            let shapes: Vec<_> = sql.split(" UNION ALL ").map(shape).collect();
            assert!(shapes.iter().all(|s| *s == shapes[0]), "{sql}");
        }
    }

    #[test]
    fn an_answer_comes_apart_under_the_old_names() {
        let text = |t: &str| Value::Text(t.to_owned());
        let row = |kind: &str, n: [i64; 4]| {
            [text(kind), text("R01")].into_iter().chain(n.map(Value::Int)).collect::<Vec<_>>()
        };
        let rows = Rows {
            columns: ["KIND", "T1", "N1", "N2", "N3", "N4"].map(str::to_owned).to_vec(),
            rows: vec![row("S", [1, 0, 77, 1]), row("G", [5, 0, 0, 0])],
        };
        let [senders, receivers, gaps] = &FactBatch::Streams.split(&rows)[..] else { panic!("three questions") };
        assert_eq!(senders.iter().next().unwrap().int("XSN"), Some(77));
        assert_eq!(receivers.rows, Vec::<Vec<Value>>::new());
        assert_eq!(gaps.columns, ["REP_NAME", "REP_GAP", "REP_SN", "REP_LAST_SN"]);
        assert_eq!(gaps.iter().next().unwrap().int("REP_GAP"), Some(5));
    }
}

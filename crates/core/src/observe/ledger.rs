//! The row of the ledger as a query brings it. Parsed at this border; what makes no sense is said, never guessed.

use crate::{
    ledger::{self, ClusterId, Copied, LAYOUT, Ledger, Standing, View},
    sql::{Row, Rows},
    topology::Ordinal,
};

/// What the answer to `ReadSql::Ledger` says: the ledger, and where the pod's log ends,
/// where both stand in one row.
pub fn read(rows: &Rows) -> (View, Option<u64>) {
    let mut all = rows.iter();
    let row = match (all.next(), all.next()) {
        (None, _) => return (View::Empty, None),
        (Some(row), None) => row,
        (Some(_), Some(_)) => {
            let why = format!("the table holds {} rows, and one is right", rows.rows.len());
            return (View::Broken { why }, None);
        }
    };
    let view = match row.int("LAYOUT") {
        Some(LAYOUT) => match whole(row) {
            Ok(ledger) => View::Held(Box::new(ledger)),
            Err(why) => View::Broken { why },
        },
        Some(layout) if layout > LAYOUT => View::Newer { layout },
        Some(layout) => View::Broken { why: format!("LAYOUT is {layout}") },
        None => View::Broken { why: "LAYOUT is no number".to_owned() },
    };
    (view, log_end(row))
}

/// What the answer to `ReadSql::Ledger` says of the ledger alone.
#[must_use]
pub fn of(rows: &Rows) -> View {
    read(rows).0
}

/// SN = number of the log file x 2^32 + offset (`measured.md` 9.8).
fn log_end(row: Row<'_>) -> Option<u64> {
    let part = |column| row.int(column).and_then(|n| u64::try_from(n).ok());
    Some((part("CUR_WRITE_LF_NO")? << 32) + part("CUR_WRITE_LF_OFFSET")?)
}

fn whole(row: Row<'_>) -> Result<Ledger, String> {
    let text = |column: &str| row.text(column).map(|t| t.trim().to_owned()).ok_or_else(|| format!("{column} is empty"));
    let number = |column: &str| {
        let n = row.int(column).and_then(|n| u64::try_from(n).ok());
        n.ok_or_else(|| format!("{column} is no number from 0"))
    };
    let pod = |n: u64, column: &str| {
        let pod = u8::try_from(n).ok().and_then(|n| Ordinal::new(n).ok());
        pod.ok_or_else(|| format!("{column} is {n}, which is no pod"))
    };
    let signature = text("SIGNATURE")?;
    if !ledger::is_plain(&signature) {
        return Err("SIGNATURE is none".to_owned());
    }
    let copied = match row.int("COPIED_FROM") {
        None => None,
        Some(_) => Some(Copied { from: pod(number("COPIED_FROM")?, "COPIED_FROM")?, run: number("COPIED_RUN")? }),
    };
    Ok(Ledger {
        cluster: ClusterId::try_from(text("CLUSTER_ID")?)?,
        pod: pod(number("POD_NO")?, "POD_NO")?,
        signature,
        incarnation: number("INCARNATION")?,
        run: number("RUN_NO")?,
        standing: text("STANDING").and_then(|w| Standing::from_word(&w).ok_or(format!("STANDING is \"{w}\"")))?,
        copied,
        peers: ledger::peers_of(&row.text("PEERS").unwrap_or_default())?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::ord;
    use crate::{
        ledger::{PEERS_BYTES, Peer},
        sql::Value,
    };

    const SIGNATURE: &str = "BA35EC821714-6B00DD1A:000E578D-7257D71A";

    fn ledger() -> Ledger {
        let peer = |standing, log_end| Peer {
            signature: "BA35EC821715-6B00DD1B:000E578D-7257D71B".to_owned(),
            incarnation: 3,
            standing,
            log_end,
            applied: Some(7),
        };
        Ledger {
            cluster: ClusterId::founded_on(SIGNATURE),
            pod: ord(1),
            signature: SIGNATURE.to_owned(),
            incarnation: 4,
            run: 9,
            standing: Standing::Running,
            copied: Some(Copied { from: ord(0), run: 2 }),
            peers: [(ord(0), peer(Standing::Running, Some(390_852_453_446))), (ord(2), peer(Standing::Ended, None))]
                .into(),
        }
    }

    /// The row that the statements write.
    fn rows(l: &Ledger) -> Rows {
        let text = |t: String| Value::Text(t);
        let int = |n: u64| Value::Int(n.try_into().unwrap());
        let columns = [
            ("LAYOUT", Value::Int(LAYOUT)),
            ("CLUSTER_ID", text(l.cluster.to_string())),
            ("POD_NO", int(l.pod.get().into())),
            ("SIGNATURE", text(l.signature.clone())),
            ("INCARNATION", int(l.incarnation)),
            ("RUN_NO", int(l.run)),
            ("STANDING", text(l.standing.as_str().to_owned())),
            ("COPIED_FROM", l.copied.map_or(Value::Null, |c| int(c.from.get().into()))),
            ("COPIED_RUN", l.copied.map_or(Value::Null, |c| int(c.run))),
            ("PEERS", text(l.peers_text())),
            ("CUR_WRITE_LF_NO", Value::Int(91)),
            ("CUR_WRITE_LF_OFFSET", Value::Int(5)),
        ];
        let (names, cells): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        Rows { columns: names.into_iter().map(str::to_owned).collect(), rows: vec![cells] }
    }

    fn with(column: &str, value: Value) -> View {
        let mut rows = rows(&ledger());
        let at = rows.columns.iter().position(|c| c == column).unwrap();
        rows.rows[0][at] = value;
        read(&rows).0
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(read(&rows(&ledger())), (View::Held(Box::new(ledger())), Some((91 << 32) + 5)));
        let first = Ledger { copied: None, peers: BTreeMap::new(), ..ledger() };
        assert_eq!(read(&rows(&first)).0, View::Held(Box::new(first)));
        let json = serde_json::to_string(&ledger()).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&json).unwrap(), ledger());
        assert!(json.contains("\"390852453446\""), "an SN is text: {json}");
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let text = |t: &str| Value::Text(t.to_owned());
        for (column, value) in [
            ("LAYOUT", Value::Null),
            ("LAYOUT", Value::Int(0)),
            ("CLUSTER_ID", text("")),
            ("CLUSTER_ID", text("not an id")),
            ("POD_NO", Value::Int(99)),
            ("SIGNATURE", text("a,b")),
            ("INCARNATION", Value::Int(-1)),
            ("RUN_NO", Value::Null),
            ("STANDING", text("walking")),
            ("COPIED_RUN", Value::Null),
            ("PEERS", text("0,1,running")),
            ("PEERS", text("0,1,running,-,-,X;0,1,running,-,-,X;")),
        ] {
            assert!(matches!(with(column, value.clone()), View::Broken { .. }), "{column} {value:?}");
        }
        assert_eq!(with("LAYOUT", Value::Int(2)), View::Newer { layout: 2 });
        let mut two = rows(&ledger());
        two.rows.push(two.rows[0].clone());
        assert!(matches!(read(&two), (View::Broken { .. }, None)));
        two.rows.clear();
        assert_eq!(read(&two), (View::Empty, None));
    }

    #[test]
    fn a_cluster_is_known_by_the_database_that_it_began_with() {
        let id = ClusterId::founded_on(SIGNATURE);
        assert_eq!(id, ClusterId::founded_on(&format!("{SIGNATURE} ")));
        assert_ne!(id, ClusterId::founded_on("BA35EC821714-6B00FFFF:000E578D-7257D71A"));
        assert_eq!(ClusterId::try_from(id.to_string()), Ok(id));
        assert_eq!(id.to_string().len(), 36);
    }

    #[test]
    fn thirty_two_peers_fit() {
        let peer = Peer {
            signature: "X".repeat(64),
            incarnation: u64::MAX,
            standing: Standing::Forgotten,
            log_end: Some(u64::MAX),
            applied: Some(u64::MAX),
        };
        let full = Ledger { peers: (0..=Ordinal::MAX).map(|n| (ord(n), peer.clone())).collect(), ..ledger() };
        assert!(full.peers_text().len() <= PEERS_BYTES);
    }
}

//! What the handshake compares: a replication and the layout of its tables, as each side sees them
//! (`altibase.md` 3.14, recordings `schema-mismatch`, `roles`, `options`, `eager`).
//!
//! It decides whether two servers' definitions go together and in which words they do not. It must never look at the
//! peer's own address, nor at rows.

use super::message::{put_number, take_number};
use crate::data::codec::{put_text, put_u64, take_text, take_u64};

/// One side's definition of a replication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// Name of the replication at the receiving side.
    pub(crate) name: String,
    /// REPL_MODE, CONFLICT_RESOLUTION, ROLE, OPTIONS.
    pub(crate) mode: i64,
    pub(crate) conflict: i64,
    pub(crate) role: i64,
    pub(crate) options: i64,
    /// Properties that must be equal on both sides.
    pub(crate) transaction_table_size: i64,
    pub(crate) incremental_sync: i64,
    /// Character sets of the database.
    pub(crate) charset: String,
    pub(crate) national: String,
    /// Items in catalog order.
    pub(crate) items: Vec<ItemMeta>,
}

/// One item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ItemMeta {
    /// Owner, table and partition here; the partition is empty for a whole plain table.
    pub(crate) local: [String; 3],
    /// The same at the peer.
    pub(crate) remote: [String; 3],
    /// REPLICATION_UNIT: a partition named alone.
    pub(crate) single: i64,
    /// Partition method (0 range, 1 hash, 2 list, 100 none), order and bounds.
    pub(crate) method: i64,
    pub(crate) order: i64,
    pub(crate) condition: String,
    pub(crate) columns: Vec<ColumnMeta>,
    /// Names of the primary key columns, in order.
    pub(crate) key: Vec<String>,
    /// Further unique indexes: name and columns.
    pub(crate) unique: Vec<(String, Vec<String>)>,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColumnMeta {
    pub(crate) name: String,
    pub(crate) data_type: i64,
    pub(crate) size: i64,
    pub(crate) precision: i64,
    pub(crate) scale: i64,
    /// The server's column flags: bit 2 is NOT NULL, the lowest two count the type's arguments.
    pub(crate) flags: i64,
    /// NOT NULL without DEFAULT.
    pub(crate) required: bool,
}

/// NOT NULL in [`ColumnMeta::flags`] (recording `schema-mismatch`).
pub(crate) const FLAG_NOT_NULL: i64 = 4;
/// Set in the flags of every column (recording `schema-mismatch`).
pub(crate) const FLAG_BASE: i64 = 0x20_0000;

/// OPTIONS bits that must be equal: RECOVERY and LOCAL.
const OPTIONS_COMPARED: i64 = 1 | 32;

/// What the receiving side tolerates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tolerance {
    /// REPLICATION_SQL_APPLY_ENABLE: layouts may differ.
    pub(crate) layouts: bool,
    /// REPLICATION_META_ITEM_COUNT_DIFF_ENABLE.
    pub(crate) item_counts: bool,
}

fn put_texts<'a>(out: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a String>) {
    put_u64(out, texts.len() as u64);
    texts.for_each(|t| put_text(out, t));
}

fn take_texts(bytes: &mut &[u8]) -> Option<Vec<String>> {
    let length = usize::try_from(take_u64(bytes)?).ok().filter(|n| *n <= bytes.len())?;
    (0..length).map(|_| take_text(bytes).map(str::to_owned)).collect()
}

fn take_names(bytes: &mut &[u8]) -> Option<[String; 3]> {
    take_texts(bytes)?.try_into().ok()
}

impl ColumnMeta {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(out, &self.name);
        for n in [self.data_type, self.size, self.precision, self.scale, self.flags, i64::from(self.required)] {
            put_number(out, n);
        }
    }

    fn take(b: &mut &[u8]) -> Option<Self> {
        Some(Self {
            name: take_text(b)?.to_owned(),
            data_type: take_number(b)?,
            size: take_number(b)?,
            precision: take_number(b)?,
            scale: take_number(b)?,
            flags: take_number(b)?,
            required: take_number(b)? != 0,
        })
    }
}

impl ItemMeta {
    fn put(&self, out: &mut Vec<u8>) {
        put_texts(out, self.local.iter());
        put_texts(out, self.remote.iter());
        for n in [self.single, self.method, self.order] {
            put_number(out, n);
        }
        put_text(out, &self.condition);
        put_u64(out, self.columns.len() as u64);
        self.columns.iter().for_each(|c| c.put(out));
        put_texts(out, self.key.iter());
        put_u64(out, self.unique.len() as u64);
        for (name, columns) in &self.unique {
            put_text(out, name);
            put_texts(out, columns.iter());
        }
    }

    fn take(b: &mut &[u8]) -> Option<Self> {
        let (local, remote) = (take_names(b)?, take_names(b)?);
        let (single, method, order) = (take_number(b)?, take_number(b)?, take_number(b)?);
        let condition = take_text(b)?.to_owned();
        let count = take_u64(b)?;
        let columns = (0..count).map(|_| ColumnMeta::take(b)).collect::<Option<_>>()?;
        let key = take_texts(b)?;
        let count = take_u64(b)?;
        let unique = (0..count).map(|_| Some((take_text(b)?.to_owned(), take_texts(b)?))).collect::<Option<_>>()?;
        Some(Self { local, remote, single, method, order, condition, columns, key, unique })
    }

    fn table(&self) -> &str {
        &self.local[1]
    }
}

impl Meta {
    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for text in [&self.name, &self.charset, &self.national] {
            put_text(&mut out, text);
        }
        for n in [self.mode, self.conflict, self.role, self.options, self.transaction_table_size, self.incremental_sync]
        {
            put_number(&mut out, n);
        }
        put_u64(&mut out, self.items.len() as u64);
        self.items.iter().for_each(|i| i.put(&mut out));
        out
    }

    /// From bytes.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let b = &mut bytes;
        let [name, charset, national] = [take_text(b)?.to_owned(), take_text(b)?.to_owned(), take_text(b)?.to_owned()];
        let mut numbers = [0; 6];
        for n in &mut numbers {
            *n = take_number(b)?;
        }
        let [mode, conflict, role, options, transaction_table_size, incremental_sync] = numbers;
        let count = take_u64(b)?;
        let items = (0..count).map(|_| ItemMeta::take(b)).collect::<Option<_>>()?;
        Some(Self {
            name,
            mode,
            conflict,
            role,
            options,
            transaction_table_size,
            incremental_sync,
            charset,
            national,
            items,
        })
    }
}

/// Compares the sender's definition with the receiver's; the first difference in the server's words. On success: for
/// each item of the sender the index of the receiver's, `None` for one that the receiver does not have (tolerated).
///
/// # Errors
/// The text for the parentheses of error 6100D.
pub(crate) fn compare(sender: &Meta, receiver: &Meta, tolerance: Tolerance) -> Result<Vec<Option<usize>>, String> {
    if sender.mode != receiver.mode {
        return Err(format!("The replication mode does not match. [{}:{}]", sender.mode, receiver.mode));
    }
    compare_heads(sender, receiver)?;
    if sender.items.len() != receiver.items.len() && !tolerance.item_counts {
        return Err(format!(
            "The replication's item count does not match [{}:{}].",
            sender.items.len(),
            receiver.items.len()
        ));
    }
    let mut pairs = vec![None; sender.items.len()];
    let by_name = |items: &[ItemMeta], name: fn(&ItemMeta) -> &[String; 3]| {
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by(|a, b| name(&items[*a]).cmp(name(&items[*b])));
        order
    };
    let theirs = by_name(&sender.items, |i| &i.remote);
    let ours = by_name(&receiver.items, |i| &i.local);
    if tolerance.item_counts {
        for s in theirs {
            let found = ours.iter().find(|r| receiver.items[**r].local == sender.items[s].remote);
            if let Some(&r) = found {
                compare_items(&sender.items[s], &receiver.items[r], tolerance)?;
                pairs[s] = Some(r);
            }
        }
    } else {
        for (s, r) in theirs.into_iter().zip(ours) {
            compare_items(&sender.items[s], &receiver.items[r], tolerance)?;
            pairs[s] = Some(r);
        }
    }
    Ok(pairs)
}

fn compare_heads(sender: &Meta, receiver: &Meta) -> Result<(), String> {
    let (s, r) = (sender, receiver);
    if !matches!((s.conflict, r.conflict), (0, 0) | (1, 2) | (2, 1)) {
        return Err(format!(
            "The conflict resolution of the replicated table does not match [{}:{}].",
            s.conflict, r.conflict
        ));
    }
    if s.role != r.role {
        return Err(format!("The replication's role does not match [{}:{}].", s.role, r.role));
    }
    if s.transaction_table_size != r.transaction_table_size {
        return Err(format!(
            "The transaction table size of the replication does not match [{}:{}].",
            s.transaction_table_size, r.transaction_table_size
        ));
    }
    if (s.options ^ r.options) & OPTIONS_COMPARED != 0 {
        return Err(format!("The replication's option does not match [{}:{}].", s.options, r.options));
    }
    if (&s.charset, &s.national) != (&r.charset, &r.national) {
        return Err(format!(
            "The character set of the database does not match. (DB=[{}:{}], National=[{}:{}]).",
            s.charset, r.charset, s.national, r.national
        ));
    }
    if s.incremental_sync != r.incremental_sync {
        return Err(format!(
            "The REPLICATION_FAILBACK_INCREMENTAL_SYNC property mismatch. [{}:{}]",
            s.incremental_sync, r.incremental_sync
        ));
    }
    Ok(())
}

fn compare_items(s: &ItemMeta, r: &ItemMeta, tolerance: Tolerance) -> Result<(), String> {
    compare_names(s, r)?;
    if s.single != r.single {
        return Err(format!("The replication units mismatch: {}", s.table()));
    }
    if tolerance.layouts {
        return Ok(());
    }
    if s.method != r.method {
        return Err(format!(
            "The partition method of the replicated table does not match [{}({}):{}({})].",
            s.table(),
            s.method,
            r.table(),
            r.method
        ));
    }
    if s.order != r.order {
        return Err(format!(
            "The partition order of the replicated table does not match [{}({}):{}({})].",
            s.local[2], s.order, r.local[2], r.order
        ));
    }
    if s.condition != r.condition {
        return Err(format!(
            "The partition condition of the replicated table does not match. [{}:{}]",
            s.condition, r.condition
        ));
    }
    if s.key.len() != r.key.len() {
        return Err(format!(
            "The primary key column count of the replicated table does not match [{}({}):{}({})].",
            s.table(),
            s.key.len(),
            r.table(),
            r.key.len()
        ));
    }
    compare_columns(s, r)?;
    compare_indexes(s, r)
}

fn compare_names(s: &ItemMeta, r: &ItemMeta) -> Result<(), String> {
    if s.remote[0] != r.local[0] || s.local[0] != r.remote[0] {
        return Err(format!(
            "The user name of the replicated table's owner does not match [{}({}):{}({})].",
            s.remote[0], s.remote[1], r.local[0], r.local[1]
        ));
    }
    for (part, what) in [(1, "replicated table name"), (2, "partition name of the replicated table")] {
        if s.remote[part] != r.local[part] || s.local[part] != r.remote[part] {
            return Err(format!("The {what} does not match [{}:{}].", s.remote[part], r.local[part]));
        }
    }
    Ok(())
}

fn compare_columns(s: &ItemMeta, r: &ItemMeta) -> Result<(), String> {
    let (st, rt) = (s.table(), r.table());
    for a in &s.columns {
        let Some(b) = r.columns.iter().find(|b| b.name == a.name) else { continue };
        if a.data_type != b.data_type {
            return Err(format!(
                "The column type of the replicated table does not match. [{st}.{}({}):{rt}.{}({})].",
                a.name, a.data_type, b.name, b.data_type
            ));
        }
        if (a.size, a.precision, a.scale) != (b.size, b.precision, b.scale) {
            return Err(format!(
                "The column size of the replicated table does not match. \
                 [{st}(Name:{}, Size:{}, Precision:{}, Scale:{}):{rt}(Name:{}, Size:{}, Precision: {}, Scale: {})].",
                a.name, a.size, a.precision, a.scale, b.name, b.size, b.precision, b.scale
            ));
        }
        if (a.flags ^ b.flags) & FLAG_NOT_NULL != 0 {
            return Err(format!(
                "NOT NULL constraints of the replicated table's column does not match. [{st}.{}({}):{rt}.{}({})].",
                a.name, a.flags, b.name, b.flags
            ));
        }
    }
    let extra = r.columns.iter().find(|b| b.required && !s.columns.iter().any(|a| a.name == b.name));
    match extra {
        Some(b) => Err(format!(
            "The non-replicated column of the replicated table has NOT NULL constraint. [{st}:{rt}({})].",
            b.name
        )),
        None => Ok(()),
    }
}

fn compare_indexes(s: &ItemMeta, r: &ItemMeta) -> Result<(), String> {
    let (st, rt) = (s.table(), r.table());
    if let Some((a, b)) = s.key.iter().zip(&r.key).find(|(a, b)| a != b) {
        let id = |item: &ItemMeta, name: &str| item.columns.iter().position(|c| c.name == name).unwrap_or_default();
        return Err(format!(
            "The index column ID of the replicated table does not match. [{st}(Name:{a}, ID:{}):{rt}(Name:{b}, ID:{})].",
            id(s, a),
            id(r, b)
        ));
    }
    if s.unique.len() != r.unique.len() {
        return Err(format!("The unique index count of the replicated table does not match [{st}:{rt}]."));
    }
    for (name, columns) in &s.unique {
        if !r.unique.iter().any(|(_, c)| c == columns) {
            let other = r.unique.first().map_or("", |(n, _)| n);
            return Err(format!(
                "The index name of the replicated table does not match. [{st}(Name:{name}):{rt}(Name:{other})]."
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Tolerance = Tolerance { layouts: false, item_counts: false };

    fn item(table: &str) -> ItemMeta {
        let names = ["SYS".to_owned(), table.to_owned(), String::new()];
        let column = |name: &str, flags| ColumnMeta { name: name.to_owned(), flags, size: 4, ..ColumnMeta::default() };
        ItemMeta {
            local: names.clone(),
            remote: names,
            method: 100,
            columns: vec![column("I1", FLAG_BASE | FLAG_NOT_NULL), column("C2", FLAG_BASE)],
            key: vec!["I1".to_owned()],
            ..ItemMeta::default()
        }
    }

    fn meta(tables: &[&str]) -> Meta {
        Meta { name: "R".to_owned(), items: tables.iter().map(|t| item(t)).collect(), ..Meta::default() }
    }

    #[test]
    fn order_of_items_does_not_matter_and_bytes_come_back() {
        let a = meta(&["T1", "T2"]);
        assert_eq!(Meta::decode(&a.encode()), Some(a.clone()));
        assert_eq!(compare(&a, &meta(&["T2", "T1"]), STRICT), Ok(vec![Some(1), Some(0)]));
    }

    type Change = fn(&mut Meta, &mut Meta);

    #[test]
    fn differences_are_told_in_the_servers_words() {
        let says = |change: Change| {
            let (mut a, mut b) = (meta(&["T1"]), meta(&["T1"]));
            change(&mut a, &mut b);
            compare(&a, &b, STRICT).err().unwrap_or_default()
        };
        let cases: [(Change, &str); 7] = [
            (
                |a, b| {
                    [a.charset, a.national, b.charset, b.national] =
                        ["UTF8", "UTF16", "KSC5601", "UTF16"].map(str::to_owned);
                },
                "The character set of the database does not match. (DB=[UTF8:KSC5601], National=[UTF16:UTF16]).",
            ),
            (|a, _| a.mode = 2, "The replication mode does not match. [2:0]"),
            (
                |a, b| (a.conflict, b.conflict) = (1, 1),
                "The conflict resolution of the replicated table does not match [1:1].",
            ),
            (|a, _| a.options = 29, "The replication's option does not match [29:0]."),
            (|a, _| a.items.push(item("T2")), "The replication's item count does not match [2:1]."),
            (
                |_, b| b.items[0].columns[0].flags = FLAG_BASE,
                "NOT NULL constraints of the replicated table's column does not match. [T1.I1(2097156):T1.I1(2097152)].",
            ),
            (
                |a, b| {
                    for (meta, name) in [(a, "P3"), (b, "P2")] {
                        meta.items[0].local[2] = name.to_owned();
                        meta.items[0].remote[2] = name.to_owned();
                    }
                },
                "The partition name of the replicated table does not match [P3:P2].",
            ),
        ];
        for (change, want) in cases {
            assert_eq!(says(change), want);
        }
        assert_eq!(says(|a, _| a.options = 28), "", "GAPLESS, PARALLEL and GROUPING may differ");
    }
}

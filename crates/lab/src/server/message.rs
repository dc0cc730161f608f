//! What lab servers say to each other on a link, as bytes and back.
//!
//! It decides the format only. Both ends are the same program, so there is no version beside the protocol text that
//! the handshake compares; bytes that make no sense count as a broken link.

use super::meta::Meta;
use crate::{
    data::{
        Key,
        codec::{
            put_bytes, put_datum, put_i64, put_key, put_row, put_text, put_u64, take_bytes, take_datum, take_i64,
            take_key, take_row, take_text, take_u64,
        },
    },
    value::{Datum, Row},
};

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// A sender introduces itself.
    Hello(Box<Hello>),
    /// The peer takes it: SN of the last transaction of this sender that is committed here, and how far it took in what
    /// came from this sender since its own start; 0 for none.
    Welcome { applied: u64, processed: u64 },
    /// The peer refuses, and says why in the words of the error's parentheses; a difference of metadata.
    Differs(String),
    /// The peer refuses for a reason that may pass.
    Denied(String),
    /// Changes in the order of the log.
    Changes(Batch),
    /// Say when everything up to this SN is processed.
    Confirm { upto: u64 },
    /// Everything up to this SN is processed; transactions that end at these SNs of an EAGER object met a conflict.
    Ack { upto: u64, refused: Vec<u64> },
    /// The sender ends.
    Stop,
    /// The receiver has ended.
    Stopped,
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// A server is ready (again): senders of these replications may try at once.
    WakeUp { names: Vec<String> },
    /// Rows of a table that is being copied.
    SyncRows { item: usize, rows: Vec<Row> },
    /// The copy of one item is complete.
    SyncItemEnd { item: usize },
    /// Everything was copied.
    SyncEnd,
    /// Rows of SYNC were taken in.
    SyncAck { rows: u64 },
    /// The outcome of the copy.
    SyncResult { failed: bool },
}

/// First message of a sender.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hello {
    /// REPL_PROTOCOL_VERSION.
    pub(crate) protocol: String,
    /// DB_SIGNATURE of the sender's database.
    pub(crate) signature: String,
    /// A copy of rows comes first.
    pub(crate) sync: bool,
    /// SN that it reads from.
    pub(crate) restart: u64,
    /// Where its log ends.
    pub(crate) end: u64,
    /// Whether it goes on with what it sent before.
    pub(crate) history: History,
    /// What it sends, and how its tables look.
    pub(crate) meta: Meta,
}

/// What a sender's position means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// It has an XSN of before.
    GoesOn,
    /// It had none: what the peer remembers of it counts no more.
    New,
}

/// Changes in the order of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// The log was read up to here, this SN included.
    pub(crate) upto: u64,
    /// The changes.
    pub(crate) ops: Vec<Op>,
}

/// One change, with the sender's transaction and SN.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Op {
    pub(crate) sn: u64,
    pub(crate) tx: u64,
    pub(crate) kind: OpKind,
}

/// What changed, in terms of the sender's tables; `item` counts in the handshake's list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OpKind {
    Insert {
        item: usize,
        row: Row,
    },
    /// Changed columns: position, before, after.
    Update {
        item: usize,
        key: Key,
        columns: Vec<(usize, Datum, Datum)>,
    },
    Delete {
        item: usize,
        key: Key,
    },
    /// Changes of the transaction with a larger SN are undone.
    UndoTo(u64),
    Commit,
    Rollback,
}

fn put_usize(out: &mut Vec<u8>, n: usize) {
    put_u64(out, n as u64);
}

fn take_usize(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(take_u64(bytes)?).ok()
}

fn take_u8(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}

fn take_string(bytes: &mut &[u8]) -> Option<String> {
    take_text(bytes).map(str::to_owned)
}

/// A list whose length was written before it; every element takes a byte at least.
fn take_list<T>(bytes: &mut &[u8], mut one: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let length = take_usize(bytes)?;
    if length > bytes.len() {
        return None;
    }
    (0..length).map(|_| one(bytes)).collect()
}

fn put_op(out: &mut Vec<u8>, op: &Op, base: u64) {
    put_u64(out, op.sn.wrapping_sub(base));
    put_u64(out, op.tx);
    match &op.kind {
        OpKind::Insert { item, row } => {
            out.push(1);
            put_usize(out, *item);
            put_row(out, row);
        }
        OpKind::Update { item, key, columns } => {
            out.push(2);
            put_usize(out, *item);
            put_key(out, key);
            put_usize(out, columns.len());
            for (column, before, after) in columns {
                put_usize(out, *column);
                put_datum(out, before);
                put_datum(out, after);
            }
        }
        OpKind::Delete { item, key } => {
            out.push(3);
            put_usize(out, *item);
            put_key(out, key);
        }
        OpKind::UndoTo(sn) => {
            out.push(4);
            put_u64(out, *sn);
        }
        OpKind::Commit => out.push(5),
        OpKind::Rollback => out.push(6),
    }
}

fn take_op(bytes: &mut &[u8], base: u64) -> Option<Op> {
    let sn = take_u64(bytes)?.wrapping_add(base);
    let tx = take_u64(bytes)?;
    let kind = match take_u8(bytes)? {
        1 => OpKind::Insert { item: take_usize(bytes)?, row: take_row(bytes)? },
        2 => OpKind::Update {
            item: take_usize(bytes)?,
            key: take_key(bytes)?,
            columns: take_list(bytes, |b| Some((take_usize(b)?, take_datum(b)?, take_datum(b)?)))?,
        },
        3 => OpKind::Delete { item: take_usize(bytes)?, key: take_key(bytes)? },
        4 => OpKind::UndoTo(take_u64(bytes)?),
        5 => OpKind::Commit,
        6 => OpKind::Rollback,
        _ => return None,
    };
    Some(Op { sn, tx, kind })
}

impl Message {
    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let o = &mut out;
        match self {
            Self::Hello(hello) => {
                o.push(1);
                put_text(o, &hello.protocol);
                put_text(o, &hello.signature);
                o.push(u8::from(hello.sync));
                put_u64(o, hello.restart);
                put_u64(o, hello.end);
                o.push(u8::from(hello.history == History::New));
                put_bytes(o, &hello.meta.encode());
            }
            Self::Welcome { applied, processed } => {
                o.push(2);
                put_u64(o, *applied);
                put_u64(o, *processed);
            }
            Self::Differs(text) => {
                o.push(3);
                put_text(o, text);
            }
            Self::Denied(text) => {
                o.push(4);
                put_text(o, text);
            }
            Self::Changes(batch) => {
                o.push(5);
                put_u64(o, batch.upto);
                let base = batch.ops.first().map_or(0, |op| op.sn);
                put_u64(o, base);
                put_usize(o, batch.ops.len());
                for op in &batch.ops {
                    put_op(o, op, base);
                }
            }
            Self::Ack { upto, refused } => {
                o.push(6);
                put_u64(o, *upto);
                put_usize(o, refused.len());
                for sn in refused {
                    put_u64(o, *sn);
                }
            }
            Self::Stop => o.push(7),
            Self::Stopped => o.push(8),
            Self::Ping => o.push(9),
            Self::Pong => o.push(10),
            Self::WakeUp { names } => {
                o.push(11);
                put_usize(o, names.len());
                for name in names {
                    put_text(o, name);
                }
            }
            Self::SyncRows { item, rows } => {
                o.push(12);
                put_usize(o, *item);
                put_usize(o, rows.len());
                for row in rows {
                    put_row(o, row);
                }
            }
            Self::SyncItemEnd { item } => {
                o.push(13);
                put_usize(o, *item);
            }
            Self::SyncEnd => o.push(14),
            Self::SyncAck { rows } => {
                o.push(15);
                put_u64(o, *rows);
            }
            Self::SyncResult { failed } => {
                o.push(16);
                o.push(u8::from(*failed));
            }
            Self::Confirm { upto } => {
                o.push(17);
                put_u64(o, *upto);
            }
        }
        out
    }

    /// From bytes; `None` for what no lab server writes.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let b = &mut bytes;
        let message = match take_u8(b)? {
            1 => {
                let (protocol, signature) = (take_string(b)?, take_string(b)?);
                let sync = take_u8(b)? != 0;
                let (restart, end) = (take_u64(b)?, take_u64(b)?);
                let history = if take_u8(b)? == 0 { History::GoesOn } else { History::New };
                let meta = Meta::decode(take_bytes(b)?)?;
                Self::Hello(Box::new(Hello { protocol, signature, sync, restart, end, history, meta }))
            }
            2 => Self::Welcome { applied: take_u64(b)?, processed: take_u64(b)? },
            3 => Self::Differs(take_string(b)?),
            4 => Self::Denied(take_string(b)?),
            5 => {
                let upto = take_u64(b)?;
                let base = take_u64(b)?;
                Self::Changes(Batch { upto, ops: take_list(b, |b| take_op(b, base))? })
            }
            6 => Self::Ack { upto: take_u64(b)?, refused: take_list(b, take_u64)? },
            7 => Self::Stop,
            8 => Self::Stopped,
            9 => Self::Ping,
            10 => Self::Pong,
            11 => Self::WakeUp { names: take_list(b, take_string)? },
            12 => Self::SyncRows { item: take_usize(b)?, rows: take_list(b, take_row)? },
            13 => Self::SyncItemEnd { item: take_usize(b)? },
            14 => Self::SyncEnd,
            15 => Self::SyncAck { rows: take_u64(b)? },
            16 => Self::SyncResult { failed: take_u8(b)? != 0 },
            17 => Self::Confirm { upto: take_u64(b)? },
            _ => return None,
        };
        b.is_empty().then_some(message)
    }
}

/// Signed numbers of the metadata.
pub(super) fn put_number(out: &mut Vec<u8>, n: i64) {
    put_i64(out, n);
}

/// Takes what [`put_number`] wrote.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<i64> {
    take_i64(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_and_cut_ones_do_not() {
        let row: Row = vec![Datum::Int(1), Datum::from("x"), Datum::Null].into();
        let ops = vec![
            Op { sn: 7, tx: 3, kind: OpKind::Insert { item: 0, row: row.clone() } },
            Op {
                sn: 8,
                tx: 3,
                kind: OpKind::Update { item: 1, key: Key::Int(1), columns: vec![(1, Datum::from("x"), Datum::Null)] },
            },
            Op { sn: 9, tx: 3, kind: OpKind::Delete { item: 0, key: Key::Int(1) } },
            Op { sn: 10, tx: 3, kind: OpKind::UndoTo(8) },
            Op { sn: 11, tx: 3, kind: OpKind::Commit },
            Op { sn: 12, tx: 4, kind: OpKind::Rollback },
        ];
        let all = [
            Message::Welcome { applied: 5, processed: 6 },
            Message::Differs("why".to_owned()),
            Message::Changes(Batch { upto: 12, ops }),
            Message::Ack { upto: 1, refused: vec![1] },
            Message::Confirm { upto: 2 },
            Message::WakeUp { names: vec!["A".to_owned()] },
            Message::SyncRows { item: 2, rows: vec![row] },
            Message::SyncResult { failed: true },
        ];
        for message in all {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes), Some(message.clone()));
            for cut in 0..bytes.len() {
                assert_eq!(Message::decode(&bytes[..cut]), None, "{message:?} cut at {cut}");
            }
        }
    }
}

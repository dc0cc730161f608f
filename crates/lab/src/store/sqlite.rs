//! A database in one SQLite file.
//!
//! One transaction per batch. The file survives the death of the process, not of the power: WAL without fsync. The file
//! is locked for as long as it is open, so two servers can never share one.

use std::{io, path::Path};

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};

use super::{
    Batch, Counters, Image, Op, Store,
    schema::{put_key, put_record, put_table, take_hidden_key, take_record, take_table},
};
use crate::data::{
    Key, LogRecord, Oid, Sn, Table, TableId, TxId, User, UserId,
    codec::{self, take_row},
};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS counters (id INTEGER PRIMARY KEY, log_end INTEGER, log_floor INTEGER, last_tx INTEGER, last_number INTEGER, last_oid INTEGER);
    CREATE TABLE IF NOT EXISTS tables (id INTEGER PRIMARY KEY, definition BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS rows (table_id INTEGER, key BLOB, row BLOB NOT NULL,
                                     PRIMARY KEY (table_id, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, id INTEGER NOT NULL, digest BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS log (sn INTEGER PRIMARY KEY, record BLOB NOT NULL);
";

/// Bytes of log to leave in the file beyond what is wanted: trimming costs a statement.
const TRIM_SLACK: u64 = 256 << 10;

/// See the module.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    /// Log records below this are gone from the file.
    trimmed: Sn,
}

fn other(e: rusqlite::Error) -> io::Error {
    io::Error::other(e)
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the lab's database file is damaged: {what}"))
}

fn signed(n: u64) -> i64 {
    n.cast_signed()
}

impl SqliteStore {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// It cannot be opened, is no SQLite file, or another process has it open.
    pub fn open(path: &Path) -> io::Result<Self> {
        let connection = Connection::open(path).map_err(other)?;
        let pragmas = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
                       PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY;";
        connection.execute_batch(pragmas).map_err(other)?;
        connection.execute_batch(SCHEMA).map_err(other)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection, trimmed: Sn(0) })
    }

    fn counters(&self) -> io::Result<Option<Counters>> {
        let sql = "SELECT log_end, log_floor, last_tx, last_number, last_oid FROM counters WHERE id = 0";
        let read = |row: &SqlRow<'_>| {
            let number = |i| row.get::<_, i64>(i).map(i64::cast_unsigned);
            Ok(Counters {
                log_end: Sn(number(0)?),
                log_floor: Sn(number(1)?),
                last_tx: TxId(number(2)?),
                last_number: row.get(3)?,
                last_oid: Oid(number(4)?),
            })
        };
        self.connection.query_row(sql, [], read).optional().map_err(other)
    }

    /// Every row of a query, each through `read`.
    fn each<T>(&self, sql: &str, read: impl Fn(&SqlRow<'_>) -> io::Result<T>) -> io::Result<Vec<T>> {
        let mut statement = self.connection.prepare(sql).map_err(other)?;
        let mut rows = statement.query([]).map_err(other)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(other)? {
            out.push(read(row)?);
        }
        Ok(out)
    }

    fn load_rows(&self, image: &mut Image) -> io::Result<()> {
        let sql = "SELECT table_id, key, row FROM rows ORDER BY table_id, key";
        let mut statement = self.connection.prepare(sql).map_err(other)?;
        let mut rows = statement.query([]).map_err(other)?;
        let mut current: Option<(&Table, Vec<_>)> = None;
        while let Some(row) = rows.next().map_err(other)? {
            let id = TableId(row.get(0).map_err(other)?);
            if current.as_ref().is_none_or(|(table, _)| table.id != id) {
                if let Some((table, rows)) = current.take() {
                    image.rows.insert(table.id, rows);
                }
                let at = image.tables.binary_search_by_key(&id, |t| t.id).map_err(|_| damaged("rows of no table"))?;
                current = Some((&image.tables[at], Vec::new()));
            }
            let Some((table, rows)) = current.as_mut() else { continue };
            let mut bytes = blob(row, 2)?;
            let values = take_row(&mut bytes).ok_or_else(|| damaged("a row"))?;
            if values.len() != table.columns.len() {
                return Err(damaged("a row of another table"));
            }
            let hidden = || take_hidden_key(blob(row, 1).ok()?);
            let key: Key = table.key_of(&values).or_else(hidden).ok_or_else(|| damaged("a key"))?;
            rows.push((key, values));
        }
        if let Some((table, rows)) = current {
            image.rows.insert(table.id, rows);
        }
        for rows in image.rows.values_mut() {
            rows.sort_by(|a, b| a.0.cmp(&b.0));
        }
        Ok(())
    }

    fn run(&self, sql: &str, params: impl rusqlite::Params) -> io::Result<()> {
        self.connection.prepare_cached(sql).and_then(|mut s| s.execute(params)).map_err(other)?;
        Ok(())
    }

    fn write(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        self.keep_all(batch.ops)?;
        self.keep_log(batch.log, batch.counters.log_floor)?;
        let c = batch.counters;
        self.run(
            "INSERT OR REPLACE INTO counters VALUES (0, ?1, ?2, ?3, ?4, ?5)",
            params![
                signed(c.log_end.0),
                signed(c.log_floor.0),
                signed(c.last_tx.0),
                c.last_number,
                signed(c.last_oid.0)
            ],
        )
    }

    fn keep_all(&self, ops: &[Op]) -> io::Result<()> {
        let prepare = |sql| self.connection.prepare_cached(sql).map_err(other);
        let mut put_row = prepare("INSERT OR REPLACE INTO rows VALUES (?1, ?2, ?3)")?;
        let mut delete_row = prepare("DELETE FROM rows WHERE table_id = ?1 AND key = ?2")?;
        let (mut key_bytes, mut bytes) = (Vec::new(), Vec::new());
        for op in ops {
            key_bytes.clear();
            bytes.clear();
            match op {
                Op::PutRow { table, key, row } => {
                    put_key(&mut key_bytes, key);
                    codec::put_row(&mut bytes, row);
                    put_row.execute(params![table.0, key_bytes, bytes]).map_err(other)?;
                }
                Op::DeleteRow { table, key } => {
                    put_key(&mut key_bytes, key);
                    delete_row.execute(params![table.0, key_bytes]).map_err(other)?;
                }
                Op::PutTable(table) => {
                    put_table(&mut bytes, table);
                    self.run("INSERT OR REPLACE INTO tables VALUES (?1, ?2)", params![table.id.0, bytes])?;
                }
                Op::DropTable(table) => {
                    self.run("DELETE FROM tables WHERE id = ?1", params![table.0])?;
                    self.run("DELETE FROM rows WHERE table_id = ?1", params![table.0])?;
                }
                Op::ClearRows(table) => self.run("DELETE FROM rows WHERE table_id = ?1", params![table.0])?,
                Op::PutUser(user) => self.run(
                    "INSERT OR REPLACE INTO users VALUES (?1, ?2, ?3)",
                    params![user.name, user.id.0, &user.digest[..]],
                )?,
                Op::DropUser(name) => self.run("DELETE FROM users WHERE name = ?1", params![name])?,
                Op::PutMeta { key, value } => {
                    self.run("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", params![key, value])?;
                }
                Op::DeleteMeta { key } => self.run("DELETE FROM meta WHERE key = ?1", params![key])?,
            }
        }
        Ok(())
    }

    fn keep_log(&mut self, log: &[&LogRecord], floor: Sn) -> io::Result<()> {
        if !log.is_empty() {
            let insert = self.connection.prepare_cached("INSERT INTO log VALUES (?1, ?2)");
            let mut insert = insert.map_err(other)?;
            let mut bytes = Vec::new();
            for record in log {
                bytes.clear();
                put_record(&mut bytes, record);
                insert.execute(params![signed(record.sn.0), bytes]).map_err(other)?;
            }
        }
        if floor.0 >= self.trimmed.0 + TRIM_SLACK {
            self.run("DELETE FROM log WHERE sn < ?1", params![signed(floor.0)])?;
            self.trimmed = floor;
        }
        Ok(())
    }
}

fn blob<'a>(row: &'a SqlRow<'_>, column: usize) -> io::Result<&'a [u8]> {
    row.get_ref(column).map_err(other)?.as_blob().map_err(|_| damaged("no bytes where bytes should be"))
}

impl Store for SqliteStore {
    fn load(&mut self) -> io::Result<Option<Image>> {
        let Some(counters) = self.counters()? else { return Ok(None) };
        let tables = self.each("SELECT definition FROM tables ORDER BY id", |row| {
            take_table(&mut blob(row, 0)?).ok_or_else(|| damaged("a table's definition"))
        })?;
        let users = self.each("SELECT name, id, digest FROM users", |row| {
            Ok(User {
                name: row.get(0).map_err(other)?,
                id: UserId(row.get(1).map_err(other)?),
                digest: row.get(2).map_err(other)?,
            })
        })?;
        let meta = self
            .each("SELECT key, value FROM meta", |row| Ok((row.get(0).map_err(other)?, row.get(1).map_err(other)?)))?;
        let log = self.each("SELECT sn, record FROM log ORDER BY sn", |row| {
            let sn = Sn(row.get::<_, i64>(0).map_err(other)?.cast_unsigned());
            take_record(sn, &mut blob(row, 1)?).ok_or_else(|| damaged("a log record"))
        })?;
        let log = log.into_iter().filter(|r| r.sn >= counters.log_floor).collect();
        let mut image = Image { tables, users, meta: meta.into_iter().collect(), log, counters, ..Image::default() };
        self.load_rows(&mut image)?;
        self.trimmed = counters.log_floor;
        Ok(Some(image))
    }

    fn append(&mut self, batch: &Batch<'_>) -> io::Result<()> {
        self.run("BEGIN IMMEDIATE", [])?;
        match self.write(batch) {
            Ok(()) => self.run("COMMIT", []),
            Err(e) => {
                // The first error says what is wrong; whether undoing works does not matter, the process ends.
                let _ = self.run("ROLLBACK", []);
                Err(e)
            }
        }
    }
}

//! Where a lab database lives when its process does not: SQLite in production of the lab, memory in simulations.
//!
//! A store keeps what it is given, in order, and gives it back at the next start. It understands nothing of it.

use std::io;

/// A place that keeps a database. `append` is atomic against the death of the process.
pub trait Store {
    /// Everything kept so far.
    fn load(&mut self) -> io::Result<()>;
}

/// Rows in memory that survive a simulated kill: clones share what they keep.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {}

impl Store for MemoryStore {
    fn load(&mut self) -> io::Result<()> {
        todo!()
    }
}

/// One SQLite file.
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens or makes the file.
    pub fn open(path: &std::path::Path) -> io::Result<Self> {
        let _ = path;
        todo!()
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> io::Result<()> {
        todo!()
    }
}

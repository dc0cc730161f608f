//! Numbers that name things inside one database. Never reused within the life of a database file.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($number:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// SYS_TABLES_.TABLE_ID; kept by TRUNCATE.
    TableId(u32)
}
id! {
    /// SYS_TABLES_.TABLE_OID and SYS_TABLE_PARTITIONS_.PARTITION_OID; TRUNCATE gives a new one.
    Oid(u64)
}
id! {
    /// SYS_TABLE_PARTITIONS_.PARTITION_ID
    PartitionId(u32)
}
id! {
    /// SYS_USERS_.USER_ID
    UserId(u32)
}
id! {
    /// SYS_CONSTRAINTS_.CONSTRAINT_ID and SYS_INDICES_.INDEX_ID
    ConstraintId(u32)
}
id! {
    /// V$TRANSACTION.ID; a new one for each transaction.
    TxId(u64)
}
id! {
    /// A place in the log: log file number x 2^32 + offset (`measured.md` 9.8). Grows with everything that happens; gaps
    /// are normal.
    Sn(u64)
}
id! {
    /// A reading position in a frozen table; see `Database::snapshot`.
    SnapshotId(u64)
}

impl Sn {
    /// The place at an offset of a log file.
    #[must_use]
    pub const fn at(file: u64, offset: u64) -> Self {
        Self((file << 32) + offset)
    }

    /// Number of its log file.
    #[must_use]
    pub const fn file(self) -> u64 {
        self.0 >> 32
    }

    /// Byte in its log file.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.0 & 0xFFFF_FFFF
    }
}

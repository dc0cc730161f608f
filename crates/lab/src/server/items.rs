//! Tables named as items of a replication: what makes one acceptable, and the rows of SYS_REPL_ITEMS_ it becomes
//! (`altibase.md` 3.3 step 6).

use super::{
    Server, errors,
    object::{Item, Unit},
};
use super::{
    meta::{ColumnMeta, FLAG_BASE, FLAG_NOT_NULL, ItemMeta, Meta},
    object::Replication,
};
use crate::{
    data::{Database, IndexKind, Table},
    sql::{
        SqlError,
        statement::{ItemPair, ItemRef, PartitionMethod},
    },
    value::ColumnType,
};

/// Owner, table and partition of a named item.
pub(super) fn names(item: &ItemRef) -> [String; 3] {
    [item.user.clone(), item.table.clone(), item.partition.clone().unwrap_or_default()]
}

/// The local table of an item.
///
/// # Errors
/// 6110F, 61111.
pub(super) fn find<'a>(db: &'a Database, item: &ItemRef) -> Result<&'a Table, SqlError> {
    db.user(&item.user).ok_or_else(|| errors::no_user(&item.user))?;
    db.find_table(&item.user, &item.table).ok_or_else(|| errors::no_table(&item.table))
}

impl Server {
    /// Checks one `FROM .. TO ..` and gives its catalog rows, one for each partition.
    ///
    /// # Errors
    /// See [`find`]; 6114F, 61112, 61113, 311BB.
    pub(super) fn new_items(&self, pair: &ItemPair) -> Result<Vec<Item>, SqlError> {
        let table = find(&self.db, &pair.local)?;
        if table.owner == "SYSTEM_" {
            return Err(errors::not_a_table());
        }
        let fk_checked = !self.core.properties.is_on("CHECK_FK_IN_CREATE_REPLICATION_DISABLE");
        let check_keys = || {
            if fk_checked && !table.foreign_keys.is_empty() {
                return Err(errors::has_reference(&table.owner, &table.name));
            }
            if table.primary_key().is_none() {
                return Err(errors::no_primary_key(&table.owner, &table.name));
            }
            Ok(())
        };
        let whole = |partition: Option<&crate::data::Partition>, unit| {
            let name = partition.map(|p| p.name.clone()).unwrap_or_default();
            let mut local = names(&pair.local);
            let mut remote = names(&pair.remote);
            local[2].clone_from(&name);
            if unit == Unit::Table {
                remote[2] = name;
            }
            Item { table: table.id, partition: partition.map(|p| p.id), local, remote, unit, invalid_max_sn: 0 }
        };
        if let Some(name) = &pair.local.partition {
            let partition = table.partition(name).ok_or_else(|| errors::no_partition(name))?;
            check_keys()?;
            return Ok(vec![whole(Some(partition), Unit::Partition)]);
        }
        check_keys()?;
        Ok(match &table.partitioning {
            None => vec![whole(None, Unit::Table)],
            Some(p) => p.partitions.iter().map(|p| whole(Some(p), Unit::Table)).collect(),
        })
    }

    /// This side's definition of a replication, as the handshake compares it. Items whose table is gone are left out.
    pub(super) fn meta_of(&self, object: &Replication) -> Meta {
        let number = |name| self.core.properties.signed(name);
        Meta {
            name: object.remote_name().to_owned(),
            mode: object.mode,
            conflict: object.conflict,
            role: object.role,
            options: object.options,
            transaction_table_size: number("TRANSACTION_TABLE_SIZE"),
            incremental_sync: number("REPLICATION_FAILBACK_INCREMENTAL_SYNC"),
            charset: self.core.config.locale.charset.clone(),
            national: self.core.config.locale.national.clone(),
            items: object
                .items
                .iter()
                .filter_map(|item| Some(item_meta(self.db.find_table_by_id(item.table)?, item)))
                .collect(),
        }
    }
}

/// Type arguments as the server counts them in a column's flags.
fn arguments(column_type: ColumnType) -> i64 {
    match column_type {
        ColumnType::Char(_) | ColumnType::Varchar(_) => 1,
        ColumnType::Numeric { scale: Some(_), .. } => 2,
        ColumnType::Numeric { scale: None, .. }
        | ColumnType::SmallInt
        | ColumnType::Integer
        | ColumnType::BigInt
        | ColumnType::Double
        | ColumnType::Date
        | ColumnType::Timestamp
        | ColumnType::Blob
        | ColumnType::Clob => 0,
    }
}

fn item_meta(table: &Table, item: &Item) -> ItemMeta {
    let column_names = |columns: &[usize]| columns.iter().map(|c| table.columns[*c].name.clone()).collect();
    let (method, order, condition) = match (&table.partitioning, item.partition) {
        (Some(p), Some(id)) => {
            let order = p.partitions.iter().position(|p| p.id == id).unwrap_or_default();
            let values = p.partitions.get(order).map(|p| &p.values[..]).unwrap_or_default();
            let condition: Vec<_> = values.iter().map(ToString::to_string).collect();
            (method_number(p.method), i64::try_from(order).unwrap_or(0), condition.join(","))
        }
        _ => (100, 0, String::new()),
    };
    let unique = |kind| matches!(kind, IndexKind::UniqueConstraint | IndexKind::UniqueIndex);
    ItemMeta {
        local: item.local.clone(),
        remote: item.remote.clone(),
        single: i64::from(item.unit == Unit::Partition),
        method,
        order,
        condition,
        columns: table
            .columns
            .iter()
            .map(|c| ColumnMeta {
                name: c.name.clone(),
                data_type: c.column_type.catalog_id(),
                size: i64::from(c.column_type.size()),
                precision: i64::from(c.column_type.precision()),
                scale: i64::from(c.column_type.scale()),
                flags: FLAG_BASE | arguments(c.column_type) | if c.not_null { FLAG_NOT_NULL } else { 0 },
                required: c.not_null && c.default.is_null(),
            })
            .collect(),
        key: table.primary_key().map(|pk| column_names(&pk.columns)).unwrap_or_default(),
        unique: table
            .indexes
            .iter()
            .filter(|i| unique(i.kind))
            .map(|i| (i.name.clone(), column_names(&i.columns)))
            .collect(),
    }
}

/// PARTITION_METHOD as the catalog numbers it.
pub(super) fn method_number(method: PartitionMethod) -> i64 {
    match method {
        PartitionMethod::Range => 0,
        PartitionMethod::Hash => 1,
        PartitionMethod::List => 2,
    }
}

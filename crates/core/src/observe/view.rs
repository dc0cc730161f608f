//! How a pod as seen is read from a file: field by field. Serde's own reading of a tagged enum keeps all fields as values until it
//! has met the tag, which costs as much again as everything that the pod holds.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{BrokenBy, Client, Pod, PodView, Replication, RowCount, Server, Table, TableName, model::privilege};
use crate::{
    ledger,
    sql::Privilege,
    topology::{ReplicationName, Target, optional_sn},
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Tag {
    Seen,
    Absent,
    Broken,
}

/// The fields of every kind of view.
#[derive(Deserialize)]
pub(super) struct Written {
    view: Tag,
    privilege: Option<As>,
    server: Option<Server>,
    properties: Option<BTreeMap<String, String>>,
    replications: Option<BTreeMap<ReplicationName, Replication>>,
    tables: Option<BTreeMap<TableName, Table>>,
    #[serde(default)]
    rows: Vec<(Target, RowCount)>,
    #[serde(default)]
    clients: Vec<Client>,
    #[serde(default)]
    ledger: ledger::View,
    #[serde(default, with = "optional_sn")]
    log_end: Option<u64>,
    address: Option<String>,
    failure: Option<BrokenBy>,
    said: Option<String>,
}

#[derive(Deserialize)]
struct As(#[serde(with = "privilege")] Privilege);

impl TryFrom<Written> for PodView {
    type Error = String;

    fn try_from(w: Written) -> Result<Self, String> {
        let missing = |field: &'static str| move || format!("missing field `{field}`");
        Ok(match w.view {
            Tag::Seen => Self::Seen(Box::new(Pod {
                privilege: w.privilege.ok_or_else(missing("privilege"))?.0,
                server: w.server.ok_or_else(missing("server"))?,
                properties: w.properties.ok_or_else(missing("properties"))?,
                replications: w.replications.ok_or_else(missing("replications"))?,
                tables: w.tables.ok_or_else(missing("tables"))?,
                rows: w.rows,
                clients: w.clients,
                ledger: w.ledger,
                log_end: w.log_end,
            })),
            Tag::Absent => Self::Absent {
                address: w.address.ok_or_else(missing("address"))?,
                said: w.said.ok_or_else(missing("said"))?,
            },
            Tag::Broken => Self::Broken {
                address: w.address.ok_or_else(missing("address"))?,
                failure: w.failure.ok_or_else(missing("failure"))?,
                said: w.said.ok_or_else(missing("said"))?,
            },
        })
    }
}

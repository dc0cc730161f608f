//! How a pod as seen stands in a file. It is read field by field: serde's own reading of a tagged enum keeps all fields as values
//! until it has met the tag, which costs as much again as everything that the pod holds.
//!
//! What many objects of a pod replicate stands once, in `item_lists`, and an object names the list. What is as it mostly is (not given
//! up, LAZY, no option, nobody connected) may be left out. Files of 1.0 write all of it out and are read as well.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use foldhash::HashMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{
    BrokenBy, Client, Conflicts, GiveUp, Item, Items, Mode, Pod, PodView, Replication, RowCount, Sender, Sending,
    Server, Table, TableName, model::privilege,
};
use crate::{
    desired::ReplicationAddress,
    ledger,
    sql::Privilege,
    topology::{Position, ReplicationName, Target, optional_sn},
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
    #[serde(default)]
    item_lists: BTreeMap<ListId, Vec<WrittenItem<'static>>>,
    replications: Option<BTreeMap<ReplicationName, WrittenReplication<'static>>>,
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

/// Number of a list of items of a pod, from 1; written as `I1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
struct ListId(usize);

impl From<ListId> for String {
    fn from(id: ListId) -> Self {
        format!("I{}", id.0)
    }
}

impl TryFrom<Cow<'_, str>> for ListId {
    type Error = String;

    fn try_from(text: Cow<'_, str>) -> Result<Self, String> {
        let number = text.strip_prefix('I').and_then(|n| n.parse().ok());
        number.map(Self).ok_or_else(|| format!("\"{text}\" is no number of a list of items"))
    }
}

/// An item; one that is called alike there says it once.
#[derive(Serialize, Deserialize)]
struct WrittenItem<'a> {
    local: Cow<'a, Target>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote: Option<Cow<'a, Target>>,
}

impl<'a> From<&'a Item> for WrittenItem<'a> {
    fn from(item: &'a Item) -> Self {
        let remote = (item.remote != item.local).then_some(Cow::Borrowed(&item.remote));
        Self { local: Cow::Borrowed(&item.local), remote }
    }
}

impl From<WrittenItem<'_>> for Item {
    fn from(item: WrittenItem<'_>) -> Self {
        let local = item.local.into_owned();
        let remote = item.remote.map_or_else(|| local.clone(), Cow::into_owned);
        Self { local, remote }
    }
}

fn set(items: Vec<WrittenItem<'_>>) -> Items {
    items.into_iter().map(Item::from).collect()
}

#[derive(Serialize, Deserialize)]
struct WrittenReplication<'a> {
    #[serde(default, with = "optional_sn", skip_serializing_if = "Option::is_none")]
    applied: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    conflict_resolution: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gap: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gave_up: Option<Cow<'a, GiveUp>>,
    hosts: Cow<'a, [ReplicationAddress]>,
    is_started: bool,
    /// A list of the pod, where it is not written out below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item_list: Option<ListId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<Vec<WrittenItem<'a>>>,
    #[serde(default = "lazy", skip_serializing_if = "is_lazy")]
    mode: Mode,
    #[serde(default, skip_serializing_if = "is_zero")]
    options: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    parallel_applier: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applier_buffer: Option<i64>,
    position: Position,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receiver: Option<Conflicts>,
    #[serde(default, skip_serializing_if = "is_zero")]
    role: i64,
    sender: Sender,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sending: Option<Sending>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

fn lazy() -> Mode {
    Mode::Lazy
}

fn is_lazy(mode: &Mode) -> bool {
    *mode == Mode::Lazy
}

fn read(r: WrittenReplication<'_>, lists: &HashMap<ListId, Items>) -> Result<Replication, String> {
    let items = match (r.items, r.item_list) {
        (Some(items), None) => set(items),
        (None, Some(id)) => {
            lists.get(&id).cloned().ok_or_else(|| format!("there is no list of items {}", String::from(id)))?
        }
        (Some(_), Some(_)) | (None, None) => return Err("an object has items or names a list of them".to_owned()),
    };
    Ok(Replication {
        is_started: r.is_started,
        position: r.position,
        gave_up: r.gave_up.map(Cow::into_owned),
        mode: r.mode,
        role: r.role,
        options: r.options,
        conflict_resolution: r.conflict_resolution,
        parallel_applier: r.parallel_applier,
        applier_buffer: r.applier_buffer,
        hosts: r.hosts.into_owned(),
        items,
        sender: r.sender,
        receiver: r.receiver,
        gap: r.gap,
        sending: r.sending,
        applied: r.applied,
    })
}

impl TryFrom<Written> for PodView {
    type Error = String;

    fn try_from(w: Written) -> Result<Self, String> {
        let missing = |field: &'static str| move || format!("missing field `{field}`");
        Ok(match w.view {
            Tag::Seen => {
                let lists = w.item_lists.into_iter().map(|(id, items)| (id, set(items))).collect();
                let replications = w.replications.ok_or_else(missing("replications"))?;
                let replications = replications.into_iter().map(|(name, r)| Ok((name, read(r, &lists)?)));
                Self::Seen(Box::new(Pod {
                    privilege: w.privilege.ok_or_else(missing("privilege"))?.0,
                    server: w.server.ok_or_else(missing("server"))?,
                    properties: w.properties.ok_or_else(missing("properties"))?,
                    replications: replications.collect::<Result<_, String>>()?,
                    tables: w.tables.ok_or_else(missing("tables"))?,
                    rows: w.rows,
                    clients: w.clients,
                    ledger: w.ledger,
                    log_end: w.log_end,
                }))
            }
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

#[derive(Serialize)]
struct SeenPod<'a> {
    #[serde(skip_serializing_if = "<[Client]>::is_empty")]
    clients: &'a [Client],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    item_lists: BTreeMap<ListId, Vec<WrittenItem<'a>>>,
    #[serde(skip_serializing_if = "ledger::View::is_not_read")]
    ledger: &'a ledger::View,
    #[serde(with = "optional_sn", skip_serializing_if = "Option::is_none")]
    log_end: Option<u64>,
    #[serde(with = "privilege")]
    privilege: Privilege,
    properties: &'a BTreeMap<String, String>,
    replications: BTreeMap<&'a ReplicationName, WrittenReplication<'a>>,
    #[serde(skip_serializing_if = "<[(Target, RowCount)]>::is_empty")]
    rows: &'a [(Target, RowCount)],
    server: &'a Server,
    tables: &'a BTreeMap<TableName, Table>,
}

/// Sets that more than one object of a pod holds.
#[derive(Default)]
struct Lists<'a> {
    /// By identity, so that a set that is shared is looked at once.
    known: HashMap<usize, usize>,
    by_items: BTreeMap<&'a BTreeSet<Item>, usize>,
    all: Vec<(&'a Items, usize)>,
}

impl<'a> Lists<'a> {
    fn of(pod: &'a Pod) -> Self {
        let mut lists = Self::default();
        for r in pod.replications.values() {
            let (by_items, all) = (&mut lists.by_items, &mut lists.all);
            let at = *lists.known.entry(r.items.identity()).or_insert_with(|| {
                *by_items.entry(&r.items).or_insert_with(|| {
                    all.push((&r.items, 0));
                    all.len() - 1
                })
            });
            lists.all[at].1 += 1;
        }
        lists
    }

    fn id(&self, items: &Items) -> Option<ListId> {
        let at = *self.known.get(&items.identity())?;
        (self.all[at].1 > 1).then_some(ListId(at + 1))
    }
}

impl Serialize for Pod {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lists = Lists::of(self);
        let replication = |(name, r)| -> (&ReplicationName, WrittenReplication<'_>) {
            let r: &Replication = r;
            let item_list = lists.id(&r.items);
            let items = item_list.is_none().then(|| r.items.iter().map(WrittenItem::from).collect());
            let written = WrittenReplication {
                applied: r.applied,
                conflict_resolution: r.conflict_resolution,
                gap: r.gap,
                gave_up: r.gave_up.as_ref().map(Cow::Borrowed),
                hosts: Cow::Borrowed(&r.hosts),
                is_started: r.is_started,
                item_list,
                items,
                mode: r.mode,
                options: r.options,
                parallel_applier: r.parallel_applier,
                applier_buffer: r.applier_buffer,
                position: r.position,
                receiver: r.receiver,
                role: r.role,
                sender: r.sender,
                sending: r.sending,
            };
            (name, written)
        };
        let many = lists.all.iter().filter_map(|(items, _)| Some((lists.id(items)?, *items)));
        SeenPod {
            clients: &self.clients,
            item_lists: many.map(|(id, items)| (id, items.iter().map(WrittenItem::from).collect())).collect(),
            ledger: &self.ledger,
            log_end: self.log_end,
            privilege: self.privilege,
            properties: &self.properties,
            replications: self.replications.iter().map(replication).collect(),
            rows: &self.rows,
            server: &self.server,
            tables: &self.tables,
        }
        .serialize(serializer)
    }
}

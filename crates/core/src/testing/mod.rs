//! Worlds in a few words, for the planner's tests.

#![allow(clippy::unwrap_used, clippy::return_self_not_must_use)] // Helpers of tests are tests.

pub mod plans;

use std::collections::BTreeMap;

use crate::{
    attributes::{Attributes, GroupMode, GroupOption, Role},
    conf::{Compare, GroupId, MemberDown, Switch},
    desired::{Desired, Goal, Group, Object, ReplicationAddress},
    ledger::{ClusterId, Ledger, Peer, Standing, View},
    observe::{
        BrokenBy, CharacterSets, GiveUp, Item, MarkerView, Mode, Observed, Pod, PodView, Replication, Sender, Server,
        Table, TableName,
    },
    sql::Privilege,
    topology::{Identifier, Ordinal, Pair, Position, ReplicationName, ServerCount, Target},
};

pub fn ord(n: u8) -> Ordinal {
    Ordinal::new(n).unwrap()
}

pub fn target(table: &str) -> Target {
    Target { user: Identifier::exact("SYS").unwrap(), table: Identifier::exact(table).unwrap(), partition: None }
}

/// DB_SIGNATURE of a database that was created in that second, hexadecimal.
pub fn signature(pod: u8, second: &str) -> String {
    format!("BA35EC82171{pod}-{second}:000E578D-7257D71A")
}

pub fn desired(goal: Goal, pods: u8, groups: u8) -> Desired {
    let count = ServerCount::new(pods).unwrap();
    let address = |p: Ordinal| ReplicationAddress { host: format!("10.0.0.{p}"), port: 20301 };
    let prefix = |g: u8| if groups == 1 { "AKU_REP".to_owned() } else { format!("AKU_REP{}", g + 1) };
    let mut objects = Vec::new();
    for low in count.ordinals() {
        for (_, pair) in Pair::of(low, count).filter(|(_, p)| p.low() == low) {
            for g in 0..groups {
                let name = ReplicationName::exact(format!("{}_{}{}", prefix(g), pair.low(), pair.high())).unwrap();
                objects.push(Object { name, group: GroupId(g), pair });
            }
        }
    }
    let group = |g: u8| Group {
        prefix: prefix(g),
        targets: vec![target(&format!("T{}", 2 * g + 1)), target(&format!("T{}", 2 * g + 2))],
        sync_parallel: 1,
        attributes: Attributes::default(),
    };
    Desired {
        goal,
        statefulset: "altibase-sts".to_owned(),
        service: "altibase-svc".to_owned(),
        pods: count.ordinals().map(|p| (p, address(p))).collect(),
        groups: (0..groups).map(|g| (GroupId(g), group(g))).collect(),
        objects,
        renames: BTreeMap::new(),
        flush_at_start: Switch::On,
        flush_timeout_at_start: 300,
        delay_start_complete_s: 0,
        // Tests of the comparison ask for it.
        compare_at_start: Compare::Off,
        ledger: Switch::On,
        flush_at_end: Switch::On,
        reset_at_end: Switch::On,
        member_down: MemberDown::Ask,
    }
}

/// A world under construction; every pod starts absent.
pub struct Worlds {
    pub desired: Desired,
    pub observed: Observed,
}

/// What a server says of its character sets.
pub fn characters(database: &str, national: &str) -> Option<CharacterSets> {
    Some(CharacterSets { database: database.to_owned(), national: national.to_owned() })
}

impl Worlds {
    pub fn new(desired: Desired) -> Self {
        let absent = |p: &Ordinal| PodView::Absent { address: format!("10.0.0.{p}:20300"), said: "refused".to_owned() };
        let pods = desired.pods.keys().map(|p| (*p, absent(p))).collect();
        Self { desired, observed: Observed::new(pods, MarkerView::Missing) }
    }

    /// Every group asks for this.
    pub fn attributes(mut self, attributes: &Attributes) -> Self {
        for group in self.desired.groups.values_mut() {
            group.attributes = attributes.clone();
        }
        self
    }

    /// A pod that answers, with all tables and no objects.
    pub fn up(mut self, pod: u8, admin: i64) -> Self {
        let table =
            Table { is_table: true, primary_key: true, layout: Some("5f3a90c1".to_owned()), ..Table::default() };
        let properties = [
            ("ADMIN_MODE", admin),
            ("REPLICATION_PORT_NO", 20301),
            ("REPLICATION_MAX_COUNT", 32),
            ("REPLICATION_ALLOW_DUPLICATE_HOSTS", 1),
            ("REPLICATION_DDL_ENABLE", 0),
            ("REPLICATION_SYNC_LOCK_TIMEOUT", 30),
        ];
        let seen = Pod {
            privilege: if admin == 1 { Privilege::Sysdba } else { Privilege::Normal },
            server: Server {
                version: Some("7.3.0.1.2".to_owned()),
                database: Some("mydb".to_owned()),
                characters: characters("UTF8", "UTF16"),
                time_zone: Some("+00:00".to_owned()),
                ..Server::default()
            },
            properties: properties.iter().map(|(n, v)| ((*n).to_owned(), v.to_string())).collect(),
            replications: BTreeMap::new(),
            tables: self.desired.targets().map(|t| (TableName::of(t), table.clone())).collect(),
            rows: Vec::new(),
            clients: Vec::new(),
            ledger: View::NotRead,
            log_end: None,
        };
        self.observed.pods.insert(ord(pod), PodView::Seen(Box::new(seen)));
        self
    }

    pub fn broken(mut self, pod: u8) -> Self {
        let view = PodView::Broken {
            address: "x".to_owned(),
            failure: BrokenBy::LoginRefused,
            said: "Invalid password".to_owned(),
        };
        self.observed.pods.insert(ord(pod), view);
        self
    }

    pub fn pod_mut(&mut self, pod: u8) -> &mut Pod {
        match self.observed.pods.get_mut(&ord(pod)) {
            Some(PodView::Seen(p)) => p,
            _ => panic!("pod {pod} is not up in this test"),
        }
    }

    pub fn set(mut self, pod: u8, property: &str, value: i64) -> Self {
        self.pod_mut(pod).properties.insert(property.to_owned(), value.to_string());
        self
    }

    pub fn rows(mut self, pod: u8, n: u64) -> Self {
        let targets: Vec<_> = self.desired.targets().cloned().collect();
        self.pod_mut(pod).rows = targets.into_iter().map(|t| (t, n.into())).collect();
        self
    }

    pub fn edit(mut self, pod: u8, peer: u8, f: impl Fn(&mut Replication)) -> Self {
        let names: Vec<_> = self.desired.objects_between(ord(pod), ord(peer)).map(|o| o.name.clone()).collect();
        for name in names {
            f(self.pod_mut(pod).replications.get_mut(&name).unwrap());
        }
        self
    }

    /// Puts objects on `pod` towards `peer`: `R` reset, `L` live and running, `l` live and stopped, `T` live and trying,
    /// `G` gave up, `-` none.
    pub fn side(mut self, pod: u8, peer: u8, state: char) -> Self {
        let objects: Vec<_> = self.desired.objects_between(ord(pod), ord(peer)).cloned().collect();
        for object in objects {
            let targets = &self.desired.groups[&object.group].targets;
            let items = targets.iter().map(|t| Item { local: t.clone(), remote: t.clone() }).collect();
            let shape = self.desired.shape(ord(pod), &object);
            let appliers = |o: &GroupOption| match o {
                GroupOption::Parallel { appliers, .. } => i64::from(appliers.get()),
                GroupOption::Recovery | GroupOption::Gapless | GroupOption::Grouping => 0,
            };
            let (position, sender, is_started) = match state {
                'R' => (Position::Reset, Sender::None, false),
                'L' => (Position::Live(500), Sender::Running, true),
                'l' | 'G' => (Position::Live(500), Sender::None, false),
                'T' => (Position::Live(500), Sender::Trying, true),
                _ => continue,
            };
            let replication = Replication {
                is_started,
                position,
                gave_up: (state == 'G').then(|| GiveUp { at: "21-NOV-2026".to_owned(), xsn: Some(7) }),
                mode: match shape.mode {
                    GroupMode::Lazy => Mode::Lazy,
                    GroupMode::Eager => Mode::Eager,
                },
                role: 0,
                options: shape.mask(),
                conflict_resolution: Role::number(shape.role),
                parallel_applier: shape.options.iter().map(appliers).sum(),
                applier_buffer: None,
                hosts: vec![self.desired.pods[&ord(peer)].clone()],
                items,
                sender,
                receiver: None,
                gap: None,
                sending: None,
                applied: None,
            };
            self.pod_mut(pod).replications.insert(object.name, replication);
        }
        self
    }

    /// An object of that name on `pod` towards `peer`, with these tables; the letter as in [`Self::side`].
    pub fn held(mut self, pod: u8, name: &str, peer: u8, state: char, tables: &[&str]) -> Self {
        let like = self.desired.objects_between(ord(pod), ord(peer)).next().cloned().unwrap();
        let spare = Self::new(self.desired.clone()).up(pod, 0).side(pod, peer, state);
        let mut found = spare.observed.replication(ord(pod), &like.name).unwrap().clone();
        found.items = tables.iter().map(|t| Item { local: target(t), remote: target(t) }).collect();
        self.pod_mut(pod).replications.insert(ReplicationName::exact(name).unwrap(), found);
        self
    }

    /// Both sides of a pair at once, e.g. `LL`.
    pub fn pair(self, a: u8, b: u8, states: &str) -> Self {
        let mut states = states.chars();
        let first = states.next().unwrap();
        self.side(a, b, first).side(b, a, states.next().unwrap())
    }

    /// Every pod that was seen has a ledger of cluster A, incarnation 2, run 7, and remembers nobody.
    pub fn ledgers(mut self) -> Self {
        self.desired.ledger = Switch::On;
        let seen = |p: &&Ordinal| self.observed.pod(**p).is_some();
        let pods: Vec<u8> = self.desired.pods.keys().filter(seen).map(|p| p.get()).collect();
        for p in pods {
            let pod = self.pod_mut(p);
            let signature = pod.server.signature.get_or_insert_with(|| signature(p, "6B00DD1A")).clone();
            pod.ledger = View::Held(Box::new(Ledger {
                cluster: ClusterId::founded_on("A"),
                pod: ord(p),
                signature,
                incarnation: 2,
                run: 7,
                standing: Standing::Running,
                copied: None,
                peers: BTreeMap::new(),
            }));
        }
        self
    }

    /// What the ledger of `pod` says of `peer`, running, with the database that [`Self::ledgers`] gives it.
    pub fn remembers(self, pod: u8, peer: u8, incarnation: u64) -> Self {
        let signature = signature(peer, "6B00DD1A");
        let known = Peer { signature, incarnation, standing: Standing::Running, log_end: Some(900), applied: None };
        self.edit_ledger(pod, |l| drop(l.peers.insert(ord(peer), known)))
    }

    pub fn edit_ledger(mut self, pod: u8, f: impl FnOnce(&mut Ledger)) -> Self {
        match &mut self.pod_mut(pod).ledger {
            View::Held(ledger) => f(ledger),
            other => panic!("pod {pod} has no ledger: {other:?}"),
        }
        self
    }

    pub fn marker(mut self, marker: MarkerView) -> Self {
        self.observed.marker = marker;
        self
    }
}

//! What differs now. Every pair is looked at from both sides, and only what was seen is counted as looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::{Item, Kind};
use crate::{
    desired::{Desired, Object},
    observe::{Observed, Pod, PodView, Sender, Side},
    plan::facts::Facts,
    topology::{Ordinal, ReplicationName},
};

/// What was found, and how much was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// By pod, then kind.
    pub items: Vec<Item>,
    /// Pods and sides of pairs that could be looked at.
    pub checked: usize,
    /// Pods and sides of pairs that there are. A pod that was never created is looked at by its absence.
    pub total: usize,
    /// Things that are right among those that were looked at.
    pub right: usize,
}

/// Looks.
#[must_use]
pub fn find(desired: &Desired, observed: &Observed) -> Found {
    let look = Look { desired, observed };
    let mut items: Vec<Item> = desired.pods.keys().flat_map(|pod| look.pod(*pod)).collect();
    for object in &desired.objects {
        let (low, high) = (object.pair.low(), object.pair.high());
        items.extend(look.side(object, low, high));
        items.extend(look.side(object, high, low));
        items.extend(look.pair(object));
    }
    items.extend(look.tables());
    items.sort_by(|a, b| (a.pod, a.kind, &a.id).cmp(&(b.pod, b.kind, &b.id)));
    items.dedup_by(|a, b| a.id == b.id);
    let broken = |pod: &Ordinal| matches!(observed.pods.get(pod), Some(PodView::Broken { .. }) | None);
    let hidden: usize = desired.pods.keys().filter(|p| broken(p)).map(|p| 1 + desired.objects_of(*p).count()).sum();
    let total = desired.pods.len() + 2 * desired.objects.len();
    let wrong: BTreeSet<(Ordinal, Option<&ReplicationName>)> =
        items.iter().filter(|i| i.kind != Kind::CannotTell).map(|i| (i.pod, i.object.as_ref())).collect();
    let checked = total - hidden;
    Found { checked, total, right: checked.saturating_sub(wrong.len()), items }
}

struct Look<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
}

impl Look<'_> {
    fn seen(&self, pod: Ordinal) -> Option<&Pod> {
        self.observed.pod(pod)
    }

    fn open(&self, pod: Ordinal) -> bool {
        self.seen(pod).is_some_and(|p| !p.admin_mode())
    }

    fn absent(&self, pod: Ordinal) -> bool {
        matches!(self.observed.pods.get(&pod), Some(PodView::Absent { .. }))
    }

    fn sender(&self, pod: Ordinal, object: &Object) -> Sender {
        self.observed.replication(pod, &object.name).map_or(Sender::None, |r| r.sender)
    }

    /// A pod by itself.
    fn pod(&self, pod: Ordinal) -> Vec<Item> {
        match self.observed.pods.get(&pod) {
            Some(PodView::Seen(seen)) => self.of_seen(pod, seen),
            Some(PodView::Absent { address, .. }) => self.down(pod, address).into_iter().collect(),
            Some(PodView::Broken { address, said, .. }) => {
                let said = said.lines().next().unwrap_or_default();
                vec![Item::new(pod, Kind::CannotTell, "", format!("pod {pod} ({address}) cannot be looked at: {said}"))]
            }
            None => vec![Item::new(pod, Kind::CannotTell, "", format!("pod {pod} was not looked at"))],
        }
    }

    /// Not there, while others in service keep log for it.
    fn down(&self, pod: Ordinal, address: &str) -> Option<Item> {
        let keepers: BTreeSet<Ordinal> = self
            .desired
            .objects_of(pod)
            .filter(|(k, o)| matches!(self.observed.side(*k, &o.name), Side::Live(_)))
            .map(|(k, _)| k)
            .collect();
        let since = self.desired.objects_of(pod).filter_map(|(k, o)| match self.observed.side(k, &o.name) {
            Side::Live(sn) => Some(format!("pod {k} from SN {sn}")),
            Side::Missing | Side::Reset | Side::GaveUp | Side::Unknown => None,
        });
        if keepers.is_empty() {
            return None;
        }
        let since: Vec<String> = since.collect();
        let text = format!("pod {pod} does not answer at {address}, and log is kept for it: {}", since.join(", "));
        Some(Item::new(pod, Kind::MemberDown, "", text))
    }

    fn of_seen(&self, pod: Ordinal, seen: &Pod) -> Vec<Item> {
        let mut items = Vec::new();
        let copying = |from: Ordinal, o: &Object| self.sender(from, o) == Sender::Syncing;
        let under_way = self.desired.objects_of(pod).any(|(k, o)| copying(pod, o) || copying(k, o));
        let source = self.desired.objects_of(pod).find(|(k, o)| copying(*k, o)).map(|(k, _)| k);
        if let Some(source) = source {
            let text = format!("pod {pod} is being copied from pod {source}");
            items.push(Item::new(pod, Kind::UnderWay, "", text));
        } else if seen.admin_mode() {
            let text =
                format!("pod {pod} answers and admits no users (ADMIN_MODE 1): it was not started, or has ended");
            items.push(Item::new(pod, Kind::Closed, "", text));
        }
        let left = |name: &str, usual: i64| {
            let now = seen.property(name)?;
            let text = format!("{name} is {now} on pod {pod}, perhaps left by a run that was killed; usually {usual}");
            (now != usual).then(|| Item::new(pod, Kind::SettingLeft, name, text))
        };
        if !under_way {
            items.extend(left("REPLICATION_DDL_ENABLE", 0));
            items.extend(left("REPLICATION_SYNC_LOCK_TIMEOUT", 30).filter(|_| {
                // Only what a run sets: another value is the site's own choice.
                seen.property("REPLICATION_SYNC_LOCK_TIMEOUT") == Some(0)
            }));
        }
        items
    }

    /// What `pod` holds towards `peer`.
    fn side(&self, object: &Object, pod: Ordinal, peer: Ordinal) -> Vec<Item> {
        let name = &object.name;
        let word = name.to_string();
        let mut items = Vec::new();
        let mine = self.observed.side(pod, name);
        let theirs = self.observed.side(peer, name);
        if mine == Side::Missing && self.open(pod) {
            let text = format!("{name} does not exist on pod {pod}");
            items.push(Item::new(pod, Kind::ObjectMissing, &word, text).of(name));
        }
        if mine == Side::GaveUp {
            let text =
                format!("{name}: pod {pod} gave up log that pod {peer} did not have yet; it must be copied anew");
            items.push(Item::new(pod, Kind::GaveUp, &word, text).of(name));
        }
        if let Side::Live(sn) = mine
            && self.seen(peer).is_some()
            && !self.open(peer)
            && matches!(theirs, Side::Missing | Side::Reset)
            && self.sender(pod, object) != Sender::Syncing
        {
            let text = format!("{name}: pod {pod} keeps its log from SN {sn} for pod {peer}, which is not joined");
            items.push(Item::new(pod, Kind::LogKept, &word, text).of(name));
        }
        items
    }

    /// Two pods that both admit users.
    fn pair(&self, object: &Object) -> Vec<Item> {
        let (low, high) = (object.pair.low(), object.pair.high());
        if !(self.open(low) && self.open(high)) {
            return Vec::new();
        }
        let name = &object.name;
        let word = name.to_string();
        let of = |pod, kind, text: String| Item::new(pod, kind, &word, text).of(name);
        let held = |pod| self.observed.side(pod, name);
        match (held(low), held(high)) {
            (Side::Live(_), Side::Live(_)) => [(low, high), (high, low)]
                .into_iter()
                .filter_map(|(pod, peer)| match self.sender(pod, object) {
                    Sender::None => Some(of(
                        pod,
                        Kind::Stopped,
                        format!("{name}: pod {pod} does not send to pod {peer}; log is kept from its position on"),
                    )),
                    Sender::Trying => Some(of(
                        pod,
                        Kind::Trying,
                        format!("{name}: the sender of pod {pod} does not reach pod {peer}"),
                    )),
                    Sender::Running | Sender::Syncing => None,
                })
                .collect(),
            (Side::Missing | Side::Reset, Side::Missing | Side::Reset) => vec![of(
                high,
                Kind::NotConnected,
                format!("{name}: pods {low} and {high} both admit users and do not replicate with each other"),
            )],
            (Side::Live(_), Side::Missing | Side::Reset) => {
                vec![of(high, Kind::SidesDisagree, disagree(name, low, high))]
            }
            (Side::Missing | Side::Reset, Side::Live(_)) => {
                vec![of(low, Kind::SidesDisagree, disagree(name, high, low))]
            }
            // Told by the side that gave up; an unseen pod is not open.
            (Side::GaveUp | Side::Unknown, _) | (_, Side::GaveUp | Side::Unknown) => Vec::new(),
        }
    }

    /// What the facts of the whole cluster tell: definitions, tables, foreign objects.
    fn tables(&self) -> Vec<Item> {
        let facts = Facts::of_cluster(self.desired, self.observed);
        let mut items = Vec::new();
        let names: BTreeMap<String, &ReplicationName> =
            self.desired.objects.iter().map(|o| (o.name.to_string(), &o.name)).collect();
        let mut shapes: BTreeMap<&str, BTreeMap<&str, Vec<Ordinal>>> = BTreeMap::new();
        for f in &facts.all {
            if self.absent(f.pod) || f.value == "not seen" {
                continue;
            }
            if let Some(name) = f.key.strip_prefix("replication/").and_then(|k| k.strip_suffix("/definition")) {
                if let (Some(object), true) = (names.get(name), f.value.starts_with("differs")) {
                    let text = format!("{name} on pod {} is not what aku.conf says; `aku plan` shows how", f.pod);
                    items.push(Item::new(f.pod, Kind::Differs, name, text).of(object));
                }
            } else if f.key == "replication/foreign" && f.value != "none" {
                let text = format!("{} on pod {} replicates a table of aku.conf and is not in it", f.value, f.pod);
                items.push(Item::new(f.pod, Kind::Foreign, &f.value, text));
            } else if let Some(group) = f.key.strip_prefix("tables/group-") {
                let (fit, flaws) = f.value.split_once(": ").unwrap_or((&f.value, ""));
                for flaw in flaws.split(", ").filter(|flaw| !flaw.is_empty()) {
                    let text = format!("pod {}: table {flaw}", f.pod);
                    items.push(Item::new(f.pod, Kind::Table, flaw, text));
                }
                let shape = fit.split_once("shape ").map_or("", |(_, shape)| shape);
                if flaws.is_empty() {
                    shapes.entry(group).or_default().entry(shape).or_default().push(f.pod);
                }
            }
        }
        for (group, shapes) in shapes.iter().filter(|(_, s)| s.len() > 1) {
            // The pods of the smallest camp are the odd ones; pod 0 never is, because rows are copied from it.
            let odd = shapes.values().filter(|pods| !pods.contains(&Ordinal::MASTER)).min_by_key(|pods| pods.len());
            for pod in odd.into_iter().flatten() {
                let text = format!(
                    "the tables of group {group} on pod {pod} are not like those of other pods; see `aku check`"
                );
                items.push(Item::new(*pod, Kind::Shape, group, text));
            }
        }
        items
    }
}

fn disagree(name: &ReplicationName, live: Ordinal, other: Ordinal) -> String {
    format!("{name}: pod {live} kept its place in the log and pod {other} did not; pod {other} must be copied anew")
}

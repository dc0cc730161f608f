//! What each rule looks for. They read the words of [`facts`](crate::facts), so that a saved plan can be judged
//! anywhere, without its pods.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aku_core::{
    plan::{ActionId, Before, Decision, Effect, Op, Plan, RowRepair},
    topology::Ordinal,
};

use super::{Policy, Review, Rule, Subject, Use};
use crate::{build, facts::Fact, risk::Risk};

/// Rows a second that no copy is faster than, for estimates.
const OPTIMISTIC_ROWS_A_SECOND: u64 = 100_000;

/// A sentence and the actions it is about.
type Found = Vec<(String, Vec<ActionId>)>;

pub(super) fn find(rule: Rule, policy: &Policy, subject: Subject<'_>, how: Use) -> Found {
    let seen = Seen(&subject.facts.all);
    let of_plan = |f: &dyn Fn(&Plan) -> Found| subject.plan.map(f).unwrap_or_default();
    match rule {
        Rule::PartialView => seen.partial(),
        Rule::VersionSkew => seen.versions(),
        Rule::Truncate => of_plan(&truncates),
        Rule::ConfDiffers => seen.definitions(),
        Rule::NoPrimaryKey => seen.primary_keys(),
        Rule::ShapeDiffers => seen.shapes(),
        Rule::LogPinned => seen.pinned(),
        Rule::DeadlineTooShort => of_plan(&|p| too_short(p, how.deadline)),
        Rule::Unreviewed => of_plan(&|p| unreviewed(p, how.review)),
        Rule::Foreign => seen.foreign(),
        Rule::SidesDisagree => seen.sides(),
        Rule::Protected => of_plan(&|p| protected(p, &policy.protect)),
        Rule::TooManyRows => of_plan(&|p| too_many(p, policy.max_rows_deleted)),
    }
}

struct Seen<'a>(&'a [Fact]);

impl Seen<'_> {
    fn with(&self, key: &str) -> impl Iterator<Item = (Ordinal, &str)> {
        self.0.iter().filter(move |f| f.key == key).map(|f| (f.pod, f.value.as_str()))
    }

    fn partial(&self) -> Found {
        self.with("pod/view")
            .filter(|(_, v)| *v == "broken")
            .map(|(pod, _)| (format!("pod {pod} cannot be looked at, so the view is incomplete"), Vec::new()))
            .collect()
    }

    fn versions(&self) -> Found {
        let known = self.with("server/version").filter(|(_, v)| !matches!(*v, "none" | "not seen"));
        let mut pods: BTreeMap<&str, Vec<Ordinal>> = BTreeMap::new();
        for (pod, version) in known {
            pods.entry(version).or_default().push(pod);
        }
        if pods.len() < 2 {
            return Vec::new();
        }
        let each: Vec<String> = pods.iter().map(|(v, pods)| format!("{v} on {}", build::pods(pods))).collect();
        vec![(format!("the servers are of different releases: {}", each.join(", ")), Vec::new())]
    }

    fn definitions(&self) -> Found {
        let differs = |f: &&Fact| f.key.ends_with("/definition") && f.value.starts_with("differs");
        self.0
            .iter()
            .filter(differs)
            .map(|f| {
                let text = format!("{} on pod {} is not what aku.conf says here", object(&f.key), f.pod);
                (text, Vec::new())
            })
            .collect()
    }

    fn tables(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter().filter(|f| f.key.starts_with("tables/") && f.value != "not seen")
    }

    fn primary_keys(&self) -> Found {
        self.tables()
            .flat_map(|f| {
                let flaws = f.value.split_once(": ").map_or("", |(_, flaws)| flaws).split(", ");
                flaws.filter_map(|flaw| flaw.strip_suffix(" no primary key")).map(|table| {
                    (format!("{table} has no primary key on pod {}, so it cannot be replicated", f.pod), Vec::new())
                })
            })
            .collect()
    }

    fn shapes(&self) -> Found {
        let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<Ordinal>>> = BTreeMap::new();
        for f in self.tables() {
            let shape = f.value.split_once("shape ").map_or("", |(_, rest)| rest.split(':').next().unwrap_or(""));
            groups.entry(&f.key).or_default().entry(shape).or_default().push(f.pod);
        }
        let differ = groups.iter().filter(|(_, shapes)| shapes.len() > 1);
        differ
            .map(|(group, shapes)| {
                let mut alike: Vec<String> = shapes.values().map(build::pods).collect();
                alike.sort();
                let group = group.strip_prefix("tables/group-").unwrap_or(group);
                (format!("the tables of group {group} differ between {}", alike.join(" and ")), Vec::new())
            })
            .collect()
    }

    fn foreign(&self) -> Found {
        self.with("replication/foreign")
            .filter(|(_, v)| !matches!(*v, "none" | "not seen"))
            .map(|(pod, names)| {
                let is = if names.contains(", ") {
                    "replicate tables of aku.conf and are"
                } else {
                    "replicates a table of aku.conf and is"
                };
                (format!("{names} on pod {pod} {is} not in it"), Vec::new())
            })
            .collect()
    }

    /// Both sides of every pair whose sides are known.
    fn pairs(&self) -> impl Iterator<Item = (&str, [(Ordinal, &str); 2])> {
        let mut pairs: BTreeMap<&str, Vec<(Ordinal, &str)>> = BTreeMap::new();
        for f in self.0.iter().filter(|f| f.key.ends_with("/side")) {
            pairs.entry(&f.key).or_default().push((f.pod, &f.value));
        }
        pairs.into_iter().filter_map(|(key, sides)| Some((key, sides.try_into().ok()?)))
    }

    fn pinned(&self) -> Found {
        let absent: BTreeSet<Ordinal> = self.with("pod/view").filter(|(_, v)| *v == "absent").map(|(p, _)| p).collect();
        let mut kept: BTreeMap<(Ordinal, Ordinal), usize> = BTreeMap::new();
        for (_, [a, b]) in self.pairs() {
            for (mine, theirs) in [(a, b), (b, a)] {
                if mine.1 == "live" && absent.contains(&theirs.0) {
                    *kept.entry((mine.0, theirs.0)).or_default() += 1;
                }
            }
        }
        kept.keys()
            .map(|(on, of)| (format!("pod {on} keeps its log for pod {of}, which is not there"), Vec::new()))
            .collect()
    }

    fn sides(&self) -> Found {
        let disagree = |a: &str, b: &str| a == "live" && matches!(b, "reset" | "missing" | "gave up");
        self.pairs()
            .filter(|(_, [a, b])| disagree(a.1, b.1) || disagree(b.1, a.1))
            .map(|(key, [a, b])| {
                let text = format!("{}: {} on pod {}, {} on pod {}", object(key), a.1, a.0, b.1, b.0);
                (text, Vec::new())
            })
            .collect()
    }
}

/// `replication/AKU_REP_02/side` is about `AKU_REP_02`.
fn object(key: &str) -> &str {
    let rest = key.strip_prefix("replication/").unwrap_or(key);
    rest.rsplit_once('/').map_or(rest, |(name, _)| name)
}

fn truncating(plan: &Plan) -> impl Iterator<Item = (ActionId, &aku_core::topology::Target)> {
    plan.actions.iter().filter_map(|a| match &a.op {
        Op::Truncate { target, .. } => Some((a.id, target)),
        _ => None,
    })
}

fn deleting(plan: &Plan) -> impl Iterator<Item = (ActionId, &RowRepair)> {
    plan.actions.iter().filter_map(|a| match &a.op {
        Op::DeleteRows(rows) => Some((a.id, &**rows)),
        _ => None,
    })
}

fn truncates(plan: &Plan) -> Found {
    let actions: Vec<ActionId> = truncating(plan).map(|(id, _)| id).collect();
    if actions.is_empty() {
        return Vec::new();
    }
    let copy = match &plan.decision {
        Decision::Full { source, .. } => format!("; pod {source} holds the surviving copy"),
        Decision::None { .. } | Decision::CatchUp { .. } | Decision::Repair { .. } | Decision::Logs { .. } => {
            String::new()
        }
    };
    let s = if actions.len() == 1 { " is" } else { "s are" };
    vec![(format!("{} target{s} emptied{copy}", actions.len()), actions)]
}

fn protected(plan: &Plan, protect: &[String]) -> Found {
    let is_protected =
        |t: &aku_core::topology::Target| protect.iter().any(|p| *p == t.table_sql() || *p == t.to_string());
    truncating(plan)
        .filter(|(_, t)| is_protected(t))
        .map(|(id, t)| (format!("{t} is protected and would be emptied"), vec![id]))
        .chain(
            deleting(plan)
                .filter(|(_, rows)| is_protected(&rows.target))
                .map(|(id, rows)| (format!("{} is protected and would lose rows", rows.target), vec![id])),
        )
        .collect()
}

fn too_many(plan: &Plan, most: Option<u64>) -> Found {
    let Some(most) = most else { return Vec::new() };
    let actions: Vec<ActionId> = truncating(plan).map(|(id, _)| id).chain(deleting(plan).map(|(id, _)| id)).collect();
    let rows = match &plan.decision {
        Decision::Full { rows, .. } => rows.as_slice(),
        Decision::Repair { .. } => &[],
        Decision::None { .. } | Decision::CatchUp { .. } | Decision::Logs { .. } => return Vec::new(),
    };
    if rows.iter().any(|r| r.joiner.exact().is_none()) {
        return vec![(format!("rows that would be deleted were not counted; at most {most} may be"), actions)];
    }
    let deleted = Risk::of(plan).rows_deleted;
    if deleted.parse::<u64>().is_ok_and(|n| n <= most) {
        return Vec::new();
    }
    vec![(format!("{deleted} rows would be deleted; at most {most} may be"), actions)]
}

fn unreviewed(plan: &Plan, review: Review) -> Found {
    let destroys = |e| matches!(e, Effect::DeletesRows | Effect::RemovesDefinition);
    let actions: Vec<ActionId> = plan.actions.iter().filter(|a| destroys(a.op.effect())).map(|a| a.id).collect();
    match review {
        Review::Impossible if !actions.is_empty() => {
            vec![("a pipeline is about to apply a destructive plan that nobody reviewed".to_owned(), actions)]
        }
        Review::Impossible | Review::Possible => Vec::new(),
    }
}

fn too_short(plan: &Plan, deadline: Option<Duration>) -> Found {
    let Some(deadline) = deadline else { return Vec::new() };
    let estimate = estimate(plan);
    if estimate <= deadline {
        return Vec::new();
    }
    let text = format!(
        "the plan takes {} s at best, and the deadline is {} s",
        estimate.as_secs_f64().ceil(),
        deadline.as_secs_f64()
    );
    vec![(text, Vec::new())]
}

/// What the plan takes at the very least: delays and rows copied, along the longest chain.
#[must_use]
pub fn estimate(plan: &Plan) -> Duration {
    let mut ends: BTreeMap<ActionId, Duration> = BTreeMap::new();
    let mut reached: BTreeMap<usize, Duration> = BTreeMap::new();
    for a in &plan.actions {
        let own = match &a.op {
            Op::Delay { seconds } => Duration::from_secs(*seconds),
            Op::Sync { rows: Some(rows), .. } => {
                Duration::from_millis(rows.saturating_mul(1000) / OPTIMISTIC_ROWS_A_SECOND)
            }
            _ => Duration::ZERO,
        };
        let last = |ids: &[ActionId]| ids.iter().filter_map(|id| ends.get(id)).max().copied().unwrap_or_default();
        let over = |before: &Before| match before {
            Before::Action(_) => last(before.actions()),
            Before::Milestone(m) => *reached.entry(m.identity()).or_insert_with(|| last(m.actions())),
        };
        let begins = a.after.iter().map(|w| &w.before).map(over).max().unwrap_or_default();
        ends.insert(a.id, begins.saturating_add(own));
    }
    ends.into_values().max().unwrap_or_default()
}

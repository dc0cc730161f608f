//! Named situations: a world in a few words in `tests/situations/NAME.toml`, what the planner says of it in
//! `snapshots/situations/NAME.txt` and `NAME.json`. INSTA_UPDATE=always writes the answers; read them as somebody who was
//! woken up.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use serde::Deserialize;

use super::{
    Diagnostic, Head, Layout, Sql,
    golden::{at, text},
    plan, trouble,
};
use crate::{
    attributes::Attributes,
    conf::{GroupId, HostTemplate, Switch},
    desired::{Goal, ReplicationAddress},
    ledger::{ClusterId, Copied, Ledger, Peer, Standing, View},
    logs::{Contents, Directory, Remembers, Seen},
    observe::{Item, MarkerView, Mode, Replication, RowCount},
    plan::{
        Plan, Refusal, make, order, row_questions,
        testing::{Worlds, characters, desired, ord, signature, target},
    },
    topology::{Ordinal, ReplicationName},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Situation {
    /// What happened, for people.
    story: String,
    /// `start 2`, `clean everywhere`, `recover`, `recover 1`, ...
    goal: String,
    pods: u8,
    #[serde(default = "one")]
    groups: u8,
    /// In service.
    #[serde(default)]
    open: Vec<u8>,
    /// ADMIN_MODE 1.
    #[serde(default)]
    closed: Vec<u8>,
    /// There, but not to be looked at.
    #[serde(default)]
    broken: Vec<u8>,
    /// `0-1 LL`: what pod 0 holds, what pod 1 holds; letters as in `Worlds::side`; `0-1 LL g2` for one group.
    #[serde(default)]
    pairs: Vec<String>,
    /// `0 10` in every table, or `0 T1=5 T2=0`.
    #[serde(default)]
    rows: Vec<String>,
    /// Lines of aku.conf in every group, as `CONFLICT = MASTER_SLAVE`; objects of `pairs` are made so.
    #[serde(default)]
    attributes: Vec<String>,
    /// Anything else: see `edit`.
    #[serde(default)]
    also: Vec<String>,
}

fn one() -> u8 {
    1
}

fn number(word: &str) -> u8 {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

fn goal(words: &str) -> Goal {
    let parts: Vec<&str> = words.split_whitespace().collect();
    let pod = |word: &str| ord(number(word));
    match parts.as_slice() {
        ["start", p] => Goal::Start(pod(p)),
        ["end", p] => Goal::End(pod(p)),
        ["clean", "everywhere"] => Goal::CleanEverywhere,
        ["clean", p] => Goal::Clean(pod(p)),
        ["forget", p] => Goal::Forget(pod(p)),
        ["recover-log", p] => Goal::RecoverLog(pod(p)),
        ["reconcile"] => Goal::Reconcile,
        ["recover"] => Goal::Recover(None),
        ["recover", p] => Goal::Recover(Some(pod(p))),
        _ => panic!("no such goal: {words}"),
    }
}

/// `0-1` or `0`.
fn pods(word: &str) -> (u8, Option<u8>) {
    word.split_once('-').map_or_else(|| (number(word), None), |(a, b)| (number(a), Some(number(b))))
}

impl Situation {
    fn asked(&self) -> Attributes {
        let text = format!(
            "AKU_STS_NAME = s\nAKU_SVC_NAME = v\nAKU_SERVER_COUNT = {}\nREPLICATIONS = (\nREPLICATION_NAME_PREFIX = R\n{}\n(SYS.T1))\n",
            self.pods,
            self.attributes.join("\n")
        );
        let parsed = crate::conf::parse("aku.conf", text.as_bytes());
        parsed.config.unwrap_or_else(|| panic!("{:?}", parsed.problems)).groups.remove(0).attributes
    }

    fn world(&self) -> Worlds {
        let mut w = Worlds::new(desired(goal(&self.goal), self.pods, self.groups)).attributes(&self.asked());
        for (list, admin) in [(&self.open, 0), (&self.closed, 1)] {
            w = list.iter().fold(w, |w, p| w.up(*p, admin));
        }
        w = self.broken.iter().fold(w, |w, p| w.broken(*p));
        for line in &self.pairs {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let (a, b) = pods(parts[0]);
            let b = b.expect("a pair has two pods");
            let mut before = w.observed.clone();
            for (pod, peer, state) in [(a, b, parts[1].chars().next()), (b, a, parts[1].chars().nth(1))] {
                let state = state.expect("a pair has two sides");
                if w.observed.pod(ord(pod)).is_some() {
                    w = w.side(pod, peer, state);
                } else {
                    assert_eq!(state, '?', "pod {pod} is not seen in {line}");
                }
            }
            if let Some(group) = parts.get(2) {
                let group = number(group.trim_start_matches('g')) - 1;
                std::mem::swap(&mut before, &mut w.observed);
                for object in w
                    .desired
                    .objects_between(ord(a), ord(b))
                    .filter(|o| o.group.0 == group)
                    .cloned()
                    .collect::<Vec<_>>()
                {
                    for pod in [a, b] {
                        let found = before.replication(ord(pod), &object.name).cloned();
                        if let (Some(found), true) = (found, w.observed.pod(ord(pod)).is_some()) {
                            w.pod_mut(pod).replications.insert(object.name.clone(), found);
                        }
                    }
                }
            }
        }
        for line in &self.rows {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let pod = number(parts[0]);
            w = if parts[1].contains('=') {
                let count = |p: &&str| {
                    let (table, n) = p.split_once('=').expect("TABLE=N");
                    (target(table), RowCount::Counted(n.parse().expect("rows are a number")))
                };
                w.pod_mut(pod).rows = parts[1..].iter().map(count).collect();
                w
            } else {
                w.rows(pod, parts[1].parse().expect("rows are a number"))
            };
        }
        self.also.iter().fold(w, |w, line| edit(w, line))
    }
}

fn edit(mut w: Worlds, line: &str) -> Worlds {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let item = |table: &str| Item { local: target(table), remote: target(table) };
    match parts.as_slice() {
        // conf group 2 T2 T3: what the group has now; objects that are there stay as they were made.
        ["conf", "group", n, tables @ ..] => {
            let group = w.desired.groups.get_mut(&GroupId(number(n) - 1)).expect("a group of this situation");
            group.targets = tables.iter().map(|t| target(t)).collect();
        }
        ["conf", "without", "group", n] => {
            let gone = GroupId(number(n) - 1);
            w.desired.groups.remove(&gone);
            w.desired.objects.retain(|o| o.group != gone);
        }
        // conf template 10.9.0.{ordinal}: where replication goes; objects that are there lead where they led.
        ["conf", "template", text] => {
            let template: HostTemplate = text.parse().expect("a template");
            let (sts, svc) = (w.desired.statefulset.clone(), w.desired.service.clone());
            for (pod, address) in &mut w.desired.pods {
                address.host = template.host(&sts, &svc, *pod);
            }
        }
        ["conf", "flush_at_start", "0"] => w.desired.flush_at_start = Switch::Off,
        ["conf", "flush_at_end", "0"] => w.desired.flush_at_end = Switch::Off,
        ["conf", "member_down", policy @ ..] => {
            w.desired.member_down = policy.join(" ").parse().expect("a policy");
        }
        ["conf", "reset_at_end", "0"] => w.desired.reset_at_end = Switch::Off,
        ["conf", "flush_timeout", n] => w.desired.flush_timeout_at_start = n.parse().unwrap(),
        ["conf", "ledger", "0"] => w.desired.ledger = Switch::Off,
        // Last of all: it gives every pod that was seen a signature.
        ["conf", "ledger", "1"] => {
            w.desired.ledger = Switch::On;
            for pod in w.desired.pods.keys().map(|p| p.get()).collect::<Vec<_>>() {
                if w.observed.pod(ord(pod)).is_some() {
                    let seen = w.pod_mut(pod);
                    seen.server.signature.get_or_insert_with(|| signature(pod, "6B00DD1A"));
                    seen.ledger = View::Missing;
                }
            }
        }
        // ledger 1 A 3 7 running: cluster A, incarnation 3, run 7.
        ["ledger", pod, cluster, incarnation, run, standing] => {
            let pod = number(pod);
            let seen = w.pod_mut(pod);
            seen.ledger = View::Held(Box::new(Ledger {
                cluster: ClusterId::founded_on(cluster),
                pod: ord(pod),
                signature: seen.server.signature.clone().expect("conf ledger 1 comes first"),
                incarnation: incarnation.parse().unwrap(),
                run: run.parse().unwrap(),
                standing: Standing::from_word(standing).unwrap(),
                copied: None,
                peers: BTreeMap::new(),
            }));
        }
        // knows 0 1 3 running 900: pod 0 remembers of pod 1 incarnation 3 and its log up to 900.
        ["knows", pod, peer, incarnation, standing, rest @ ..] => {
            let (pod, peer) = (number(pod), number(peer));
            let seen = w.observed.pod(ord(peer)).and_then(|p| p.server.signature.clone());
            let known = Peer {
                signature: seen.unwrap_or_else(|| signature(peer, "6B00DD1A")),
                incarnation: incarnation.parse().unwrap(),
                standing: Standing::from_word(standing).unwrap(),
                log_end: rest.first().map(|n| n.parse().unwrap()),
                applied: None,
            };
            held(&mut w, pod).peers.insert(ord(peer), known);
        }
        ["written-for", pod, other] => held(&mut w, number(pod)).pod = ord(number(other)),
        ["written-in", pod, hex] => held(&mut w, number(pod)).signature = signature(9, hex),
        ["copied", pod, from, run] => {
            let copied = Copied { from: ord(number(from)), run: run.parse().unwrap() };
            held(&mut w, number(pod)).copied = Some(copied);
        }
        ["no-ledger", pod, "broken"] => {
            w.pod_mut(number(pod)).ledger = View::Broken { why: "STANDING is \"walking\"".to_owned() };
        }
        ["no-ledger", pod, "newer"] => w.pod_mut(number(pod)).ledger = View::Newer { layout: 2 },
        ["no-ledger", pod, "empty"] => w.pod_mut(number(pod)).ledger = View::Empty,
        ["log", pod, end] => w.pod_mut(number(pod)).log_end = Some(end.parse().unwrap()),
        ["conf", "delay", n] => w.desired.delay_start_complete_s = n.parse().unwrap(),
        ["marker", "present"] => w.observed.marker = MarkerView::Present,
        ["marker", "stale"] => w.observed.marker = MarkerView::Stale,
        ["marker", "elsewhere"] => w.observed.marker = MarkerView::Elsewhere,
        ["set", pod, property, value] => w = w.set(number(pod), property, value.parse().unwrap()),
        ["born", pod, hex] => {
            let pod = number(pod);
            w.pod_mut(pod).server.signature = Some(signature(pod, hex));
        }
        ["signature", pod, text] => w.pod_mut(number(pod)).server.signature = Some((*text).to_owned()),
        ["table", pod, table, "gone"] => w.pod_mut(number(pod)).tables.retain(|t, _| t.table.as_str() != *table),
        ["table", pod, table, what] => {
            let found = w.pod_mut(number(pod)).tables.iter_mut().find(|(t, _)| t.table.as_str() == *table).unwrap().1;
            match *what {
                "no-key" => found.primary_key = false,
                "foreign-key" => found.foreign_key = true,
                "view" => found.is_table = false,
                _ => panic!("{line}"),
            }
        }
        ["characters", pod, database, national] => {
            w.pod_mut(number(pod)).server.characters = characters(database, national);
        }
        ["version", pod, version] => w.pod_mut(number(pod)).server.version = Some((*version).to_owned()),
        ["side", pair, what @ ..] => {
            let (pod, peer) = pods(pair);
            let what: Vec<String> = what.iter().map(|s| (*s).to_owned()).collect();
            w = w.edit(pod, peer.expect("a side has a peer"), |r| {
                match what.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                    ["without", table] => {
                        r.items.remove(&item(table));
                    }
                    ["with", table] => {
                        r.items.insert(item(table));
                    }
                    ["host", host] => r.hosts = vec![ReplicationAddress { host: (*host).to_owned(), port: 20301 }],
                    ["port", port] => r.hosts[0].port = port.parse().unwrap(),
                    ["eager"] => r.mode = Mode::Eager,
                    ["options", mask, appliers] => {
                        (r.options, r.parallel_applier) = (mask.parse().unwrap(), appliers.parse().unwrap());
                    }
                    ["conflict", n] => r.conflict_resolution = n.parse().unwrap(),
                    ["gap", n] => r.gap = n.parse().ok(),
                    _ => panic!("no such edit: {what:?}"),
                }
            });
        }
        // object 0 OLD_01 towards 1 L T1
        ["object", pod, name, "towards", peer, state, tables @ ..] => {
            let (pod, peer) = (number(pod), number(peer));
            let like = w.desired.objects.first().cloned().expect("there are objects");
            let (low, high) = (like.pair.low().get(), like.pair.high().get());
            let (a, b) = if pod == low { (low, high) } else { (high, low) };
            let mut spare = Worlds::new(w.desired.clone()).up(a, 0).side(a, b, state.chars().next().unwrap());
            let mut found: Replication = spare.pod_mut(a).replications[&like.name].clone();
            found.items = tables.iter().map(|t| item(t)).collect();
            found.hosts = vec![ReplicationAddress { host: format!("10.0.0.{peer}"), port: 20301 }];
            w.pod_mut(pod).replications.insert(ReplicationName::exact(*name).unwrap(), found);
        }
        // logs 0 /mnt/logs unseen: where pod 0 finds the dead pod's; or `read`, with `files 7 9` and `names 0 1`.
        ["logs", pod, path, seen @ ..] => {
            let (files, names) = match seen {
                ["read", "files", first, last, "names", pods @ ..] => {
                    (Some((number(first).into(), number(last).into())), pods)
                }
                ["read", "names", pods @ ..] => (None, pods),
                ["read" | "unseen"] => (None, &[][..]),
                _ => panic!("no such edit: {line}"),
            };
            let row = Remembers(names.iter().map(|k| (ord(number(k)), signature(number(k), "6B00DD1A"))).collect());
            let rows = if names.is_empty() { BTreeSet::new() } else { [row].into() };
            let seen = if *seen == ["unseen"] { Seen::NotLooked } else { Seen::Read(Contents { files, rows }) };
            let path = path.parse().expect("a path");
            w.observed.logs.insert(ord(number(pod)), Directory { path, seen });
        }
        // applied 0 2 30064771077: pod 0 remembers that it has the log of pod 2 up to there.
        ["applied", pod, peer, sn] => {
            let known = held(&mut w, number(pod)).peers.get_mut(&ord(number(peer))).expect("knows comes first");
            known.applied = Some(sn.parse().unwrap());
        }
        _ => panic!("no such edit: {line}"),
    }
    w
}

fn held(w: &mut Worlds, pod: u8) -> &mut Ledger {
    match &mut w.pod_mut(pod).ledger {
        View::Held(ledger) => ledger,
        other => panic!("pod {pod} has no ledger yet: {other:?}"),
    }
}

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), name, "situations"].iter().collect()
}

fn people(w: &Worlds, made: &Result<Plan, Refusal>) -> String {
    match made {
        Ok(p) => {
            let apply = format!("aku apply {}", p.goal.command());
            let head = Head {
                command: "aku plan",
                at: at(),
                here: p.goal.single().filter(|pod| w.observed.pod(*pod).is_some()),
                conf: "sha256:9f2c41aa0000",
                apply: Some(&apply),
            };
            text(&plan(p, &head, Layout { width: 100, sql: Sql::Hidden }))
        }
        Err(r) => text(&trouble(&Diagnostic::from(r), 100)),
    }
}

fn same(name: &str, ending: &str, now: &str) -> Option<String> {
    let path = folder("snapshots").join(format!("{name}.{ending}"));
    if std::env::var_os("INSTA_UPDATE").is_some_and(|v| v == "always") {
        fs::create_dir_all(folder("snapshots")).unwrap();
        fs::write(&path, now).unwrap();
        return None;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(&kept, now);
    (kept != now).then(|| format!("{}:\n{}", path.display(), diff.unified_diff()))
}

#[test]
fn situations_are_planned_as_they_were_reviewed() {
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder("tests")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let read = fs::read_to_string(&path).unwrap();
        let situation: Situation = toml::from_str(&read).unwrap_or_else(|e| panic!("{name}: {e}"));
        let w = situation.world();
        let made = make(&w.desired, &w.observed);
        // Whatever has rows here must be what the planner would have asked for, or the world could not come about.
        let asked: BTreeSet<Ordinal> = row_questions(&w.desired, &w.observed).into_iter().map(|(pod, _)| pod).collect();
        for line in &situation.rows {
            let pod = ord(number(line.split_whitespace().next().unwrap()));
            assert!(asked.contains(&pod), "{name}: nobody asks for the rows of pod {pod}");
        }
        let json = match &made {
            Ok(p) => {
                assert!(order(&p.actions).is_ok(), "{name}");
                serde_json::to_string_pretty(p).unwrap()
            }
            Err(r) => {
                assert!(!r.because.is_empty() && !r.next.is_empty(), "{name}: a refusal says why and what to do");
                assert_ne!(r.because[0].code, crate::plan::Code::PlannerBug, "{name}: {:#?}", r.because);
                serde_json::to_string_pretty(r).unwrap()
            }
        };
        let told = format!("{}\n\n{}", situation.story.trim(), people(&w, &made));
        wrong.extend(same(&name, "txt", &told));
        wrong.extend(same(&name, "json", &(json + "\n")));
        names.insert(name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(names.len() >= 60, "{} situations", names.len());
    for kept in fs::read_dir(folder("snapshots")).unwrap() {
        let name = kept.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(names.contains(&name), "{name} has no situation any more");
    }
}

//! `aku verify`: compares the contents of the targets between the pods that have a complete copy. Reads only, unless
//! `--flush` asks for a FLUSH of the replications between them.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use clap::Args;

use super::{
    common::Common,
    look,
    plan_args::Format,
    repair::{self, RepairArgs, Wanted},
    scene::CommandContext,
    stream::talk,
    stream::{OutputStyle, Streams, answer, fail, shown},
    wiring::Platform,
};
use crate::{
    conf::GroupId,
    db::{Login, Session},
    exit::Exit,
    observe::{
        ComparedTable, Observed, PodView, TableName,
        layout::{Layout, layouts},
    },
    plan,
    printed::{Printed as _, VerifyDocument},
    render::{self, Diagnostic},
    status::{State, Status},
    topology::{Ordinal, Target},
    verify::{
        Bounds, Reader, SeenEverywhere, Settle, Shape, Source, Sources, Unreadable, compare,
        report::{Because, LeftOut, Outcome, Report, TargetReport},
        seen_everywhere,
    },
};

/// Between two readings of a row that differs.
const PAUSE: Duration = Duration::from_secs(1);

/// A pod that says nothing for so long is lost: a page takes milliseconds.
const SILENCE: Duration = Duration::from_secs(60);

type Sessions = BTreeMap<Ordinal, Box<dyn Session>>;

/// Flags of `aku verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// Only this target, e.g. table:SYS.T1; may be repeated
    #[arg(long, value_name = "table:USER.TABLE")]
    pub only: Vec<String>,
    /// Targets that are compared at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub parallel: u8,
    /// Do not FLUSH the replications between the pods before rows that differ are read again
    #[arg(long)]
    pub no_flush: bool,
    /// Form of the answer on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Whether a plan is made.
    #[command(flatten)]
    pub repair: RepairArgs,
}

/// Runs it.
pub fn run(args: &VerifyArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    match verified(args, common, world, look, s) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn verified(
    args: &VerifyArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Exit, Exit> {
    let wanted = wanted(args).map_err(|trouble| fail(s, look, &trouble))?;
    let mut scene = look::open(common, world, look, s)?;
    let targets = chosen(args, &scene).map_err(|trouble| fail(s, look, &trouble))?;
    let observed = look::observe(&scene, world, look, s);
    if observed.pods.values().all(|v| !matches!(v, PodView::Seen(_))) {
        let exit = look::view(&scene.desired, &observed);
        return Err(fail(s, look, &Diagnostic::new(exit, "verify", "no pod answers").next("aku status")));
    }
    let (members, left_out) = members(&scene, &observed);
    let (mut read, mut tables) = (Vec::new(), Vec::new());
    let report = match members.first() {
        Some(reference) if members.len() > 1 => {
            let pods = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            talk(look, s, &format!("comparing {} on pods {pods}", render::words::counted(targets.len(), "target")));
            let (workers, left_out) = sessions(&scene, &members, args, left_out);
            read = workers.first().map(|w| w.keys().copied().collect()).unwrap_or_default();
            let limit = wanted.as_ref().map(|w| w.limit as usize);
            let job = Job { scene: &scene, reference: *reference, settle: settle(args), targets: &targets, limit };
            let found = job.all(workers);
            let (targets, seen): (Vec<_>, Vec<_>) = found.into_iter().unzip();
            tables = seen;
            Report { reference: Some(*reference), left_out, targets }
        }
        Some(_) | None => Report { reference: None, left_out, targets: Vec::new() },
    };
    let mut exit = report.exit();
    let mut human = render::verify(&report, &scene.desired.statefulset, look.width);
    let mut document = None;
    if let Some(wanted) = &wanted {
        let compared = repair::compared(read, &report.left_out, tables);
        let planned = repair::plan(wanted, &mut scene, observed, compared, (common, world), (look, &mut *s))?;
        exit = match (exit, planned.exit) {
            (Exit::Unknown, _) | (_, Exit::Ok) => exit,
            (_, open) => open,
        };
        human.gap();
        human.append(planned.doc);
        document = Some(planned.saved.text());
    }
    let text = match (args.format, document) {
        (Format::Human, _) => shown(&human, look),
        (Format::Json, Some(plan)) => plan,
        (Format::Json, None) => {
            let statefulset = scene.desired.statefulset.clone();
            let document = VerifyDocument { at: world.now(), statefulset, report, exit: exit as u8 }.document();
            format!("{document:#}\n")
        }
    };
    match answer(s, &text) {
        Ok(()) | Err(Exit::Ok) => Ok(exit),
        Err(other) => Err(other),
    }
}

fn wanted(args: &VerifyArgs) -> Result<Option<Wanted>, Diagnostic> {
    let wanted = args.repair.wanted()?;
    if wanted.is_some() && args.no_flush {
        let text =
            "--plan believes a difference only after what was on its way arrived, so it flushes; no pod was contacted";
        return Err(Diagnostic::new(Exit::Usage, "usage", text).next("leave --no-flush out"));
    }
    Ok(wanted)
}

fn settle(args: &VerifyArgs) -> Settle {
    if args.no_flush { Settle::Pause } else { Settle::Flush }
}

/// The targets that were asked for, each with its group.
fn chosen(args: &VerifyArgs, scene: &CommandContext) -> Result<Vec<(GroupId, Target)>, Diagnostic> {
    let groups = &scene.desired.groups;
    let all = || groups.iter().flat_map(|(id, g)| g.targets.iter().map(|t| (*id, t.clone())));
    if args.only.is_empty() {
        return Ok(all().collect());
    }
    for wanted in &args.only {
        if !all().any(|(_, t)| names(wanted, &t)) {
            let known = all().map(|(_, t)| t.table_sql()).collect::<Vec<_>>().join(", ");
            let text = format!("aku.conf has no target {wanted}");
            return Err(Diagnostic::new(Exit::Usage, "usage", text).fact("targets", known));
        }
    }
    Ok(all().filter(|(_, t)| args.only.iter().any(|wanted| names(wanted, t))).collect())
}

fn names(wanted: &str, target: &Target) -> bool {
    let name = wanted.strip_prefix("table:").unwrap_or(wanted);
    let (table, whole) = (target.table_sql(), target.to_string());
    [name, &name.to_ascii_uppercase()].into_iter().any(|n| n == table || n == whole || n == target.table.as_str())
}

/// Pods whose copy should be complete, and the others.
fn members(scene: &CommandContext, observed: &Observed) -> (Vec<Ordinal>, Vec<LeftOut>) {
    let status = Status::of(&scene.desired, observed);
    let down = plan::down(&scene.desired, observed);
    let (mut members, mut left_out) = (Vec::new(), Vec::new());
    for (pod, p) in status.pods {
        let because = match (p.state, observed.pod(pod)) {
            // A failed pair between two pods that answer is a reason to compare them, not a reason against it.
            (State::Donor | State::Joined | State::Synced | State::Error, Some(_)) => {
                members.push(pod);
                continue;
            }
            (State::Error, None) => Because::CannotBeSeen,
            // A member: its copy may be the one that differs.
            (_, None) if down.contains(&pod) => Because::CannotBeSeen,
            (State::Undefined | State::Joiner, _) | (State::Donor | State::Joined | State::Synced, None) => {
                Because::NotJoined
            }
        };
        left_out.push(LeftOut { pod, because, why: p.why });
    }
    (members, left_out)
}

/// Sessions for each worker. A pod in ADMIN_MODE has room for one of ours only, so there may be fewer workers.
fn sessions(
    scene: &CommandContext,
    members: &[Ordinal],
    args: &VerifyArgs,
    mut left_out: Vec<LeftOut>,
) -> (Vec<Sessions>, Vec<LeftOut>) {
    let flush = match settle(args) {
        Settle::Pause => Duration::ZERO,
        Settle::Flush => Duration::from_secs(u64::from(scene.desired.flush_wait_s())),
    };
    let login = Login { silence_timeout: Some(SILENCE + flush), ..scene.login() };
    let mut workers: Vec<Sessions> = Vec::new();
    for n in 0..args.parallel {
        let mut opened = Sessions::new();
        for pod in members.iter().filter(|pod| n == 0 || workers[0].contains_key(pod)) {
            match scene.cluster.connect(*pod, &login) {
                Ok(session) => {
                    opened.insert(*pod, session);
                }
                Err(e) if n == 0 => {
                    left_out.push(LeftOut { pod: *pod, because: Because::CannotBeSeen, why: e.to_string() });
                }
                Err(e) => tracing::debug!("no further worker: {e}"),
            }
        }
        if n > 0 && opened.len() < workers[0].len() {
            break;
        }
        workers.push(opened);
    }
    (workers, left_out)
}

/// One comparison of several targets.
struct Job<'a> {
    scene: &'a CommandContext,
    reference: Ordinal,
    settle: Settle,
    targets: &'a [(GroupId, Target)],
    /// Rows of one table that a plan is made for, where one is.
    limit: Option<usize>,
}

/// A target, and what a plan needs to know of it.
type Found = (TargetReport, ComparedTable);

/// What the workers need; sessions and results apart.
struct Work<'a> {
    reference: Ordinal,
    settle: Settle,
    wait_s: u32,
    desired: &'a crate::desired::Desired,
    limit: Option<usize>,
}

impl Job<'_> {
    /// Every target, each by one worker.
    fn all(&self, workers: Vec<Sessions>) -> Vec<Found> {
        let desired = &self.scene.desired;
        let (reference, settle, limit) = (self.reference, self.settle, self.limit);
        let work = Work { reference, settle, wait_s: desired.flush_wait_s(), desired, limit };
        let (next, targets) = (AtomicUsize::new(0), self.targets);
        let results: Mutex<BTreeMap<usize, Found>> = Mutex::new(BTreeMap::new());
        let job = |mut sessions: Sessions| {
            let tables = work.tables(&mut sessions);
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some((group, target)) = targets.get(index) else { break };
                let report = work.one(&mut sessions, tables.as_ref(), *group, target);
                results.lock().expect("no worker panics").insert(index, report);
            }
        };
        thread::scope(|scope| {
            let mut workers = workers.into_iter();
            let here = workers.next();
            for sessions in workers {
                let job = &job;
                // Fewer threads than wanted: the others do it all.
                let _ = thread::Builder::new().spawn_scoped(scope, move || job(sessions));
            }
            here.into_iter().for_each(&job);
        });
        results.into_inner().expect("no worker panics").into_values().collect()
    }
}

type Tables = BTreeMap<Ordinal, BTreeMap<TableName, Layout>>;

impl Work<'_> {
    fn tables(&self, sessions: &mut Sessions) -> Result<Tables, String> {
        let owners = Target::owners(self.desired.targets());
        let of = |(pod, session): (&Ordinal, &mut Box<dyn Session>)| {
            layouts(&mut **session, &owners).map(|l| (*pod, l)).map_err(|e| format!("pod {pod}: {e}"))
        };
        sessions.iter_mut().map(of).collect()
    }

    fn one(&self, sessions: &mut Sessions, tables: Result<&Tables, &String>, group: GroupId, target: &Target) -> Found {
        let table = ComparedTable {
            target: target.clone(),
            by: Vec::new(),
            rows: Vec::new(),
            left: 0,
            changing: 0,
            cannot: None,
            undelivered: Vec::new(),
        };
        let found = tables.map_err(Clone::clone).and_then(|t| shape(t, target)).and_then(
            |Readable { shape, lobs, unwritable }| {
                let (compared, seen) = self.compared(sessions, &shape, group)?;
                let changing = compared.others.values().map(|v| v.changing).max().unwrap_or(0) + seen.changing;
                let by = shape.key.iter().map(|c| c.name.clone()).collect();
                let cannot = unwritable.filter(|_| !seen.rows.is_empty() || seen.left > 0);
                let SeenEverywhere { rows, left, undelivered, .. } = seen;
                let table = ComparedTable { by, rows, left, changing, cannot, undelivered, ..table.clone() };
                Ok((TargetReport::compared(&shape, &compared, lobs), table))
            },
        );
        found.unwrap_or_else(|why| {
            let outcome = Outcome::CannotTell { why: why.clone() };
            (TargetReport { target: target.to_string(), outcome }, ComparedTable { cannot: Some(why), ..table })
        })
    }

    fn compared(
        &self,
        sessions: &mut Sessions,
        shape: &Shape,
        group: GroupId,
    ) -> Result<(crate::verify::Compared, SeenEverywhere), String> {
        let pods: Vec<Ordinal> = sessions.keys().copied().collect();
        let flushed = |pod: Ordinal| {
            let ours = self.desired.objects_of(pod).filter(|(other, o)| o.group == group && pods.contains(other));
            ours.map(|(_, o)| o.name.clone()).collect::<Vec<_>>()
        };
        let mut reference = None;
        let mut others: Sources<'_> = BTreeMap::new();
        for (pod, session) in sessions.iter_mut() {
            let reader = Reader { session: &mut **session, shape, flushed: flushed(*pod), wait_s: self.wait_s };
            if *pod == self.reference {
                reference = Some(reader);
            } else {
                others.insert(*pod, Box::new(reader));
            }
        }
        let Some(mut reference) = reference else { return Err(format!("pod {} has no session", self.reference)) };
        if others.is_empty() {
            return Err("no other pod has a session".to_owned());
        }
        let pause = || thread::sleep(PAUSE);
        let usual = Bounds::default();
        let bounds = Bounds { suspects: self.limit.unwrap_or(usual.suspects), ..usual };
        let text = |e: Unreadable| e.to_string();
        let compared =
            compare((self.reference, &mut reference), &mut others, self.settle, bounds, &pause).map_err(text)?;
        let seen = match self.limit {
            None => SeenEverywhere::default(),
            Some(limit) => {
                let reference = (self.reference, &mut reference as &mut dyn Source);
                seen_everywhere(reference, &mut others, &compared, self.settle, limit, &pause).map_err(text)?
            }
        };
        Ok((compared, seen))
    }
}

/// A target that looks the same everywhere.
struct Readable {
    /// How it is read.
    shape: Shape,
    /// Its large objects.
    lobs: Vec<String>,
    /// Why its rows cannot be written, if they cannot.
    unwritable: Option<String>,
}

/// How a target is read, when it looks the same everywhere.
fn shape(tables: &Tables, target: &Target) -> Result<Readable, String> {
    let name = TableName::of(target);
    let mut first: Option<(&Ordinal, &Layout)> = None;
    for (pod, layouts) in tables {
        let Some(layout) = layouts.get(&name) else { return Err(format!("pod {pod} has no such table")) };
        match first {
            None => first = Some((pod, layout)),
            Some((_, same)) if same.digest() == layout.digest() => {}
            Some((other, _)) => {
                return Err(format!("its columns differ between pods {other} and {pod} (see aku check)"));
            }
        }
    }
    let Some((_, layout)) = first else { return Err("no pod gave its columns".to_owned()) };
    let key = layout.paging_key().map_err(|why| format!("the table {why}"))?;
    let lobs = layout.large_objects().iter().map(ToString::to_string).collect();
    let shape = Shape { target: target.clone(), key, rest: layout.comparable() };
    Ok(Readable { shape, lobs, unwritable: layout.writable().err() })
}

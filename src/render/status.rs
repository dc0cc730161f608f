//! `aku status` as one screen.

use jiff::Timestamp;

use super::{
    style::{Doc, Line, Role},
    table::table,
    words::{count, counted, size, wrap},
};
use crate::{
    observe::{Sender, Side},
    status::{self, Door, Log, PairStatus, SideStatus, State, Status},
};

pub(super) type Cells = Vec<(Role, String)>;

/// The screen.
#[must_use]
pub fn status(status: &Status, statefulset: &str, at: Timestamp, width: usize) -> Doc {
    let mut doc = Doc::default();
    doc.line(Line::plain("aku status").with(Role::Dim, format!("   {statefulset}   {}", at.strftime("%F %H:%M:%SZ"))));
    doc.gap();
    pods(&mut doc, status, width);
    pairs(&mut doc, status, width);
    for (prefix, words) in &status.attributes {
        paragraph(&mut doc, Role::Dim, &format!("aku.conf asks for {} in {prefix}", words.join(", ")), width);
    }
    uneven(&mut doc, status, width);
    retained(&mut doc, status, width);
    identity(&mut doc, status, width);
    for s in &status.strangers {
        doc.gap();
        let text = format!("pod {} also has replication {}, which aku.conf does not know", s.on, s.object);
        paragraph(&mut doc, Role::Dim, &text, width);
    }
    doc
}

pub(super) fn paragraph(doc: &mut Doc, role: Role, text: &str, width: usize) {
    for part in wrap(text, width) {
        doc.line(Line::default().with(role, part));
    }
}

pub(super) fn head(cells: &[&str]) -> Cells {
    cells.iter().map(|c| (Role::Dim, (*c).to_owned())).collect()
}

fn role(state: State) -> Role {
    match state {
        State::Undefined => Role::Dim,
        State::Joiner | State::Donor => Role::Start,
        State::Joined => Role::Wait,
        State::Synced => Role::Add,
        State::Error => Role::Destroy,
    }
}

fn pods(doc: &mut Doc, status: &Status, width: usize) {
    let mut rows = vec![head(&["pod", "state", "users", ""])];
    for (pod, p) in &status.pods {
        let users = match p.users {
            Some(Door::Open) => "open",
            Some(Door::Closed) => "closed",
            None => "-",
        };
        rows.push(vec![
            (Role::Plain, pod.to_string()),
            (role(p.state), p.state.as_str().to_owned()),
            (Role::Plain, users.to_owned()),
            (Role::Plain, p.why.clone()),
        ]);
    }
    table(doc, &rows, width);
}

/// Whether something stands or happens on a side.
pub(super) fn is_quiet(side: &SideStatus) -> bool {
    let position = match side.side {
        Side::Missing | Side::Reset | Side::Unknown => true,
        Side::Live(_) | Side::GaveUp => false,
    };
    position && matches!(side.sender, None | Some(Sender::None))
}

fn pairs(doc: &mut Doc, status: &Status, width: usize) {
    let (quiet, shown): (Vec<&PairStatus>, Vec<&PairStatus>) =
        status.pairs.iter().partition(|p| is_quiet(&p.low) && is_quiet(&p.high));
    doc.gap();
    if !shown.is_empty() {
        let mut rows = vec![head(&["pair", "object", "lower pod sends", "higher pod sends", "conflicts"])];
        rows.extend(shown.iter().map(|p| {
            vec![
                (Role::Plain, format!("{} - {}", p.low.pod, p.high.pod)),
                (Role::Plain, p.object.to_string()),
                side(&p.low),
                side(&p.high),
                conflicts(p),
            ]
        }));
        table(doc, &rows, width);
    }
    if !quiet.is_empty() {
        let more = if shown.is_empty() { "" } else { "other " };
        let text =
            format!("{more}{} of aku.conf: no restart point seen on either side", counted(quiet.len(), "object"));
        paragraph(doc, Role::Dim, &text, width);
    }
}

fn side(s: &SideStatus) -> (Role, String) {
    let at = match s.side {
        Side::Missing => return (Role::Dim, "no object".to_owned()),
        Side::Unknown => return (Role::Wait, "?".to_owned()),
        Side::Reset => "XSN -1".to_owned(),
        Side::Live(sn) => format!("XSN {sn}"),
        Side::GaveUp => "gave up log".to_owned(),
    };
    let (role, sender) = match s.sender {
        None | Some(Sender::None) if s.side == Side::Reset => (Role::Dim, ""),
        None | Some(Sender::None) => (Role::Change, " stopped"),
        Some(Sender::Trying) => (Role::Change, " trying"),
        Some(Sender::Running) => (Role::Add, " running"),
        Some(Sender::Syncing) => (Role::Start, " syncing"),
    };
    let gap = match (s.gap, s.gap_bytes) {
        (Some(0), _) => " gap 0".to_owned(),
        (_, Some(bytes)) => format!(" gap {}", size(bytes)),
        (Some(unit), None) => format!(" gap {unit}"),
        (None, None) => String::new(),
    };
    (role, format!("{at}{sender}{gap}"))
}

fn conflicts(p: &PairStatus) -> (Role, String) {
    let told = |s: &SideStatus| s.conflicts.filter(|n| *n > 0).map(|n| format!("{n} on pod {}", s.pod));
    let parts: Vec<_> = [&p.low, &p.high].into_iter().filter_map(told).collect();
    match (parts.is_empty(), p.low.conflicts.or(p.high.conflicts)) {
        (false, _) => (Role::Change, parts.join(", ")),
        (true, Some(_)) => (Role::Plain, "0".to_owned()),
        (true, None) => (Role::Dim, "-".to_owned()),
    }
}

/// Servers that should be alike.
fn uneven(doc: &mut Doc, status: &Status, width: usize) {
    if !status.uneven.is_empty() {
        doc.gap();
    }
    for u in &status.uneven {
        let mut parts: Vec<_> = u.values.iter().map(|(v, on)| format!("{v} on {}", status::pods(on))).collect();
        if !u.unknown.is_empty() {
            parts.push(format!("{} does not say", status::pods(&u.unknown)));
        }
        paragraph(
            doc,
            Role::Change,
            &format!("the {} is not the same everywhere: {}", u.fact, parts.join("; ")),
            width,
        );
    }
}

fn retained(doc: &mut Doc, status: &Status, width: usize) {
    let mut told = Vec::new();
    for r in &status.retained {
        let much = match r.log {
            Some(Log { files: 0, bytes: Some(bytes) }) => format!("{} by now", size(bytes)),
            Some(Log { files, bytes: Some(bytes) }) => format!("{} by now ({})", size(bytes), count(files, "log file")),
            Some(Log { files, bytes: None }) => format!("{} by now", count(files, "log file")),
            None => "how much is not known".to_owned(),
        };
        let text = format!(
            "pod {} keeps its log for pod {} from XSN {} on ({}), {much}, until that pod has it, or until RESET",
            r.on, r.towards, r.since_xsn, r.object
        );
        told.push(text);
    }
    if !told.is_empty() {
        doc.gap();
    }
    for text in told {
        paragraph(doc, Role::Change, &text, width);
    }
}

/// One line for each pod that a ledger knows, so that pods can be compared; nothing where there is none.
fn identity(doc: &mut Doc, status: &Status, width: usize) {
    if !status.identity.is_empty() {
        doc.gap();
        let mut rows = vec![head(&["pod", "cluster", "incarnation", "run", "left", "copied from", "log ends at", ""])];
        rows.extend(status.identity.iter().map(|(pod, i)| {
            let copied = i.copied.map_or_else(|| "-".to_owned(), |c| format!("pod {} in run {}", c.from, c.run));
            let by = i.remembered_by.map_or_else(String::new, |k| format!("as pod {k} remembers"));
            vec![
                (Role::Plain, pod.to_string()),
                (Role::Plain, i.cluster.short()),
                (Role::Plain, i.incarnation.to_string()),
                (Role::Plain, i.run.to_string()),
                (Role::Plain, i.standing.as_str().to_owned()),
                (Role::Plain, copied),
                (Role::Plain, i.log_end.map_or_else(|| "-".to_owned(), |sn| sn.to_string())),
                (Role::Dim, by),
            ]
        }));
        table(doc, &rows, width);
    }
    for (pod, evidence) in &status.put_back {
        doc.gap();
        let text = format!("the volume of pod {pod} was put back from an older copy: {evidence}");
        paragraph(doc, Role::Destroy, &text, width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desired::Goal,
        observe::Conflicts,
        plan::testing::{Worlds, desired, ord},
        render::{
            fixtures::settings,
            golden::{at, every_width, text},
        },
    };

    fn screen(w: &Worlds, width: usize) -> Doc {
        status(&Status::of(&w.desired, &w.observed), "altibase-sts", at(), width)
    }

    fn shown(w: &Worlds, width: usize) -> String {
        text(&screen(w, width))
    }

    #[test]
    fn screens() {
        let base = || Worlds::new(desired(Goal::Start(ord(0)), 4, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL");
        let busy = base()
            .up(2, 1)
            .edit(0, 1, |r| {
                r.gap = Some(0);
                r.receiver = Some(Conflicts { insert: 1, update: 2, delete: 0 });
            })
            .side(0, 2, 'R')
            .edit(0, 2, |r| r.sender = Sender::Syncing)
            .side(1, 2, 'l')
            .side(2, 0, 'R')
            .side(0, 3, 'T');
        let broken = base().broken(3).pair(0, 1, "LT");
        let nobody = Worlds::new(desired(Goal::Start(ord(0)), 2, 1));
        let mut uneven = base().up(2, 1).rows(0, 1);
        uneven.pod_mut(1).server.characters = crate::plan::testing::characters("KSC5601", "UTF16");
        uneven.pod_mut(2).server.characters = None;
        uneven.pod_mut(2).server.version = Some("7.1".to_owned());
        let mut kept =
            base().set(0, "LOG_FILE_SIZE", 10 << 20).set(1, "LOG_FILE_SIZE", 10 << 20).side(0, 2, 'l').side(1, 2, 'l');
        kept.pod_mut(0).log_end = Some((3 << 32) + 5000);
        kept = kept.edit(0, 1, |r| {
            r.gap = Some(1);
            r.sending = Some(crate::observe::Sending { at: (2 << 32) + 500, end: (3 << 32) + 5000 });
        });
        let known = base().up(2, 1).ledgers().remembers(0, 1, 2).remembers(1, 2, 4).remembers(0, 3, 1);
        settings().bind(|| {
            insta::assert_snapshot!("status-ledger-100", shown(&known, 100));
            insta::assert_snapshot!("status-kept-100", shown(&kept, 100));
            insta::assert_snapshot!("status-uneven-100", shown(&uneven, 100));
            insta::assert_snapshot!("status-join-100", shown(&busy, 100));
            insta::assert_snapshot!("status-broken-100", shown(&broken, 100));
            insta::assert_snapshot!("status-nobody-100", shown(&nobody, 100));
        });
        every_width("status", |width| screen(&busy, width));
    }
}

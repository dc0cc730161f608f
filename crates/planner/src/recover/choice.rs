//! Which slave is the source of a recovery.

use aku_core::{
    observe::RowCount,
    plan::{
        Refusal, RefusalKind,
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{Service, Slave, is_on_its_way, refuse};
use crate::{build::pods, cluster_view::ClusterView, stakes};

/// The named slave if it can be the source, else the most advanced one.
pub(super) fn chosen<'s>(
    world: &ClusterView<'_>,
    slaves: &'s [Slave],
    from: Option<Ordinal>,
) -> Result<&'s Slave, Refusal> {
    let usable = |s: &&Slave| s.total() > 0;
    let found = match from {
        Some(pod) => slaves.iter().find(|s| s.pod == pod).filter(usable),
        None => {
            slaves.iter().filter(usable).max_by_key(|s| (s.service, s.completed, s.total(), std::cmp::Reverse(s.pod)))
        }
    };
    if let Some(slave) = found {
        let ahead: Vec<&Slave> = match from {
            Some(_) => Vec::new(),
            None => slaves.iter().filter(|s| s.pod != slave.pod && is_rival(world, s, slave)).collect(),
        };
        return if ahead.is_empty() { Ok(slave) } else { undecided(slave, &ahead) };
    }
    let why_not = |s: &Slave| match &s.rows {
        None => format!("the rows of pod {} could not be counted", s.pod),
        Some(_) if s.total() == 0 => format!("every target on pod {} is empty", s.pod),
        Some(_) => format!("pod {} holds {}", s.pod, stakes::rows_of(RowCount::Counted(s.total()))),
    };
    let text = match from {
        Some(pod) if pod.is_master() => "pod 0 is the pod to be recovered, so it cannot be the source".to_owned(),
        Some(pod) => match slaves.iter().find(|s| s.pod == pod) {
            Some(s) => format!("pod {pod} cannot be the source of a recovery: {}; nothing was changed", why_not(s)),
            None => format!("pod {pod} was not seen, so it cannot be the source of a recovery; nothing was changed"),
        },
        None => "no slave that was seen can be the source of a recovery; nothing was changed".to_owned(),
    };
    let mut because = vec![Reason::new(Code::NoRecoverySource, text)];
    because.extend(
        slaves
            .iter()
            .filter(|s| from.is_none() || (Some(s.pod) != from && s.total() > 0))
            .map(|s| Reason::new(Code::NoRecoverySource, why_not(s))),
    );
    because.extend(world.pods_down(Some(Ordinal::MASTER)).into_iter().map(|k| {
        Reason::new(Code::MemberDown, format!("pod {k} is down; bring its server up, its rows may be the best copy"))
    }));
    let mut next: Vec<String> = slaves
        .iter()
        .filter(|s| Some(s.pod) != from && s.total() > 0)
        .map(|s| format!("aku plan recover --from {}", s.pod))
        .collect();
    let kind = if next.is_empty() { RefusalKind::CannotTell } else { RefusalKind::Refused };
    let or = if next.is_empty() { "" } else { "or " };
    next.push(format!(
        "{or}bring the servers of more slaves up (they need not be opened), then run `aku plan recover` again"
    ));
    refuse(kind, because, next)
}

/// Whether a slave holds rows of which nobody knows that they reach the source: numbers do not tell what was deleted from what
/// is missing, so which of the two is right a person has to say.
fn is_rival(world: &ClusterView<'_>, other: &Slave, source: &Slave) -> bool {
    other.total() > 0 && other.ahead_of(source).next().is_some() && !is_on_its_way(world, other, source)
}

/// Both are named, with what each holds.
fn undecided<'s>(best: &Slave, ahead: &[&Slave]) -> Result<&'s Slave, Refusal> {
    let also: Vec<Ordinal> = ahead.iter().map(|s| s.pod).collect();
    let service = |s: &Slave| match s.service {
        Service::Open => "in service",
        Service::Closed => "closed",
    };
    let text = format!(
        "which slave is the source has to be said: pod {} ({}) and {} hold different rows, and whichever is not taken loses what only it has; nothing was changed",
        best.pod,
        service(best),
        pods(&also)
    );
    let mut because = vec![Reason::new(Code::NoRecoverySource, text)];
    let all = || std::iter::once(best).chain(ahead.iter().copied());
    because.extend(all().map(|s| {
        let held = s.rows.iter().flatten().map(|(t, n)| (t, RowCount::Counted(*n)));
        let text = format!("pod {} ({}) holds {}", s.pod, service(s), stakes::of_tables(held));
        Reason::new(Code::NoRecoverySource, text)
    }));
    let mut next: Vec<String> = all().map(|s| format!("aku plan recover --from {}", s.pod)).collect();
    next.push("aku verify    (shows which rows differ)".to_owned());
    refuse(RefusalKind::Refused, because, next)
}

pub(super) fn most_advanced(source: &Slave) -> String {
    let service = match source.service {
        Service::Open => "of the slaves in service",
        Service::Closed => "of the slaves, none of which is in service,",
    };
    format!(
        "no source was named: {service} pod {} holds the most rows ({}); only rows were compared, because no server keeps how far a pod 0 that failed had got with each slave; of equals the smallest number is taken",
        source.pod,
        stakes::rows_of(RowCount::Counted(source.total()))
    )
}

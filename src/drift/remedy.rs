//! What ends each kind of difference: one table, total over the kinds. Then the planner is asked: a goal that it refuses, or
//! whose plan leaves the difference as it is, is not sent for; what is said instead is what the planner says.
//!
//! Pure. Never names a goal that forgets or deletes without a plan that says so first.

use std::collections::BTreeMap;

use super::{Difference, Kind, Scope};
use crate::{
    desired::{Goal, Object},
    observe::{Pod, RowCount},
    plan::{self, Action, Code, Op, Plan, Reason, Refusal},
    remedy::Remedy,
    topology::{Ordinal, Pair, Target},
};

/// Which of several ways a difference is ended, where the kind alone does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The one that the kind has.
    Usual,
    /// By the start of that pod, which may be another one than the difference is on.
    Start(Ordinal),
    /// By ending that pod first: what is wrong cannot be corrected while positions are held.
    End(Ordinal),
    /// By letting that pod go.
    Forget(Ordinal),
    /// By giving pod 0 the rows of a slave.
    Recover,
}

impl Way {
    /// As a remedy; `usual` where the kind decides.
    fn or(self, usual: Remedy) -> Remedy {
        match self {
            Self::Usual => usual,
            Self::Start(pod) => Remedy::Goal(Goal::Start(pod)),
            Self::End(pod) => Remedy::Goal(Goal::End(pod)),
            Self::Forget(pod) => Remedy::Goal(Goal::Forget(pod)),
            Self::Recover => Remedy::Goal(Goal::Recover(None)),
        }
    }
}

/// The table.
pub(super) fn of(kind: Kind, pod: Ordinal, peer: Option<Ordinal>, fact: &str, way: Way) -> Remedy {
    let other = |pod: Option<Ordinal>| pod.map_or_else(|| "its peer".to_owned(), |k| format!("pod {k}"));
    match kind {
        Kind::MemberDown => Remedy::Person(back(pod)),
        Kind::Closed | Kind::JoinUnfinished | Kind::NotJoined | Kind::ClosedLong => Remedy::Goal(Goal::Start(pod)),
        Kind::NobodyInService => way.or(Remedy::Goal(Goal::Start(Ordinal::MASTER))),
        Kind::JoinStuck => Remedy::person(format!(
            "look at the log of the start of pod {pod} and end what it waits for, or end that start: only it can open the pod"
        )),
        Kind::MasterLost => Remedy::Goal(Goal::Recover(None)),
        Kind::ObjectMissing
        | Kind::ObjectName
        | Kind::ItemMissing
        | Kind::ItemExtra
        | Kind::Host
        | Kind::Port
        | Kind::ConfDiffers
        | Kind::SenderStopped
        | Kind::DdlEnabled
        | Kind::SyncLockOff => Remedy::Goal(Goal::Reconcile),
        Kind::Mode | Kind::OptionSet | Kind::ObjectSurplus => way.or(Remedy::Goal(Goal::Reconcile)),
        Kind::ForeignObject => Remedy::person(
            "find out who made it: aku never touches what is not its own; put it on the accept list if it is meant, else its maker has to take it away",
        ),
        Kind::SenderTrying => Remedy::person(format!(
            "see why pod {pod} does not reach the replication port of {}: network, firewall, or that server; it goes on by itself",
            other(peer)
        )),
        Kind::HalfReset | Kind::NotConnected | Kind::GaveUp => way.or(Remedy::Goal(Goal::Start(pod))),
        Kind::Leftover => way.or(Remedy::Goal(Goal::Start(peer.unwrap_or(pod)))),
        Kind::GapLarge | Kind::LagLong => Remedy::person(format!(
            "see whether it shrinks: aku status --watch; if not, what holds it up is the network, {}, or one large transaction on pod {pod}",
            other(peer)
        )),
        Kind::LogLarge => Remedy::Person(back(peer.unwrap_or(pod))),
        Kind::PortClosed => Remedy::person(format!(
            "correct AKU_REPLICATION_PORT_NO, or the property of pod {pod}, and restart its server: no statement changes it"
        )),
        Kind::SettingDiffers => Remedy::person(format!(
            "set {fact} alike in altibase.properties of every pod: which value is meant only a person knows"
        )),
        Kind::ConflictRule => Remedy::person(format!(
            "ALTER SYSTEM SET {fact} = 1 on pod {pod}, and {fact} = 1 in its altibase.properties; then compare the rows: aku verify"
        )),
        Kind::NoTimestamp => Remedy::person(format!(
            "give the table a TIMESTAMP column on pod {pod} as on the others, or put another CONFLICT into aku.conf"
        )),
        Kind::TableMissing | Kind::TableUnfit => {
            Remedy::person(format!("create or correct the table on pod {pod}: aku makes and changes no table"))
        }
        Kind::TableDiffers => Remedy::person(format!(
            "make the table alike on pod {pod} and {}: which shape is meant only a person knows",
            other(peer)
        )),
        Kind::VersionSkew | Kind::ProtocolSkew => {
            Remedy::person("bring all pods to one version; accept the difference while an upgrade is rolled out")
        }
        Kind::CharacterSets => Remedy::person(format!(
            "give pod {pod} an empty volume and create its database with the character sets of the others, then start it: it is copied anew"
        )),
        Kind::TimeZone => Remedy::person(
            "set one TIME_ZONE in altibase.properties of every pod, or TZ of their containers, and restart the servers",
        ),
        Kind::SameDatabase => Remedy::person(format!(
            "see where the service addresses of pod {pod} and {} lead; a copied volume has to be made empty",
            other(peer)
        )),
        Kind::AnotherCluster => Remedy::person(
            "find out which pods have the rows that count, e.g. with aku verify; the others have to come back with an empty volume",
        ),
        Kind::PutBack if pod.is_master() => Remedy::person(
            "restart pod 0 closed (ADMIN_MODE 1), then see aku plan recover: a slave has the rows that pod 0 lost",
        ),
        Kind::PutBack => Remedy::person(format!(
            "restart pod {pod} closed (ADMIN_MODE 1), then see aku plan start --ordinal {pod}: it shows the copy that the pod needs"
        )),
        Kind::LedgerOdd => Remedy::person(
            "find out whose volume it is (aku explain W118); a table of that name that is not ours has to be moved away",
        ),
    }
}

/// Pod 0 cannot be forgotten: it is the source of every copy.
fn back(pod: Ordinal) -> String {
    let lost = if pod.is_master() {
        "if its volume is lost: start it empty, then aku plan recover".to_owned()
    } else {
        format!("if it left for good: aku plan forget {pod}")
    };
    format!("bring pod {pod} back; its start script lets it catch up; {lost}")
}

/// What the planner says of a goal.
enum Says {
    Does(Plan),
    Refuses(Refusal),
}

/// Asks the planner about every goal that is named, and names another one, or a person, where it would not help.
pub(super) fn close(scope: Scope<'_>, differences: &mut [Difference]) {
    let mut asked = Asked { scope, known: BTreeMap::new() };
    for d in differences {
        let mut tried: Vec<Goal> = Vec::new();
        while let Remedy::Goal(goal) = d.remedy {
            tried.push(goal);
            let Some(instead) = asked.instead(goal, d) else { break };
            d.remedy = match instead {
                // Two goals that send for each other help nobody.
                Remedy::Goal(next) if tried.contains(&next) => Remedy::Person(asked.why(goal)),
                Remedy::Goal(_) | Remedy::Person(_) | Remedy::Wait(_) | Remedy::Nothing => instead,
            };
        }
        d.next = d.remedy.to_string();
    }
}

struct Asked<'a> {
    scope: Scope<'a>,
    known: BTreeMap<String, Says>,
}

impl Asked<'_> {
    fn says(&mut self, goal: Goal) -> &Says {
        let scope = self.scope;
        self.known.entry(goal.command()).or_insert_with(|| {
            let mut desired = scope.desired.clone();
            desired.goal = goal;
            match plan::make(&desired, scope.observed) {
                Ok(plan) => Says::Does(plan),
                Err(refusal) => Says::Refuses(refusal),
            }
        })
    }

    /// What is said instead of the goal; `None` where the goal helps, or where only its own look can tell.
    fn instead(&mut self, goal: Goal, d: &Difference) -> Option<Remedy> {
        if !uncounted(self.scope, goal).is_empty() {
            return None;
        }
        let named = |o: &&Object| d.object.as_deref() == Some(o.name.as_str());
        let pair = self.scope.desired.objects.iter().find(named).map(|o| o.pair);
        let closed = self.scope.observed.pod(d.pod).is_some_and(Pod::admin_mode);
        match self.says(goal) {
            Says::Refuses(r) => Some(plan::remedy::of_refusal(r, goal)),
            Says::Does(plan) if touches(plan, goal, d) => None,
            // What a reconcile leaves alone on a closed pod is its own start's business.
            Says::Does(_) if closed && goal == Goal::Reconcile => Some(Remedy::Goal(Goal::Start(d.pod))),
            Says::Does(plan) => Some(told(plan, goal, d, pair)),
        }
    }

    fn why(&mut self, goal: Goal) -> String {
        match self.says(goal) {
            Says::Refuses(r) => headline(&r.because),
            Says::Does(_) => format!("aku plan {} does not end it; aku status shows what there is", goal.command()),
        }
    }
}

/// Rows that the plan of a goal hangs on and that were not counted; then only its own look can tell.
#[must_use]
pub fn uncounted(scope: Scope<'_>, goal: Goal) -> Vec<(Ordinal, Vec<Target>)> {
    let mut desired = scope.desired.clone();
    desired.goal = goal;
    let open =
        |pod: Ordinal, t: &Target| scope.observed.pod(pod).is_some_and(|seen| seen.rows_of(t) == RowCount::NotCounted);
    plan::row_questions(&desired, scope.observed)
        .into_iter()
        .map(|(pod, targets)| (pod, targets.into_iter().filter(|t| open(pod, t)).collect::<Vec<_>>()))
        .filter(|(_, targets)| !targets.is_empty())
        .collect()
}

fn headline(because: &[Reason]) -> String {
    because.first().map_or_else(|| "nobody knows".to_owned(), |b| b.text.clone())
}

/// Whether a plan does something about a difference.
fn touches(plan: &Plan, goal: Goal, d: &Difference) -> bool {
    match goal {
        Goal::Reconcile => plan.actions.iter().any(|a| {
            let here = a.pod == d.pod || Some(a.pod) == d.peer;
            let named = |o: &String| a.op.object().is_some_and(|n| n.as_str() == o || is_of(n.as_str(), o));
            let object = d.object.as_ref().is_none_or(named);
            let sets = |a: &Action| matches!(&a.op, Op::SetProperty { property, .. } if property.name() == d.fact);
            let setting = !matches!(d.kind, Kind::DdlEnabled | Kind::SyncLockOff) || sets(a);
            here && object && setting
        }),
        Goal::Start(_)
        | Goal::End(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Recover(_)
        | Goal::Forget(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => !plan.is_empty(),
    }
}

/// A difference of all objects of a group names their prefix.
fn is_of(name: &str, prefix: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(p, _)| p == prefix)
}

/// What a plan that leaves the difference as it is says of it.
fn told(plan: &Plan, goal: Goal, d: &Difference, pair: Option<Pair>) -> Remedy {
    let both = pair.map(|p| format!("pods {} and {} ", p.low(), p.high()));
    let about = |r: &&Reason| {
        let holds = |part: &String| r.text.contains(part.as_str());
        d.object.as_ref().is_some_and(holds) || both.as_ref().is_some_and(holds)
    };
    let note = plan.notes.iter().find(about);
    if let (Some(r), Some(pair)) = (note, pair)
        && matches!(r.code, Code::NotConnected | Code::SidesDisagree)
    {
        // Only a new copy of one of the two helps, and it begins with an end.
        return Remedy::Goal(Goal::End(pair.high()));
    }
    let note = note.map(|r| r.text.lines().next().unwrap_or_default().trim_end_matches(':').to_owned());
    Remedy::Person(note.unwrap_or_else(|| {
        format!("aku plan {} has nothing to do about it now: {}", goal.command(), headline(decision(plan)))
    }))
}

fn decision(plan: &Plan) -> &[Reason] {
    match &plan.decision {
        plan::Decision::None { because }
        | plan::Decision::CatchUp { because }
        | plan::Decision::Full { because, .. }
        | plan::Decision::Repair { because, .. }
        | plan::Decision::Logs { because, .. } => because,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::ord;

    #[test]
    fn every_kind_is_ended_by_a_goal_or_says_why_a_person_is_needed() {
        for kind in Kind::ALL {
            for pod in [ord(0), ord(2)] {
                match of(*kind, pod, Some(ord(1)), "SETTING", Way::Usual) {
                    Remedy::Goal(_) => {}
                    Remedy::Person(what) => assert!(what.len() > 50, "{}: {what}", kind.as_str()),
                    other @ (Remedy::Wait(_) | Remedy::Nothing) => panic!("{}: {other:?}", kind.as_str()),
                }
            }
        }
    }
}

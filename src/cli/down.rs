//! How long members have been down, for AKU_MEMBER_DOWN: a hook that finds one down writes that into the state directory, so
//! that it is known when the container starts again. Decides which of the yeses that a plan asks for the policy gives.
//!
//! Only the yes to a member's own unsent changes. They are not lost: when the member comes back they reach pod 0, and the pod
//! that joined without them has to be copied anew. What no quorum saw, and every other class, is a person's.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{confpath, gate::Approve, scene::CommandContext, wiring::Platform};
use crate::{
    bounded,
    conf::MemberDown,
    files,
    observe::Observed,
    plan::{self, ApprovalClass, Plan, PodState},
    topology::Ordinal,
};

/// Largest file that is read, bytes.
const MAX_BYTES: u64 = 1 << 16;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Since(BTreeMap<Ordinal, Timestamp>);

/// Members that are down, and since when a hook on this pod knows it.
pub struct Waits {
    policy: MemberDown,
    statefulset: String,
    since: BTreeMap<Ordinal, Timestamp>,
    now: Timestamp,
    /// The pods of approvals of the class, as far as they are about unsent changes only.
    asked: Vec<Ordinal>,
}

impl Waits {
    /// From a plan; what was known is read and written.
    pub fn of(plan: &Plan, scene: &CommandContext, observed: &Observed, world: &dyn Platform) -> Self {
        let policy = scene.desired.member_down;
        let down: Vec<Ordinal> =
            plan.pods.iter().filter(|line| line.state == PodState::MemberDown).map(|line| line.pod).collect();
        let now = world.now();
        let path = match policy {
            MemberDown::Ask => None,
            MemberDown::ProceedAfter(_) => confpath::state(world.env())
                .map(|dir| dir.join(format!("down-{}-{}.json", plan.statefulset, scene.who.pod))),
        };
        let since = known(path, &down, now);
        let about = |pod: &Ordinal| {
            let scope = format!("{}/{pod}", plan.statefulset);
            plan.approvals.iter().any(|a| a.class == ApprovalClass::MemberDown && a.scope == scope)
        };
        let unproved = plan::without_quorum(&scene.desired, observed);
        let asked = down.into_iter().filter(|pod| about(pod) && !unproved.contains(pod)).collect();
        Self { policy, statefulset: plan.statefulset.clone(), since, now, asked }
    }

    fn limit(&self) -> Option<Duration> {
        match self.policy {
            MemberDown::Ask => None,
            MemberDown::ProceedAfter(limit) => Some(limit),
        }
    }

    fn age(&self, pod: Ordinal) -> Duration {
        let since = self.since.get(&pod).copied().unwrap_or(self.now);
        // A clock that was put back makes nothing older.
        Duration::try_from(self.now.duration_since(since)).unwrap_or_default()
    }

    fn ripe(&self) -> impl Iterator<Item = Ordinal> {
        let limit = self.limit();
        self.asked.iter().copied().filter(move |pod| limit.is_some_and(|limit| self.age(*pod) >= limit))
    }

    /// What the policy says yes to.
    pub fn approves(&self) -> Vec<Approve> {
        let yes = |pod| Approve {
            class: ApprovalClass::MemberDown.as_str().to_owned(),
            scope: format!("{}/{pod}", self.statefulset),
        };
        self.ripe().map(yes).collect()
    }

    /// What is told when it goes on.
    pub fn goes_on(&self) -> Vec<String> {
        let told = |pod| {
            format!(
                "Pod {pod} has been down for {} s, and AKU_MEMBER_DOWN = {}: this start goes on without it. What pod {pod} has not sent reaches pod 0 when pod {pod} comes back and somebody says yes; this pod has to be copied anew to get it.",
                self.age(pod).as_secs(),
                self.policy
            )
        };
        self.ripe().map(told).collect()
    }

    /// What is told when it does not go on yet.
    pub fn waits_for(&self) -> Vec<String> {
        let Some(limit) = self.limit() else { return Vec::new() };
        let young = self.asked.iter().filter(|pod| self.age(**pod) < limit);
        let told = |pod: &Ordinal| {
            format!(
                "pod {pod} has been down for {} s; AKU_MEMBER_DOWN = {}: a start goes on by itself {} s from now",
                self.age(*pod).as_secs(),
                self.policy,
                limit.saturating_sub(self.age(*pod)).as_secs()
            )
        };
        young.map(told).collect()
    }
}

/// Since when each of them is down. A file that cannot be read or written knows nothing: everything begins now.
fn known(path: Option<PathBuf>, down: &[Ordinal], now: Timestamp) -> BTreeMap<Ordinal, Timestamp> {
    let Some(path) = path else { return BTreeMap::new() };
    let read = bounded::text(&path, MAX_BYTES).ok().and_then(|text| serde_json::from_str::<Since>(&text).ok());
    let before = read.unwrap_or_default();
    let since: BTreeMap<Ordinal, Timestamp> =
        down.iter().map(|pod| (*pod, before.0.get(pod).copied().filter(|t| *t <= now).unwrap_or(now))).collect();
    let after = Since(since.clone());
    if after != before
        && let Ok(text) = serde_json::to_string(&after)
        && let Err(e) = files::store(&text, &path)
    {
        tracing::warn!("{} cannot be written: {e}", path.display());
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::ord;

    #[test]
    fn a_pod_is_down_since_it_was_first_seen_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = || Some(dir.path().join("down.json"));
        let at = |s: i64| Timestamp::from_second(1_000 + s).unwrap();
        assert_eq!(known(path(), &[ord(3)], at(0)), BTreeMap::from([(ord(3), at(0))]));
        assert_eq!(known(path(), &[ord(3), ord(2)], at(60)), BTreeMap::from([(ord(3), at(0)), (ord(2), at(60))]));
        // It was back in between.
        assert_eq!(known(path(), &[ord(2)], at(70)), BTreeMap::from([(ord(2), at(60))]));
        assert_eq!(known(path(), &[ord(3)], at(80)), BTreeMap::from([(ord(3), at(80))]));
        // A clock that was put back.
        assert_eq!(known(path(), &[ord(3)], at(10)), BTreeMap::from([(ord(3), at(10))]));
        std::fs::write(path().unwrap(), "{").unwrap();
        assert_eq!(known(path(), &[ord(3)], at(90)), BTreeMap::from([(ord(3), at(90))]));
    }
}

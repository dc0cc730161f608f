//! Settings that a plan changes for a while: set, and put back whatever happens. Also those that a killed run left behind:
//! whoever finds them puts them back (`measured.md` 1 says what they are good for).

use aku_core::{
    desired::Goal,
    observe::{Known, LeftBehind},
    plan::{
        action::{ActionId, Op, RunWhen},
        reason::{Code, Reason},
    },
    sql::setting::Setting,
    topology::Ordinal,
};

use super::{
    build::{Builder, Dependencies, why},
    cluster_view::ClusterView,
};

/// A setting that is as the steps of a plan need it, until [`Builder::put_back`].
#[must_use]
pub(super) struct Held {
    pod: Ordinal,
    setting: Setting,
    back: i64,
    /// The action that sets it; none where it is so already.
    on: Option<ActionId>,
}

impl Held {
    /// What the steps that need it wait for.
    pub fn on(&self) -> Option<ActionId> {
        self.on
    }
}

impl Builder {
    /// Sets it. `None` on a server that does not have it.
    pub fn hold(
        &mut self,
        world: &ClusterView<'_>,
        (pod, setting): (Ordinal, Setting),
        because: Reason,
        waits: Dependencies,
    ) -> Option<Held> {
        let now = world.pod(pod)?.property(setting.name())?;
        if now == setting.during() {
            return Some(Held { pod, setting, back: world.observed.value_before(pod, setting).0, on: None });
        }
        let op = Op::SetProperty { property: setting, from: now, to: setting.during() };
        Some(Held { pod, setting, back: now, on: Some(self.add(pod, op, because, waits)) })
    }

    /// Puts it back when the steps that need it are over, however they ended. `users`: those steps, at least one.
    pub fn put_back(&mut self, held: &Held, users: &[ActionId], because: &'static str) -> Option<ActionId> {
        let armed_by = held.on.or_else(|| users.first().copied())?;
        let op = Op::SetProperty { property: held.setting, from: held.setting.during(), to: held.back };
        let waits = Dependencies::on(users.iter().copied(), because).and(held.on, "it undoes this");
        let because = why(Code::PutBack, "put back whatever happens");
        Some(self.add_when(held.pod, op, because, waits, RunWhen::Always { armed_by }))
    }

    /// Puts back what killed runs left behind, and says so; what the plan itself needs is only said, because it is put back
    /// with that.
    pub fn put_back_left(&mut self, world: &ClusterView<'_>, needs: &[(Ordinal, Setting)], notes: &mut Vec<Reason>) {
        for left in world.observed.left_behind().into_iter().filter(|left| in_reach(world, left.pod)) {
            let LeftBehind { pod, setting, back, known } = left;
            let now = setting.during();
            let is = format!("{setting} is {now} on pod {pod}, as a run that was killed leaves it");
            let value = match known {
                Known::Journal => format!("{back}, which that run found"),
                Known::Default => format!("{back}, the default of the server"),
            };
            if needs.contains(&(pod, setting)) {
                notes.push(Reason::new(Code::SettingLeft, format!("{is}; it is set to {value}, afterwards")));
                continue;
            }
            let op = Op::SetProperty { property: setting, from: now, to: back };
            let text = format!("{is}; it is put back to {value}");
            self.add(pod, op, why(Code::SettingLeft, text), Dependencies::none());
        }
    }
}

/// The only session of another pod that is closed is left to that pod's own start, and to a person.
fn in_reach(world: &ClusterView<'_>, pod: Ordinal) -> bool {
    let open = world.pod(pod).is_some_and(|p| !p.admin_mode());
    match world.desired.goal {
        Goal::Start(me) => pod == me || open,
        Goal::Recover(_) => pod.is_master() || open,
        Goal::Reconcile => true,
        Goal::End(_)
        | Goal::Clean(_)
        | Goal::CleanEverywhere
        | Goal::Forget(_)
        | Goal::Repair(_)
        | Goal::RecoverLog(_) => false,
    }
}

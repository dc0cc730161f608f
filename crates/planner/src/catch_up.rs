//! Both sides of every pair kept their place: the senders deliver what is missing. Nothing is deleted here.

use aku_core::{
    desired::Object,
    observe::Side,
    plan::{
        Decision, Plan,
        action::Op,
        reason::{Code, Reason},
    },
    topology::Ordinal,
};

use super::{
    build::{Dependencies, why},
    cluster_view::ClusterView,
    draft::Draft,
    steps,
};

pub(super) fn plan(world: &ClusterView<'_>, me: Ordinal, mut draft: Draft, creating: &[(Ordinal, &Object)]) -> Plan {
    let created = steps::create(world, &mut draft.build, creating);
    leftovers(world, &mut draft);
    let caught_up = steps::streams(
        world,
        &mut draft,
        &Dependencies::on(created.iter().copied(), "an object must exist before it starts"),
    );
    let caught_up: Vec<_> = caught_up.into_iter().chain(steps::due(world, &mut draft)).collect();
    let compared =
        steps::compare(world, &mut draft, Dependencies::on(caught_up.iter().copied(), "it looks at what they brought"));
    let delayed = steps::delay(
        world,
        &mut draft,
        Dependencies::on(caught_up.iter().copied(), "the delay counts from the moment the rows are right")
            .and(compared, "and are seen to be"),
    );
    let waits = Dependencies::on(caught_up, "users come in when the streams are caught up")
        .and(created, "objects first")
        .and(compared, "the rows are those of the others")
        .and(delayed, "after the delay");
    let opened = steps::open(world, &mut draft, waits);
    steps::marker(world, &mut draft, opened);
    let because = vec![why(
        Code::BothLive,
        format!(
            "both sides of every pair of pod {me} with a joined pod kept their place in the log, so nothing needs to be copied"
        ),
    )];
    draft.into_plan(world, Decision::CatchUp { because }, Vec::new())
}

/// Live positions towards seen pods that hold none: leftovers of a join that broke. A pod in service only reports
/// them, because the join may be under way right now.
fn leftovers(world: &ClusterView<'_>, draft: &mut Draft) {
    let me = draft.me;
    let open = world.pod(me).is_some_and(|p| !p.admin_mode());
    for k in world.seen_others(me).filter(|k| !world.is_joined(*k)).collect::<Vec<_>>() {
        for object in world.desired.objects_between(me, k) {
            let sides = world.sides(me, k, object);
            let (Side::Live(sn), Side::Missing | Side::Reset | Side::GaveUp) = (sides.mine, sides.theirs) else {
                continue;
            };
            let text = format!("pod {me} keeps log for pod {k} from SN {sn}, but pod {k} is not joined");
            if open {
                draft.notes.push(Reason::new(
                    Code::Leftover,
                    format!("{}: {text}; `aku -p start` on pod {k} clears it", object.name),
                ));
                continue;
            }
            let stop = world.is_started(me, object).then(|| {
                let op = Op::Stop { name: object.name.clone(), peer: k };
                draft.build.add(me, op, why(Code::Leftover, text.clone()), Dependencies::none())
            });
            let op = Op::Reset { name: object.name.clone(), peer: k };
            draft.build.add(me, op, why(Code::Leftover, text), Dependencies::on(stop, "RESET needs a stopped sender"));
        }
    }
}

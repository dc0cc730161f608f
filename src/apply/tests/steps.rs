//! A clock that is set back in the middle of a run. A monotonic clock never is; but nothing may be cut short, hang or
//! panic where one is after all (a virtual machine that was moved).

use std::{
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use proptest::prelude::*;

use super::*;
use crate::db::setting::Setting;

/// Time that passes only while somebody sleeps, and is set back at some of the looks at it.
struct Stepping(Mutex<Steps>);

struct Steps {
    now: Instant,
    looks: u32,
    /// At which look, and by how much; in order.
    back: Vec<(u32, Duration)>,
}

impl Clock for Stepping {
    fn now(&self) -> Instant {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps.looks += 1;
        if let Some((at, by)) = steps.back.first().copied()
            && steps.looks >= at
        {
            steps.back.remove(0);
            steps.now -= by;
        }
        steps.now
    }

    fn sleep(&self, d: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now += d;
        thread::yield_now();
    }
}

fn join() -> Vec<Action> {
    let set = |id, from, to, after: &[u32]| {
        let property = Setting::DdlEnable;
        act(id, 1, Op::SetProperty { property, from, to }, after)
    };
    let flush = Op::Flush { name: name("R_01"), peer: pod(1), wait_s: 20 };
    vec![
        set(1, 1, 0, &[]),
        act(2, 0, Op::Drain { wait_s: 5 }, &[]),
        act(3, 1, Op::CheckEmpty { targets: targets() }, &[1, 2]),
        act(4, 0, Op::Sync { name: name("R_01"), peer: pod(1), parallel: 1, rows: Some(20) }, &[3]),
        act(5, 0, flush, &[4]),
        act(6, 1, Op::Delay { seconds: 2 }, &[5]),
        when(set(7, 0, 1, &[6]), RunWhen::Always { armed_by: ActionId(1) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_clock_that_is_set_back_changes_nothing(
        mut looks in proptest::collection::vec(2_u32..120, 0..4),
        by in 1_u64..20_000,
    ) {
        looks.sort_unstable();
        let mut stage = Stage::new(2);
        let back = looks.into_iter().map(|at| (at, Duration::from_millis(by))).collect();
        let now = Instant::now() + Duration::from_secs(3600);
        stage.context.clock = Arc::new(Stepping(Mutex::new(Steps { now, looks: 0, back })));
        let run = stage.run(join());
        prop_assert!(run.report.complete(), "{:?}", run.words());
        prop_assert!(run.report.took < Duration::from_secs(120), "{:?}", run.report.took);
        let world = stage.cluster.world();
        prop_assert_eq!(&world.pods[&pod(1)].rows, &world.pods[&pod(0)].rows);
        prop_assert_eq!(world.pods[&pod(1)].properties["REPLICATION_DDL_ENABLE"], 1);
    }
}

//! What surrounds a run: the lock of another one, journals, events, variables of hooks.

use std::time::Duration;

use super::world::{Lives, fresh, joined};
use crate::{
    cli::env::Env,
    events::{Line, What},
    exit::Exit,
    lock::{Holder, Waiting},
    render::fixtures::{self, PASSWORD},
};

const YES: &str = "apply --yes --approve deletes-rows=altibase-sts/2";

fn locked() -> Lives {
    let mut world = Lives::new(fresh);
    let app = "aku lock 20261121T121044Z-1f3a9c start pod 1 pid 4711 on altibase-sts-1".parse().unwrap();
    let holder = Holder { app, session: 12, from: "TCP 10.0.0.3:40000".to_owned() };
    world.fake.locked = Some(Waiting { pod: fixtures::pod(0), holder: Some(holder), waited: Duration::from_secs(3) });
    world
}

#[test]
fn another_run_is_named_and_nothing_is_done() {
    let world = locked();
    let came = world.run(YES);
    assert_eq!((came.exit, world.applied()), (Exit::Locked, 0));
    fixtures::settings().bind(|| insta::assert_snapshot!("locked", came.err));
    let hook = world.run("-p start");
    assert_eq!((hook.exit, world.applied()), (Exit::Locked, 0));
    assert!(hook.out.contains("error[locked]: another run works on these pods: the start of pod 1"), "{}", hook.out);
    assert!(hook.out.ends_with("AKU failed to run.\n"), "{}", hook.out);
    // A plan takes no lock.
    assert_eq!(world.run("plan").exit, Exit::Ok);
}

fn with(world: &mut Lives, vars: &[(&str, String)]) {
    let conf = world.path("aku.conf").display().to_string();
    let marker = world.path("marker").display().to_string();
    let own = [("AKU_CONF", conf), ("AKU_MARKER", marker)];
    world.env = Env::fixed(own.iter().chain(vars).map(|(k, v)| ((*k).to_owned(), v.clone())));
}

#[test]
fn hooks_take_their_flags_from_variables() {
    let mut world = Lives::new(fresh);
    let state = world.path("state");
    std::fs::create_dir(&state).unwrap();
    let events = state.join("events").display().to_string();
    let vars = [
        ("AKU_STATE_DIR", state.display().to_string()),
        ("AKU_CLI_EVENTS", events.clone()),
        ("AKU_CLI_DEADLINE", "50s".to_owned()),
        ("AKU_CLI_GRACE", "2s".to_owned()),
    ];
    with(&mut world, &vars);
    let came = world.run_without_look("-p start");
    assert_eq!(came.exit, Exit::Ok, "{came:#?}");
    {
        let seen = world.fake.seen.borrow();
        assert_eq!(seen.applied[0].grace, Duration::from_secs(2));
        assert!(seen.applied[0].deadline.unwrap() <= Duration::from_secs(50));
        assert!(seen.applied[0].login.app_info.contains(" run 2026"), "{}", seen.applied[0].login.app_info);
    }
    let text = std::fs::read_to_string(events).unwrap();
    assert!(!text.contains(PASSWORD));
    let lines: Vec<Line> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(matches!(lines.last().unwrap().what, What::RunEnd { exit_code: 0, .. }));
    let list = world.run_without_look("runs list");
    assert!(list.out.contains("aku -p start") && list.out.contains("done"), "{}", list.out);
    let show = world.run_without_look("runs show");
    assert!(show.out.contains("plan       start pod 2 of altibase-sts"), "{}", show.out);
    let wrong = [("AKU_CLI_DEADLINE", "50".to_owned())];
    with(&mut world, &wrong);
    let came = world.run_without_look("-p start");
    assert_eq!(came.exit, Exit::Usage);
    assert!(came.out.contains("AKU_CLI_DEADLINE is \"50\""), "{}", came.out);
}

#[test]
fn small_things() {
    let mut world = Lives::new(joined);
    assert!(world.run("-p stop").out.contains("-p stop means -p end"));
    assert!(!world.run("-p end").out.contains("means"));
    let schema = world.run("schema event");
    assert!(schema.exit == Exit::Ok && schema.out.contains("\"run_start\""), "{schema:#?}");
    assert_eq!(world.run("runs list").exit, Exit::NoInput);
    let missing = [("AKU_SYS_PASSWORD_FILE", "/no/such/file".to_owned())];
    with(&mut world, &missing);
    assert_eq!(world.run("plan").exit, Exit::NoInput);
    with(&mut world, &[("AKU_STATE_DIR", "/proc/nowhere".to_owned())]);
    let came = world.run("-p end");
    assert_eq!(came.exit, Exit::Ok);
    assert!(came.out.contains("the journal of this run cannot be written (/proc/nowhere"), "{}", came.out);
}

//! `aku apply FILE --resume` and the hooks' rules, against pods that are what a test says.

use jiff::SignedDuration;

use super::world::{Lives, fresh};
use crate::{
    cli::env::Env,
    exit::Exit,
    plan::{ActionId, testing::Worlds},
};

const APPLY: &str = "apply @/p.json --yes --approve deletes-rows=altibase-sts/2";

fn with(world: &mut Lives, vars: &[(&str, String)]) {
    let own = [("AKU_CONF", world.path("aku.conf")), ("AKU_MARKER", world.path("marker"))];
    let own = own.map(|(name, path)| (name, path.display().to_string()));
    world.env = Env::fixed(own.iter().chain(vars).map(|(k, v)| ((*k).to_owned(), v.clone())));
}

/// A saved plan of a start of pod 2, in a world that keeps journals.
fn planned() -> Lives {
    let mut world = Lives::new(fresh);
    let state = world.path("state").display().to_string();
    with(&mut world, &[("AKU_STATE_DIR", state)]);
    assert_eq!(world.run_without_look("plan -o @/p.json").exit, Exit::Ok);
    world
}

/// Its objects are made, nothing else.
fn defined(w: Worlds) -> Worlds {
    fresh(w).side(2, 0, 'R').side(2, 1, 'R').side(2, 3, 'R')
}

#[test]
fn resume_needs_a_plan_and_a_journal_of_it() {
    let mut world = planned();
    let exit = |world: &Lives, line: &str| world.run_without_look(line).exit;
    assert_eq!(exit(&world, "apply start --resume"), Exit::Usage);
    assert_eq!(exit(&world, "apply --resume"), Exit::Usage);
    assert_eq!(exit(&world, "plan start --resume"), Exit::Usage);
    let resume = format!("{APPLY} --resume");
    let came = world.run_without_look(&resume);
    assert_eq!(came.exit, Exit::NoInput, "{came:#?}");
    assert!(came.err.contains("no run of this machine has begun this plan"), "{came:#?}");
    let later = world.now.checked_add(SignedDuration::from_hours(25)).unwrap();
    let made = std::mem::replace(&mut world.now, later);
    assert_eq!(exit(&world, &resume), Exit::Stale);
    world.now = made;
    with(&mut world, &[]);
    let came = world.run_without_look(&resume);
    assert!(came.exit == Exit::NoInput && came.err.contains("AKU_STATE_DIR"), "{came:#?}");
    assert_eq!(world.applied(), 0);
}

#[test]
fn what_the_journal_calls_done_and_the_pods_show_is_not_done_again() {
    let mut world = planned();
    world.fake.fails = Some(5);
    let came = world.run_without_look(APPLY);
    assert_eq!(came.exit, Exit::Partial, "{came:#?}");
    assert!(came.err.contains("aku apply @/p.json --resume"), "{came:#?}");
    world.fake.fails = None;

    // The pods show nothing of it but that pod 2 is closed, as it was: a journal is no truth.
    let came = world.run_without_look(&format!("{APPLY} --resume"));
    assert_eq!(came.exit, Exit::Ok, "{came:#?}");
    assert!(came.out.contains("A1 is done and still so. A2-A5, A17 were begun"), "{came:#?}");
    assert_eq!(world.fake.seen.borrow().applied[1].earlier.len(), 1);
}

#[test]
fn a_half_applied_plan_is_refused_and_the_way_on_is_named() {
    let mut world = planned();
    world.fake.fails = Some(5);
    assert_eq!(world.run_without_look(APPLY).exit, Exit::Partial);
    world.fake.fails = None;
    world.fake.build = defined;
    let came = world.run_without_look(APPLY);
    assert_eq!(came.exit, Exit::Stale, "{came:#?}");
    assert!(came.err.contains("aku apply @/p.json --resume"), "{came:#?}");
    assert_eq!(world.applied(), 1);
    let came = world.run_without_look(&format!("{APPLY} --resume"));
    assert_eq!(came.exit, Exit::Ok, "{came:#?}");
    let done: Vec<u32> = world.fake.seen.borrow().applied[1].earlier.keys().map(|ActionId(n)| *n).collect();
    assert_eq!(done, [1, 2, 3, 4]);
    assert!(came.out.contains("A1-A4 are done and still so"), "{}", came.out);
    assert!(!came.out.contains(" create "), "what is done is not shown as to be done: {}", came.out);

    // Somebody joined the pod by another road.
    let mut world = planned();
    world.fake.fails = Some(5);
    assert_eq!(world.run_without_look(APPLY).exit, Exit::Partial);
    world.fake.fails = None;
    world.fake.build = |w| defined(w).set(2, "REPLICATION_DDL_ENABLE", 1);
    let came = world.run_without_look(APPLY);
    assert!(came.exit == Exit::Stale && !came.err.contains("--resume"), "{came:#?}");
    let came = world.run_without_look(&format!("{APPLY} --resume"));
    assert_eq!(came.exit, Exit::Stale, "{came:#?}");
    assert!(came.err.contains("pod 2 property REPLICATION_DDL_ENABLE"), "{came:#?}");
    assert_eq!(world.applied(), 1);
}

#[test]
fn hooks_ask_the_rules_of_their_site() {
    let mut world = Lives::new(fresh);
    let policy = world.path("policy.toml");
    std::fs::write(&policy, "[levels]\nP003 = \"deny\"\n").unwrap();
    with(&mut world, &[("AKU_CLI_POLICY", policy.display().to_string())]);
    let came = world.run("-p start");
    assert_eq!((came.exit, world.applied()), (Exit::Refused, 0), "{came:#?}");
    assert!(came.out.contains("P003-truncate") && came.out.ends_with("AKU failed to run.\n"), "{came:#?}");
    std::fs::write(&policy, "[levels]\nP003 = \"warn\"\n").unwrap();
    let came = world.run("-p start");
    assert_eq!((came.exit, world.applied()), (Exit::Ok, 1), "{came:#?}");
    assert!(came.out.contains("3 targets are emptied") || came.out.contains("P003-truncate"), "{came:#?}");
    with(&mut world, &[("AKU_CLI_POLICY_CMD", "/no/such/program".to_owned())]);
    let came = world.run("-p start");
    assert_eq!((came.exit, world.applied()), (Exit::Refused, 1), "{came:#?}");
    // Drift asks it as well, and does not call its silence a yes.
    assert_eq!(world.run("drift").exit, Exit::Refused);
    with(&mut world, &[("AKU_CLI_POLICY_CMD", "/bin/true".to_owned())]);
    assert_ne!(world.run("drift").exit, Exit::Refused);
}

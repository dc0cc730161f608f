//! Rules, reviews, and comparing with the pods: what a pipeline lives on.

use std::os::unix::fs::PermissionsExt as _;

use jiff::SignedDuration;
use serde_json::Value;

use super::world::*;
use crate::{document, exit::Exit};

const YES: &str = "--yes --approve deletes-rows=altibase-sts/2";

fn resealed(world: &Lives, edit: impl Fn(&mut Value)) {
    let text = std::fs::read_to_string(world.path("p.json")).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    edit(&mut document);
    document["digest"] = document::digest(&document).into();
    std::fs::write(world.path("q.json"), document.to_string()).unwrap();
}

#[test]
fn a_rule_that_denies_stops_plan_review_and_apply() {
    let world = Lives::new(fresh);
    std::fs::write(world.path("site.toml"), "[levels]\nP003 = \"deny\"\n").unwrap();
    let plan = world.run("plan --policy @/site.toml -o @/denied.json");
    assert_eq!(plan.exit, Exit::Refused, "{plan:#?}");
    assert!(plan.out.contains("deny  P003-truncate") && plan.err.contains("error[P003-truncate]"), "{plan:#?}");
    assert!(plan.err.contains("aku explain P003-truncate"));
    // What was denied when it was made stays denied.
    assert_eq!(world.run("review @/denied.json").exit, Exit::Refused);
    assert_eq!(world.run("plan -o @/p.json").exit, Exit::Ok);
    assert_eq!(world.run("review @/p.json").exit, Exit::Ok);
    assert_eq!(world.run("review @/p.json --policy @/site.toml").exit, Exit::Refused);
    for line in [format!("apply {YES}"), format!("apply @/p.json {YES}")] {
        let came = world.run(&format!("{line} --policy @/site.toml"));
        assert_eq!((came.exit, world.applied()), (Exit::Refused, 0), "{came:#?}");
    }
    let denied = world.run(&format!("apply @/denied.json {YES}"));
    assert_eq!((denied.exit, world.applied()), (Exit::Refused, 0), "{denied:#?}");
    std::fs::write(world.path("site.toml"), "[levels]\nP099 = \"deny\"\n").unwrap();
    assert_eq!(world.run("plan --policy @/site.toml").exit, Exit::BadData);
    assert_eq!(world.run("plan --policy @/none.toml").exit, Exit::NoInput);
    std::fs::write(world.path("site.toml"), "max_rows_deleted = 10\nprotect = [\"SYS.T2\"]\n").unwrap();
    let limits = world.run("plan --policy @/site.toml");
    assert!(limits.err.contains("P013") && limits.err.contains("P014"), "{limits:#?}");
}

#[test]
fn another_program_may_judge() {
    let world = Lives::new(fresh);
    let program = |body: &str| {
        std::fs::write(world.path("judge"), format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(world.path("judge"), std::fs::Permissions::from_mode(0o755)).unwrap();
        world.run("plan --policy-cmd @/judge")
    };
    let read = "cat >\"$0.got\"";
    let fine = program(&format!("{read}; exit 0"));
    assert_eq!(fine.exit, Exit::Ok, "{fine:#?}");
    let got = std::fs::read_to_string(world.path("judge.got")).unwrap();
    assert!(crate::plan::saved::Saved::parse(&got).is_ok());
    let warned = program(&format!("{read}; echo '[{{\"code\":\"S1\",\"level\":\"warn\",\"text\":\"mind\"}}]'; exit 2"));
    assert!(warned.exit == Exit::Ok && warned.out.contains("warn  S1: mind"), "{warned:#?}");
    let denied =
        program("echo '{\"findings\":[{\"code\":\"S2\",\"level\":\"deny\",\"text\":\"no\",\"actions\":[1]}]}'");
    assert!(denied.exit == Exit::Refused && denied.err.contains("error[S2]: no"), "{denied:#?}");
    for body in ["exit 1", "exit 2", "echo nonsense", "kill -9 $$"] {
        let came = program(body);
        assert!(came.exit == Exit::Refused && came.err.contains("error[policy-cmd]"), "{body}: {came:#?}");
    }
    let none = world.run("plan --policy-cmd @/nothing-there");
    assert!(none.exit == Exit::Refused && none.err.contains("cannot be started"), "{none:#?}");
}

#[test]
fn reviews_in_three_forms() {
    let mut world = Lives::new(fresh);
    world.run("plan -o @/p.json");
    let json: Value = serde_json::from_str(&world.run("review @/p.json --format json").out).unwrap();
    assert_eq!((&json["kind"], &json["exit"]), (&"aku.review".into(), &0.into()));
    assert_eq!(json["findings"][0]["code"], "P003-truncate");
    let sarif: Value = serde_json::from_str(&world.run("review @/p.json --format sarif").out).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "warning");
    assert_eq!(world.run("review @/none.json").exit, Exit::NoInput);
    resealed(&world, |d| d["producer"]["planner_rev"] = 99.into());
    let other = world.run("review @/q.json");
    assert!(other.exit == Exit::BadData && other.out.contains("V005-other-release"), "{other:#?}");
    world.now = world.now.checked_add(SignedDuration::from_hours(25)).unwrap();
    let late = world.run("review @/p.json");
    assert!(late.exit == Exit::Stale && late.out.contains("V006-expired"), "{late:#?}");
    let edited = std::fs::read_to_string(world.path("p.json")).unwrap().replacen("SYS.T1", "SYS.T9", 1);
    std::fs::write(world.path("p.json"), edited).unwrap();
    let edited = world.run("review @/p.json --format json");
    assert!(edited.exit == Exit::BadData && edited.out.contains("V004-edited"), "{edited:#?}");
}

#[test]
fn what_another_release_made_is_shown_and_not_applied() {
    type Edit = fn(&mut Value);
    let world = Lives::new(fresh);
    world.run("plan -o @/p.json");
    let edits: [(Edit, bool); 4] = [
        (|d| d["producer"]["planner_rev"] = 99.into(), true),
        (|d| d["must_understand"] = serde_json::json!(["magic"]), true),
        (|d| d["plan"]["actions"][0]["op"] = "explode".into(), false),
        (|d| d["plan"]["actions"][0]["sql"] = serde_json::json!(["DROP DATABASE"]), false),
    ];
    for (edit, page) in edits {
        resealed(&world, edit);
        let refused = world.run(&format!("apply @/q.json {YES}"));
        assert!(refused.exit == Exit::BadData && refused.err.contains("plan-release"), "{refused:#?}");
        let shown = world.run("show @/q.json");
        assert!(shown.exit == Exit::Ok && shown.err.contains("does not apply the plan"), "{shown:#?}");
        assert!(shown.out.contains("A1") && shown.out.contains("sha256:"), "{shown:#?}");
        assert_eq!(world.run("show @/q.json --format json").exit, Exit::Ok);
        assert_eq!(world.run("show @/q.json --format html").exit == Exit::Ok, page);
    }
    assert!(world.run("show @/q.json").out.contains("DROP DATABASE"), "what the reviewer reads is what the file says");
    assert_eq!(world.applied(), 0);
}

#[test]
fn only_what_matters_makes_a_plan_stale() {
    let mut world = Lives::new(fresh);
    world.run("plan -o @/p.json --conf @/aku.conf");
    // Positions move, a pod comes up that has not joined.
    world.fake.build = |w| fresh(w).edit(0, 1, |r| r.position = crate::topology::Position::Live(77_777));
    let apply = format!("apply @/p.json --conf @/aku.conf {YES}");
    assert_eq!((world.run(&apply).exit, world.applied()), (Exit::Ok, 1));
    world.fake.build = |w| fresh(w).set(0, "ADMIN_MODE", 1);
    let source = world.run(&apply);
    assert_eq!((source.exit, world.applied()), (Exit::Stale, 1), "{source:#?}");
    assert!(source.err.contains("pod 0 property ADMIN_MODE"), "{source:#?}");
    assert!(source.err.contains("aku plan start --conf @/aku.conf --ordinal 2 -o @/p.json"), "{source:#?}");
    world.now = world.now.checked_sub(SignedDuration::from_hours(1)).unwrap();
    let future = world.run(&apply);
    assert!(future.exit == Exit::Stale && future.err.contains("in the future"), "{future:#?}");
}

#[test]
fn a_plan_is_compared_with_the_pods() {
    let mut world = Lives::new(fresh);
    world.run("plan -o @/p.json");
    let same = world.run("diff @/p.json --live");
    assert_eq!(same.exit, Exit::Ok, "{same:#?}");
    world.fake.build = |w| fresh(w).side(2, 0, 'R');
    let other = world.run("diff @/p.json --live");
    assert!(other.exit == Exit::Changes && other.out.contains("+ the plan made now"), "{other:#?}");
    world.fake.build = no_source;
    assert_eq!(world.run("diff @/p.json --live").exit, Exit::Unknown);
    assert_eq!(world.run("diff @/p.json").exit, Exit::Usage);
    assert_eq!(world.run("diff @/p.json @/p.json --live").exit, Exit::Usage);
}

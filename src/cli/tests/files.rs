//! Captures, plans made from them, differences, and the forms of a saved plan.

use std::os::unix::fs::PermissionsExt as _;

use super::world::*;
use crate::exit::Exit;

#[test]
fn a_plan_from_a_capture_is_the_plan_from_the_pods() {
    let builds: [Build; 2] = [fresh, joined];
    for (build, what) in builds.into_iter().flat_map(|b| ["start", "end", "clean"].map(|w| (b, w))) {
        let world = Lives::new(build);
        std::fs::write(world.path("marker"), "").unwrap();
        let came = world.run("capture -o @/seen.json");
        assert_eq!((came.exit, came.out.as_str()), (Exit::Ok, ""), "{came:#?}");
        let mode = std::fs::metadata(world.path("seen.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let live = world.run(&format!("plan {what} -o @/live.json --quiet"));
        let looks = world.fake.seen.borrow().looks;
        let offline = world.run(&format!("plan {what} --from @/seen.json -o @/offline.json --quiet"));
        assert_eq!(offline.exit, live.exit, "{what}: {offline:#?}");
        assert_eq!(world.fake.seen.borrow().looks, looks, "a pod was asked");
        let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
        assert_eq!(read("live.json"), read("offline.json"), "{what}");
        let same = world.run(&format!("plan {what} --from @/seen.json --against @/live.json"));
        assert_eq!(same.exit, Exit::Ok, "{same:#?}");
        assert_eq!(world.applied(), 0);
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let world = Lives::new(fresh);
    assert_eq!(world.run("capture -o @/seen.json").exit, Exit::Ok);
    assert_eq!(world.run("plan -o @/start.json").exit, Exit::Ok);
    let other = world.run("plan clean --from @/seen.json --against @/start.json");
    assert_eq!(other.exit, Exit::Changes, "{other:#?}");
    assert!(other.out.contains("- start pod 2 of altibase-sts") && other.out.contains("TRUNCATE TABLE SYS.T1"));
    let table = [
        ("plan --from @/none", Exit::NoInput),
        ("plan --from @/start.json", Exit::BadData),
        ("plan --from @/seen.json --against @/seen.json", Exit::BadData),
        ("plan --from @/seen.json --ordinal 7", Exit::Refused),
        ("plan --from @/seen.json --ordinal 3", Exit::Unknown),
        ("capture -o @/no/such/folder", Exit::Output),
        ("diff @/start.json @/none", Exit::NoInput),
        ("diff @/start.json @/start.json", Exit::Ok),
        ("graph @/seen.json", Exit::BadData),
    ];
    for (line, want) in table {
        let came = world.run(line);
        assert_eq!(came.exit, want, "{line}: {came:#?}");
    }
    world.rewrite_conf(4, 77);
    let stale = world.run("plan --from @/seen.json");
    assert!(stale.exit == Exit::Stale && stale.err.contains("aku.conf means something else"), "{stale:#?}");
    assert_eq!(Lives::new(nobody).run("capture -o @/seen.json").exit, Exit::Unavailable);
}

#[test]
fn two_plans_are_compared() {
    let world = Lives::new(fresh);
    world.run("plan -o @/a.json");
    world.run("plan clean -o @/b.json");
    let text = world.run("diff @/a.json @/b.json");
    assert!(text.exit == Exit::Changes && text.out.starts_with("- @/a.json\n+ @/b.json\n"), "{text:#?}");
    let json = world.run("diff @/a.json @/b.json --format json");
    let document: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json.exit, Exit::Changes);
    assert_eq!(document["kind"], "aku.diff");
    assert!(document["changes"].as_array().is_some_and(|c| c.iter().any(|c| c["what"] == "gone")), "{document:#}");
}

#[test]
fn a_saved_plan_in_every_form() {
    let world = Lives::new(fresh);
    world.run("plan -o @/p.json");
    let forms = [
        ("show @/p.json --format md", "<!-- aku-plan start altibase-sts/2 sha256:"),
        ("show @/p.json --format html", "<!DOCTYPE html>"),
        ("show @/p.json --format dot", "digraph aku {"),
        ("show @/p.json --format mermaid", "%% start pod 2"),
        ("show @/p.json --format json", "{"),
        ("graph @/p.json", "digraph aku {"),
        ("graph @/p.json --format mermaid", "%% start pod 2"),
    ];
    for (line, begins) in forms {
        let came = world.run(line);
        assert!(came.exit == Exit::Ok && came.out.starts_with(begins) && came.err.is_empty(), "{line}: {came:#?}");
        assert_eq!(came.out, world.run(line).out, "{line}");
    }
}

//! `aku -p`: what its log says, and what it refuses.

use super::world::*;
use crate::{cli::Env, exit::Exit, plan::testing::Worlds, render::fixtures::settings};

/// Log lines with what differs between builds and processes taken out.
fn steady(text: &str) -> String {
    let text = text.replace(&format!("[{}]", std::process::id()), "[THREAD]");
    let mut out = String::new();
    for line in text.lines() {
        let (mut rest, mut steady) = (line, String::new());
        for function in ["akuRunStart:", "akuRunEnd:", "akuRunClean:"] {
            if let Some((before, after)) = rest.split_once(function) {
                steady.push_str(before);
                steady.push_str(function);
                steady.push('N');
                rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            }
        }
        out.push_str(&steady);
        out.push_str(rest);
        out.push('\n');
    }
    out
}

#[test]
fn front_door() {
    let golden = |name: &str, came: &Came| {
        assert_eq!(came.err, "", "{name}");
        settings().bind(|| insta::assert_snapshot!(format!("legacy-{name}"), steady(&came.out)));
    };
    let mut world = Lives::new(fresh);
    let start = world.run("-p start");
    golden("start", &start);
    assert_eq!((start.exit, world.applied()), (Exit::Ok, 1));
    world.fake.fails = Some(12);
    let failed = world.run("-pstart");
    golden("start-failed", &failed);
    assert_eq!(failed.exit, Exit::Partial);
    let world = Lives::new(joined);
    let end = world.run("--pod=END");
    golden("end", &end);
    assert_eq!(end.exit, Exit::Ok);
    let clean = world.run("-p clean");
    golden("clean", &clean);
    assert_eq!((clean.exit, world.applied()), (Exit::Ok, 2));
}

/// The lines that scripts for 7.1 match, with the misspelling that they match.
#[test]
fn lines_of_7_1() {
    let golden = |name: &str, came: &Came| {
        settings().bind(|| insta::assert_snapshot!(format!("legacy-71-{name}"), came.out.clone()));
    };
    let mut world = Lives::new(fresh);
    let start = world.run("-p start --output-style 7.1");
    golden("start", &start);
    assert_eq!((start.exit, world.applied()), (Exit::Ok, 1));
    world.fake.fails = Some(12);
    let said = |world: &Lives, style: &str| {
        let own = [("AKU_CONF", world.path("aku.conf")), ("AKU_MARKER", world.path("marker"))];
        Env::fixed(own.into_iter().chain([("AKU_CLI_OUTPUT_STYLE", style.into())]))
    };
    world.env = said(&world, "7.1");
    let failed = world.run("-p start");
    golden("start-failed", &failed);
    assert_eq!(failed.exit, Exit::Partial);
    // The flag outweighs the variable.
    assert!(world.run("-p start --output-style 7.3").out.starts_with("AKU started with START option."));
    let end = Lives::new(joined).run("-p end --output-style 7.1");
    golden("end", &end);
    assert_eq!(end.exit, Exit::Ok);
    let refused = Lives::new(|w| fresh(w).set(2, "ADMIN_MODE", 0)).run("-p start --output-style 7.1");
    assert_eq!(refused.exit, Exit::Refused);
    assert!(
        refused.out.lines().skip(1).all(|l| l.starts_with("[ERROR] ")
            || l.starts_with("[WARN] ")
            || l.starts_with("[Error][akuDbConnect:344] ")
            || l.starts_with("  ")),
        "{}",
        refused.out
    );
    let mut wrong = Lives::new(fresh);
    wrong.env = said(&wrong, "6");
    assert_eq!((wrong.run("-p start").exit, wrong.applied()), (Exit::Usage, 0));
}

#[test]
fn what_the_front_door_refuses() {
    let refused = |name: &str, world: &Lives, line: &str, want: Exit| {
        let came = world.run(line);
        assert_eq!((came.exit, world.applied()), (want, 0), "{name}: {came:#?}");
        assert!(came.out.starts_with("AKU started with "), "{came:#?}");
        assert!(came.out.ends_with("AKU failed to run.\n"), "{came:#?}");
        settings().bind(|| insta::assert_snapshot!(format!("legacy-refused-{name}"), steady(&came.out)));
    };
    let world = Lives::new(joined);
    std::fs::write(world.path("marker"), "").unwrap();
    refused("duplicate", &world, "-p start", Exit::Refused);
    refused("users-inside", &Lives::new(|w| fresh(w).set(2, "ADMIN_MODE", 0)), "-p start", Exit::Refused);
    let mut surplus = Lives::new(fresh);
    surplus.host = "altibase-sts-5";
    refused("surplus", &surplus, "-p start", Exit::Refused);
    assert_eq!(surplus.fake.seen.borrow().looks, 0);
    refused("bad-password", &Lives::new(wrong_password), "-p start", Exit::Auth);
    let world = Lives::new(fresh);
    std::fs::write(world.path("aku.conf"), "AKU_PORT_NO = x\n").unwrap();
    refused("bad-conf", &world, "-p start", Exit::BadData);
    let member_down = Lives::new(|w| fresh(w).side(0, 3, 'L').side(1, 3, 'L'));
    refused("member-down", &member_down, "-p start", Exit::Refused);
}

#[test]
fn a_marker_of_an_earlier_life() {
    fn second_life(w: Worlds) -> Worlds {
        let mut w = fresh(w);
        w.pod_mut(2).server.started_at_s = Some(200);
        w
    }
    fn open(w: Worlds) -> Worlds {
        second_life(w).set(2, "ADMIN_MODE", 0)
    }
    // The third: it came back within the second that the server tells, or somebody closed it (a recovery).
    for marker in ["server_started_at=100\n", "", "server_started_at=200\n"] {
        let world = Lives::new(second_life);
        std::fs::write(world.path("marker"), format!("pid=1\n{marker}conf=sha256:0\n")).unwrap();
        let came = world.run("-p start");
        assert_eq!((came.exit, world.applied()), (Exit::Ok, 1), "{marker}: {came:#?}");
        assert!(came.out.contains("was started or closed since"), "{came:#?}");
    }
    let world = Lives::new(open);
    std::fs::write(world.path("marker"), "pid=1\nserver_started_at=200\nconf=sha256:0\n").unwrap();
    assert_eq!((world.run("-p start").exit, world.applied()), (Exit::Refused, 0));
    // The marker forbids a second start and nothing else.
    assert_eq!((world.run("-p end").exit, world.applied()), (Exit::Ok, 1));
}

#[test]
fn a_single_pod_starts_without_objects() {
    let mut world = Lives::new(|w| w.up(0, 1));
    world.host = "altibase-sts-0";
    world.rewrite_conf(1, 300);
    let came = world.run("-p start");
    assert_eq!(came.exit, Exit::Ok, "{came:#?}");
    assert!(!came.out.contains("create"), "{came:#?}");
}

//! The subcommands: exit codes, streams, gates, saved plans.

use std::{io, time::Duration};

use jiff::SignedDuration;

use super::{super::stream::Terminal, world::*};
use crate::{
    exit::Exit,
    render::fixtures::{self, settings},
};

#[test]
fn plan_and_its_exit_codes() {
    let table: [(Build, &str, Exit); 9] = [
        (fresh, "plan", Exit::Ok),
        (fresh, "plan --exit-code", Exit::Changes),
        (joined, "plan --exit-code", Exit::Ok),
        (joined, "plan end --exit-code", Exit::Changes),
        (nobody, "plan", Exit::Unavailable),
        (wrong_password, "plan", Exit::Auth),
        (fresh, "plan --ordinal 3", Exit::Unknown),
        (fresh, "plan --ordinal 7", Exit::Refused),
        (fresh, "plan --conf @/none", Exit::NoInput),
    ];
    for (build, line, want) in table {
        let world = Lives::new(build);
        std::fs::write(world.path("marker"), "").unwrap();
        let came = world.run(line);
        assert_eq!(came.exit, want, "{line}: {came:#?}");
        assert_eq!(came.out.is_empty(), !matches!(want, Exit::Ok | Exit::Changes), "{line}: {came:#?}");
        assert_eq!(world.applied(), 0);
    }
    let came = Lives::new(no_source).run("plan");
    assert!(matches!(came.exit, Exit::Refused | Exit::Unknown) && came.err.contains("pod 0"), "{came:#?}");
    let came = Lives::new(fresh).run("plan --sql");
    assert!(came.out.contains("TRUNCATE TABLE SYS.T1;") && came.err.is_empty(), "{came:#?}");
    let coloured = Lives::new(fresh).run("plan --color always");
    assert!(coloured.out.contains('\u{1b}'));
    assert_eq!(anstream::adapter::strip_str(&coloured.out).to_string(), Lives::new(fresh).run("plan").out);
}

#[test]
fn a_reader_who_leaves_and_a_full_disk() {
    let none = Terminal::default();
    let gone = Some(io::ErrorKind::BrokenPipe);
    let full = Some(io::ErrorKind::StorageFull);
    let world = Lives::new(fresh);
    assert_eq!(world.run_into("plan", gone, "", none).exit, Exit::Ok);
    assert_eq!(world.run_into("plan --exit-code", gone, "", none).exit, Exit::Changes);
    assert_eq!(world.run_into("plan", full, "", none).exit, Exit::Output);
    assert_eq!(world.run_into("--help", full, "", none).exit, Exit::Output);
    assert_eq!(world.applied(), 0);
    let yes = "apply --yes --approve deletes-rows=altibase-sts/2";
    assert_eq!(world.run_into(yes, gone, "", none).exit, Exit::Output);
    assert_eq!(world.run_into(yes, full, "", none).exit, Exit::Output);
    // A hook's log is no result.
    assert_eq!(world.run_into("-p start", gone, "", none).exit, Exit::Ok);
    assert_eq!(world.run_into("-p start", full, "", none).exit, Exit::Output);
    assert_eq!(world.applied(), 4);
}

#[test]
fn json_is_one_document() {
    let came = Lives::new(fresh).run("plan --format json");
    let saved = crate::plan::saved::Saved::parse(&came.out).unwrap();
    assert_eq!((saved.observer, saved.plan.goal.pod()), (Some(fixtures::pod(2)), fixtures::pod(2)));
    let refused = Lives::new(nobody).run("plan --format json");
    let document: serde_json::Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!((document["kind"].as_str(), document["exit"].as_u64()), (Some("aku.refusal"), Some(69)));
    assert!(refused.err.starts_with("error["), "{refused:#?}");
}

#[test]
fn apply_asks_first() {
    let world = Lives::new(fresh);
    for line in [
        "apply",
        "apply --yes",
        "apply --approve deletes-rows=altibase-sts/2",
        "apply --yes --approve deletes-rows=x/2",
    ] {
        let came = world.run(line);
        assert_eq!(came.exit, Exit::Refused, "{line}: {came:#?}");
        assert!(came.err.contains("aku apply start --yes --approve deletes-rows=altibase-sts/2"), "{came:#?}");
    }
    let declined = world.run_into("apply", None, "no\n", TERMINAL);
    assert_eq!(declined.exit, Exit::Refused, "{declined:#?}");
    let nobody_asked = world.run_into("apply --no-input", None, "altibase-sts/2\nyes\n", TERMINAL);
    assert_eq!((nobody_asked.exit, world.applied()), (Exit::Refused, 0));
    assert_eq!(world.run_into("apply --quiet", None, "altibase-sts/2\nyes\n", TERMINAL).exit, Exit::Ok);
    assert_eq!(world.run("apply --yes --approve deletes-rows=altibase-sts/2 --deadline 90s").exit, Exit::Ok);
    let seen = world.fake.seen.borrow();
    assert_eq!(seen.applied.len(), 2);
    let job = &seen.applied[1];
    let left = job.deadline.unwrap();
    assert!(left <= Duration::from_secs(90) && left > Duration::from_secs(1), "{left:?}");
    assert_eq!(job.retry_count, 3);
    let (path, text) = job.marker.clone().unwrap();
    assert_eq!(path, world.path("marker"));
    assert!(text.contains("conf=sha256:"), "{text}");
}

#[test]
fn apply_reports() {
    let mut world = Lives::new(fresh);
    let line = "apply --yes --approve deletes-rows=altibase-sts/2";
    let well = world.run(line);
    assert!(well.out.contains("Apply complete") && well.err.contains(" done "), "{well:#?}");
    assert_eq!(world.run(&format!("{line} --quiet")).err, "");
    world.fake.fails = Some(12);
    let badly = world.run(line);
    assert_eq!(badly.exit, Exit::Partial);
    for part in ["error[E120]", "done  ", "failed  ", "not run  ", "unknown  ", "state now  ", "exit 4"] {
        assert!(badly.err.contains(part), "{part}: {badly:#?}");
    }
    assert!(!badly.out.contains("Apply complete"));
    let nothing = Lives::new(joined);
    std::fs::write(nothing.path("marker"), "").unwrap();
    let came = nothing.run("apply --ordinal 2");
    assert_eq!((came.exit, nothing.applied()), (Exit::Ok, 0), "{came:#?}");
}

#[test]
fn saved_plans() {
    let mut world = Lives::new(fresh);
    let came = world.run("plan -o @/p.json");
    assert_eq!(came.exit, Exit::Ok);
    assert!(came.err.contains("saved to @/p.json") && came.out.contains("aku apply @/p.json --yes"), "{came:#?}");
    let apply = "apply @/p.json --yes --approve deletes-rows=altibase-sts/2";
    assert_eq!((world.run(apply).exit, world.applied()), (Exit::Ok, 1));
    let shown = world.run("show @/p.json");
    assert!(shown.out.contains("digest") || shown.out.contains("sha256:"), "{shown:#?}");
    assert_eq!(world.run("show @/p.json --format json").out, std::fs::read_to_string(world.path("p.json")).unwrap());

    let exit = |world: &Lives| world.run(apply).exit;
    assert_eq!(world.run("apply @/p.json --ordinal 2").exit, Exit::Usage);
    assert_eq!(world.run("apply @/none.json").exit, Exit::NoInput);
    world.rewrite_conf(4, 301);
    assert_eq!(exit(&world), Exit::Stale);
    world.rewrite_conf(4, 300);
    let later = world.now.checked_add(SignedDuration::from_hours(25)).unwrap();
    let made = std::mem::replace(&mut world.now, later);
    assert_eq!(exit(&world), Exit::Stale);
    world.now = made;
    world.fake.build = |w| fresh(w).side(2, 0, 'R');
    let other = world.run(apply);
    assert_eq!(other.exit, Exit::Stale);
    fixtures::settings().bind(|| insta::assert_snapshot!("stale-100", other.err));
    std::fs::write(world.path("marker"), "").unwrap();
    world.fake.build = joined;
    let done = world.run(apply);
    assert_eq!(done.exit, Exit::Ok, "{done:#?}");
    assert!(done.out.contains("Nothing to do"), "{done:#?}");
    let text = std::fs::read_to_string(world.path("p.json")).unwrap();
    std::fs::write(world.path("p.json"), text.replace("SYS.T1", "SYS.T9")).unwrap();
    assert_eq!(exit(&world), Exit::BadData);
    std::fs::write(world.path("p.json"), &text[..100]).unwrap();
    assert!(world.run(apply).err.contains("plan-truncated"));
    assert_eq!(world.applied(), 1);
    std::os::unix::fs::symlink(world.path("p.json"), world.path("link")).unwrap();
    world.fake.build = fresh;
    assert_eq!(world.run("plan -o @/link").exit, Exit::Output);
    assert_eq!(std::fs::read_to_string(world.path("p.json")).unwrap().len(), 100);
}

#[test]
fn a_busy_slot_is_looked_at_again() {
    let mut world = Lives::new(fresh);
    world.fake.busy = 2;
    let came = world.run("plan");
    assert_eq!((came.exit, world.fake.seen.borrow().looks), (Exit::Ok, 3));
    assert!(came.err.contains("pod 1 is busy") && came.err.contains("attempt 2 of 3"), "{came:#?}");
    world.fake.busy = usize::MAX;
    let came = world.run("plan");
    assert_ne!(came.exit, Exit::Ok, "{came:#?}");
    assert_eq!(world.fake.seen.borrow().looks, 3 + 4);
}

#[test]
fn own_address_is_checked_before_a_start() {
    for line in ["apply start --yes --approve deletes-rows=altibase-sts/2", "-p start"] {
        let mut world = Lives::new(fresh);
        world.fake.absent = 3;
        assert_eq!(world.run(line).exit, Exit::Ok, "{line}");
        assert_eq!(world.fake.seen.borrow().slept, [Duration::from_secs(1); 3]);
        let mut world = Lives::new(fresh);
        world.fake.absent = 4;
        let came = world.run(line);
        assert_eq!((came.exit, world.applied(), world.fake.seen.borrow().looks), (Exit::Unavailable, 0, 0));
        let text = came.out + &came.err;
        assert!(text.contains("attempt 4 of 4") && text.contains("after 4 attempts"), "{text}");
    }
    let mut world = Lives::new(fresh);
    world.fake.absent = 9;
    assert_eq!((world.run("plan").exit, world.run("apply end --yes").exit), (Exit::Ok, Exit::Ok));
}

#[test]
fn usage_help_and_version() {
    let world = Lives::new(fresh);
    let help = world.run("-h");
    settings().bind(|| {
        insta::assert_snapshot!("help", help.out);
        insta::assert_snapshot!("help-plan", world.run("plan -h").out);
        insta::assert_snapshot!("help-apply", world.run("apply -h").out);
    });
    assert_eq!((help.exit, world.run("--version").exit), (Exit::Ok, Exit::Ok));
    assert_eq!(world.run("-v").out, concat!("aku ", env!("CARGO_PKG_VERSION"), "\n"));
    let bare = world.run("");
    assert_eq!((bare.exit, bare.out.as_str()), (Exit::Usage, ""));
    assert_eq!(bare.err, help.out);
    for line in ["-p restart", "--bogus", "plan --yes", "explain X999", "show"] {
        let came = world.run(line);
        assert_eq!((came.exit, came.out.as_str()), (Exit::Usage, ""), "{line}");
        assert!(came.err.starts_with("error"), "{came:#?}");
    }
    let story = world.run("explain r033");
    assert!(story.out.starts_with("R033-pin "), "{story:#?}");
    assert!(world.run("explain E106").out.starts_with("E106 "));
    assert!(world.run("explain").out.lines().count() > 40);
}

#[test]
fn info_masks_and_validate_answers() {
    let world = Lives::new(fresh);
    let info = world.run("-i");
    assert_eq!(info.exit, Exit::Ok);
    assert!(info.out.contains("[ Server ]"), "{info:#?}");
    assert_eq!(world.run("validate").exit, Exit::Ok);
}

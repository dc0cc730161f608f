//! `aku drift`: exit codes, the files it reads and writes, and what becomes of them when something fails.

use std::{io, os::unix::fs::PermissionsExt as _};

use super::{super::stream::Terminal, world::*};
use crate::{
    document::Document as _, drift::document::Report, exit::Exit, plan::testing::Worlds, render::fixtures::settings,
};

fn stopped(w: Worlds) -> Worlds {
    joined(w).side(1, 2, 'l')
}

fn half_seen(w: Worlds) -> Worlds {
    joined(w).broken(3)
}

fn both(w: Worlds) -> Worlds {
    stopped(w).broken(3)
}

fn killed(w: Worlds) -> Worlds {
    let w = fresh(w).set(2, "ADMIN_MODE", 0).pair(0, 2, "LL").pair(1, 2, "LL").side(2, 3, 'R');
    let mut w = w;
    let view = crate::observe::PodView::Absent { address: "x".to_owned(), said: "refused".to_owned() };
    w.observed.pods.insert(crate::render::fixtures::pod(2), view);
    w
}

fn without_columns(w: Worlds) -> Worlds {
    let mut w = joined(w);
    w.pod_mut(1).tables.values_mut().for_each(|t| t.layout = None);
    w
}

#[test]
fn exit_codes() {
    let table: [(Build, &str, Exit); 21] = [
        (joined, "drift", Exit::Ok),
        (fresh, "drift", Exit::Ok),
        (stopped, "drift", Exit::Changes),
        (killed, "drift", Exit::Changes),
        (half_seen, "drift", Exit::Unknown),
        (both, "drift", Exit::Unknown),
        (nobody, "drift", Exit::Unknown),
        (wrong_password, "drift", Exit::Unknown),
        (stopped, "drift --deny D300-sender-stopped", Exit::Refused),
        (both, "drift --deny d300 --deny D202", Exit::Refused),
        (stopped, "drift --deny D202", Exit::Changes),
        (stopped, "drift --deny D999", Exit::Usage),
        (stopped, "drift --since-ok 15m", Exit::Usage),
        (stopped, "drift --nagios --format json", Exit::Usage),
        (joined, "drift --ordinal 1", Exit::Usage),
        (joined, "drift --conf @/none", Exit::NoInput),
        (joined, "drift --previous @/none", Exit::NoInput),
        (joined, "drift --previous @/none -o @/other", Exit::NoInput),
        (joined, "drift --previous @/aku.conf", Exit::BadData),
        (joined, "drift --accept @/none", Exit::NoInput),
        (joined, "drift --accept @/aku.conf", Exit::BadData),
    ];
    for (build, line, want) in table {
        let world = Lives::new(build);
        let came = world.run(line);
        assert_eq!(came.exit, want, "{line}: {came:#?}");
        assert_eq!(world.applied(), 0);
        let looked = matches!(want, Exit::Ok | Exit::Changes | Exit::Refused | Exit::Unknown);
        assert_eq!(came.out.is_empty(), !looked, "{line}: {came:#?}");
        if looked {
            let json = world.run(&format!("{line} --format json"));
            assert_eq!((json.exit, Report::parse(&json.out).unwrap().exit), (want, want as u8), "{line}: {json:#?}");
            assert!(came.out.trim_end().ends_with(&format!("Exit {}", want as u8)), "{came:#?}");
        } else {
            assert!(!came.err.is_empty(), "{line}");
        }
    }
}

/// The columns of tables cannot be read: nobody knows whether they are alike.
#[test]
fn what_cannot_be_compared_is_not_clean() {
    let came = Lives::new(without_columns).run("drift");
    assert_eq!(came.exit, Exit::Unknown, "{came:#?}");
    assert!(came.out.contains("columns of its tables could not be read"), "{came:#?}");
}

#[test]
fn one_file_carries_a_cron_job() {
    let mut world = Lives::new(joined);
    let line = "drift --previous @/last.json -o @/last.json --format json --quiet";
    let next = |world: &Lives| {
        let came = world.run(line);
        let report = Report::parse(&came.out).unwrap();
        assert_eq!(crate::files::load::<Report>(&world.path("last.json")).unwrap(), report);
        (report.new.len(), report.known.len(), report.resolved.len(), report.unchecked.len(), came.exit)
    };
    assert_eq!(next(&world), (0, 0, 0, 0, Exit::Ok));
    let mode = std::fs::metadata(world.path("last.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    world.fake.build = stopped;
    assert_eq!(next(&world), (1, 0, 0, 0, Exit::Changes));
    assert_eq!(next(&world), (0, 1, 0, 0, Exit::Changes));
    world.fake.build = nobody;
    assert_eq!(next(&world), (0, 0, 0, 1, Exit::Unknown));
    world.fake.build = killed;
    assert_eq!(next(&world), (1, 0, 0, 1, Exit::Changes));
    world.fake.build = joined;
    assert_eq!(next(&world), (0, 0, 2, 0, Exit::Ok));
    assert_eq!(next(&world), (0, 0, 0, 0, Exit::Ok));
    // Half a file, and one of another cluster.
    let whole = std::fs::read_to_string(world.path("last.json")).unwrap();
    std::fs::write(world.path("last.json"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(world.run(line).exit, Exit::BadData);
    let other = Report { statefulset: "other".to_owned(), ..Report::parse(&whole).unwrap() };
    crate::files::store(&other.text(), &world.path("last.json")).unwrap();
    let came = world.run(line);
    assert_eq!(came.exit, Exit::BadData);
    assert!(came.err.contains("is about other, not altibase-sts"), "{came:#?}");
}

#[test]
fn metrics_are_written_whatever_happens() {
    let mut world = Lives::new(joined);
    let value = |world: &Lives, name: &str| -> i64 {
        let text = std::fs::read_to_string(world.path("aku.prom")).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(&format!("{name} "))).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    };
    let line = "drift --metrics @/aku.prom";
    assert_eq!(world.run(line).exit, Exit::Ok);
    let mode = std::fs::metadata(world.path("aku.prom")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let first = value(&world, "aku_last_success_timestamp_seconds");
    assert_eq!(first, world.now.as_second());
    world.now += jiff::SignedDuration::from_secs(60);
    world.fake.build = nobody;
    assert_eq!(world.run(line).exit, Exit::Unknown);
    assert_eq!(value(&world, "aku_last_success_timestamp_seconds"), first, "nothing was seen");
    assert_eq!(value(&world, "aku_last_run_timestamp_seconds"), first + 60);
    assert_eq!((value(&world, "aku_view_complete"), value(&world, "aku_pod_up{pod=\"0\"}")), (0, 0));
    world.fake.build = stopped;
    assert_eq!(world.run(line).exit, Exit::Changes);
    let items = "aku_drift_items{pod=\"1\",kind=\"D300-sender-stopped\",severity=\"critical\"}";
    assert_eq!((value(&world, items), value(&world, "aku_exit_code")), (1, 2));
    assert_eq!(value(&world, "aku_last_success_timestamp_seconds"), first + 60);
    assert_eq!(world.run("drift --metrics @/aku.prom --conf @/none").exit, Exit::NoInput);
    assert_eq!(value(&world, "aku_exit_code"), 66);
    assert_eq!(value(&world, "aku_last_success_timestamp_seconds"), first + 60);
    // Nothing else is left in the folder that a collector reads.
    let names = std::fs::read_dir(world.dir.path()).unwrap().map(|e| e.unwrap().file_name());
    let mut names: Vec<_> = names.map(|n| n.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["aku.conf", "aku.prom"]);
}

#[test]
fn files_that_cannot_be_written() {
    let world = Lives::new(joined);
    for flag in ["--metrics", "-o"] {
        let came = world.run(&format!("drift {flag} @/no/such/folder"));
        assert_eq!(came.exit, Exit::Output, "{came:#?}");
        assert!(came.err.contains("cannot be written") && came.out.contains("No drift"), "{came:#?}");
    }
    let none = Terminal::default();
    assert_eq!(world.run_into("drift", Some(io::ErrorKind::BrokenPipe), "", none).exit, Exit::Ok);
    // `touch`, or a disk that was full: a first look, also when it is not written back.
    let path = world.path("empty.json");
    std::fs::write(&path, "").unwrap();
    let came = world.run(&format!("drift --previous {}", path.display()));
    assert_eq!(came.exit, Exit::Ok, "{came:#?}");
    assert_eq!(world.run_into("drift", Some(io::ErrorKind::StorageFull), "", none).exit, Exit::Output);
    let gone = Lives::new(stopped).run_into("drift", Some(io::ErrorKind::BrokenPipe), "", none);
    assert_eq!(gone.exit, Exit::Changes);
    let drift = Lives::new(stopped).run("drift --metrics @/no/such/folder");
    assert_eq!(drift.exit, Exit::Changes, "what was found outranks what could not be written");
}

#[test]
fn a_plugin_line() {
    let table: [(Build, &str, u8, &str); 6] = [
        (joined, "", 0, "AKU OK - altibase-sts: "),
        (killed, "", 1, "AKU WARNING - altibase-sts: pod 2 not there"),
        (stopped, "", 2, "AKU CRITICAL - altibase-sts: pod 1 AKU_REP_12 stopped"),
        (both, "", 2, "AKU CRITICAL - altibase-sts: pod 3 "),
        (half_seen, "", 3, "AKU UNKNOWN - altibase-sts: pod 3 "),
        (joined, " --conf @/none", 3, "AKU UNKNOWN - it did not come to a look, exit 66"),
    ];
    for (build, more, code, start) in table {
        let came = Lives::new(build).run(&format!("drift --nagios{more}"));
        assert_eq!(came.exit as u8, code, "{came:#?}");
        assert!(came.out.starts_with(start) && came.out.lines().count() == 1, "{came:#?}");
    }
}

/// A difference that a second look does not find was a moment of something else.
#[test]
fn a_second_look_is_taken_only_when_there_is_something() {
    let world = Lives::new(joined);
    world.run("drift");
    assert_eq!(world.fake.seen.borrow().looks, 1);
    let world = Lives::new(stopped);
    world.run("drift");
    assert_eq!(world.fake.seen.borrow().looks, 2);
    let mut world = Lives::new(joined);
    world.fake.first = Some(stopped);
    let came = world.run("drift");
    assert_eq!((came.exit, world.fake.seen.borrow().looks), (Exit::Ok, 2), "{came:#?}");
}

#[test]
fn help_schema_and_colours() {
    let world = Lives::new(stopped);
    settings().bind(|| insta::assert_snapshot!("help-drift", world.run("drift -h").out));
    let schema: serde_json::Value = serde_json::from_str(&world.run("schema drift").out).unwrap();
    assert_eq!(schema["title"], "aku drift");
    let story = world.run("explain d300");
    assert!(
        story.out.starts_with("D300-sender-stopped    (a difference that aku drift tells of, critical)"),
        "{story:#?}"
    );
    let steady = |text: &str| text.split_once(" ms").map_or_else(String::new, |(_, rest)| rest.to_owned());
    let (plain, coloured) = (world.run("drift").out, world.run("drift --color always").out);
    assert!(coloured.contains('\u{1b}') && !steady(&plain).is_empty());
    assert_eq!(steady(&anstream::adapter::strip_str(&coloured).to_string()), steady(&plain));
}

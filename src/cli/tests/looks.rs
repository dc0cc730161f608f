//! `status`, `check` and `verify`: exit codes, forms, readers who leave. None of them may change anything.

use std::io;

use super::{super::stream::Terminal, world::*};
use crate::{exit::Exit, plan::testing::Worlds};

fn spoilt(w: Worlds) -> Worlds {
    joined(w).set(1, "REPLICATION_PORT_NO", 0)
}

fn half_seen(w: Worlds) -> Worlds {
    joined(w).broken(3)
}

#[test]
fn exit_codes() {
    let table: [(Build, &str, Exit); 15] = [
        (joined, "status", Exit::Ok),
        (fresh, "status", Exit::Ok),
        (half_seen, "status", Exit::Unknown),
        (nobody, "status", Exit::Unavailable),
        (wrong_password, "status", Exit::Auth),
        (joined, "status --conf @/none", Exit::NoInput),
        (joined, "check", Exit::Ok),
        (spoilt, "check", Exit::Refused),
        (half_seen, "check", Exit::Unknown),
        (nobody, "check", Exit::Unavailable),
        (nobody, "verify", Exit::Unavailable),
        (no_source, "verify", Exit::Unknown),
        (joined, "verify", Exit::Unknown),
        (joined, "verify --only table:SYS.T9", Exit::Usage),
        (joined, "verify --only T1 --only table:sys.t2", Exit::Unknown),
    ];
    for (build, line, want) in table {
        let world = Lives::new(build);
        let came = world.run(line);
        assert_eq!(came.exit, want, "{line}: {came:#?}");
        assert_eq!(world.applied(), 0);
        let mut args = line.split(' ');
        let json = world.run(&format!("{} --format json {}", args.next().unwrap(), args.collect::<Vec<_>>().join(" ")));
        assert_eq!(json.exit, want, "{line}: {json:#?}");
        if !came.out.is_empty() {
            let document: serde_json::Value = serde_json::from_str(&json.out).unwrap();
            assert_eq!(document["exit"].as_u64(), Some(want as u64), "{line}");
        }
    }
}

#[test]
fn a_watch_ends_when_the_reader_leaves() {
    let world = Lives::new(joined);
    let came = world.run_into("status --watch", Some(io::ErrorKind::BrokenPipe), "", Terminal::default());
    assert_eq!(came.exit, Exit::Ok);
    let came = world.run_into("status --watch", Some(io::ErrorKind::StorageFull), "", Terminal::default());
    assert_eq!(came.exit, Exit::Output);
}

#[test]
fn a_drawing_is_not_watched() {
    let world = Lives::new(joined);
    for format in ["svg", "html"] {
        let came = world.run(&format!("status --watch --format {format}"));
        assert_eq!((came.exit, came.out.as_str()), (Exit::Usage, ""));
        assert!(came.err.contains("leave --watch out"), "{}", came.err);
    }
}

#[test]
fn all_are_looked_at_again_when_one_was_busy() {
    let mut world = Lives::new(joined);
    world.fake.busy = 1;
    let came = world.run("status");
    assert_eq!(came.exit, Exit::Ok);
    assert_eq!((world.fake.seen.borrow().looks, came.err.lines().count()), (3, 1), "{came:#?}");
}

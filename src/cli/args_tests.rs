//! Command lines: what they mean, and which are usage errors.

use std::{path::PathBuf, time::Duration};

use super::*;

fn read(line: &str) -> Result<(Invocation, Common), clap::Error> {
    parse(std::iter::once("aku").chain(line.split_whitespace()).map(OsString::from))
}

fn legacy(line: &str) -> Option<What> {
    match read(line) {
        Ok((Invocation::Legacy(what, ..), _)) => Some(what),
        _ => None,
    }
}

#[test]
fn the_parser_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn documented_forms() {
    let table = [
        ("-p start", What::Start),
        ("-pstart", What::Start),
        ("-p=start", What::Start),
        ("--pod=end", What::End),
        ("--pod END", What::End),
        ("-p STOP", What::End),
        ("-p stop", What::End),
        ("-pclean", What::Clean),
        ("-p start --ordinal 2", What::Start),
        ("--conf /x -p Clean", What::Clean),
        ("-p start --output-style 7.1", What::Start),
        ("--output-style=7.3 -p end", What::End),
    ];
    for (line, want) in table {
        assert_eq!(legacy(line), Some(want), "{line}");
    }
    assert!(matches!(read("-i"), Ok((Invocation::Info(_), _))));
    assert!(matches!(read("--info --conf /x"), Ok((Invocation::Info(InfoArgs { conf: Some(_), .. }), _))));
    for line in ["-v", "-V", "--version", "-v --verbose"] {
        assert_eq!(read(line).map(|_| ()).map_err(|e| e.kind()), Err(ErrorKind::DisplayVersion));
    }
    for line in ["-h", "--help", "plan -h", "lab up --help"] {
        assert_eq!(read(line).map(|_| ()).map_err(|e| e.kind()), Err(ErrorKind::DisplayHelp), "{line}");
    }
}

#[test]
fn what_stands_behind_run_is_the_servers() {
    let server = |line: &str| match read(line) {
        Ok((Invocation::Run(args), _)) => args.server.iter().map(|w| w.to_string_lossy().into_owned()).collect(),
        other => vec![format!("{other:?}")],
    };
    assert_eq!(server("run"), [""; 0]);
    assert_eq!(server("run -- altibase -n"), ["altibase", "-n"]);
    assert_eq!(server("run altibase -n -v --conf x"), ["altibase", "-n", "-v", "--conf", "x"]);
    assert_eq!(server("run --grace 436 --conf /x -- altibase -v"), ["altibase", "-v"]);
    assert_eq!(server("run --create-database -- altibase"), ["altibase"]);
    let read = |line: &str| match read(line) {
        Ok((Invocation::Run(args), common)) => (args.grace, args.create_database, common.conf),
        other => panic!("{other:?}"),
    };
    let (grace, create, conf) = read("run --grace 436 --create-database=mk --conf /x -- altibase -n");
    assert_eq!((grace, create.as_deref(), conf), (Some(Duration::from_secs(436)), Some("mk"), Some("/x".into())));
    assert_eq!(read("run --create-database -- altibase").1.as_deref(), Some("server create UTF8 UTF8"));
}

#[test]
fn flags_that_would_be_ignored_are_errors() {
    let wrong = [
        "",
        "-p",
        "-p restart",
        "-p start -i",
        "-p start plan",
        "-i plan",
        "-p start --width 80",
        "-i --ordinal 2",
        "-p start --show-secrets",
        "--show-secrets",
        "--output-style 7.1",
        "-p start --output-style 8",
        "-i --output-style 7.1",
        "plan --output-style 7.1",
        "--output-style 7.1 plan",
        "show x.json --ordinal 2",
        "probe",
        "probe alive",
        "probe ready --conf x",
        "run --grace 0",
        "run --grace soon",
        "run --stop-signal KILL",
        "run --nothing",
        "run --width 80",
        "serve",
        "serve --metrics 9399",
        "serve --metrics :9399 --every 1s",
        "serve --metrics :9399 --ordinal 1",
        "show x.json --conf y",
        "plan --log-format json",
        "plan --format json --sql",
        "plan --connect-timeout 3",
        "plan --connect-timeout 0s",
        "plan --ordinal 33",
        "plan --ordinal x",
        "plan restart",
        "plan --yes",
        "apply --approve everything",
        "apply --approve deletes-rows=",
        "apply --approve deletes-rows",
        "apply --deadline 5",
        "lab status --ordinal 1",
        "status --ordinal 1",
        "check --watch",
        "verify --parallel 0",
        "capture",
        "capture -o x --format json",
        "diff a",
        "graph a --width 80",
        "schema",
        "schema conf",
        "graph a --format html",
        "show a --format svg",
        "diff a b --ordinal 1",
        "plan --from x --endpoints y",
        "plan --from x --odbc-driver y",
        "plan --from x --connect-timeout 1s",
        "plan --against x --exit-code",
        "plan --against x --format json",
        "plan forget",
        "plan forget x",
        "plan start 2",
        "plan reconcile --from 2",
        "plan start --from 2",
        "plan recover --from 1 --from 2",
        "plan start --everywhere",
        "plan reconcile --ordinal 2",
        "apply recover --ordinal 0",
        "apply p.json --everywhere",
        "apply p.json 2",
        "-p reconcile",
        "--bogus",
        "bogus",
    ];
    for line in wrong {
        assert!(read(line).is_err_and(|e| e.use_stderr()), "{line}");
    }
}

#[test]
fn subcommands() {
    let right = [
        "plan",
        "plan end --ordinal 2 -o x.json --exit-code",
        "plan STOP",
        "--conf x plan --sql",
        "plan --conf x --verbose --log-format json --connect-timeout 500ms",
        "apply",
        "apply end --yes --deadline 90s",
        "plan reconcile",
        "plan recover --from 2 -o x.json",
        "plan recover --from 2 --from x.json",
        "plan forget 3 --sql",
        "plan clean --everywhere",
        "apply forget 3 --yes --approve loses-unsent=altibase-sts/3",
        "apply recover --from 1",
        "forget 3",
        "recover --from 1 --yes",
        "reconcile",
        "apply p.json --yes --approve deletes-rows=altibase-sts/2 --approve member-down=altibase-sts/3",
        "show p.json --format json",
        "capture -o x.json --ordinal 2",
        "plan end --from x.json --conf y --ordinal 2 -o z.json",
        "plan --from x.json --against y.json",
        "diff a b --format json",
        "graph a --format mermaid",
        "schema plan",
        "show a --format html",
        "explain",
        "explain R033",
        "--conf x validate -v",
        "validate --conf x --verbose",
        "info --show-secrets",
        "lab status",
        "status --watch --format json --connect-timeout 1s",
        "check --conf x --width 80",
        "--quiet recover",
        "--conf x --quiet recover --from 1",
        "--conf recover plan",
        "--connect-timeout 1s forget 3 --quiet",
        "--color=never reconcile --quiet",
        "runs list --quiet",
        "--quiet runs list",
        "validate --quiet",
        "--quiet validate x",
        "explain R001 --quiet",
        "schema plan --quiet",
        "show p.json --verbose --quiet",
        "-i --quiet",
        "-p start --quiet --color never",
        "lab status --quiet",
        "verify --only table:SYS.T1 --only SYS.T2 --parallel 4 --no-flush --format json",
    ];
    for line in right {
        if let Err(e) = read(line) {
            panic!("{line}: {e}");
        }
    }
    let conf = |line: &str| match read(line) {
        Ok((Invocation::Validate(a), _)) => a.conf,
        Ok((Invocation::Info(a), _)) => a.conf,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(conf("--conf x validate"), Some(PathBuf::from("x")));
    assert_eq!(conf("--conf x info"), Some(PathBuf::from("x")));
    assert_eq!(conf("validate --conf y"), Some(PathBuf::from("y")));
}

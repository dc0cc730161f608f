//! `aku validate` and `aku info` as a user calls them, without a process. Golden outputs: `snapshots/cli/`.

#![allow(clippy::unwrap_used)] // a test may panic

mod golden;

use std::{fs, path::Path};

use aku::{
    cli::{
        Env,
        info::{self, InfoArgs},
        validate::{self, Format, ValidateArgs},
    },
    exit::Exit,
};

use golden::golden;

const SECRET: &str = "Zq7wXk";

struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

fn ran(run: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>) -> Exit) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(&mut out, &mut err);
    Ran { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn validate(args: &ValidateArgs, vars: &[(&str, &str)]) -> Ran {
    ran(|out, err| validate::run(args, &Env::fixed(vars.iter().copied()), out, err))
}

fn info(args: &InfoArgs, vars: &[(&str, &str)]) -> Ran {
    ran(|out, err| info::run(args, &Env::fixed(vars.iter().copied()), out, err))
}

/// A directory with `aku.conf`, made of a sample whose password is [`SECRET`].
fn home(sample: &str) -> tempfile::TempDir {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(sample)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("conf")).unwrap();
    fs::write(dir.path().join("conf/aku.conf"), text.replace("manager", SECRET)).unwrap();
    dir
}

fn scrubbed(text: &str, dir: &tempfile::TempDir) -> String {
    text.replace(dir.path().to_str().unwrap(), "HOME")
}

#[test]
fn verbose_shows_every_value_with_its_origin() {
    let dir = home("conf/aku.conf.groups");
    fs::write(dir.path().join("secret"), "from-file\n").unwrap();
    let secret = dir.path().join("secret");
    let vars = [("ALTIBASE_HOME", dir.path().to_str().unwrap()), ("AKU_SYS_PASSWORD_FILE", secret.to_str().unwrap())];
    let ran = validate(&ValidateArgs { verbose: 1, ..Default::default() }, &vars);
    assert_eq!(ran.exit, Exit::Ok);
    assert!(!ran.out.contains(SECRET) && !ran.out.contains("from-file"));
    golden().bind(|| {
        insta::assert_snapshot!("validate-verbose", scrubbed(&ran.out, &dir));
        insta::assert_snapshot!("validate-warning", scrubbed(&ran.err, &dir));
    });
}

#[test]
fn json_is_one_document() {
    let dir = home("conf/aku.conf.sample");
    let args = ValidateArgs { verbose: 1, format: Format::Json, ..Default::default() };
    let ran = validate(&args, &[("AKU_CONF", dir.path().join("conf/aku.conf").to_str().unwrap())]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Ok, ""));
    assert!(!ran.out.contains(SECRET));
    let doc: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(doc["valid"], true);
    assert_eq!(doc["end"]["termination_grace_period_seconds"], 346);
    assert_eq!(doc["pods"][3]["replications"], serde_json::json!(["AKU_REP_03", "AKU_REP_13", "AKU_REP_23"]));
}

#[test]
fn the_password_may_come_from_the_environment_but_must_come() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("aku.conf");
    fs::write(&path, "AKU_STS_NAME=s AKU_SVC_NAME=v REPLICATIONS=(REPLICATION_NAME_PREFIX=R(A.B))").unwrap();
    let args = ValidateArgs { file: Some(path.clone()), ..Default::default() };
    assert_eq!(validate(&args, &[("AKU_SYS_PASSWORD", SECRET)]).exit, Exit::Ok);
    let documented = "Property [AKU_SYS_PASSWORD] should be specified by configuration.";
    let without = validate(&args, &[]);
    assert_eq!(without.exit, Exit::BadData);
    assert!(without.err.contains(documented), "{}", without.err);
    let shown = info(&InfoArgs { conf: Some(path), ..Default::default() }, &[]);
    assert_eq!(shown.exit, Exit::BadData);
    assert!(shown.err.contains(documented) && shown.out.is_empty());
    let bad_file = validate(&args, &[("AKU_SYS_PASSWORD_FILE", "/nonexistent/secret"), ("AKU_SYS_PASSWORD", SECRET)]);
    assert_eq!(bad_file.exit, Exit::BadData);
    assert!(bad_file.err.contains("/nonexistent/secret") && !bad_file.err.contains(SECRET), "{}", bad_file.err);
}

#[test]
fn an_absent_file_is_66_and_names_the_way_to_it() {
    let args = ValidateArgs { file: Some("/nonexistent/aku.conf".into()), ..Default::default() };
    let absent = validate(&args, &[]);
    assert_eq!(absent.exit, Exit::NoInput);
    assert!(absent.err.contains("/nonexistent/aku.conf") && absent.out.is_empty());
    let nowhere = validate(&ValidateArgs::default(), &[]);
    assert_eq!(nowhere.exit, Exit::NoInput);
    assert!(
        nowhere.err.contains("AKU_CONF") && nowhere.err.contains("ALTIBASE_HOME") && nowhere.err.contains("--conf")
    );
}

#[test]
fn info_keeps_the_documented_layout() {
    let dir = home("conf/aku.conf.sample");
    let vars = [("ALTIBASE_HOME", dir.path().to_str().unwrap())];
    let masked = info(&InfoArgs::default(), &vars);
    assert_eq!((masked.exit, masked.err.as_str()), (Exit::Ok, ""));
    assert!(!masked.out.contains(SECRET));
    assert!(masked.out.starts_with("  #########################\n [ Server ]\n"), "the first line has two blanks");
    let open = info(&InfoArgs { show_secrets: true, ..Default::default() }, &vars);
    assert_eq!(open.out, masked.out.replace("********", SECRET));
    golden().bind(|| insta::assert_snapshot!("info", masked.out));
}

#[test]
fn info_lists_every_group() {
    let dir = home("conf/aku.conf.groups");
    let ran = info(&InfoArgs::default(), &[("ALTIBASE_HOME", dir.path().to_str().unwrap())]);
    assert_eq!(ran.exit, Exit::Ok);
    golden().bind(|| insta::assert_snapshot!("info-groups", ran.out));
}

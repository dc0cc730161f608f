//! `aku k8s` as a person runs it: from a file on disk to objects, to a folder, to a verdict and an exit code.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Exit code, standard output, standard error.
type Came = (Option<i32>, String, String);

fn aku(args: &[&str], input: &str) -> Came {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aku"))
        .args(args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("aku starts");
    // A command that does not read closes its end.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let out = child.wait_with_output().expect("aku ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (out.status.code(), text(out.stdout), text(out.stderr))
}

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/aku.conf.sample");

/// The sample with the settings that are recommended in Kubernetes.
fn recommended(dir: &Path) -> String {
    let text = fs::read_to_string(SAMPLE).expect("the sample");
    let text = text
        .replace("RESET_AT_END  = 1", "RESET_AT_END  = 0")
        .replace("CHECK_COUNT       = 30", "CHECK_COUNT       = 60");
    let path = dir.join("aku.conf");
    fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn manifests_hold_what_the_file_says_and_no_password() {
    let (exit, out, err) = aku(&["k8s", "manifests", "--conf", SAMPLE], "");
    assert_eq!((exit, err.as_str()), (Some(0), ""));
    for words in ["  name: altibase-sts\n", "  serviceName: altibase-svc\n", "SYS.T2 PARTITION P1"] {
        assert!(out.contains(words), "{words}");
    }
    assert!(!out.contains("= manager"), "the password is in the ConfigMap");
    let budget = aku(&["validate", "--format", "json", SAMPLE], "").1;
    let end: serde_json::Value = serde_json::from_str(&budget).expect("JSON");
    let part = |name: &str| end["end"][name].as_u64().expect("seconds");
    let grace = part("fence") + part("flush") + part("stop_and_reset") + 120;
    assert!(out.contains(&format!("terminationGracePeriodSeconds: {grace}\n")), "{grace}");
}

#[test]
fn what_is_written_is_judged_right() {
    let dir = tempfile::tempdir().expect("a directory");
    let conf = recommended(dir.path());
    let written = aku(&["k8s", "manifests", "--conf", &conf, "--per-pod", "--monitoring", "--replicas", "4"], "").1;
    let (exit, out, _) = aku(&["k8s", "lint", "-", "--conf", &conf], &written);
    assert_eq!((exit, out.as_str()), (Some(0), "13 objects: nothing found\n"));
    // The sample itself resets at the end, and its address checks are at the edge: warnings, no failure.
    let (exit, out, _) = aku(&["k8s", "lint", "-", "--conf", SAMPLE, "--format", "json"], &written);
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let codes: Vec<_> = found["findings"].as_array().expect("a list").iter().map(|f| f["code"].clone()).collect();
    // The aku.conf in the ConfigMap is the other one, which is an error.
    assert_eq!((exit, codes), (Some(2), vec!["K607".into(), "K208".into(), "K710".into()]));
}

#[test]
fn exit_codes_of_lint() {
    let dir = tempfile::tempdir().expect("a directory");
    let conf = recommended(dir.path());
    let good = aku(&["k8s", "manifests", "--conf", &conf], "").1;
    let lint = |text: &str| aku(&["k8s", "lint", "-", "--conf", &conf], text);
    let (exit, out, _) = lint(&good.replace("replicas: 2", "replicas: 5"));
    assert!(exit == Some(2) && out.contains("error[K103]: replicas is 5, AKU_SERVER_COUNT is 4"), "{out}");
    let (exit, out, _) = lint(&format!("{good}---\na: [\n"));
    assert!(exit == Some(65) && out.contains("error[K001]"), "{out}");
    assert_eq!(lint("").0, Some(65));
    assert_eq!(aku(&["k8s", "lint", "/no/such/file", "--conf", &conf], "").0, Some(66));
    assert_eq!(aku(&["k8s", "lint", "-", "--conf", "/no/such/file"], &good).0, Some(66));
    assert_eq!(aku(&["k8s", "lint", "--conf", &conf], "").0, Some(64));
    assert_eq!(aku(&["explain", "K103"], "").0, Some(0));
}

#[test]
fn flags_that_do_not_fit() {
    for (args, words) in [
        (vec!["--replicas", "5"], "AKU_SERVER_COUNT allows 1 to 4"),
        (vec!["--storage", "many"], "an amount is a number with a unit"),
        (vec!["--server-stop", "120"], "the unit is missing"),
        (vec!["--user", "0"], "0 is not in"),
        (vec!["--namespace", "A"], "a namespace"),
        (vec!["--home", "x y"], "a home of the server"),
        (vec!["--drift-schedule", "soon"], "a schedule of five fields"),
        (vec!["--ordinal", "1"], "--ordinal has no meaning with k8s"),
    ] {
        let (exit, out, err) = aku(&[&["k8s", "manifests", "--conf", SAMPLE][..], &args].concat(), "");
        assert!(exit == Some(64) && err.contains(words) && out.is_empty(), "{args:?}: {exit:?} {err}");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let conf = recommended(dir.path());
    let (exit, _, err) = aku(&["k8s", "manifests", "--conf", &conf, "--ephemeral"], "");
    assert!(exit == Some(64) && err.contains("RESET_AT_END = 1"), "{err}");
    let bad = fs::read_to_string(&conf).expect("a file").replace("= altibase-sts ", "= Altibase_STS ");
    fs::write(&conf, bad).expect("a file");
    let (exit, _, err) = aku(&["k8s", "manifests", "--conf", &conf], "");
    assert!(exit == Some(65) && err.contains("AKU_STS_NAME = Altibase_STS"), "{exit:?} {err}");
}

#[test]
fn a_chart_and_a_kustomization_are_folders() {
    let dir = tempfile::tempdir().expect("a directory");
    for (word, file) in [("chart", "Chart.yaml"), ("kustomize", "base/kustomization.yaml")] {
        let folder = dir.path().join(word).display().to_string();
        for _ in 0..2 {
            let (exit, out, err) = aku(&["k8s", word, &folder, "--conf", SAMPLE], "");
            assert!(exit == Some(0) && out.contains("files written") && err.is_empty(), "{out}{err}");
        }
        assert!(Path::new(&folder).join(file).is_file());
    }
    let (exit, _, err) = aku(&["k8s", "chart", &dir.path().display().to_string(), "--conf", SAMPLE], "");
    assert!(exit == Some(64) && err.contains("is not empty"), "{err}");
}

//! Defects in scripts, several together, and where they are told.

use super::{defects::cut, *};

#[test]
fn nothing_mounted_is_told_in_full() {
    let j = judged(&spec(), &cut(&good(), "          volumeMounts:"));
    assert_eq!(codes(&j), [Code::NoVolume, Code::ConfPath, Code::PasswordPath], "{}", text(&j));
}

/// No Secret is there for it: then the image may have the file.
#[test]
fn a_password_may_be_in_the_image() {
    let text = cut(&cut(&good(), "            - name: password\n"), "        - name: password\n");
    let j = judged(&spec(), &text.replace("value: /etc/aku/secret/password", "value: /home/altibase/password"));
    assert_eq!(codes(&j), [Code::NoPassword], "{}", super::text(&j));
}

/// What is near a defect, and right.
/// A script in a ConfigMap is read as well.
#[test]
fn scripts_may_start_aku_run() {
    let with = |script: &str, command: &str| {
        let from = good().find("          command:\n            - aku\n").unwrap();
        let to = good().find("          env:\n            # The number").unwrap();
        let text = format!("{}          command: {command}\n{}", &good()[..from], &good()[to..]);
        let text = text.replacen("\ndata:\n", &format!("\ndata:\n  start.sh: |\n{}", indented(script)), 1);
        codes(&judged(&spec(), &text))
    };
    let right = "#!/bin/sh\nset -e\nexec aku run --grace=436s -- altibase -n\n";
    assert_eq!(with(right, "[/etc/aku/conf/start.sh]"), []);
    assert_eq!(with(right, "[bash, -e, /etc/aku/conf/start.sh]"), []);
    assert_eq!(with(right, "[bash, -c, /etc/aku/conf/start.sh]"), []);
    let stays = "aku run --grace=436s -- altibase -n\necho over\n";
    assert_eq!(with(stays, "[/etc/aku/conf/start.sh]"), [Code::SignalHeld]);
    let traps = "trap 'kill -TERM $P' TERM\naku run --grace=436s -- altibase -n &\nP=$!\nwait\n";
    assert_eq!(with(traps, "[/etc/aku/conf/start.sh]"), [Code::ShellFirst]);
    let server = "exec altibase -n\n";
    assert_eq!(with(server, "[aku, run, --, /etc/aku/conf/start.sh]"), []);
    assert_eq!(with("altibase -n\n", "[aku, run, --, sh, /etc/aku/conf/start.sh]"), [Code::ServerInShell]);
}

/// Words that are told stand where they are in the file.
#[test]
fn places_are_those_of_the_words() {
    let bad = good().replace("--grace=436s", "--grac=436s").replace("            - altibase\n", "            - sh\n");
    let bad = bad.replace("          readinessProbe:", "          readynessProbe: {}\n          readinessProbe:");
    let j = judged(&spec(), &bad);
    for (code, word) in [(Code::RunFlag, "--grac=436s"), (Code::Misspelt, "readynessProbe")] {
        let f = j.findings.iter().find(|f| f.code == code).unwrap();
        let line = bad.lines().nth(f.at.line - 1).unwrap();
        assert!(line[f.at.column - 1..].starts_with(word), "{line} {}", f.at);
    }
    let meant = j.findings.iter().find(|f| f.code == Code::Misspelt).unwrap();
    assert_eq!(meant.message, "readynessProbe is no field of Container; readinessProbe is one");
}

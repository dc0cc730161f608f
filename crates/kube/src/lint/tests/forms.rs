//! What is near a defect and right, and what several together yield.

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
#[test]
fn right_forms_are_quiet() {
    let args = "            - run\n            - --grace=436s\n            - --server-stop=120s\n            - --\n            \
                - altibase\n            - -n\n";
    let command = format!("          command:\n            - aku\n          args:\n{args}");
    let server = "            - altibase\n            - -n\n";
    let name = "              valueFrom:\n                fieldRef:\n                  fieldPath: metadata.name\n";
    let mounts = "              mountPath: /home/altibase/altibase_home/dbs\n              subPath: dbs\n";
    let ingress = "    - from:\n        - podSelector:\n            matchLabels:\n              app.kubernetes.io/component: database\n              app.kubernetes.io/instance: altibase-sts\n              app.kubernetes.io/name: altibase\n      ports:\n        - protocol: TCP\n          port: 20301\n";
    let table: [(&str, &str); 17] = [
        (&command, "          command: [sh, -c, \"ulimit -n 9; exec aku run --grace=436s -- altibase -n\"]\n"),
        (&command, "          command: [tini, --, aku, run, --grace=436s, --, altibase, -n]\n"),
        (&command, "          command: [/usr/bin/aku, --conf, /etc/aku/conf/aku.conf, run, --beat=0]\n"),
        (server, "            - sh\n            - -c\n            - ulimit -n 9; exec altibase -n\n"),
        (server, "            - /opt/server\n"),
        ("            - --server-stop=120s\n", "            - --server-stop=120s\n            - --stop-signal=int\n"),
        // Not Altibase.
        (
            "            - --server-stop=120s\n            - --\n            - altibase\n",
            "            - --stop-signal=TERM\n            - --\n            - other\n",
        ),
        (
            name,
            "              value: $(ME)\n            - name: ME\n              valueFrom: {fieldRef: {fieldPath: metadata.name}}\n",
        ),
        ("fieldPath: metadata.name\n", "fieldPath: metadata.labels['statefulset.kubernetes.io/pod-name']\n"),
        // The whole home is on the volume.
        (mounts, "              mountPath: /home/altibase/altibase_home\n"),
        (
            "            - --server-stop=120s\n",
            "            - --server-stop=120s\n            - --data=/home/altibase/altibase_home/dbs/a\n",
        ),
        (
            "  selector:\n    matchLabels:\n",
            "  selector:\n    matchExpressions: [{key: app.kubernetes.io/name, operator: In, values: [altibase]}]\n    matchLabels:\n",
        ),
        // Anybody, a name, a range, no policy of the pods.
        (ingress, "    - ports:\n        - port: replication\n"),
        (
            ingress,
            "    - from: [{namespaceSelector: {}}]\n      ports:\n        - port: 20000\n          endPort: 30000\n",
        ),
        (ingress, "    - from: [{podSelector: {}}]\n"),
        ("  policyTypes:\n    - Ingress\n    - Egress\n  ingress:\n", "  policyTypes: []\n  ingress:\n"),
        ("kind: NetworkPolicy\nmetadata:\n", "kind: NetworkPolicy\nmetadata:\n  namespace: other\n"),
    ];
    let good = good();
    let set = good.find("kind: StatefulSet").unwrap();
    for (from, to) in table {
        let at = if good[set..].contains(from) { set } else { 0 };
        assert!(good[at..].contains(from), "{from}");
        let j = judged(&spec(), &format!("{}{}", &good[..at], good[at..].replacen(from, to, 1)));
        assert_eq!(codes(&j), [], "{to}\n{}", text(&j));
    }
}

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

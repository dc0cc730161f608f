use super::*;
use crate::{
    build::stream,
    spec::{AtEnd, Cluster, Members, Options, SecretKey, Wanted},
    testing::{CONF, cluster, golden, spec},
};

fn good() -> String {
    stream(&cluster(Options::default()))
}

fn judged(spec: &ClusterSpec, text: &str) -> Judgement {
    lint(spec, Limits::default(), &[Input { name: "f.yaml".into(), text: text.into() }])
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["    ", line, "\n"]).collect()
}

fn codes(j: &Judgement) -> Vec<Code> {
    j.findings.iter().map(|f| f.code).collect()
}

/// The file with that one defect.
struct Defect {
    code: Code,
    from: &'static str,
    to: &'static str,
}

fn defect(code: Code, from: &'static str, to: &'static str) -> Defect {
    Defect { code, from, to }
}

/// For each rule at least one way to break it.
fn defects() -> Vec<Defect> {
    use Code as C;
    let sts = "  # AKU_STS_NAME: the pods are found by it.\n  name: altibase-sts\n";
    let service = "publishNotReadyAddresses: true";
    let probe = "                - aku\n                - probe\n                - startup\n";
    let ready = "                - aku\n                - probe\n                - ready\n";
    let command = "          command:\n            - aku\n          args:\n            - run\n            - --grace=436s\n            \
                   - --server-stop=120s\n            - --\n            - altibase\n            - -n\n";
    let budget = "kind: PodDisruptionBudget";
    let volumes = "      volumes:\n";
    let mounts = "          volumeMounts:\n";
    let container_security = "            capabilities:\n              drop:\n                - ALL\n";
    vec![
        defect(C::Unreadable, "kind: StatefulSet", "kind: StatefulSet\nkind: StatefulSet"),
        defect(C::NoObject, "kind: ConfigMap\n", ""),
        defect(C::NotAField, mounts, "          VolumeDevices: []\n          volumeMounts:\n"),
        defect(C::Name, sts, "  name: db\n"),
        defect(C::Replicas, "replicas: 2", "replicas: 5"),
        defect(C::Replicas, "replicas: 2", "replicas: \"2\""),
        defect(C::Parallel, "OrderedReady", "Parallel"),
        defect(C::Ordinals, "replicas: 2", "replicas: 2\n  ordinals:\n    start: 1"),
        defect(C::MaxUnavailable, "    type: RollingUpdate", "    rollingUpdate:\n      maxUnavailable: 2"),
        defect(C::BadName, "  name: altibase-sts-client", "  name: altibase_client"),
        defect(C::NoStatefulSet, "kind: StatefulSet", "kind: Thing"),
        defect(
            C::VersionInSelector,
            "  template:\n    metadata:\n      labels:",
            "      app.kubernetes.io/version: v1\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/version: v1",
        ),
        defect(C::NotHeadless, "  clusterIP: None\n", ""),
        defect(C::HidesNotReady, service, "publishNotReadyAddresses: false"),
        defect(C::PeerPorts, "      port: 20301", "      port: 20302"),
        defect(
            C::PeerSelector,
            "    app.kubernetes.io/component: database\n    app.kubernetes.io/instance: altibase-sts\n    app.kubernetes.io/name: altibase\n  ports:\n    - name: sql\n      port: 20300\n      targetPort: sql\n    - name: rep",
            "    app: x\n  ports:\n    - name: sql\n      port: 20300\n      targetPort: sql\n    - name: rep",
        ),
        defect(
            C::NoClientService,
            "kind: Service\nmetadata:\n  name: altibase-sts-client",
            "kind: Thing\nmetadata:\n  name: altibase-sts-client",
        ),
        defect(
            C::ClientsSeeNotReady,
            "  name: altibase-sts-client\n",
            "  name: altibase-sts-client\nspec:\n  publishNotReadyAddresses: true\n  selector:\n    app.kubernetes.io/name: altibase\n---\napiVersion: v1\nkind: Thing\nmetadata:\n  name: x\n",
        ),
        defect(C::GraceUntold, "--grace=436s", "--grace=435s"),
        defect(
            C::GraceUntold,
            "            - --grace=436s\n            - --server-stop=120s\n            - --\n            - altibase\n            - -n\n          env:\n",
            "            - --\n            - altibase\n            - -n\n          env:\n            - {name: AKU_GRACE, value: \"435\"}\n",
        ),
        defect(C::NoEnd, command, "          command: [\"tail\", \"-f\", \"/dev/null\"]\n"),
        defect(
            C::ShellFirst,
            command,
            "          command: [bash, -c, \"trap 'aku -p end' TERM; server start; wait\"]\n",
        ),
        defect(
            C::ServerFirst,
            command,
            "          command: [altibase, -n]\n          lifecycle:\n            preStop:\n              exec:\n                command: [aku, -p, end]\n",
        ),
        defect(C::EntryUnseen, command, ""),
        defect(
            C::TwoEnds,
            "          readinessProbe:",
            "          lifecycle:\n            preStop:\n              exec:\n                command: [sh, -c, aku -p end]\n          readinessProbe:",
        ),
        defect(C::NoStartup, "          startupProbe:", "          xProbe:"),
        defect(C::StartupLimit, "failureThreshold: 17280", "failureThreshold: 17279"),
        defect(C::StartupMarker, probe, "                - isql\n"),
        defect(C::NoReadiness, "          readinessProbe:", "          xProbe:"),
        defect(C::ReadinessMarker, ready, "                - aku\n                - drift\n"),
        defect(
            C::Liveness,
            "          readinessProbe:",
            "          livenessProbe:\n            exec:\n              command: [aku, probe, ready]\n          readinessProbe:",
        ),
        defect(
            C::MarkerOnVolume,
            mounts,
            "          volumeMounts:\n            - name: data\n              mountPath: /tmp\n",
        ),
        defect(
            C::PostStart,
            "          readinessProbe:",
            "          lifecycle:\n            postStart:\n              exec:\n                command: [x]\n          readinessProbe:",
        ),
        defect(
            C::AdminMode,
            "              value: \"1\"\n            # aku on one",
            "              value: \"0\"\n            # aku on one",
        ),
        defect(C::AdminMode, "            - name: ALTIBASE_ADMIN_MODE\n              value: \"1\"\n", ""),
        defect(C::RemoteSysdba, "            - name: ALTIBASE_REMOTE_SYSDBA_ENABLE\n              value: \"1\"\n", ""),
        defect(C::SqlPort, "              value: \"20300\"", "              value: \"20301\""),
        defect(C::ReplicationPort, "              value: \"20301\"", "              value: \"0\""),
        defect(
            C::Charset,
            "            - name: ALTIBASE_NLS_USE\n              value: UTF8\n            # The",
            "            # The",
        ),
        defect(
            C::PodName,
            "            - name: POD_NAME\n              valueFrom:\n                fieldRef:\n                  fieldPath: metadata.name\n",
            "",
        ),
        defect(
            C::PodName,
            "              valueFrom:\n                fieldRef:\n                  fieldPath: metadata.name\n",
            "              value: altibase-sts-0\n",
        ),
        defect(
            C::EnvUnseen,
            "            - name: ALTIBASE_ADMIN_MODE\n              value: \"1\"\n",
            "            - name: X\n              value: y\n          envFrom:\n            - configMapRef:\n                name: elsewhere\n",
        ),
        defect(
            C::PasswordInConfigMap,
            "    AKU_PORT_NO = 20300\n",
            "    AKU_PORT_NO = 20300\n    AKU_SYS_PASSWORD = hidden\n",
        ),
        defect(
            C::PasswordInEnv,
            "            - name: AKU_SYS_PASSWORD_FILE\n              value: /etc/aku/secret/password\n",
            "            - name: AKU_SYS_PASSWORD\n              value: hidden\n",
        ),
        defect(
            C::PasswordVariable,
            "            - name: AKU_SYS_PASSWORD_FILE\n              value: /etc/aku/secret/password\n",
            "            - name: AKU_SYS_PASSWORD\n              valueFrom: {secretKeyRef: {name: s, key: k}}\n",
        ),
        defect(
            C::NoPassword,
            "            - name: AKU_SYS_PASSWORD_FILE\n              value: /etc/aku/secret/password\n",
            "",
        ),
        defect(C::LicenceInConfigMap, "\ndata:\n", "\ndata:\n  license: x\n"),
        defect(C::NoChecksum, "        checksum/aku-conf:", "        other:"),
        defect(C::OtherConf, "    AKU_ADDRESS_CHECK_COUNT = 60\n", "    AKU_ADDRESS_CHECK_COUNT = 61\n"),
        defect(C::OpenMode, "defaultMode: 292", "defaultMode: 0777"),
        defect(C::NoBudget, budget, "kind: Thing"),
        defect(C::Budget, "  maxUnavailable: 1", "  maxUnavailable: 2"),
        defect(C::Budget, "  maxUnavailable: 1", "  maxUnavailable: 1\n  minAvailable: 1"),
        defect(C::BudgetUnhealthy, "  unhealthyPodEvictionPolicy: AlwaysAllow\n", ""),
        defect(C::NoSpread, "      topologySpreadConstraints:", "      x:"),
        defect(C::HardSpread, "ScheduleAnyway", "DoNotSchedule"),
        defect(C::Retention, "whenScaled: Retain", "whenScaled: Delete"),
        defect(C::Retention, "whenDeleted: Retain", "whenDeleted: Delete"),
        defect(C::AccessMode, "          - ReadWriteOnce", "          - ReadWriteMany"),
        defect(C::EmptyDir, volumes, "      volumes:\n        - name: scratch\n          emptyDir: {}\n"),
        defect(C::NoVolume, "  volumeClaimTemplates:", "  x:"),
        defect(
            C::SharedVolume,
            "  # Kubernetes refuses to change this part later; docs/kubernetes.md tells how disks grow.\n  volumeClaimTemplates:",
            "        - name: one\n          persistentVolumeClaim:\n            claimName: one\n  x:",
        ),
        defect(C::CpuLimit, "            limits:\n", "            limits:\n              cpu: 2\n"),
        defect(
            C::Memory,
            "            limits:\n              memory: 4Gi",
            "            limits:\n              memory: 5Gi",
        ),
        defect(C::RunsAsRoot, "        runAsUser: 1000", "        runAsUser: 0"),
        defect(C::RunsAsRoot, "        runAsNonRoot: true\n", ""),
        defect(C::Escalation, "            allowPrivilegeEscalation: false\n", ""),
        defect(C::Capabilities, container_security, ""),
        defect(C::Capabilities, container_security, "            capabilities: {drop: [ALL], add: [IPC_LOCK]}\n"),
        defect(C::Seccomp, "        seccompProfile:\n          type: RuntimeDefault\n", ""),
        defect(
            C::Privileged,
            "            allowPrivilegeEscalation: false\n",
            "            allowPrivilegeEscalation: false\n            privileged: true\n",
        ),
        defect(C::Token, "      automountServiceAccountToken: false\n", ""),
        defect(C::HostPath, volumes, "      volumes:\n        - name: host\n          hostPath: {path: /x}\n"),
        defect(
            C::Rbac,
            "apiVersion: v1\nkind: ConfigMap",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: x\n---\napiVersion: v1\nkind: ConfigMap",
        ),
        defect(
            C::Sysctls,
            "        runAsNonRoot: true\n",
            "        runAsNonRoot: true\n        sysctls: [{name: kernel.sem, value: \"1\"}]\n",
        ),
        defect(C::HostnameAsFqdn, volumes, "      setHostnameAsFQDN: true\n      volumes:\n"),
        defect(C::HostnameOverride, volumes, "      hostnameOverride: x\n      volumes:\n"),
        defect(C::HostNetwork, volumes, "      hostNetwork: true\n      volumes:\n"),
        defect(C::SharedProcesses, volumes, "      shareProcessNamespace: true\n      volumes:\n"),
        defect(C::HostNamespaces, volumes, "      hostPID: true\n      volumes:\n"),
    ]
}

/// Those that another `aku.conf` makes, with the manifests of the good one.
fn other_conf() -> Vec<(Code, ClusterSpec)> {
    vec![
        (Code::ServiceName, ClusterSpec { service: "altibase-sts-client".into(), ..spec() }),
        (Code::AddressChecks, ClusterSpec { address_check: 59, ..spec() }),
        (Code::DuplicateHosts, ClusterSpec { groups: 2, ..spec() }),
        (Code::ResetAtEnd, ClusterSpec { at_end: AtEnd::Reset, ..spec() }),
    ]
}

#[test]
fn what_we_write_is_right() {
    let licence = Some(SecretKey { secret: "l".into(), key: "license".into() });
    let more = Options {
        per_pod: Wanted::Yes,
        monitoring: Wanted::Yes,
        create_database: Wanted::Yes,
        pre_stop_sleep: 20,
        licence,
        ..Options::default()
    };
    for options in [Options::default(), more] {
        let j = judged(&spec(), &stream(&cluster(options)));
        assert_eq!(text(&j), format!("{} objects: nothing found\n", j.objects));
    }
    let reset = ClusterSpec { at_end: AtEnd::Reset, ..spec() };
    let options = Options { members: Members::Ephemeral, ..Options::default() };
    let j = judged(&reset, &stream(&Cluster::new(reset.clone(), options).unwrap()));
    assert_eq!(codes(&j), [Code::Ephemeral], "{}", text(&j));
}

#[test]
fn one_defect_is_one_finding() {
    let good = good();
    for Defect { code, from, to } in defects() {
        // Most are about the StatefulSet; the same words stand elsewhere, too.
        let set = good.find("kind: StatefulSet").unwrap();
        let at = if good[set..].contains(from) { set } else { 0 };
        let (before, after) = good.split_at(at);
        assert!(after.contains(from), "{}: {from}", code.as_str());
        let bad = format!("{before}{}", after.replacen(from, to, 1));
        let j = judged(&spec(), &bad);
        assert_eq!(codes(&j), [code], "{} by {to:?}\n{}", code.as_str(), text(&j));
    }
    for (code, spec) in other_conf() {
        let j = judged(&spec, &good);
        let found = codes(&j);
        assert!(found.contains(&code), "{}\n{}", code.as_str(), text(&j));
    }
}

#[test]
fn the_grace_period_covers_everything() {
    assert_eq!(codes(&judged(&spec(), &good().replace("436", "435"))), [Code::Grace]);
    assert_eq!(
        codes(&judged(&spec(), &good().replace("terminationGracePeriodSeconds: 436", "x: 1").replace("436", "30"))),
        [Code::Grace]
    );
    // Nothing is told: aku run reckons with what aku.conf needs.
    assert_eq!(codes(&judged(&spec(), &good().replace("            - --grace=436s\n", ""))), []);
    // More is right; so is a server that stops sooner, when it is said.
    assert_eq!(codes(&judged(&spec(), &good().replace("436", "1000"))), []);
    assert_eq!(
        codes(&judged(&spec(), &good().replace("436", "346").replace("--server-stop=120s", "--server-stop=30s"))),
        []
    );
    let hook = "          lifecycle:\n            preStop:\n              sleep:\n                seconds: 5\n          readinessProbe:";
    let slept = good().replace("          readinessProbe:", hook);
    assert_eq!(codes(&judged(&spec(), &slept)), [Code::Grace, Code::GraceUntold]);
    assert_eq!(codes(&judged(&spec(), &slept.replace("PeriodSeconds: 436", "PeriodSeconds: 441"))), []);
    let slow = Limits { longest_join: 86_401, ..Limits::default() };
    let files = [Input { name: "f".into(), text: good() }];
    assert_eq!(codes(&lint(&spec(), slow, &files)), [Code::StartupLimit]);
}

#[test]
fn every_rule_has_its_defect() {
    let mut shown: Vec<Code> =
        defects().iter().map(|d| d.code).chain(other_conf().into_iter().map(|(c, _)| c)).collect();
    // In tests of their own.
    shown.extend([Code::NotStatefulSet, Code::NoPeerService, Code::Ephemeral, Code::Grace]);
    shown.sort();
    shown.dedup();
    assert_eq!(shown, Code::ALL);
    let mut words: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
    words.dedup();
    assert!(words.len() == Code::ALL.len() && words.is_sorted(), "{words:?}");
}

#[test]
fn what_is_elsewhere() {
    let only = |kinds: &[&str]| {
        let all: Vec<String> = good()
            .split("---\n")
            .filter(|d| kinds.iter().any(|k| d.contains(&format!("\nkind: {k}\n"))))
            .map(str::to_owned)
            .collect();
        codes(&judged(&spec(), &all.join("---\n")))
    };
    assert_eq!(only(&["StatefulSet"]), [Code::NoBudget, Code::NoPeerService, Code::NoClientService]);
    assert_eq!(only(&["Service"]), [Code::NoStatefulSet]);
    assert_eq!(only(&["StatefulSet", "Service", "PodDisruptionBudget"]), []);
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: db}\nspec:\n  template:\n    spec:\n      containers: [{name: a, image: altibase/altibase}]\n";
    assert_eq!(codes(&judged(&spec(), deployment)), [Code::NotStatefulSet]);
}

#[test]
fn several_files_are_one_cluster() {
    let files: Vec<Input> = good()
        .split("---\n")
        .skip(1)
        .enumerate()
        .map(|(n, text)| Input { name: format!("{n}.yaml"), text: text.into() })
        .collect();
    let j = lint(&spec(), Limits::default(), &files);
    assert_eq!((codes(&j), j.objects), (vec![], files.len()));
    // A file that cannot be read is told; that what it may hold is missing is not.
    let broken: Vec<Input> = files
        .into_iter()
        .map(|f| if f.text.contains("kind: PodDisruptionBudget") { Input { text: "a: [\n".into(), ..f } } else { f })
        .collect();
    let j = lint(&spec(), Limits::default(), &broken);
    assert_eq!(codes(&j), [Code::Unreadable]);
    assert!(j.is_blind());
}

#[test]
fn nothing_readable_is_never_fine() {
    for text in ["", "---\n", "# only words\n", "{{- if .Values.x }}\n", "a: b\n", "- 1\n", "\u{0}", "kind: 7\n"] {
        let j = judged(&spec(), text);
        assert!(j.count(Severity::Error) > 0, "{text:?}");
    }
    let j = judged(&spec(), "a: {{ x }}\n");
    assert!(j.findings[0].message.ends_with("this looks like a template of Helm"), "{}", j.findings[0].message);
}

#[test]
fn what_kubectl_prints_is_judged_as_well() {
    let items: Vec<String> = good()
        .split("---\n")
        .skip(1)
        .map(|d| {
            let lines = indented(d);
            format!("  -{}", &lines[3..])
        })
        .collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}", items.concat());
    assert_eq!(codes(&judged(&spec(), &list)), []);
    let documents: Vec<_> = yaml::read(&good()).unwrap().iter().map(Node::to_json).collect();
    let json = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": documents});
    assert_eq!(codes(&judged(&spec(), &json.to_string())), []);
}

#[test]
fn passwords_are_never_shown() {
    let bad = good().replace("    AKU_PORT_NO = 20300\n", "    AKU_SYS_PASSWORD = s3cr3t\n");
    let bad = bad.replacen(
        "            - name: AKU_SYS_PASSWORD_FILE\n",
        "            - name: AKU_SYS_PASSWORD\n              value: s3cr3t\n            - name: X\n",
        1,
    );
    let j = judged(&spec(), &bad);
    assert!(codes(&j).contains(&Code::PasswordInConfigMap));
    for said in [text(&j), json(&j).to_string(), sarif(&j, "1").to_string()] {
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

#[test]
fn variables_may_come_from_a_config_map_or_a_script() {
    let var = "            - name: ALTIBASE_ADMIN_MODE\n              value: \"1\"\n";
    let by_map = good().replace(var, "").replace(
        "          ports:\n            - name: sql\n              containerPort",
        "          envFrom:\n            - configMapRef:\n                name: more\n          ports:\n            - name: sql\n              containerPort",
    );
    let map = |value: &str| {
        format!(
            "{by_map}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: more\ndata:\n  ALTIBASE_ADMIN_MODE: \"{value}\"\n"
        )
    };
    assert_eq!(text(&judged(&spec(), &map("1"))), "8 objects: nothing found\n");
    assert_eq!(codes(&judged(&spec(), &map("0"))), [Code::AdminMode]);
    let script =
        |line: &str| good().replace(var, "").replace("\ndata:\n", &format!("\ndata:\n  env.sh: |\n    {line}\n"));
    assert_eq!(codes(&judged(&spec(), &script("export ALTIBASE_ADMIN_MODE=1 # closed"))), []);
    assert_eq!(codes(&judged(&spec(), &script("ALTIBASE_ADMIN_MODE=0"))), [Code::AdminMode]);
}

#[test]
fn the_comparison_of_conf_is_about_what_it_says() {
    let with = |conf: &str| {
        let block = indented(conf);
        let own = indented(CONF).replace("    \n", "\n");
        codes(&judged(&spec(), &good().replacen(&own, &block, 1)))
    };
    assert_eq!(with(&CONF.replace(" = ", "=").replace('\n', "   # why\n")), []);
    assert_eq!(with(&CONF.replace("SYS.T3", "SYS.T4")), [Code::OtherConf]);
}

#[test]
fn reports() {
    let bad =
        good().replace("replicas: 2", "replicas: 9").replace("          - ReadWriteOnce", "          - ReadWriteMany");
    let j = judged(&spec(), &bad);
    golden("lint-text", &text(&j));
    golden("lint-json", &format!("{:#}", json(&j)));
    let sarif = sarif(&j, "0.1.0");
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().len(), Code::ALL.len());
    golden("lint-sarif-results", &format!("{:#}", sarif["runs"][0]["results"]));
}

/// What the published guides for 7.1.0.8.8 and 7.1.0.9.9 install, and the older one without aku, in our own words.
#[test]
fn the_published_samples_have_their_known_defects() {
    let said = |text: &str| {
        let j = judged(&ClusterSpec { at_end: AtEnd::Reset, address_check: 30, ..spec() }, text);
        let lines = j.findings.iter().map(|f| format!("{}:{} {}", f.code.as_str(), f.at, f.message));
        lines.collect::<Vec<_>>().join("\n")
    };
    golden("lint-sample-7.1.0.8.8", &said(include_str!("../../tests/data/sample-7.1.0.8.8.yaml")));
    golden("lint-sample-7.1.0.9.9", &said(include_str!("../../tests/data/sample-7.1.0.9.9.yaml")));
    golden("lint-sample-two-deployments", &said(include_str!("../../tests/data/sample-two-deployments.yaml")));
}

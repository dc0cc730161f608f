//! The three forms agree: what Helm makes of the chart and Kustomize of the base is what `manifests` writes, as values.
//!
//! Needs `helm` and `kubectl` in AKU_HELM and AKU_KUBECTL or in the path; without them it says so and passes, unless
//! AKU_REQUIRE_KUBE_TOOLS is set (`.ci/kube` installs them and sets it).

#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the edge: files and programs of others"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use aku_kube::{
    Access, AtEnd, Cluster, ClusterSpec, EndSeconds, File, Members, Options, SecretKey, StopSignal, Wanted, chart,
    kustomize,
    lint::{self, Input, Limits, Severity},
    stream, yaml,
};
use serde_json::Value as Json;

fn spec() -> ClusterSpec {
    ClusterSpec {
        name: "altibase-sts".into(),
        service: "altibase-svc".into(),
        server_count: 4,
        port: 20300,
        replication_port: 20301,
        groups: 1,
        conflict_properties: Vec::new(),
        targets: 3,
        at_end: AtEnd::Reset,
        address_check: 60,
        end: EndSeconds { fence: 10, flush: 300, stop_reset: 6 },
        // What YAML, Go and Helm might each take for something of their own.
        conf: "# {{ .Values.x }} 'a' \"b\" <c> & \\n \u{e4}\n\tAKU_STS_NAME = altibase-sts\n\n".into(),
    }
}

/// Clusters that differ in everything that can be chosen.
fn clusters() -> Vec<Cluster> {
    let everything = Options {
        image: "host:5000/db@sha256:0123".into(),
        server: vec!["aku".into(), "lab".into(), "pod 1".into(), "true".into()],
        home: "/altibase".into(),
        user: 1_000_680_000,
        charset: "KSC5601".into(),
        replicas: 4,
        memory: "512Mi".parse().expect("an amount"),
        cpu: "250m".parse().expect("an amount"),
        storage: "1Ti".parse().expect("an amount"),
        storage_class: Some("true".into()),
        access: Access::ReadWriteOncePod,
        members: Members::Ephemeral,
        password: SecretKey { secret: "s".into(), key: "k".into() },
        licence: Some(SecretKey { secret: "l".into(), key: "007".into() }),
        server_stop: 1_000_000,
        stop_signal: StopSignal::Term,
        pre_stop_sleep: 15,
        startup_limit: 1_000_001,
        create_database: Wanted::Yes,
        per_pod: Wanted::Yes,
        network_policy: Wanted::Yes,
        drift: Wanted::Yes,
        drift_schedule: "@hourly".into(),
        monitoring: Wanted::Yes,
        namespace: None,
    };
    let nothing = Options { network_policy: Wanted::No, drift: Wanted::No, ..Options::default() };
    let quiet = Options { monitoring: Wanted::No, network_policy: Wanted::Yes, ..everything.clone() };
    let groups = ClusterSpec { groups: 3, ..spec() };
    [(spec(), Options::default()), (groups, everything), (spec(), nothing), (spec(), quiet)]
        .map(|(spec, options)| Cluster::new(spec, options).expect("a cluster that fits"))
        .into()
}

/// The program, if it is there and of a release that works.
fn program(variable: &str, name: &str, probe: &[&str]) -> Option<PathBuf> {
    let found = env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from);
    let works = Command::new(&found).args(probe).output().is_ok_and(|o| o.status.success());
    assert!(works || env::var_os("AKU_REQUIRE_KUBE_TOOLS").is_none(), "{} does not work", found.display());
    if !works {
        eprintln!("{name} is not there: nothing is compared");
    }
    works.then_some(found)
}

fn helm() -> Option<PathBuf> {
    program("AKU_HELM", "helm", &["version"])
}

fn write(dir: &Path, files: &[File]) {
    for file in files {
        let path = dir.join(&file.path);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory can be made");
        fs::write(path, &file.text).expect("a file can be written");
    }
}

fn said(o: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr))
}

/// Objects by kind and name, without what is Helm's alone.
fn objects(text: &str) -> BTreeMap<String, Json> {
    let documents = yaml::read(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut all = BTreeMap::new();
    for node in documents {
        let mut document = node.to_json();
        let labels = document.pointer_mut("/metadata/labels").and_then(Json::as_object_mut).expect("labels");
        labels.retain(|key, _| key != "helm.sh/chart" && key != "app.kubernetes.io/managed-by");
        let hook = document.pointer("/metadata/annotations").and_then(|a| a.get("helm.sh/hook")).is_some();
        if !hook {
            let name = format!("{} {}", document["kind"], document["metadata"]["name"]);
            assert!(all.insert(name, document).is_none(), "twice the same object");
        }
    }
    all
}

fn assert_same(ours: &str, theirs: &str) {
    let (ours, theirs) = (objects(ours), objects(theirs));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, object) in &ours {
        assert_eq!(
            serde_json::to_string_pretty(object).ok(),
            serde_json::to_string_pretty(&theirs[name]).ok(),
            "{name}"
        );
    }
}

/// What other programs make of it is judged right, too.
fn assert_no_errors(cluster: &Cluster, text: &str) {
    let files = [Input { name: "made.yaml".into(), text: text.into() }];
    let judgement = lint::lint(&cluster.spec, Limits::default(), &files);
    assert_eq!(judgement.count(Severity::Error), 0, "{}", lint::text(&judgement));
}

#[test]
fn helm_makes_the_manifests_of_the_chart() {
    let Some(helm) = helm() else { return };
    for cluster in clusters() {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), &chart(&cluster));
        let run = |args: &[&str]| Command::new(&helm).args(args).arg(dir.path()).output().expect("helm runs");
        let lint = run(&["lint", "--strict"]);
        assert!(lint.status.success(), "{}", said(&lint));
        let made = run(&["template", "r", "--kube-version", "1.27", "--api-versions", "monitoring.coreos.com/v1"]);
        assert!(made.status.success(), "{}", said(&made));
        let made = String::from_utf8_lossy(&made.stdout);
        assert_same(&stream(&cluster), &made);
        assert_no_errors(&cluster, &made);
    }
}

#[test]
fn helm_refuses_what_does_not_fit() {
    let Some(helm) = helm() else { return };
    let cluster = &clusters()[0];
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), &chart(cluster));
    let template = |set: &str| {
        let o = Command::new(&helm).args(["template", "r", "--set", set]).arg(dir.path()).output().expect("helm runs");
        (o.status.success(), said(&o))
    };
    let refused = [
        ("replicas=5", "maximum"),
        ("terminationGracePeriodSeconds=435", "435 is less than the 436 s"),
        ("preStopSleepSeconds=10,terminationGracePeriodSeconds=445", "less than the 446 s"),
        ("user=0", "minimum"),
        ("storage.accessMode=ReadWriteMany", "accessMode"),
        ("replica=2", "additional"),
        ("image.reference=a b", "pattern"),
    ];
    for (set, words) in refused {
        let (fine, said) = template(set);
        assert!(!fine && said.contains(words), "{set}: {said}");
    }
    for (set, words) in [
        ("terminationGracePeriodSeconds=600", "--grace=600s"),
        ("terminationGracePeriodSeconds=600", "terminationGracePeriodSeconds: 600"),
        ("preStopSleepSeconds=10", "terminationGracePeriodSeconds: 446"),
        ("preStopSleepSeconds=10", "--grace=436s"),
        ("serverStopSeconds=600", "terminationGracePeriodSeconds: 916"),
        ("startup.limitSeconds=61", "failureThreshold: 13"),
        ("livenessProbe.tcpSocket.port=sql", "livenessProbe:"),
        ("nodeSelector.disk=fast", "disk: fast"),
        ("extraEnv[0].name=ALTIBASE_MEM_MAX_DB_SIZE,extraEnv[0].value=3G", "value: 3G"),
        ("podLabels.team=x", "team: x"),
        ("podAnnotations.a=x", "a: x"),
        ("clientService.annotations.a=x", "a: x"),
        ("image.pullSecrets[0].name=pull", "- name: pull"),
    ] {
        let (fine, said) = template(set);
        assert!(fine && said.contains(words), "{set}: {said}");
        yaml::read(&said).unwrap_or_else(|e| panic!("{set}: {e}\n{said}"));
    }
    // Another aku.conf has other names and another grace period.
    fs::write(dir.path().join("files/aku.conf"), "AKU_STS_NAME = other\n").expect("a file can be written");
    let (fine, said) = template("replicas=1");
    assert!(!fine && said.contains("Write the chart anew"), "{said}");
}

#[test]
fn kustomize_makes_the_manifests_of_the_base() {
    let Some(kubectl) = program("AKU_KUBECTL", "kubectl", &["kustomize", "--help"]) else { return };
    for cluster in clusters() {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), &kustomize(&cluster));
        let build = |path: &str| {
            let o = Command::new(&kubectl).arg("kustomize").arg(dir.path().join(path)).output().expect("kubectl runs");
            assert!(o.status.success(), "{}", said(&o));
            String::from_utf8_lossy(&o.stdout).into_owned()
        };
        assert_same(&stream(&cluster), &build("base"));
        let production = build("overlays/production");
        assert_no_errors(&cluster, &production);
        for words in ["storage: 100Gi", "memory: 16Gi", "replicas: 4"] {
            assert!(production.contains(words), "{words}: {production}");
        }
    }
}

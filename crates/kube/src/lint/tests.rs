use super::*;
use crate::{
    build::stream,
    spec::{AtEnd, Cluster, Members, Options, SecretKey, Wanted},
    testing::{CONF, cluster, golden, spec},
};

mod defects;
mod forms;

use defects::{Defect, cut, defects, other_conf};

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

#[test]
fn what_we_write_is_right() {
    let licence = Some(SecretKey { secret: "l".into(), key: "license".into() });
    let more =
        Options { per_pod: Wanted::Yes, monitoring: Wanted::Yes, pre_stop_sleep: 20, licence, ..Options::default() };
    let first = Options { create_database: Wanted::Yes, ..more.clone() };
    for options in [Options::default(), more] {
        let j = judged(&spec(), &stream(&cluster(options)));
        assert_eq!(text(&j), format!("{} objects: nothing found\n", j.objects));
    }
    let j = judged(&spec(), &stream(&cluster(first)));
    assert_eq!((codes(&j), j.count(Severity::Error)), (vec![Code::CreatesDatabase], 0), "{}", text(&j));
    let replaces = ["REPLICATION_INSERT_REPLACE", "REPLICATION_UPDATE_REPLACE"].map(str::to_owned).to_vec();
    let replaces = ClusterSpec { conflict_properties: replaces, ..spec() };
    let j = judged(&replaces, &stream(&Cluster::new(replaces.clone(), Options::default()).unwrap()));
    assert_eq!(codes(&j), [], "{}", text(&j));
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
        let after = to.map_or_else(|| cut(after, from), |to| after.replacen(from, to, 1));
        let bad = format!("{before}{after}");
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
        codes(&judged(
            &spec(),
            &good().replace("terminationGracePeriodSeconds: 436", "priority: 1").replace("436", "30")
        )),
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
    use Code::{ConfUnseen, NoBudget, NoClientService, NoPeerService};
    let only = |kinds: &[&str]| {
        let all: Vec<String> = good()
            .split("---\n")
            .filter(|d| kinds.iter().any(|k| d.contains(&format!("\nkind: {k}\n"))))
            .map(str::to_owned)
            .collect();
        codes(&judged(&spec(), &all.join("---\n")))
    };
    assert_eq!(only(&["StatefulSet"]), [NoBudget, NoPeerService, NoClientService, ConfUnseen]);
    assert_eq!(only(&["Service"]), [Code::NoStatefulSet]);
    assert_eq!(only(&["StatefulSet", "Service", "PodDisruptionBudget", "ConfigMap"]), []);
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

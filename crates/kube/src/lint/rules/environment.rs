//! K501 to K510: the variables by which the server gets its properties; K901 to K905: what changes the host name.

use super::{Case, pod::Variable};
use crate::{
    lint::{Code, Finding},
    yaml::Node,
};

pub(super) fn rules(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let mut unseen = None;
    let mut expect = |name: &str, want: Option<&str>, code| match (c.pod.variable(name), want) {
        (Variable::Is(value, at), Some(want)) if value != want => {
            findings.push(c.about(code, at, format!("{name} is \"{value}\", it has to be \"{want}\"")));
        }
        (Variable::Is(value, at), None) if value.is_empty() => {
            findings.push(c.about(code, at, format!("{name} is empty")));
        }
        (Variable::From(at), Some(want)) => {
            findings.push(c.about(code, at, format!("{name} is taken from elsewhere, it has to be \"{want}\"")));
        }
        (Variable::Is(..) | Variable::From(_), _) => {}
        (Variable::Unset, _) => findings.push(c.about(code, c.pod.env_place(), format!("{name} is not set"))),
        (Variable::Unseen(at, object), _) => unseen = Some((at, object)),
    };
    expect("ALTIBASE_ADMIN_MODE", Some("1"), Code::AdminMode);
    expect("ALTIBASE_REMOTE_SYSDBA_ENABLE", Some("1"), Code::RemoteSysdba);
    expect("ALTIBASE_REPLICATION_PORT_NO", Some(&c.spec.replication_port.to_string()), Code::ReplicationPort);
    expect("ALTIBASE_PORT_NO", Some(&c.spec.port.to_string()), Code::SqlPort);
    expect("ALTIBASE_NLS_USE", None, Code::Charset);
    if c.spec.groups > 1 {
        expect("ALTIBASE_REPLICATION_ALLOW_DUPLICATE_HOSTS", Some("1"), Code::DuplicateHosts);
    }
    for name in &c.spec.conflict_properties {
        expect(&format!("ALTIBASE_{name}"), Some("1"), Code::ConflictRule);
    }
    if let Some((at, object)) = unseen {
        findings.push(c.about(
            Code::EnvUnseen,
            at,
            format!("variables come from the {object}, which is not in these files"),
        ));
    }
    pod_name(c, findings);
    host(c, findings);
}

/// Whether each pod goes by its own name.
fn pod_name(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let name = "POD_NAME";
    let (code, at, message) = match c.pod.variable(name) {
        Variable::Unseen(..) => return,
        Variable::Unset => (Code::PodName, c.pod.env_place(), "POD_NAME is not set".to_owned()),
        Variable::Is(value, at) => {
            // $(OTHER), which Kubernetes replaces.
            let other = value.strip_prefix("$(").and_then(|v| v.strip_suffix(')'));
            match other.map(|o| source(c, o)) {
                Some(Source::PodName) => return,
                Some(Source::Other(from)) => (Code::OtherPodName, at, format!("POD_NAME is {value}, which is {from}")),
                // A script may know the name of the pod by $HOSTNAME.
                None if value.contains('$') => return,
                None => (Code::OtherPodName, at, format!("POD_NAME is \"{value}\" on every pod")),
            }
        }
        Variable::From(at) => match source(c, name) {
            Source::PodName => return,
            Source::Other(from) => (Code::OtherPodName, at, format!("POD_NAME is {from}")),
        },
    };
    findings.push(c.about(code, at, message));
}

/// Where a variable is taken from.
enum Source {
    PodName,
    /// In words.
    Other(String),
}

fn source(c: &Case<'_>, name: &str) -> Source {
    let from = c.pod.own(name).and_then(|e| e.get("valueFrom"));
    match from.and_then(|f| f.at(&["fieldRef", "fieldPath"])?.text()) {
        Some("metadata.name" | "metadata.labels['statefulset.kubernetes.io/pod-name']") => Source::PodName,
        Some(path) => Source::Other(format!("taken from {path}")),
        None => Source::Other("the same on every pod".to_owned()),
    }
}

fn host(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let keys = [
        ("setHostnameAsFQDN", Code::HostnameAsFqdn),
        ("hostnameOverride", Code::HostnameOverride),
        ("hostNetwork", Code::HostNetwork),
        ("shareProcessNamespace", Code::SharedProcesses),
        ("hostPID", Code::HostNamespaces),
        ("hostIPC", Code::HostNamespaces),
    ];
    for (key, code) in keys {
        if let Some(entry) = c.pod.spec.entry(key).filter(|_| c.pod.spec.get(key).and_then(Node::bool) != Some(false)) {
            findings.push(c.about(code, entry.at, format!("{key} is set")));
        }
    }
}

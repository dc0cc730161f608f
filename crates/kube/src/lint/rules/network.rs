//! K209, K210: whether policies of the network let the pods reach each other.

use super::Case;
use crate::{
    lint::{
        Code, Finding,
        view::{Object, fits},
    },
    yaml::Node,
};

/// DNS.
const DNS: i64 = 53;

/// Whether something is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Closed,
    /// It depends on addresses, or on labels of namespaces.
    Unseen,
    Open,
}

/// What has to get through.
#[derive(Clone, Copy, Debug)]
struct Need {
    protocol: &'static str,
    port: i64,
    who: Who,
    what: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Pods,
    /// Where DNS is nobody knows.
    Anybody,
}

pub(super) fn rules(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let namespace = |o: &Object<'_>| o.get(&["metadata", "namespace"]).and_then(Node::text).map(str::to_owned);
    let ours = namespace(&c.set);
    let policies: Vec<&Object<'_>> = c
        .of_kind("NetworkPolicy")
        // One of a CNI of its own has other fields.
        .filter(|o| o.get(&["apiVersion"]).and_then(Node::text).is_none_or(|g| g.starts_with("networking.k8s.io/")))
        .filter(|o| namespace(o) == ours && fits(o.get(&["spec", "podSelector"]), c.labels()))
        .collect();
    let pods = |port, what| Need { protocol: "TCP", port: i64::from(port), who: Who::Pods, what };
    let both = [pods(c.spec.replication_port, "replication"), pods(c.spec.port, "aku of the other pods")];
    let dns = Need { protocol: "UDP", port: DNS, who: Who::Anybody, what: "DNS" };
    judge(c, &policies, Direction::In, &both, findings);
    judge(c, &policies, Direction::Out, &[both[0], both[1], dns], findings);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

impl Direction {
    /// The type, the list of rules, the list of peers in one, and a word.
    fn words(self) -> [&'static str; 4] {
        match self {
            Self::In => ["Ingress", "ingress", "from", "in"],
            Self::Out => ["Egress", "egress", "to", "out"],
        }
    }

    /// Whether a policy closes what it does not name.
    fn is_closed_by(self, policy: &Object<'_>) -> bool {
        let [of_type, rules, ..] = self.words();
        match policy.get(&["spec", "policyTypes"]) {
            Some(types) => types.texts().any(|t| t == of_type),
            None => self == Self::In || policy.get(&["spec", rules]).is_some(),
        }
    }
}

fn judge(c: &Case<'_>, all: &[&Object<'_>], direction: Direction, needs: &[Need], findings: &mut Vec<Finding>) {
    let [_, rules, peers, word] = direction.words();
    let closed: Vec<_> = all.iter().filter(|p| direction.is_closed_by(p)).collect();
    let Some(first) = closed.first() else { return };
    // What one of them lets through goes through.
    let way = |need: &Need| {
        let each = closed.iter().flat_map(|p| p.get(&["spec", rules]).map(Node::items).unwrap_or_default());
        each.map(|rule| peer(c, rule.get(peers), *need).min(port(c, rule.get("ports"), *need, direction))).max()
    };
    let at = first.place(&["spec", rules]);
    let names: Vec<&str> = closed.iter().map(|p| p.name).collect();
    let shown = |n: &&Need| format!("{} ({} {})", n.what, n.protocol, n.port);
    let of = |wanted: Way| {
        let which: Vec<String> =
            needs.iter().filter(|n| way(n).unwrap_or(Way::Closed) == wanted).map(|n| shown(&n)).collect();
        which.join(" and ")
    };
    let (stopped, unseen) = (of(Way::Closed), of(Way::Unseen));
    if !stopped.is_empty() {
        let message = format!("{} does not let {word}: {stopped}", names.join(", "));
        findings.push(first.finding(Code::PolicyCloses, at, message));
    }
    if !unseen.is_empty() {
        let message = format!("whether {} lets {word} {unseen} depends on addresses or namespaces", names.join(", "));
        findings.push(first.finding(Code::PolicyUnseen, at, message));
    }
}

/// Whether the other pods are among the peers of a rule.
fn peer(c: &Case<'_>, peers: Option<&Node>, need: Need) -> Way {
    let Some(peers) = peers.map(Node::items).filter(|p| !p.is_empty()) else { return Way::Open };
    if need.who == Who::Anybody {
        return Way::Open;
    }
    let one = |p: &Node| {
        if let Some(cidr) = p.at(&["ipBlock", "cidr"]).and_then(Node::text) {
            let is_all = matches!(cidr, "0.0.0.0/0" | "::/0") && p.at(&["ipBlock", "except"]).is_none();
            return if is_all { Way::Open } else { Way::Unseen };
        }
        let by_pod = p.get("podSelector").is_none_or(|s| fits(Some(s), c.labels()));
        match p.get("namespaceSelector") {
            _ if !by_pod => Way::Closed,
            None => Way::Open,
            Some(all) if ["matchLabels", "matchExpressions"].iter().all(|k| all.get(k).is_none()) => Way::Open,
            Some(_) => Way::Unseen,
        }
    };
    best(peers, one)
}

/// The best of several ways.
fn best(items: &[Node], way: impl Fn(&Node) -> Way) -> Way {
    items.iter().map(way).max().unwrap_or(Way::Closed)
}

/// Whether the port is among those of a rule.
fn port(c: &Case<'_>, ports: Option<&Node>, need: Need, direction: Direction) -> Way {
    let Some(ports) = ports.map(Node::items).filter(|p| !p.is_empty()) else { return Way::Open };
    best(ports, |p| {
        if p.get("protocol").and_then(Node::text).unwrap_or("TCP") != need.protocol {
            return Way::Closed;
        }
        let Some(port) = p.get("port") else { return Way::Open };
        let number = port.int().or_else(|| named(c, port.text()?));
        match (number, p.get("endPort").and_then(Node::int)) {
            (Some(n), None) if n == need.port => Way::Open,
            (Some(n), Some(end)) if (n..=end).contains(&need.port) => Way::Open,
            // A name of a port of somebody else's pods.
            (None, _) if direction == Direction::Out && need.who == Who::Anybody => Way::Unseen,
            (Some(_) | None, _) => Way::Closed,
        }
    })
}

/// The number of a port by its name in the container.
fn named(c: &Case<'_>, name: &str) -> Option<i64> {
    let ports = c.pod.containers().flat_map(|k| k.get("ports").map(Node::items).unwrap_or_default());
    ports.filter(|p| p.get("name").and_then(Node::text) == Some(name)).find_map(|p| p.get("containerPort")?.int())
}

//! The pod of the StatefulSet: its container, its variables, what it mounts.

use crate::{
    lint::view::{Object, words},
    yaml::{Node, Place},
};

/// The pod template and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pod<'f> {
    /// `spec.template.spec`.
    pub spec: &'f Node,
    /// The container with the server.
    pub container: &'f Node,
    objects: &'f [Object<'f>],
}

/// What a variable is.
#[derive(Clone, Debug)]
pub(super) enum Variable {
    /// This value.
    Is(String, Place),
    /// From somewhere else: a field, a Secret.
    From(Place),
    /// Not set, as far as these files tell.
    Unset,
    /// It may be set by an object that is not in these files.
    Unseen(Place, String),
}

impl<'f> Pod<'f> {
    pub(super) fn new(set: Object<'f>, objects: &'f [Object<'f>]) -> Self {
        let spec = set.get(&["spec", "template", "spec"]).unwrap_or(set.node);
        let containers = spec.get("containers").map(Node::items).unwrap_or_default();
        let container = containers.iter().find(|c| has_server(c)).or_else(|| containers.first()).unwrap_or(spec);
        Self { spec, container, objects }
    }

    /// Every container, those that run before the others, too.
    pub(super) fn containers(&self) -> impl Iterator<Item = &'f Node> {
        ["containers", "initContainers"]
            .into_iter()
            .flat_map(|key| self.spec.get(key).map(Node::items).unwrap_or_default())
    }

    /// Command and arguments.
    pub(super) fn command(&self) -> Vec<String> {
        let mut all = words(self.container.get("command"));
        all.extend(words(self.container.get("args")));
        all
    }

    pub(super) fn volumes(&self) -> &'f [Node] {
        self.spec.get("volumes").map(Node::items).unwrap_or_default()
    }

    pub(super) fn mounts(&self) -> &'f [Node] {
        self.container.get("volumeMounts").map(Node::items).unwrap_or_default()
    }

    /// The ConfigMaps that the pod mounts or takes variables from, as far as they are in these files.
    pub(super) fn config_maps(&self) -> impl Iterator<Item = &'f Object<'f>> {
        let mut named: Vec<&str> = self
            .volumes()
            .iter()
            .flat_map(|v| {
                let projected = v.at(&["projected", "sources"]).map(Node::items).unwrap_or_default();
                std::iter::once(v).chain(projected)
            })
            .filter_map(|v| v.at(&["configMap", "name"])?.text())
            .collect();
        named.extend(self.env_from().filter_map(|e| e.at(&["configMapRef", "name"])?.text()));
        self.objects.iter().filter(move |o| o.kind == "ConfigMap" && named.contains(&o.name))
    }

    fn env_from(&self) -> impl Iterator<Item = &'f Node> {
        self.container.get("envFrom").map(Node::items).unwrap_or_default().iter()
    }

    /// The texts in mounted ConfigMaps: scripts and settings.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &'f str> {
        self.config_maps()
            .flat_map(|o| o.get(&["data"]).map(Node::entries).unwrap_or_default())
            .filter_map(|e| e.value.text())
    }

    /// The text of a script in a mounted ConfigMap, by its path in the container.
    pub(super) fn script(&self, path: &str) -> Option<&'f str> {
        if !path.starts_with('/') {
            return None;
        }
        let name = path.rsplit('/').next()?;
        self.config_maps().find_map(|o| o.get(&["data", name])?.text())
    }

    /// Where these words are begun to be said in the command; where the command is, when they are not.
    pub(super) fn word_place(&self, wanted: &[&str]) -> Place {
        let items = |key| self.container.get(key).map(Node::items).unwrap_or_default();
        let mut all = items("command").iter().chain(items("args"));
        let says = |n: &&Node| n.text().is_some_and(|t| wanted.iter().any(|w| t.contains(w)));
        all.find(says).map_or_else(|| crate::lint::view::place(self.container, &["command"]), |n| n.at)
    }

    /// A variable: of the container, of what it takes all variables from, of a script that is mounted.
    pub(super) fn variable(&self, name: &str) -> Variable {
        match self.declared(name) {
            Variable::Unset => match self.scripts().find_map(|text| assigned(text, name)) {
                Some(value) => Variable::Is(value, self.container.at),
                None => Variable::Unset,
            },
            seen @ (Variable::Is(..) | Variable::From(_) | Variable::Unseen(..)) => seen,
        }
    }

    /// The entry of a variable in the container's own list; the last one counts.
    pub(super) fn own(&self, name: &str) -> Option<&'f Node> {
        let env = self.container.get("env").map(Node::items).unwrap_or_default();
        env.iter().rev().find(|e| e.get("name").and_then(Node::text) == Some(name))
    }

    /// A variable that Kubernetes sets: of the container, or of what it takes all variables from.
    pub(super) fn declared(&self, name: &str) -> Variable {
        if let Some(entry) = self.own(name) {
            return match entry.get("value") {
                // A number without quotes is refused by Kubernetes; here it counts as what it says.
                Some(value) => Variable::Is(scalar(value), entry.at),
                None if entry.get("valueFrom").is_some() => Variable::From(entry.at),
                None => Variable::Is(String::new(), entry.at),
            };
        }
        for from in self.env_from() {
            let Some((kind, object)) = [("ConfigMap", "configMapRef"), ("Secret", "secretRef")]
                .into_iter()
                .find_map(|(kind, key)| Some((kind, from.at(&[key, "name"])?.text()?)))
            else {
                continue;
            };
            let prefix = from.get("prefix").and_then(Node::text).unwrap_or_default();
            let Some(found) = self.objects.iter().find(|o| o.kind == kind && o.name == object) else {
                return Variable::Unseen(from.at, format!("{kind} {object}"));
            };
            let key = name.strip_prefix(prefix).unwrap_or(name);
            if let Some(entry) = found.get(&["data"]).and_then(|d| d.entry(key)) {
                return Variable::Is(scalar(&entry.value), from.at);
            }
        }
        Variable::Unset
    }

    /// Where a variable would have to be.
    pub(super) fn env_place(&self) -> Place {
        crate::lint::view::place(self.container, &["env"])
    }

    /// Seconds that a preStop hook only waits.
    pub(super) fn sleep(&self) -> u64 {
        let hook = self.container.at(&["lifecycle", "preStop"]);
        let action = hook.and_then(|h| h.at(&["sleep", "seconds"])?.int());
        let words = words(hook.and_then(|h| h.at(&["exec", "command"])));
        let command = match words.as_slice() {
            [program, seconds] if program.rsplit('/').next() == Some("sleep") => seconds.parse().ok(),
            _ => None,
        };
        action.and_then(|n| u64::try_from(n).ok()).or(command).unwrap_or(0)
    }
}

fn has_server(container: &Node) -> bool {
    let is_ours =
        |text: &str| text.to_ascii_lowercase().contains("altibase") || text.split(['/', ' ']).any(|w| w == "aku");
    let env = container.get("env").map(Node::items).unwrap_or_default();
    let names = env.iter().filter_map(|e| e.get("name")?.text());
    names.chain(container.get("image").and_then(Node::text)).any(is_ours)
        || words(container.get("command")).iter().any(|w| is_ours(w))
}

fn scalar(node: &Node) -> String {
    node.text().map(str::to_owned).or_else(|| node.int().map(|n| n.to_string())).unwrap_or_default()
}

/// `NAME=VALUE` or `export NAME=VALUE` on a line of a script. The last one counts.
fn assigned(text: &str, name: &str) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let value = line.strip_prefix(name)?.strip_prefix('=')?;
        Some(value.split([' ', ';', '#']).next().unwrap_or_default().trim_matches(['"', '\'']).to_owned())
    })
}

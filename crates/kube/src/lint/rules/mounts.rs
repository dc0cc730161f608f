//! K604, K609 to K611, K709: whether the files of the container are where its variables say.

use super::{Case, Sight, config::essence, pod::Variable};
use crate::{
    lint::{
        Code, Finding,
        shell::base,
        view::{Object, place},
    },
    yaml::{Node, Place},
};

/// The usual name of the file.
const CONF: &str = "aku.conf";
/// Volumes whose content does not outlive a pod, or is not its own.
const NOT_LASTING: [&str; 5] = ["emptyDir", "configMap", "secret", "projected", "downwardAPI"];

pub(super) fn rules(c: &Case<'_>, sight: Sight, findings: &mut Vec<Finding>) {
    data(c, findings);
    conf(c, sight, findings);
    password(c, findings);
}

/// Whether the rows are on a volume.
fn data(c: &Case<'_>, findings: &mut Vec<Finding>) {
    // None at all has been told.
    if c.set.get(&["spec", "volumeClaimTemplates"]).is_none_or(|t| t.items().is_empty()) {
        return;
    }
    let lasting: Vec<&str> = c.pod.mounts().iter().filter(|m| lasts(c, m)).filter_map(path_of).collect();
    let at = place(c.pod.container, &["volumeMounts"]);
    if lasting.is_empty() {
        findings.push(c.about(Code::NoVolume, at, "no volume that outlives a pod is mounted"));
        return;
    }
    let bare: Vec<String> = directories(c)
        .into_iter()
        .filter(|dir| dir.starts_with('/') && !dir.contains('$') && !lasting.iter().any(|m| below(dir, m).is_some()))
        .collect();
    if !bare.is_empty() {
        let message = format!("no volume that outlives a pod is mounted at {}", bare.join(" and "));
        findings.push(c.about(Code::NoVolume, at, message));
    }
}

/// Where `aku run` looks for data files. Of other entries nobody knows.
fn directories(c: &Case<'_>) -> Vec<String> {
    let Some(run) = c.entry.as_ref().map(|e| &e.run) else { return Vec::new() };
    if !run.data.is_empty() {
        return run.data.clone();
    }
    if let Some((dirs, _)) = set_to(c, "AKU_DATA_DIRS") {
        return dirs.split(':').map(str::to_owned).collect();
    }
    let is_altibase = run.server.first().is_none_or(|w| base(w) == "altibase");
    let home = set_to(c, "ALTIBASE_HOME").filter(|_| is_altibase);
    home.map_or_else(Vec::new, |(home, _)| {
        ["dbs", "logs"].map(|d| format!("{}/{d}", home.trim_end_matches('/'))).into()
    })
}

fn lasts(c: &Case<'_>, mount: &Node) -> bool {
    match volume_of(c, mount) {
        Volume::Own => true,
        Volume::Is(volume) => !NOT_LASTING.iter().any(|k| volume.entry(k).is_some()),
        Volume::None(_) => false,
    }
}

/// A variable that Kubernetes sets to a value that can be seen; a script may mean something else by it.
fn set_to(c: &Case<'_>, name: &str) -> Option<(String, Place)> {
    match c.pod.declared(name) {
        Variable::Is(value, at) if !value.is_empty() && !value.contains('$') => Some((value, at)),
        Variable::Is(..) | Variable::From(_) | Variable::Unset | Variable::Unseen(..) => None,
    }
}

/// The volume of a mount.
enum Volume<'f> {
    /// Of the claims of the pod.
    Own,
    Is(&'f Node),
    /// There is none of that name.
    None(&'f str),
}

fn volume_of<'f>(c: &Case<'f>, mount: &'f Node) -> Volume<'f> {
    let name = mount.get("name").and_then(Node::text).unwrap_or_default();
    let claims = c.set.get(&["spec", "volumeClaimTemplates"]).map(Node::items).unwrap_or_default();
    if claims.iter().any(|k| k.at(&["metadata", "name"]).and_then(Node::text) == Some(name)) {
        return Volume::Own;
    }
    let named = c.pod.volumes().iter().find(|v| v.get("name").and_then(Node::text) == Some(name));
    named.map_or(Volume::None(name), Volume::Is)
}

fn path_of(mount: &Node) -> Option<&str> {
    mount.get("mountPath").and_then(Node::text)
}

/// What a path is called below a directory.
fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(directory.trim_end_matches('/'))?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// What is at a path of the container.
enum There<'f> {
    /// This text of a ConfigMap.
    Text(&'f Object<'f>, &'f str, &'f Node),
    /// Something that these files do not show, in words.
    Unseen(String),
    /// The volume that should have it does not, in words.
    Lacking(String),
    /// No volume: the image may have it.
    Image,
}

fn there<'f>(c: &Case<'f>, path: &str) -> There<'f> {
    let mounts = c.pod.mounts().iter().filter_map(|m| Some((m, below(path, path_of(m)?)?)));
    // The deepest one is on top.
    let Some((mount, rest)) = mounts.min_by_key(|(_, rest)| rest.len()) else { return There::Image };
    let sub = mount.get("subPath").and_then(Node::text).unwrap_or_default();
    let file = match (sub, rest) {
        ("", rest) => rest.to_owned(),
        (sub, "") => sub.to_owned(),
        (sub, rest) => format!("{sub}/{rest}"),
    };
    match volume_of(c, mount) {
        Volume::Own => There::Unseen("a volume of the pod".to_owned()),
        Volume::None(name) => There::Lacking(format!("there is no volume {name}")),
        Volume::Is(volume) => {
            let sources = volume.at(&["projected", "sources"]).map_or(std::slice::from_ref(volume), Node::items);
            let mut lacking = None;
            for source in sources {
                match in_source(c, source, &file) {
                    There::Lacking(what) => lacking = lacking.or(Some(what)),
                    found => return found,
                }
            }
            There::Lacking(lacking.unwrap_or_else(|| "the volume holds nothing".to_owned()))
        }
    }
}

/// A file of a ConfigMap or a Secret.
fn in_source<'f>(c: &Case<'f>, source: &'f Node, file: &str) -> There<'f> {
    let kinds = [("ConfigMap", "configMap"), ("Secret", "secret")];
    let Some((kind, node)) = kinds.into_iter().find_map(|(kind, key)| Some((kind, source.get(key)?))) else {
        let name = source.get("name").and_then(Node::text).unwrap_or_default();
        return There::Unseen(format!("the volume {name}"));
    };
    let name = node.get("name").or_else(|| node.get("secretName")).and_then(Node::text).unwrap_or_default();
    let key = match node.get("items") {
        Some(items) => {
            let item = items.items().iter().find(|i| i.get("path").and_then(Node::text) == Some(file));
            match item.and_then(|i| i.get("key")?.text()) {
                Some(key) => key,
                None => return There::Lacking(format!("the {kind} {name} is mounted without a file {file}")),
            }
        }
        None => file,
    };
    let Some(object) = c.of_kind(kind).find(|o| o.name == name) else {
        return There::Unseen(format!("the {kind} {name}"));
    };
    let found = ["data", "stringData", "binaryData"].iter().find_map(|d| object.get(&[d])?.entry(key));
    match (found, kind) {
        (None, _) => There::Lacking(format!("the {kind} {name} has no {key}")),
        (Some(entry), "ConfigMap") => There::Text(object, &entry.key, &entry.value),
        (Some(_), _) => There::Unseen(format!("the {kind} {name}")),
    }
}

/// Whether the pods find the aku.conf that the manifests were compared with.
fn conf(c: &Case<'_>, sight: Sight, findings: &mut Vec<Finding>) {
    let by_flag = c.entry.as_ref().and_then(|e| e.run.conf.clone()).filter(|f| !f.contains('$'));
    let flag = by_flag.map(|path| ("--conf", path, c.pod.word_place(&["--conf"])));
    let said = flag.or_else(|| set_to(c, "AKU_CONF").map(|(path, at)| ("AKU_CONF", path, at)));
    let has_conf = |o: &&Object<'_>| o.get(&["data"]).is_some_and(|d| d.entry(CONF).is_some());
    let seen = c.pod.config_maps().find(has_conf);
    let Some((word, path, at)) = said else {
        let unseen = c.pod.volumes().iter().find_map(|v| {
            let name = v.at(&["configMap", "name"])?.text()?;
            c.of_kind("ConfigMap").all(|o| o.name != name).then_some((v.at, name))
        });
        if let Some((at, name)) = unseen.filter(|_| seen.is_none() && sight.readable) {
            let message = format!("aku.conf may come from the ConfigMap {name}, which is not in these files");
            findings.push(c.about(Code::ConfUnseen, at, message));
        }
        return;
    };
    let (code, message) = match (there(c, &path), seen) {
        (There::Text(o, key, text), _) => {
            // By its usual name it is compared wherever it is.
            let text = text.text().unwrap_or_default();
            if key == CONF || essence(text) == essence(&c.spec.conf) {
                return;
            }
            (
                Code::OtherConf,
                format!("{key} of the ConfigMap {}, the aku.conf of the pods, says something else", o.name),
            )
        }
        (There::Lacking(what), _) => (Code::ConfPath, format!("{word} is {path}, but {what}")),
        (There::Image, Some(o)) => (
            Code::ConfPath,
            format!("{word} is {path}, where nothing is mounted; aku.conf is in the ConfigMap {}", o.name),
        ),
        (There::Image, None) => {
            (Code::ConfUnseen, format!("{word} is {path}, where nothing is mounted; it would have to be in the image"))
        }
        (There::Unseen(_), _) if !sight.readable => return,
        (There::Unseen(what), _) => {
            (Code::ConfUnseen, format!("{word} is {path}; what {what} holds there is not in these files"))
        }
    };
    findings.push(c.about(code, at, message));
}

/// Whether there is a password where aku looks for it. What is in it is not looked at.
fn password(c: &Case<'_>, findings: &mut Vec<Finding>) {
    let name = "AKU_SYS_PASSWORD_FILE";
    let Some((path, at)) = set_to(c, name) else { return };
    let (code, message) = match there(c, &path) {
        // A ConfigMap with the password has its own rule.
        There::Text(..) | There::Unseen(_) => return,
        There::Lacking(what) => (Code::PasswordPath, format!("{name} is {path}, but {what}")),
        There::Image => match c.pod.volumes().iter().find(|v| is_password(v)) {
            Some(volume) => {
                let volume = volume.get("name").and_then(Node::text).unwrap_or_default();
                let message = format!(
                    "{name} is {path}, where nothing is mounted; the Secret of the volume {volume} is not there"
                );
                (Code::PasswordPath, message)
            }
            None => (Code::NoPassword, format!("{name} is {path}, where nothing is mounted")),
        },
    };
    findings.push(c.about(code, at, message));
}

/// Whether a volume is a Secret that somebody calls a password.
fn is_password(volume: &Node) -> bool {
    let says = |n: Option<&Node>| n.and_then(Node::text).is_some_and(|t| t.to_ascii_lowercase().contains("passw"));
    let Some(secret) = volume.get("secret") else { return false };
    let items = secret.get("items").map(Node::items).unwrap_or_default();
    says(volume.get("name"))
        || says(secret.get("secretName"))
        || items.iter().any(|i| says(i.get("key")) || says(i.get("path")))
}

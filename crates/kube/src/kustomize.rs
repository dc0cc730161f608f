//! A kustomization: the manifests as a base, and an overlay that shows what is changed where.

use std::fmt::Write as _;

use crate::{build::manifests, chart::File, spec::Cluster};

const HEAD: &str = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";

/// Every file of it: `base` and `overlays/production`.
#[must_use]
pub fn kustomize(c: &Cluster) -> Vec<File> {
    let manifests = manifests(c);
    let mut base = format!(
        "# Written by aku k8s kustomize; aku.conf is the source. Change overlays, not this.\n{HEAD}resources:\n"
    );
    for m in &manifests {
        let _ = writeln!(base, "  - {}", m.file);
    }
    let mut files = vec![File { path: "base/kustomization.yaml".to_owned(), text: base }];
    files.extend(manifests.into_iter().map(|m| File { path: format!("base/{}", m.file), text: m.yaml }));
    let overlay = |name: &str, text: String| File { path: format!("overlays/production/{name}"), text };
    files.push(overlay("kustomization.yaml", production(c)));
    files.push(overlay("resources.yaml", resources(c)));
    files
}

fn production(c: &Cluster) -> String {
    let name = &c.spec.name;
    let (repository, tag) = image(&c.options.image);
    let tag = tag.map_or_else(String::new, |tag| format!("    newTag: {}\n", quoted(tag)));
    format!(
        "{HEAD}resources:\n  - ../../base\nimages:\n  - name: {repository}\n    newName: {repository}\n{tag}\
         # At most AKU_SERVER_COUNT.\nreplicas:\n  - name: {name}\n    count: {count}\n\
         patches:\n  - path: resources.yaml\n  \
         # Names, ports, the grace period and --grace belong together with aku.conf: write the base anew for those.\n  \
         - target:\n      kind: StatefulSet\n      name: {name}\n    patch: |\n      - op: replace\n        \
         path: /spec/volumeClaimTemplates/0/spec/resources/requests/storage\n        value: 100Gi\n",
        count = c.spec.server_count,
    )
}

fn resources(c: &Cluster) -> String {
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: {}\nspec:\n  template:\n    spec:\n      containers:\n        \
         - name: {}\n          resources:\n            requests:\n              cpu: \"4\"\n              memory: 16Gi\n            \
         limits:\n              memory: 16Gi\n",
        c.spec.name,
        crate::build::database::CONTAINER,
    )
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Repository and tag. A colon before the last slash is that of a port; a digest is no tag.
fn image(reference: &str) -> (&str, Option<&str>) {
    let (reference, _) = reference.split_once('@').unwrap_or((reference, ""));
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        Some(_) | None => (reference, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{spec::Options, testing::cluster, yaml};

    #[test]
    fn the_base_is_the_manifests() {
        let c = cluster(Options::default());
        let files = kustomize(&c);
        let text = |path: &str| &files.iter().find(|f| f.path == path).unwrap().text;
        let base = yaml::read(text("base/kustomization.yaml")).unwrap();
        let named: Vec<_> =
            base[0].get("resources").unwrap().texts().map(|name| text(&format!("base/{name}"))).collect();
        let written = manifests(&c);
        assert!(named.into_iter().eq(written.iter().map(|m| &m.yaml)));
        crate::testing::golden("kustomize-production", text("overlays/production/kustomization.yaml"));
        assert!(files.iter().all(|f| yaml::read(&f.text).is_ok()));
    }

    #[test]
    fn images() {
        let table = [
            ("a/b:7", ("a/b", Some("7"))),
            ("host:5000/b", ("host:5000/b", None)),
            ("host:5000/b:x", ("host:5000/b", Some("x"))),
            ("b@sha256:00", ("b", None)),
            ("b:1@sha256:00", ("b", Some("1"))),
        ];
        for (text, want) in table {
            assert_eq!(image(text), want, "{text}");
        }
    }
}

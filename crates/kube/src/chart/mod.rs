//! The Helm chart. Its templates are the manifests with expressions in place of what the installer may choose, so that
//! the two cannot say different things. What aku.conf says is no value: a chart is written for one aku.conf.

mod edit;
mod schema;
mod templates;
mod values;

use crate::{
    Manifest,
    build::{self, config},
    spec::{Cluster, Options, SecretKey, StopSignal, Wanted},
};

/// A file below the directory of a chart or a kustomization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

const HELPERS: &str = include_str!("files/_helpers.tpl");
const NOTES: &str = include_str!("files/NOTES.txt");

/// Every file of the chart.
#[must_use]
pub fn chart(c: &Cluster) -> Vec<File> {
    let fill = |text: &str| {
        text.replace("@NAME@", &c.spec.name)
            .replace("@COUNT@", &c.spec.server_count.to_string())
            .replace("@PORT@", &c.spec.port.to_string())
            .replace("@END@", &c.spec.end.total().to_string())
            .replace("@CHECKSUM@", &config::checksum(&c.spec.conf))
    };
    let file = |path: &str, text: String| File { path: path.to_owned(), text };
    let mut files = vec![
        file("Chart.yaml", about(c)),
        file("values.yaml", values::text(c)),
        file("values.schema.json", format!("{:#}\n", schema::schema(c))),
        file(".helmignore", ".git\n.aku-k8s\n*.orig\n*.tmp\n".to_owned()),
        file("files/aku.conf", c.spec.conf.clone()),
        file("templates/_helpers.tpl", fill(HELPERS)),
        file("templates/NOTES.txt", fill(NOTES)),
    ];
    let all = everything(c);
    let objects = build::manifests(&all).into_iter().chain([build::drift::check_pod(&all)]);
    files.extend(objects.map(|Manifest { file, yaml }| File {
        text: templates::template(&file, &yaml),
        path: format!("templates/{file}"),
    }));
    files
}

/// The same cluster with every optional thing, so that there is a place for each.
fn everything(c: &Cluster) -> Cluster {
    let options = Options {
        namespace: None,
        server: vec!["server".to_owned()],
        storage_class: Some("class".to_owned()),
        licence: Some(SecretKey { secret: "licence".to_owned(), key: "license".to_owned() }),
        pre_stop_sleep: 1,
        stop_signal: StopSignal::Term,
        create_database: Wanted::Yes,
        per_pod: Wanted::Yes,
        network_policy: Wanted::Yes,
        drift: Wanted::Yes,
        monitoring: Wanted::Yes,
        ..c.options.clone()
    };
    Cluster { spec: c.spec.clone(), options }
}

fn about(c: &Cluster) -> String {
    format!(
        "apiVersion: v2\nname: aku\ndescription: Altibase with replication between its pods, for {}\ntype: application\n\
         version: {version}\nappVersion: \"{version}\"\nkubeVersion: \">=1.27.0-0\"\nkeywords:\n  - altibase\n  - database\n  \
         - replication\nannotations:\n  artifacthub.io/category: database\n  artifacthub.io/license: Apache-2.0\n",
        c.spec.name,
        version = env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(test)]
mod tests;

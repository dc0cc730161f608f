//! Writes the manifests, the chart and the kustomization of a cluster into a folder, for validators (`.ci/kube`).

#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the edge: files and programs of others"
)]

use std::{env, fs, io, path::Path, process::ExitCode};

use aku_kube::{
    AtEnd, Cluster, ClusterSpec, EndSeconds, File, Options, SecretKey, Wanted, chart, kustomize, manifests, stream,
};

fn main() -> ExitCode {
    let Some(dir) = env::args_os().nth(1) else {
        eprintln!("usage: render DIR");
        return ExitCode::from(64);
    };
    match render(Path::new(&dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn render(dir: &Path) -> io::Result<()> {
    let everything = Options {
        replicas: 4,
        storage_class: Some("fast".to_owned()),
        licence: SecretKey::parse("altibase-licence", "license").ok(),
        pre_stop_sleep: 10,
        create_database: Wanted::Yes,
        per_pod: Wanted::Yes,
        monitoring: Wanted::Yes,
        ..Options::default()
    };
    for (name, options) in [("default", Options::default()), ("everything", everything)] {
        let cluster = Cluster::new(spec(), options).map_err(|wrong| io::Error::other(format!("{wrong:?}")))?;
        let objects = manifests(&cluster).into_iter().map(|m| File { path: m.file, text: m.yaml }).collect();
        let stream = File { path: "all.yaml".to_owned(), text: stream(&cluster) };
        write(&dir.join(name).join("objects"), objects)?;
        write(&dir.join(name), vec![stream])?;
        write(&dir.join(name).join("chart"), chart(&cluster))?;
        write(&dir.join(name).join("kustomize"), kustomize(&cluster))?;
    }
    Ok(())
}

fn spec() -> ClusterSpec {
    ClusterSpec {
        name: "altibase-sts".to_owned(),
        service: "altibase-svc".to_owned(),
        server_count: 4,
        port: 20300,
        replication_port: 20301,
        groups: 2,
        conflict_properties: Vec::new(),
        targets: 3,
        at_end: AtEnd::Keep,
        address_check: 60,
        end: EndSeconds { fence: 10, flush: 300, stop_reset: 12 },
        conf: "AKU_STS_NAME = altibase-sts\nAKU_SVC_NAME = altibase-svc\n".to_owned(),
    }
}

fn write(dir: &Path, files: Vec<File>) -> io::Result<()> {
    for file in files {
        let path = dir.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, file.text)?;
    }
    Ok(())
}

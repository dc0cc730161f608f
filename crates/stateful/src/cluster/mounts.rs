//! What a container gets: volumes, variables, and the settings of the server in it.

use std::{
    collections::BTreeMap,
    fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use aku_lab::{
    pod::{PodConfig, Release},
    process::ProcessId,
};

use super::{Shared, State};
use crate::{
    clock,
    manifest::{FieldPath, PodTemplate, Volume},
    sandbox::Sandbox,
};

/// Where things of the image are in a container.
const MARKER: &str = "/tmp/aku_start_completed";
const TERMINATION: &str = "/dev/termination-log";
/// What aku waits after a start that failed, at first (`docs/run.md` 1).
const RETRY_SECONDS: u64 = 5;

impl Shared {
    /// Paths in a container, and what is there. `claim`: the volume of the pod, when it has one.
    pub(super) fn mounts(
        state: &State,
        dir: &Path,
        template: &PodTemplate,
        claim: Option<&Path>,
    ) -> io::Result<Vec<(String, PathBuf)>> {
        let mut mounts = Vec::new();
        for mount in &template.spec.containers[0].volume_mounts {
            let volume = template.spec.volumes.iter().find(|v| v.name == mount.name);
            let mut from = match (volume, claim) {
                (Some(volume), _) => Self::volume(state, dir, volume)?,
                (None, Some(claim)) => claim.to_owned(),
                (None, None) => return Err(io::Error::other(format!("no volume {}", mount.name))),
            };
            if let Some(sub) = &mount.sub_path {
                from.push(sub);
            }
            // A path of a volume that is not there yet is made.
            if !from.exists() {
                fs::create_dir_all(&from)?;
            }
            mounts.push((mount.mount_path.clone(), from));
        }
        // What lies in another mount comes after it.
        mounts.sort();
        Ok(mounts)
    }

    fn volume(state: &State, dir: &Path, volume: &Volume) -> io::Result<PathBuf> {
        if volume.empty_dir.is_some() {
            // It lives as long as the pod.
            return Ok(dir.join("empty").join(&volume.name));
        }
        let missing = |what: &str| io::Error::other(format!("CreateContainerConfigError: no {what}"));
        let files: BTreeMap<&String, &String> = match (&volume.config_map, &volume.secret) {
            (Some(config), _) => {
                let objects = state.objects.as_ref().ok_or_else(|| missing("objects"))?;
                objects.configs.get(&config.name).ok_or_else(|| missing(&config.name))?.iter().collect()
            }
            (None, Some(secret)) => {
                let held = state.secrets.get(&secret.secret_name).ok_or_else(|| missing(&secret.secret_name))?;
                let file =
                    |item: &'_ crate::manifest::Item| held.get(&item.key).map(|value| (item.path.clone(), value));
                let items: Option<Vec<_>> = secret.items.iter().map(file).collect();
                let items = items.ok_or_else(|| missing(&format!("key of {}", secret.secret_name)))?;
                return Self::files(dir, volume, items.iter().map(|(path, value)| (path, *value)));
            }
            (None, None) => return Err(missing("volume of a known kind")),
        };
        Self::files(dir, volume, files.into_iter())
    }

    fn files<'a>(
        dir: &Path,
        volume: &Volume,
        files: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> io::Result<PathBuf> {
        let at = dir.join("volumes").join(&volume.name);
        fs::create_dir_all(&at)?;
        for (name, text) in files {
            super::replace(&at.join(name), text)?;
        }
        Ok(at)
    }

    /// The variables that the template says, and those that stand for what a container has of its image and its node.
    pub(super) fn variables(
        &self,
        sandbox: &mut Sandbox,
        template: &PodTemplate,
        name: &str,
        ip: Ipv4Addr,
    ) -> io::Result<()> {
        let mut env = Vec::new();
        for var in &template.spec.containers[0].env {
            let value = match (&var.value, &var.value_from) {
                (Some(value), None) => value.clone(),
                (None, Some(from)) => match from.field_ref.field_path {
                    FieldPath::Name => name.to_owned(),
                },
                _ => return Err(io::Error::other(format!("the variable {} has not one value", var.name))),
            };
            env.push((var.name.clone(), value));
        }
        for (name, path) in [("AKU_MARKER", MARKER), ("AKU_TERMINATION_LOG", TERMINATION)] {
            let path = sandbox.path(path).display().to_string();
            sandbox.give(name, path);
        }
        // The lab has no ODBC and no name server.
        sandbox.give("AKU_ENDPOINTS", self.endpoints().display().to_string());
        sandbox.give("AKU_RETRY", format!("{}ms", clock::pause(RETRY_SECONDS).as_millis()));
        sandbox.set(env, ip);
        Ok(())
    }

    /// What the server reads: its properties are variables `ALTIBASE_<NAME>` (`measured.md` 9.3).
    pub(super) fn server(&self, sandbox: &Sandbox, pod: u8, name: &str, ip: Ipv4Addr) -> io::Result<()> {
        let properties: BTreeMap<String, i64> = sandbox.properties().collect();
        let port = |name: &str| {
            let port = properties.get(name).and_then(|n| u16::try_from(*n).ok());
            port.ok_or_else(|| io::Error::other(format!("no variable ALTIBASE_{name}")))
        };
        let service = self.lock().objects.as_ref().map(|o| o.set.service_name.clone()).unwrap_or_default();
        let home = sandbox.var("ALTIBASE_HOME").ok_or_else(|| io::Error::other("no variable ALTIBASE_HOME"))?;
        let config = PodConfig {
            ordinal: pod.to_string().parse().map_err(io::Error::other)?,
            server: Release::R72,
            ip,
            port: port("PORT_NO")?,
            replication_port: port("REPLICATION_PORT_NO")?,
            pods: Vec::new(),
            hosts: BTreeMap::from([(format!("{name}.{service}"), ip)]),
            hosts_file: Some(self.hosts()),
            properties,
            pace: self.pace,
            copy_pace: self.copy_pace,
            locale: aku_lab::Locale::default(),
            owner: Some(ProcessId::this()?),
        };
        config.save(&Path::new(home).join("dbs"))
    }
}

//! What a lab's directory holds, and the texts that `aku lab up` writes into it.
//!
//! ```text
//! aku-lab/lab.toml         the marker: this directory is a lab's and may be removed with it
//!         aku.conf         what the rest of the program reads
//!         endpoints.toml   where the pods are
//!         state/ marker/   AKU_STATE_DIR, AKU_MARKER_DIR
//!         snapshots/       copies of volumes, once there are any
//!         pod-N/           pod.toml, pod.pid, pod.log, control.sock and the data
//! ```
//!
//! Makes text and paths; the only I/O is reading and writing `lab.toml`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    net::Ipv4Addr,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use aku_core::topology::{Ordinal, ServerCount};
use serde::{Deserialize, Serialize};

use super::{
    Locale,
    pace::Pace,
    pod::{PodConfig, Release},
    process::ProcessId,
};

/// StatefulSet name of a lab.
pub const STS: &str = "altibase-sts";
/// Service name of a lab.
pub const SVC: &str = "altibase-svc";
/// Password of SYS in a new database; Altibase's own well-known default, so no secret.
pub const PASSWORD: &str = "manager";
/// The marker's name.
pub const MARKER: &str = "lab.toml";

/// A lab as its marker describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabFile {
    /// Version of the directory's layout; 1.
    pub aku_lab: u8,
    /// How many pods.
    pub pods: u8,
    /// Which server they imitate.
    pub server: Release,
    /// First address; pod N has that plus N.
    pub first_ip: Ipv4Addr,
    /// Service port; the replication port is the next.
    pub port: u16,
    /// REPLICATIONS groups, each of three tables; 0 for a lab without tables.
    pub groups: u8,
    /// Properties that every pod boots with.
    pub properties: BTreeMap<String, i64>,
    /// How fast verbs and FLUSH are answered.
    #[serde(default)]
    pub pace: Pace,
    /// Rows a second that a SYNC of one object takes in; `None`: as the pace says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_pace: Option<NonZeroU32>,
    /// The pods end when this process is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ProcessId>,
}

impl LabFile {
    /// Reads the marker of `dir`; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not a marker of this version.
    pub fn load(dir: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(dir.join(MARKER)) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let file: Self = toml::from_str(&text).map_err(|e| invalid(e.to_string()))?;
        if file.aku_lab == 1 && ServerCount::new(file.pods).is_some() {
            Ok(Some(file))
        } else {
            Err(invalid("made by another version of aku".to_owned()))
        }
    }

    /// Writes the marker.
    ///
    /// # Errors
    /// I/O.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        fs::write(dir.join(MARKER), toml::to_string(self).map_err(io::Error::other)?)
    }

    /// The number of pods.
    ///
    /// # Panics
    /// Never for a loaded or checked file.
    #[must_use]
    pub fn count(&self) -> ServerCount {
        ServerCount::new(self.pods).expect("checked when the file was read or made")
    }

    /// Address of a pod.
    #[must_use]
    pub fn ip(&self, pod: Ordinal) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first_ip.to_bits() + u32::from(pod.get()))
    }

    /// Replication port.
    #[must_use]
    pub fn replication_port(&self) -> u16 {
        self.port + 1
    }

    /// Settings of one pod's process.
    #[must_use]
    pub fn pod_config(&self, pod: Ordinal) -> PodConfig {
        let mut hosts = BTreeMap::new();
        for o in self.count().ordinals() {
            hosts.insert(format!("{STS}-{o}.{SVC}"), self.ip(o));
            hosts.insert(format!("pod-{o}"), self.ip(o));
            // The network that HOST_TEMPLATE = "{pod}.{svc}-repl" names.
            hosts.insert(format!("{STS}-{o}.{SVC}-repl"), self.ip(o));
        }
        PodConfig {
            ordinal: pod,
            server: self.server,
            ip: self.ip(pod),
            port: self.port,
            replication_port: self.replication_port(),
            pods: self.count().ordinals().map(|o| self.ip(o)).collect(),
            hosts,
            hosts_file: None,
            properties: self.properties.clone(),
            pace: self.pace,
            copy_pace: self.copy_pace,
            locale: Locale::default(),
            owner: self.owner,
        }
    }

    /// Tables of one group, without their owner SYS.
    pub fn tables(group: u8) -> impl Iterator<Item = String> {
        let first = u16::from(group) * 3 + 1;
        (first..first + 3).map(|n| format!("T{n}"))
    }

    /// Statements that make the tables of all groups.
    #[must_use]
    pub fn table_statements(&self) -> Vec<String> {
        (0..self.groups)
            .flat_map(Self::tables)
            .map(|t| format!("CREATE TABLE SYS.{t} (I1 INTEGER PRIMARY KEY, C2 VARCHAR(40), C3 INTEGER)"))
            .collect()
    }

    /// `aku.conf` in the newer style.
    #[must_use]
    pub fn conf(&self) -> String {
        let group = |g: u8| {
            let number = if g == 0 { String::new() } else { (g + 1).to_string() };
            let targets: Vec<_> = Self::tables(g).map(|t| format!("SYS.{t}")).collect();
            format!(
                "(\n    REPLICATION_NAME_PREFIX = AKU_REP{number}\n    SYNC_PARALLEL_COUNT     = 1\n    (\n        {}\n    )\n)",
                targets.join(",\n        ")
            )
        };
        let groups: Vec<_> = (0..self.groups).map(group).collect();
        format!(
            "# Made by `aku lab up`.\n\
             AKU_STS_NAME            = {STS}\n\
             AKU_SVC_NAME            = {SVC}\n\
             AKU_SERVER_COUNT        = {}\n\
             AKU_SYS_PASSWORD        = {PASSWORD}  # the default of a new database\n\
             AKU_PORT_NO             = {}\n\
             AKU_REPLICATION_PORT_NO = {}\n\
             REPLICATIONS = {}\n",
            self.pods,
            self.port,
            self.replication_port(),
            groups.join(", ")
        )
    }

    /// The endpoints file.
    #[must_use]
    pub fn endpoints(&self) -> String {
        let mut text = String::from("# Made by `aku lab up`.\n");
        for pod in self.count().ordinals() {
            let (ip, port, replication) = (self.ip(pod), self.port, self.replication_port());
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n[pod.{pod}]\ntransport = \"lab\"\nhost = \"{ip}\"\nport = {port}\n\
                 replication_host = \"{ip}\"\nreplication_port = {replication}\n"
            );
        }
        text
    }
}

/// Reads a pod's number as people type it: `2` or `pod-2`.
///
/// # Errors
/// In words, when it is neither.
pub fn pod_ordinal(text: &str) -> Result<Ordinal, String> {
    let number = text.strip_prefix("pod-").unwrap_or(text);
    number.parse().map_err(|_| format!("\"{text}\" is not a pod; write 2 or pod-2"))
}

/// Directory of one pod.
#[must_use]
pub fn pod_dir(dir: &Path, pod: Ordinal) -> PathBuf {
    dir.join(format!("pod-{pod}"))
}

/// Where copies of volumes are kept.
#[must_use]
pub fn snapshots(dir: &Path) -> PathBuf {
    dir.join("snapshots")
}

/// What the rest of the program needs to find a lab, `aku lab` in another directory included.
#[must_use]
pub fn environment(dir: &Path) -> [(&'static str, PathBuf); 5] {
    [
        ("AKU_CONF", dir.join("aku.conf")),
        ("AKU_ENDPOINTS", dir.join("endpoints.toml")),
        ("AKU_STATE_DIR", dir.join("state")),
        ("AKU_MARKER_DIR", dir.join("marker")),
        ("AKU_LAB_DIR", dir.to_owned()),
    ]
}

/// `value` as one word of a POSIX shell.
#[must_use]
pub fn shell_word(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&b);
    if !value.is_empty() && value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aku_db::endpoints::Endpoints;

    fn file(pods: u8, groups: u8) -> LabFile {
        LabFile {
            aku_lab: 1,
            pods,
            server: Release::R72,
            first_ip: Ipv4Addr::new(127, 71, 3, 1),
            port: 20300,
            groups,
            properties: BTreeMap::from([("ADMIN_MODE".to_owned(), 1)]),
            pace: Pace::Fast,
            copy_pace: None,
            owner: Some(ProcessId { pid: 1, started: 2 }),
        }
    }

    #[test]
    fn the_texts_of_a_lab() {
        let file = file(2, 2);
        assert_eq!(
            file.conf(),
            "# Made by `aku lab up`.\n\
             AKU_STS_NAME            = altibase-sts\n\
             AKU_SVC_NAME            = altibase-svc\n\
             AKU_SERVER_COUNT        = 2\n\
             AKU_SYS_PASSWORD        = manager  # the default of a new database\n\
             AKU_PORT_NO             = 20300\n\
             AKU_REPLICATION_PORT_NO = 20301\n\
             REPLICATIONS = (\n    REPLICATION_NAME_PREFIX = AKU_REP\n    SYNC_PARALLEL_COUNT     = 1\n    (\n        \
             SYS.T1,\n        SYS.T2,\n        SYS.T3\n    )\n), (\n    REPLICATION_NAME_PREFIX = AKU_REP2\n    \
             SYNC_PARALLEL_COUNT     = 1\n    (\n        SYS.T4,\n        SYS.T5,\n        SYS.T6\n    )\n)\n"
        );
        assert!(Endpoints::parse(&file.endpoints(), "endpoints.toml").is_ok());
        assert_eq!(file.table_statements().len(), 6);
        let pod = file.pod_config(Ordinal::new(1).unwrap());
        assert_eq!((pod.ip, pod.replication_port), (Ipv4Addr::new(127, 71, 3, 2), 20301));
        assert_eq!(pod.hosts["altibase-sts-0.altibase-svc"], Ipv4Addr::new(127, 71, 3, 1));
    }

    #[test]
    fn the_marker_survives_a_round_trip() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LabFile::load(dir.path()).unwrap(), None);
        file(33, 1).save(dir.path()).unwrap();
        assert_eq!(LabFile::load(dir.path()).unwrap(), Some(file(33, 1)));
        file(34, 1).save(dir.path()).unwrap();
        assert!(LabFile::load(dir.path()).is_err());
    }

    #[test]
    fn words_are_safe_in_a_shell() {
        let table =
            [("/a/b-1.conf", "/a/b-1.conf"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("$x", "'$x'"), ("", "''")];
        for (value, want) in table {
            assert_eq!(shell_word(value), want);
        }
    }
}

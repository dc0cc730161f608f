//! `pod.toml`: the settings of one pod, written by `aku lab up` and read by the pod at every start.
//!
//! Holds no secret and no state.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    str::FromStr,
};

use aku_core::topology::Ordinal;
use serde::{Deserialize, Serialize};

use crate::{Locale, fault::Source, pace::Pace, process::ProcessId};

/// Which recorded build a pod imitates (`measured.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Release {
    /// Trunk sources of 2018.
    #[serde(rename = "2018")]
    R2018,
    /// Sources of 2021.
    #[default]
    #[serde(rename = "7.2")]
    R72,
}

impl FromStr for Release {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "2018" => Ok(Self::R2018),
            "7.2" => Ok(Self::R72),
            other => Err(format!("no server \"{other}\"; there are 2018 and 7.2")),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::R2018 => "2018",
            Self::R72 => "7.2",
        })
    }
}

/// Settings of one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodConfig {
    /// Which pod this is.
    pub ordinal: Ordinal,
    /// Which server it imitates.
    pub server: Release,
    /// Its own address, a loopback one.
    pub ip: Ipv4Addr,
    /// Service port.
    pub port: u16,
    /// Replication port.
    pub replication_port: u16,
    /// Addresses of all pods, by ordinal.
    pub pods: Vec<Ipv4Addr>,
    /// Names that this pod can resolve, e.g. `altibase-sts-1.altibase-svc`.
    #[serde(default)]
    pub hosts: BTreeMap<String, Ipv4Addr>,
    /// A file of lines `ADDRESS NAME` that is looked into at each connect, for names that `hosts` has not: the name server
    /// of a cluster whose pods change their addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts_file: Option<PathBuf>,
    /// Server properties that are not at their defaults when the pod boots, e.g. ADMIN_MODE.
    #[serde(default)]
    pub properties: BTreeMap<String, i64>,
    /// How fast verbs and FLUSH are answered.
    #[serde(default)]
    pub pace: Pace,
    /// Rows a second that a SYNC of one object takes in; `None`: as the pace says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_pace: Option<NonZeroU32>,
    /// Character sets and time zone.
    #[serde(default, skip_serializing_if = "Locale::is_default")]
    pub locale: Locale,
    /// The pod ends when this process is gone; `None` lets it outlive everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ProcessId>,
}

/// The file's name in the pod's directory.
const FILE: &str = "pod.toml";

impl PodConfig {
    /// Reads `pod.toml` in `dir`.
    ///
    /// # Errors
    /// No such file, or it is not valid.
    pub fn load(dir: &Path) -> io::Result<Self> {
        let path = dir.join(FILE);
        let text =
            fs::read_to_string(&path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
        toml::from_str(&text)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {e}", path.display())))
    }

    /// Writes `pod.toml` in `dir`.
    ///
    /// # Errors
    /// I/O.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        fs::write(dir.join(FILE), text)
    }

    /// Which pod a link comes from or goes to.
    #[must_use]
    pub fn source(&self, ip: IpAddr) -> Source {
        let IpAddr::V4(ip) = ip else { return Source::Stranger };
        let index = self.pods.iter().position(|&p| p == ip).and_then(|i| u8::try_from(i).ok());
        index.and_then(|i| Ordinal::new(i).ok()).map_or(Source::Stranger, Source::Pod)
    }
}

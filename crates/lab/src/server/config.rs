//! What a host tells a server at its start.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc};

use crate::{
    Locale,
    pace::Pace,
    store::{LogDirectories, NoDirectories},
};

/// Which build a server imitates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Sources of 2018: no host names in WITH, replication protocol 7.4.2.
    V2018,
    /// Sources of 2021: replication protocol 7.4.8.
    V7_2,
}

/// A pod's identity and settings.
#[derive(Clone, Debug)]
pub struct PodConfig {
    /// Which build.
    pub generation: Generation,
    /// Address that peers and views know it by.
    pub ip: String,
    /// Further names of this address; only the simulation resolves them.
    pub names: Vec<String>,
    /// Client port (PORT_NO).
    pub port: u16,
    /// Replication port (REPLICATION_PORT_NO); 0 switches replication off.
    pub replication_port: u16,
    /// Properties in force from the start on, upper-case names. Unknown or refused ones fail the start.
    pub boot_properties: BTreeMap<String, String>,
    /// How fast verbs and FLUSH are answered.
    pub pace: Pace,
    /// Rows a second that a SYNC of one object takes in; `None`: as [`Pace`] says.
    pub copy_pace: Option<NonZeroU32>,
    /// Character sets and time zone.
    pub locale: Locale,
    /// Directory of its own log, as V$PROPERTY shows it (LOG_DIR).
    pub log_dir: String,
    /// Where the directories of the OFFLINE option lead.
    pub logs: Arc<dyn LogDirectories>,
}

impl PodConfig {
    /// A pod on the default ports with default properties.
    #[must_use]
    pub fn new(generation: Generation, ip: impl Into<String>) -> Self {
        Self {
            generation,
            ip: ip.into(),
            names: Vec::new(),
            port: 20_300,
            replication_port: 20_301,
            boot_properties: BTreeMap::new(),
            pace: Pace::Fast,
            copy_pace: None,
            locale: Locale::default(),
            log_dir: "?/logs".to_owned(),
            logs: Arc::new(NoDirectories),
        }
    }

    /// Whether a host of that name or address is this pod.
    #[must_use]
    pub fn answers_to(&self, host: &str) -> bool {
        self.ip == host || self.names.iter().any(|n| n == host)
    }
}

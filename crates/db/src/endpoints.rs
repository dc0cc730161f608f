//! The endpoints file: which way and which address leads to each pod, where that differs from what `aku.conf` implies.
//!
//! Without the file every pod is reached over ODBC at `<STS>-<n>.<SVC>`, and by the other pods at what HOST_TEMPLATE says. The file serves port-forwarding, servers that
//! take only numeric addresses in `WITH` (DESIGN D9), and the lab. Parses text and resolves; opens no connection.
//!
//! ```toml
//! [pod.0]
//! transport = "lab"                 # or "odbc", the default
//! host = "127.71.3.1"
//! port = 20300
//! replication_host = "127.71.3.1"   # what the other pods use
//! replication_port = 20301
//! ```

use std::{collections::BTreeMap, num::NonZeroU16, path::Path};

use aku_core::{
    conf::Config,
    topology::{Ordinal, ServerCount},
};
use serde::Deserialize;

use crate::bounded;

/// How a pod is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// The database's own ODBC driver.
    #[default]
    Odbc,
    /// Plain TCP to a pod of the embedded cluster.
    Lab,
}

/// Everything needed to reach a pod, and for pods to reach each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The way.
    pub transport: Transport,
    /// Host or address of the service port, as this program reaches it.
    pub host: String,
    /// Service port.
    pub port: u16,
    /// Host or address that the other pods use for replication.
    pub replication_host: String,
    /// Replication port.
    pub replication_port: u16,
}

/// Why an endpoints file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsError {
    /// It cannot be read.
    #[error("cannot read the endpoints file {path}: {source}; check --endpoints and AKU_ENDPOINTS")]
    Read {
        /// The path as given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its text is wrong; the message shows line, column and the line itself.
    #[error("endpoints file {path} is not valid:\n{message}")]
    Invalid {
        /// The path as given.
        path: String,
        /// Where and what.
        message: String,
    },
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    pod: BTreeMap<Key, Entry>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    transport: Transport,
    host: Option<Host>,
    port: Option<NonZeroU16>,
    replication_host: Option<Host>,
    replication_port: Option<NonZeroU16>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Key(Ordinal);

impl TryFrom<String> for Key {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|e: aku_core::topology::OrdinalError| e.to_string())
    }
}

/// A host name or an address: it ends up in a connection string and in SQL text, so quotes, blanks and separators
/// are out.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Host(String);

impl TryFrom<String> for Host {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        // The server keeps at most 64 bytes of it (`aku-behaviour.md` A.6).
        let fits = (1..=64).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:%".contains(&b)) {
            Ok(Self(text))
        } else {
            Err(format!("\"{}\" is not a host name or address of 1 to 64 bytes", text.escape_debug()))
        }
    }
}

/// A parsed endpoints file; the default is the empty one.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(BTreeMap<Key, Entry>);

impl Endpoints {
    /// Parses the text of the file; `path` is only for messages.
    ///
    /// # Errors
    /// [`EndpointsError::Invalid`] for bad TOML, an unknown key, an ordinal above 32, a port that is none.
    pub fn parse(text: &str, path: &str) -> Result<Self, EndpointsError> {
        let invalid = |e: toml::de::Error| EndpointsError::Invalid {
            path: path.to_owned(),
            message: e.to_string().trim_end().to_owned(),
        };
        toml::from_str::<File>(text).map(|file| Self(file.pod)).map_err(invalid)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// See [`EndpointsError`].
    pub fn load(path: &Path) -> Result<Self, EndpointsError> {
        let shown = path.display().to_string();
        match bounded::text(path, aku_core::conf::MAX_BYTES as u64) {
            Ok(text) => Self::parse(&text, &shown),
            Err(source) => Err(EndpointsError::Read { path: shown, source }),
        }
    }

    /// Where `pod` is; what the file leaves out comes from the configuration.
    #[must_use]
    pub fn resolve(&self, config: &Config, pod: Ordinal) -> Endpoint {
        let entry = self.0.get(&Key(pod)).cloned().unwrap_or_default();
        Endpoint {
            transport: entry.transport,
            host: entry.host.map_or_else(|| config.host(pod), |h| h.0),
            port: entry.port.map_or(config.port_no, NonZeroU16::get),
            replication_host: entry.replication_host.map_or_else(|| config.replication_host(pod), |h| h.0),
            replication_port: entry.replication_port.map_or(config.replication_port_no, NonZeroU16::get),
        }
    }

    /// [`Endpoints::resolve`] for every ordinal there can be, also those above the server count: a pod that the
    /// configuration no longer names may still have to be looked at.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn resolve_all(&self, config: &Config) -> BTreeMap<Ordinal, Endpoint> {
        let all = ServerCount::new(ServerCount::MAX).expect("the maximum is a count");
        all.ordinals().map(|pod| (pod, self.resolve(config, pod))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use aku_core::conf::{Compare, HostTemplate, MemberDown, Switch};

    fn config() -> Config {
        Config {
            sts_name: "altibase-sts".to_owned(),
            svc_name: "altibase-svc".to_owned(),
            server_count: ServerCount::new(4).unwrap(),
            sys_password: None,
            port_no: 20300,
            replication_port_no: 20301,
            query_timeout: Duration::ZERO,
            query_retry_count: 5,
            query_retry_delay: Duration::ZERO,
            address_check_count: 30,
            flush_at_start: Switch::On,
            flush_timeout_at_start: 300,
            delay_start_complete: Duration::ZERO,
            compare_at_start: Compare::Counts,
            ledger: Switch::On,
            flush_at_end: Switch::On,
            replication_reset_at_end: Switch::On,
            member_down: MemberDown::Ask,
            host_template: HostTemplate::default(),
            groups: Vec::new(),
        }
    }

    #[test]
    fn what_is_left_out_comes_from_the_conf() {
        let text = "[pod.0]\ntransport = \"lab\"\nhost = \"127.9.8.1\"\n[pod.2]\nport = 30002\nreplication_port = 1\n";
        let endpoints = Endpoints::parse(text, "e.toml").unwrap();
        let show = |n| {
            let e = endpoints.resolve(&config(), Ordinal::new(n).unwrap());
            format!("{:?} {}:{} {}:{}", e.transport, e.host, e.port, e.replication_host, e.replication_port)
        };
        assert_eq!(show(0), "Lab 127.9.8.1:20300 altibase-sts-0.altibase-svc:20301");
        assert_eq!(show(1), "Odbc altibase-sts-1.altibase-svc:20300 altibase-sts-1.altibase-svc:20301");
        assert_eq!(show(2), "Odbc altibase-sts-2.altibase-svc:30002 altibase-sts-2.altibase-svc:1");
        assert_eq!(endpoints.resolve_all(&config()).len(), 33);
    }

    /// The template is for the pods, not for sessions; the file comes before it.
    #[test]
    fn replication_goes_where_the_template_says() {
        let conf = Config { host_template: "{pod}.{svc}-repl".parse().unwrap(), ..config() };
        let file = "[pod.1]\nhost = \"127.9.8.1\"\n[pod.2]\nreplication_host = \"10.1.0.2\"\n";
        let endpoints = Endpoints::parse(file, "e.toml").unwrap();
        let hosts = |n| {
            let e = endpoints.resolve(&conf, Ordinal::new(n).unwrap());
            (e.host, e.replication_host)
        };
        let want = [
            ("altibase-sts-0.altibase-svc", "altibase-sts-0.altibase-svc-repl"),
            ("127.9.8.1", "altibase-sts-1.altibase-svc-repl"),
            ("altibase-sts-2.altibase-svc", "10.1.0.2"),
        ];
        for (n, (host, replication)) in (0..).zip(want) {
            assert_eq!(hosts(n), (host.to_owned(), replication.to_owned()), "pod {n}");
        }
    }

    #[test]
    fn wrong_files_name_the_line() {
        let table = [
            ("[pod.0]\nhots = \"a\"\n", "line 2", "unknown field `hots`"),
            ("[pods.0]\nhost = \"a\"\n", "line 1", "unknown field `pods`"),
            ("[pod.33]\nhost = \"a\"\n", "line 1", "they go from 0 to one less than AKU_SERVER_COUNT"),
            ("[pod.0]\nport = 0\n", "line 2", "nonzero"),
            ("[pod.0]\ntransport = \"ssh\"\n", "line 2", "expected `odbc` or `lab`"),
            ("[pod.0]\n\nhost = \"a;PWD=x\"\n", "line 3", "is not a host name"),
            ("[pod.0\n", "line 1", "unclosed table"),
        ];
        for (text, line, what) in table {
            let message = Endpoints::parse(text, "e.toml").unwrap_err().to_string();
            assert!(message.contains(line) && message.contains(what) && message.contains("e.toml"), "{message}");
        }
    }
}

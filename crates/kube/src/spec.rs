//! What is known of a cluster: the part that `aku.conf` says and the part that the person who installs it says.

use std::{fmt, str::FromStr};

/// What `aku.conf` says. The command line fills it from a valid file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec {
    /// AKU_STS_NAME.
    pub name: String,
    /// AKU_SVC_NAME.
    pub service: String,
    /// AKU_SERVER_COUNT.
    pub server_count: u8,
    /// AKU_PORT_NO.
    pub port: u16,
    /// AKU_REPLICATION_PORT_NO.
    pub replication_port: u16,
    /// How many REPLICATIONS entries there are.
    pub groups: u8,
    /// Properties of every server that CONFLICT of a group rests on; each has to be 1.
    pub conflict_properties: Vec<String>,
    /// How many tables and partitions they name.
    pub targets: usize,
    /// AKU_REPLICATION_RESET_AT_END.
    pub at_end: AtEnd,
    /// AKU_ADDRESS_CHECK_COUNT, attempts a second apart.
    pub address_check: u32,
    /// What an end may take.
    pub end: EndSeconds,
    /// The text of the file without the password.
    pub conf: String,
}

/// What becomes of a pod's places in the logs when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// AKU_REPLICATION_RESET_AT_END = 0: the others keep log for it, it catches up when it returns.
    Keep,
    /// 1: it returns with empty tables and a full copy.
    Reset,
}

/// Seconds of an end, without the server's own stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndSeconds {
    /// ADMIN_MODE and closing the sessions.
    pub fence: u64,
    /// The bound of FLUSH.
    pub flush: u64,
    /// STOP and RESET of all pairs.
    pub stop_reset: u64,
}

impl EndSeconds {
    /// All of it.
    #[must_use]
    pub fn total(self) -> u64 {
        self.fence + self.flush + self.stop_reset
    }
}

/// What `aku.conf` has no words for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Namespace of the objects; without one, that of the installer.
    pub namespace: Option<String>,
    /// The image: the server and aku.
    pub image: String,
    /// What runs in it as the server.
    pub server: Vec<String>,
    /// ALTIBASE_HOME in the image.
    pub home: String,
    /// The user and the group that the server runs as.
    pub user: u32,
    /// ALTIBASE_NLS_USE.
    pub charset: String,
    /// How many pods at first.
    pub replicas: u8,
    /// Memory of a pod, request and limit.
    pub memory: Quantity,
    /// CPU that a pod asks for.
    pub cpu: Quantity,
    /// Size of a volume.
    pub storage: Quantity,
    /// Storage class; without one, the default of the cluster.
    pub storage_class: Option<String>,
    /// Who may mount a volume.
    pub access: Access,
    /// What becomes of the volume of a pod that is scaled away.
    pub members: Members,
    /// The Secret with the password of SYS.
    pub password: SecretKey,
    /// The Secret with the licence, where the server needs one.
    pub licence: Option<SecretKey>,
    /// Seconds that a clean stop of the server may take.
    pub server_stop: u64,
    /// What stops the server in order.
    pub stop_signal: StopSignal,
    /// Seconds that a pod waits before it ends, so that load balancers forget it.
    pub pre_stop_sleep: u64,
    /// Seconds that the longest join may take.
    pub startup_limit: u64,
    /// Whether a database is created where there is none. Off once there is one: a pod whose volume got lost must not
    /// come up empty by itself.
    pub create_database: Wanted,
    /// A Service for each pod.
    pub per_pod: Wanted,
    /// A NetworkPolicy.
    pub network_policy: Wanted,
    /// A CronJob that looks for drift.
    pub drift: Wanted,
    /// When it looks.
    pub drift_schedule: String,
    /// Metrics of each pod, a PodMonitor and a PrometheusRule.
    pub monitoring: Wanted,
}

/// Whether something optional is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// What becomes of the volume of a pod that is scaled away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// It is kept, whatever happens.
    Durable,
    /// It goes with the pod: a copy that leaves for good leaves nothing.
    Ephemeral,
}

/// What stops the server in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// Altibase (`measured.md` 9.3).
    Int,
    /// A pod of the lab.
    Term,
    /// Something else.
    Quit,
}

impl StopSignal {
    /// As `aku run` takes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::Term => "TERM",
            Self::Quit => "QUIT",
        }
    }
}

/// Who may mount a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Pods of one node.
    ReadWriteOnce,
    /// One pod.
    ReadWriteOncePod,
}

impl Access {
    /// As Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadWriteOncePod => "ReadWriteOncePod",
        }
    }
}

/// A key in a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretKey {
    /// Name of the Secret.
    pub secret: String,
    /// The key in it.
    pub key: String,
}

/// `NAME` or `NAME/KEY`.
impl SecretKey {
    /// Reads one; without a key it is `default_key`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, default_key: &str) -> Result<Self, String> {
        let (secret, key) = text.split_once('/').unwrap_or((text, default_key));
        if !is_dns_subdomain(secret) {
            return Err(format!("\"{secret}\" is no name of a Secret"));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if key.is_empty() || !key.chars().all(fits) {
            return Err(format!("\"{key}\" is no key of a Secret"));
        }
        Ok(Self { secret: secret.to_owned(), key: key.to_owned() })
    }
}

/// An amount as Kubernetes writes it: `500m`, `4Gi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity(String);

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let known = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].contains(&unit);
        match digits.parse::<f64>() {
            Ok(n) if known && n > 0.0 && n.is_finite() && !digits.contains(['+', '-', 'e', 'E']) => {
                Ok(Self(text.to_owned()))
            }
            Ok(_) | Err(_) => Err("an amount is a number with a unit, e.g. 500m, 512Mi, 100Gi".to_owned()),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why nothing can be written for a cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Kubernetes has other rules for names.
    #[error("{property} = {name}: Kubernetes takes lower case letters, digits and -, a letter first, at most {most}")]
    Name {
        /// The property of aku.conf.
        property: &'static str,
        /// Its value.
        name: String,
        /// Most characters.
        most: usize,
    },
    /// Two Services of one name.
    #[error("AKU_SVC_NAME = {0} is also the name of the Service for clients; choose another AKU_SVC_NAME")]
    ServiceTaken(String),
    /// More pods than `aku.conf` allows, or none.
    #[error("{replicas} replicas: AKU_SERVER_COUNT allows 1 to {most}")]
    Replicas {
        /// Asked for.
        replicas: u8,
        /// AKU_SERVER_COUNT.
        most: u8,
    },
    /// Copies that leave for good have to take their places in the logs with them.
    #[error(
        "ephemeral members need AKU_REPLICATION_RESET_AT_END = 1: with 0 the others keep log for ever for a pod whose \
         volume is gone"
    )]
    EphemeralKeeps,
    /// An image cannot be called that.
    #[error("\"{0}\" is no name of an image")]
    Image(String),
    /// A value that Kubernetes refuses.
    #[error("{what}: \"{value}\" is none")]
    Option {
        /// What it was to be.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// A ConfigMap is not the place for it.
    #[error("the text of aku.conf still holds AKU_SYS_PASSWORD; it would be readable in the ConfigMap")]
    Password,
}

/// Longest name of a StatefulSet: its pods carry a label of it and a hash, in 63 bytes.
pub const LONGEST_NAME: usize = 52;
/// Seconds between two looks of the startup probe.
pub const STARTUP_PERIOD: u64 = 5;
/// The port of the metrics.
pub const METRICS_PORT: u16 = 9440;

impl Default for Options {
    fn default() -> Self {
        let quantity = |text: &str| text.parse().expect("an amount");
        Self {
            namespace: None,
            image: "registry.example.com/altibase-aku:7.3".to_owned(),
            server: vec!["altibase".to_owned(), "-n".to_owned()],
            home: "/home/altibase/altibase_home".to_owned(),
            user: 1000,
            charset: "UTF8".to_owned(),
            replicas: 2,
            memory: quantity("4Gi"),
            cpu: quantity("1"),
            storage: quantity("20Gi"),
            storage_class: None,
            access: Access::ReadWriteOnce,
            members: Members::Durable,
            password: SecretKey { secret: "altibase-sys".to_owned(), key: "password".to_owned() },
            licence: None,
            server_stop: 120,
            stop_signal: StopSignal::Int,
            pre_stop_sleep: 0,
            startup_limit: 24 * 3600,
            create_database: Wanted::No,
            per_pod: Wanted::No,
            network_policy: Wanted::Yes,
            drift: Wanted::Yes,
            drift_schedule: "*/15 * * * *".to_owned(),
            monitoring: Wanted::No,
        }
    }
}

/// A cluster that can be written.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// What aku.conf says.
    pub spec: ClusterSpec,
    /// What the installer says.
    pub options: Options,
}

impl Cluster {
    /// Checks that the two fit.
    ///
    /// # Errors
    /// Everything that does not.
    pub fn new(spec: ClusterSpec, options: Options) -> Result<Self, Vec<SpecError>> {
        let mut wrong = Vec::new();
        if !is_dns_label(&spec.name) || spec.name.len() > LONGEST_NAME {
            wrong.push(SpecError::Name { property: "AKU_STS_NAME", name: spec.name.clone(), most: LONGEST_NAME });
        }
        if !is_dns_label(&spec.service) {
            wrong.push(SpecError::Name { property: "AKU_SVC_NAME", name: spec.service.clone(), most: 63 });
        }
        let cluster = Self { spec, options };
        let (spec, options) = (&cluster.spec, &cluster.options);
        if spec.service == cluster.client_service() {
            wrong.push(SpecError::ServiceTaken(spec.service.clone()));
        }
        if options.replicas < 1 || options.replicas > spec.server_count {
            wrong.push(SpecError::Replicas { replicas: options.replicas, most: spec.server_count });
        }
        match (options.members, spec.at_end) {
            (Members::Ephemeral, AtEnd::Keep) => wrong.push(SpecError::EphemeralKeeps),
            (Members::Ephemeral, AtEnd::Reset) | (Members::Durable, AtEnd::Keep | AtEnd::Reset) => {}
        }
        if options.image.is_empty() || options.image.contains(|c: char| c.is_whitespace() || c.is_control()) {
            wrong.push(SpecError::Image(options.image.clone()));
        }
        let mut check = |what, value: &str, fits: bool| {
            if !fits {
                wrong.push(SpecError::Option { what, value: value.to_owned() });
            }
        };
        if let Some(name) = &options.namespace {
            check("a namespace", name, is_dns_label(name));
        }
        if let Some(name) = &options.storage_class {
            check("a storage class", name, is_dns_subdomain(name));
        }
        let is_home = options.home.starts_with('/')
            && options.home.len() > 1
            && !options.home.ends_with('/')
            && options.home.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.'));
        check("a home of the server, an absolute path", &options.home, is_home);
        let fields = options.drift_schedule.split_whitespace().count();
        let is_schedule = fields == 5 || (fields == 1 && options.drift_schedule.starts_with('@'));
        check("a schedule of five fields", &options.drift_schedule, is_schedule);
        let is_charset =
            !options.charset.is_empty() && options.charset.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        check("a character set", &options.charset, is_charset);
        if crate::secret::in_conf(&spec.conf).is_some() {
            wrong.push(SpecError::Password);
        }
        if wrong.is_empty() { Ok(cluster) } else { Err(wrong) }
    }

    /// terminationGracePeriodSeconds: hooks count, too.
    #[must_use]
    pub fn grace(&self) -> u64 {
        self.options.pre_stop_sleep + self.spec.end.total() + self.options.server_stop
    }

    /// failureThreshold of the startup probe.
    #[must_use]
    pub fn startup_threshold(&self) -> u32 {
        u32::try_from(self.options.startup_limit.div_ceil(STARTUP_PERIOD)).unwrap_or(u32::MAX).max(1)
    }

    /// Name of the Service for clients.
    #[must_use]
    pub fn client_service(&self) -> String {
        format!("{}-client", self.spec.name)
    }
}

/// A name as a Service needs it.
#[must_use]
pub fn is_dns_label(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(fits)
}

/// A name as most objects need it.
#[must_use]
pub fn is_dns_subdomain(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.chars().all(fits);
    name.len() <= 253 && name.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    #[test]
    fn grace_is_the_end_and_the_stop_and_the_hook() {
        let options = Options { pre_stop_sleep: 15, server_stop: 200, ..Options::default() };
        let cluster = Cluster::new(spec(), options).unwrap();
        assert_eq!(cluster.grace(), 15 + 10 + 300 + 6 + 200);
        assert_eq!(cluster.startup_threshold(), 17_280);
    }

    #[test]
    fn everything_that_does_not_fit_is_said_at_once() {
        let wrong = ClusterSpec {
            name: "Altibase_STS".into(),
            service: "9svc".into(),
            at_end: AtEnd::Keep,
            conf: "AKU_SYS_PASSWORD = x\n".into(),
            ..spec()
        };
        let options = Options { replicas: 5, members: Members::Ephemeral, image: "a b".into(), ..Options::default() };
        let said: Vec<String> = Cluster::new(wrong, options).unwrap_err().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        AKU_STS_NAME = Altibase_STS: Kubernetes takes lower case letters, digits and -, a letter first, at most 52
        AKU_SVC_NAME = 9svc: Kubernetes takes lower case letters, digits and -, a letter first, at most 63
        5 replicas: AKU_SERVER_COUNT allows 1 to 4
        ephemeral members need AKU_REPLICATION_RESET_AT_END = 1: with 0 the others keep log for ever for a pod whose volume is gone
        "a b" is no name of an image
        the text of aku.conf still holds AKU_SYS_PASSWORD; it would be readable in the ConfigMap
        "#);
        let taken = ClusterSpec { service: "altibase-sts-client".into(), ..spec() };
        assert_eq!(
            Cluster::new(taken, Options::default()).unwrap_err(),
            [SpecError::ServiceTaken("altibase-sts-client".into())]
        );
        for replicas in [0, 5, 255] {
            let options = Options { replicas, ..Options::default() };
            assert_eq!(Cluster::new(spec(), options).unwrap_err(), [SpecError::Replicas { replicas, most: 4 }]);
        }
        let long = ClusterSpec { name: "a".repeat(53), ..spec() };
        assert!(Cluster::new(long, Options::default()).is_err());
    }

    #[test]
    fn amounts() {
        for good in ["1", "500m", "0.5", "4Gi", "100G"] {
            assert_eq!(good.parse::<Quantity>().unwrap().to_string(), good);
        }
        for bad in ["", "0", "-1", "4 Gi", "4GiB", "Gi", "1e3", "nan", "inf", "+1"] {
            assert!(bad.parse::<Quantity>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_of_secrets() {
        let parsed = |text| SecretKey::parse(text, "password").map(|k| (k.secret, k.key));
        assert_eq!(parsed("db"), Ok(("db".into(), "password".into())));
        assert_eq!(parsed("db.x/sys"), Ok(("db.x".into(), "sys".into())));
        for bad in ["", "DB", "db/", "db/a b", "db/a/b", "-db"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}

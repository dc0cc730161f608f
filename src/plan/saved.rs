//! A plan as a file: what a reviewer reads and what `aku apply FILE` trusts.
//!
//! The document is JSON with a digest ([`document`]). It holds the SQL of every action for reviewers, and never a secret: neither the plan nor the digest of
//! the configuration knows the password. Time is passed in.

use std::{io, path::Path};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Plan;
use crate::{
    conf::{Config, Switch},
    document::{self, Fault},
    topology::Ordinal,
};

/// Major and minor: a reader takes any minor of the major it knows.
pub const FORMAT_VERSION: &str = "1.0";
/// The word that tells our files from others.
pub const KIND: &str = "aku.plan";
/// How long a saved plan may be applied.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(24);
const DOCUMENT: document::Kind = document::Kind { word: KIND, noun: "plan", version: FORMAT_VERSION };

/// A plan with where and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// When it was made, whole seconds.
    pub created_at: Timestamp,
    /// After this it is not applied any more.
    pub expires_at: Timestamp,
    /// Version of the program that made it.
    pub producer: String,
    /// The pod it was made on, if it was made on one.
    pub observer: Option<Ordinal>,
    /// See [`conf_digest`].
    pub conf_digest: String,
    /// The plan.
    pub plan: Plan,
}

/// Why a file is no plan that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no plan, or not as it was made.
    #[error(transparent)]
    File(#[from] Fault),
    /// Another release would send other statements than the reviewer read.
    #[error("the statements in the plan are not what this release would send for {0}")]
    OtherStatements(String),
}

impl Saved {
    /// A plan made at `now`.
    #[must_use]
    pub fn new(plan: Plan, observer: Option<Ordinal>, conf_digest: String, now: Timestamp) -> Self {
        let created_at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self {
            created_at,
            expires_at: created_at.saturating_add(LIFETIME).unwrap_or(created_at),
            producer: env!("CARGO_PKG_VERSION").to_owned(),
            observer,
            conf_digest,
            plan,
        }
    }

    /// Whether it is too old to be applied.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// The document with its digest.
    #[must_use]
    pub fn document(&self) -> Value {
        let document = json!({
            "created_at": self.created_at.to_string(),
            "expires_at": self.expires_at.to_string(),
            "producer": { "aku": self.producer },
            "observer": { "ordinal": self.observer },
            "conf_digest": self.conf_digest,
            "plan": plan_value(&self.plan),
        });
        document::seal(document, DOCUMENT)
    }

    /// The document as text, indented, keys sorted.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:#}\n", self.document())
    }

    /// Its digest, `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        self.document()["digest"].as_str().unwrap_or_default().to_owned()
    }

    /// Reads a document.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        let document = document::parse(text, DOCUMENT)?;
        let shape = |e: serde_json::Error| Fault::Malformed { noun: DOCUMENT.noun, said: e.to_string() };
        let body: Body = serde_json::from_value(document.clone()).map_err(shape)?;
        same_statements(&document, &body.plan)?;
        Ok(Self {
            created_at: body.created_at,
            expires_at: body.expires_at,
            producer: body.producer.aku,
            observer: body.observer.ordinal,
            conf_digest: body.conf_digest,
            plan: body.plan,
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn load(path: &Path) -> Result<Self, ReadError> {
        Self::parse(&document::read(path, DOCUMENT)?)
    }

    /// Writes the file: mode 0600, whole or not at all, never through a symbolic link.
    ///
    /// # Errors
    /// What the system says; a path that is a symbolic link or a directory is refused.
    pub fn store(&self, path: &Path) -> io::Result<()> {
        document::store(&self.text(), path)
    }
}

#[derive(Deserialize)]
struct Body {
    created_at: Timestamp,
    expires_at: Timestamp,
    producer: Producer,
    observer: Observer,
    conf_digest: String,
    plan: Plan,
}

#[derive(Deserialize)]
struct Producer {
    aku: String,
}

#[derive(Deserialize)]
struct Observer {
    ordinal: Option<Ordinal>,
}

/// The plan, each action with its effect and its statements.
fn plan_value(plan: &Plan) -> Value {
    let mut value = to_value(plan);
    if let Some(actions) = value.get_mut("actions").and_then(Value::as_array_mut) {
        for (shown, action) in actions.iter_mut().zip(&plan.actions) {
            shown["effect"] = to_value(action.op.effect());
            shown["sql"] = action.op.statements().iter().map(ToString::to_string).collect();
        }
    }
    value
}

fn to_value(of: impl Serialize) -> Value {
    serde_json::to_value(of).expect("plans have text keys and no floating point")
}

fn same_statements(document: &Value, plan: &Plan) -> Result<(), ReadError> {
    let empty = Vec::new();
    let shown = document["plan"]["actions"].as_array().unwrap_or(&empty);
    let own = plan_value(plan);
    let own = own["actions"].as_array().unwrap_or(&empty);
    for (i, action) in plan.actions.iter().enumerate() {
        let field = |list: &[Value]| list.get(i).map(|a| a["sql"].clone());
        if field(shown) != field(own) {
            return Err(ReadError::OtherStatements(action.id.to_string()));
        }
    }
    Ok(())
}

/// Digest of what a configuration means, without the password: comments, order of keys and spelling do not matter.
#[must_use]
pub fn conf_digest(conf: &Config) -> String {
    let on = |s: Switch| match s {
        Switch::Off => 0,
        Switch::On => 1,
    };
    let groups: Vec<Value> = conf
        .groups
        .iter()
        .map(|g| json!({ "prefix": g.prefix, "sync_parallel": g.sync_parallel, "targets": to_value(&g.targets) }))
        .collect();
    // Destructured, so that a new field cannot be forgotten here.
    let Config {
        sts_name,
        svc_name,
        server_count,
        sys_password: _,
        port_no,
        replication_port_no,
        query_timeout,
        query_retry_count,
        query_retry_delay,
        address_check_count,
        flush_at_start,
        flush_timeout_at_start,
        delay_start_complete,
        flush_at_end,
        replication_reset_at_end,
        groups: _,
    } = conf;
    let meaning = json!({
        "sts_name": sts_name,
        "svc_name": svc_name,
        "server_count": server_count.get(),
        "port_no": port_no,
        "replication_port_no": replication_port_no,
        "query_timeout_s": query_timeout.as_secs(),
        "query_retry_count": query_retry_count,
        "query_retry_delay_ms": query_retry_delay.as_millis().to_string(),
        "address_check_count": address_check_count,
        "flush_at_start": on(*flush_at_start),
        "flush_timeout_at_start": flush_timeout_at_start,
        "delay_start_complete_s": delay_start_complete.as_secs(),
        "flush_at_end": on(*flush_at_end),
        "replication_reset_at_end": on(*replication_reset_at_end),
        "groups": groups,
    });
    document::digest(&meaning)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::render::fixtures::{self, config};

    fn now() -> Timestamp {
        "2026-11-20T23:41:07.123Z".parse().unwrap()
    }

    fn saved() -> Saved {
        Saved::new(fixtures::full_join(), Some(fixtures::pod(2)), "sha256:00".to_owned(), now())
    }

    #[test]
    fn what_is_written_is_read_again() {
        for plan in [fixtures::full_join_with_losses(), fixtures::end(), fixtures::clean(), fixtures::empty()] {
            let saved = Saved::new(plan, None, "sha256:00".to_owned(), now());
            assert_eq!(Saved::parse(&saved.text()).unwrap(), saved);
        }
        assert_eq!(saved().created_at.to_string(), "2026-11-20T23:41:07Z");
        assert_eq!(saved().expires_at.to_string(), "2026-11-21T23:41:07Z");
        assert!(!saved().expired(now()));
        assert!(saved().expired(saved().expires_at));
    }

    #[test]
    fn golden_document() {
        let saved = Saved::new(fixtures::clean(), Some(fixtures::pod(2)), "sha256:00".to_owned(), now());
        fixtures::settings().bind(|| insta::assert_snapshot!("saved-clean", saved.text()));
    }

    #[test]
    fn white_space_may_change_and_nothing_else() {
        let text = saved().text();
        let compact = serde_json::from_str::<Value>(&text).unwrap().to_string();
        assert_eq!(Saved::parse(&compact).unwrap(), saved());
        let edits = [
            ("\"pod\": 2", "\"pod\": 1"),
            ("TRUNCATE TABLE SYS.T1", "TRUNCATE TABLE SYS.T2"),
            ("2026-11-21T23:41:07Z", "2027-11-21T23:41:07Z"),
            ("\"joiner\": 512", "\"joiner\": 0"),
        ];
        for (from, to) in edits {
            assert!(text.contains(from), "{from}");
            assert!(
                matches!(Saved::parse(&text.replacen(from, to, 1)), Err(ReadError::File(Fault::Edited(_)))),
                "{from}"
            );
        }
    }

    #[test]
    fn other_files_are_told_apart() {
        let text = saved().text();
        let with = |key: &str, value: Value| {
            let mut document: Value = serde_json::from_str(&text).unwrap();
            document[key] = value;
            document["digest"] = document::digest(&document).into();
            document
        };
        let mut sql = with("kind", KIND.into());
        sql["plan"]["actions"][8]["sql"][0] = "TRUNCATE TABLE SYS.T9".into();
        sql["digest"] = document::digest(&sql).into();
        let read = |v: Value| Saved::parse(&v.to_string());
        assert!(matches!(Saved::parse(&text[..text.len() / 2]), Err(ReadError::File(Fault::Truncated { .. }))));
        assert!(matches!(Saved::parse(""), Err(ReadError::File(Fault::Truncated { .. }))));
        assert!(matches!(Saved::parse("hello"), Err(ReadError::File(Fault::Malformed { .. }))));
        assert!(matches!(Saved::parse("{}"), Err(ReadError::File(Fault::Malformed { .. }))));
        assert!(matches!(read(with("kind", "tfplan".into())), Err(ReadError::File(Fault::OtherKind { .. }))));
        assert!(matches!(
            read(with("format_version", "2.0".into())),
            Err(ReadError::File(Fault::UnknownVersion { .. }))
        ));
        assert!(matches!(read(sql), Err(ReadError::OtherStatements(a)) if a == "A9"));
        assert!(read(with("later_addition", 1.into())).is_ok());
        assert!(read(with("format_version", "1.7".into())).is_ok());
    }

    #[test]
    fn stored_privately_and_not_through_links() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link, other) = (dir.path().join("p.json"), dir.path().join("l.json"), dir.path().join("o"));
        saved().store(&file).unwrap();
        saved().store(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Saved::load(&file).unwrap(), saved());
        fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(saved().store(&link).is_err());
        assert!(saved().store(dir.path()).is_err());
        assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
        assert!(matches!(Saved::load(&dir.path().join("none")), Err(ReadError::File(Fault::Unreadable { .. }))));
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 3, "a temporary file was left behind: {left:?}");
    }

    #[test]
    fn the_password_changes_no_digest_and_everything_else_does() {
        let base = conf_digest(&config());
        let with = |edit: fn(&mut Config)| {
            let mut c = config();
            edit(&mut c);
            conf_digest(&c)
        };
        assert_eq!(base, with(|c| c.sys_password = None));
        let edits: [fn(&mut Config); 5] = [
            |c| c.port_no = 20302,
            |c| c.flush_at_end = Switch::Off,
            |c| c.groups[0].targets.truncate(1),
            |c| c.groups[0].prefix = "OTHER".to_owned(),
            |c| c.query_retry_delay = Duration::from_millis(999),
        ];
        for edit in edits {
            assert_ne!(base, with(edit));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
            prop_assert!(Saved::parse(&text).is_err());
        }

        #[test]
        fn a_flipped_byte_never_passes_unnoticed(at in 0usize..4000, to in 32u8..127) {
            let text = saved().text();
            let at = at % text.len();
            let mut bytes = text.clone().into_bytes();
            bytes[at] = to;
            if let Ok(read) = Saved::parse(&String::from_utf8(bytes).unwrap()) {
                prop_assert_eq!(read, saved());
            }
        }
    }
}

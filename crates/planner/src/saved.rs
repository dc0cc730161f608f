//! A plan as a file: what a reviewer reads and what `aku apply FILE` trusts.
//!
//! The document is JSON with a digest ([`document`]). It holds the SQL of every action for reviewers, and never a secret: neither the plan nor the digest of
//! the configuration knows the password. Time is passed in.

pub mod again;
mod id;
#[cfg(test)]
mod mutations;
mod read;
mod shown;

use std::collections::BTreeMap;

use aku_core::{
    conf::{Compare, Config, MemberDown, Switch},
    document::{self, Fault},
    plan::{Plan, PodState},
    topology::{Ordinal, Target},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    facts::Facts,
    policy::{self, Finding, Policy, Subject, Use},
};
pub use read::{Misfit, Reading};
pub(crate) use shown::{Cited, List};

/// Major and minor: a reader takes any minor of the major it knows.
pub const FORMAT_VERSION: &str = "1.2";
/// The word that tells our files from others.
pub const KIND: &str = "aku.plan";
/// Grows whenever the planner would make another plan of the same facts, or would ask for other facts. A plan of another
/// revision is shown and never applied.
pub const PLANNER_REV: u32 = 4;
/// How long a saved plan may be applied.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// What a saved plan is as a document.
pub const DOCUMENT: document::Kind = document::Kind { word: KIND, noun: "plan", version: FORMAT_VERSION };

/// Where and from what a plan was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The pod it was made on, if it was made on one.
    pub observer: Option<Ordinal>,
    /// AKU_SVC_NAME
    pub service: String,
    /// See [`conf_digest`].
    pub conf_digest: String,
    /// When the facts were seen.
    pub at: Timestamp,
}

/// A plan with where and when it was made, and the facts it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// See [`plan_id`](Self::plan_id).
    plan_id: id::PlanId,
    /// When it was made, whole seconds.
    pub created_at: Timestamp,
    /// After this it is not applied any more.
    pub expires_at: Timestamp,
    /// Version of the program that made it.
    pub producer: String,
    /// See [`PLANNER_REV`].
    pub planner_rev: u32,
    /// The pod it was made on, if it was made on one.
    pub observer: Option<Ordinal>,
    /// AKU_SVC_NAME
    pub service: String,
    /// See [`conf_digest`].
    pub conf_digest: String,
    /// The plan.
    pub plan: Plan,
    /// What it rests on.
    pub facts: Facts,
    /// The rules that judged it when it was made.
    pub rules: Policy,
    /// What they said, and behind that what a program of the site said.
    pub policy: Vec<Finding>,
    /// Who said yes to it; no part of its digest.
    pub signatures: Vec<Signature>,
}

/// A signature over the digest of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The digest that it is over.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
    /// As `ssh-keygen -Y sign` writes it.
    pub sshsig: String,
}

/// Why a file is no plan that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no plan, or not as it was made.
    #[error(transparent)]
    File(#[from] Fault),
    /// It is a plan, and this release must not apply it.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl Saved {
    /// A plan made from `facts`.
    #[must_use]
    pub fn new(plan: Plan, facts: Facts, origin: Origin) -> Self {
        let created_at = Timestamp::from_second(origin.at.as_second()).unwrap_or(origin.at);
        Self {
            plan_id: id::PlanId::default(),
            created_at,
            expires_at: created_at.saturating_add(LIFETIME).unwrap_or(created_at),
            producer: env!("CARGO_PKG_VERSION").to_owned(),
            planner_rev: PLANNER_REV,
            observer: origin.observer,
            service: origin.service,
            conf_digest: origin.conf_digest,
            plan,
            facts,
            rules: Policy::default(),
            policy: Vec::new(),
            signatures: Vec::new(),
        }
    }

    /// Differs between any two plans: 26 letters and digits, the first ten from the time. Made from everything else when it
    /// is asked for first, because that takes longer than to plan.
    #[must_use]
    pub fn plan_id(&self) -> &str {
        self.plan_id.get(|| self.own_id())
    }

    /// With what the rules say about it, and what a program says.
    #[must_use]
    pub fn judged(self, rules: Policy, policy: Vec<Finding>) -> Self {
        Self { rules, policy, ..self }
    }

    /// With one more signature.
    #[must_use]
    pub fn signed(mut self, signature: Signature) -> Self {
        self.signatures.push(signature);
        self
    }

    /// The name that follows from what it is, before it was judged.
    fn own_id(&self) -> String {
        id::plan_id(self.created_at, &document::digest_of(&shown::Document::unjudged(self)))
    }

    /// What its own rules find in it.
    fn own_findings(&self) -> Vec<Finding> {
        policy::judge(&self.rules, Subject { facts: &self.facts, plan: Some(&self.plan) }, Use::default())
    }

    /// When it may not be applied any more, from when it was made.
    fn own_end(&self) -> Timestamp {
        self.created_at.saturating_add(LIFETIME).unwrap_or(self.created_at)
    }

    /// Whether it is too old to be applied.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// SHA-256 over the facts that its actions hang on.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let facts: Vec<_> = self.facts.footprint().map(|f| (f.pod, &f.key, &f.value)).collect();
        document::digest_of(&facts)
    }

    /// The document with its digest.
    #[must_use]
    pub fn document(&self) -> Value {
        to_value(self.sealed())
    }

    /// The document as text, indented, keys sorted.
    #[must_use]
    pub fn text(&self) -> String {
        document::sealed_text_of(&shown::Document::of(self), &self.signatures)
    }

    /// Its digest, `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        document::digest_of(&shown::Document::of(self))
    }

    fn sealed(&self) -> shown::Sealed<'_> {
        let bare = shown::Document::of(self);
        let digest = document::digest_of(&bare);
        shown::Sealed { bare, digest, signatures: &self.signatures }
    }

    /// Reads a document that may be applied.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        Ok(Reading::parse(text)?.strict()?)
    }
}

/// `full`, or `partial` when a pod could not be looked at.
fn completeness(plan: &Plan) -> &'static str {
    if plan.pods.iter().any(|p| p.state == PodState::Broken) { "partial" } else { "full" }
}

/// How many actions of each kind, by the word of their operation.
pub fn summary(plan: &Plan) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for a in &plan.actions {
        *counts.entry(a.op.as_str()).or_insert(0) += 1;
    }
    counts.into_iter().map(|(word, n)| (word.to_owned(), n)).collect()
}

pub fn to_value(of: impl Serialize) -> Value {
    serde_json::to_value(of).expect("plans have text keys and no floating point")
}

/// Digest of what a configuration means, without the password: comments, order of keys and spelling do not matter.
#[must_use]
pub fn conf_digest(conf: &Config) -> String {
    let on = |s: Switch| match s {
        Switch::Off => 0,
        Switch::On => 1,
    };
    let groups = conf.groups.iter().map(|g| GroupMeaning {
        prefix: to_value(&g.prefix),
        sync_parallel: to_value(g.sync_parallel),
        targets: &g.targets,
        attributes: (!g.attributes.is_default()).then(|| to_value(g.attributes.words())),
    });
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
        compare_at_start,
        ledger,
        member_down,
        host_template,
        groups: _,
    } = conf;
    let mut meaning = json!({
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
    });
    // Its default means what files meant before there was such a property.
    if *ledger == Switch::Off {
        meaning["ledger"] = json!(0);
    }
    if *member_down != MemberDown::Ask {
        meaning["member_down"] = json!(member_down.to_string());
    }
    if *compare_at_start != Compare::Counts {
        meaning["compare_at_start"] = json!(compare_at_start.as_str());
    }
    if !host_template.is_default() {
        meaning["host_template"] = json!(host_template.to_string());
    }
    document::digest_of(&Meaning { groups: groups.collect(), others: meaning })
}

/// A group as its digest covers it.
#[derive(Serialize)]
struct GroupMeaning<'c> {
    prefix: Value,
    sync_parallel: Value,
    targets: &'c [Target],
    /// Digests of before there were attributes stay what they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Value>,
}

/// A configuration as its digest covers it; the targets are not copied, they may be many.
#[derive(Serialize)]
struct Meaning<'c> {
    groups: Vec<GroupMeaning<'c>>,
    #[serde(flatten)]
    others: Value,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::plans::{self as fixtures, config};
    use aku_core::conf::HostTemplate;

    fn now() -> Timestamp {
        "2026-11-20T23:41:07.123Z".parse().unwrap()
    }

    fn saved() -> Saved {
        crate::testing::saved(fixtures::full_join())
    }

    #[test]
    fn what_is_written_is_read_again() {
        for plan in [fixtures::full_join_with_losses(), fixtures::end(), fixtures::clean(), fixtures::empty()] {
            let saved = crate::testing::saved(plan);
            assert_eq!(Saved::parse(&saved.text()).unwrap(), saved);
        }
        assert_eq!(saved().created_at.to_string(), "2026-11-20T23:41:07Z");
        assert_eq!(saved().expires_at.to_string(), "2026-11-21T23:41:07Z");
        assert!(!saved().expired(now()));
        assert!(saved().expired(saved().expires_at));
    }

    #[test]
    fn golden_document() {
        let saved = crate::testing::saved(fixtures::clean());
        crate::tests::settings().bind(|| insta::assert_snapshot!("saved-clean", saved.text()));
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
        assert!(matches!(read(sql), Err(ReadError::Misfit(Misfit::OtherStatements(a))) if a == "A9"));
        let more = read(with("later_addition", 1.into()));
        assert!(
            matches!(&more, Err(ReadError::Misfit(Misfit::Addition(path))) if path == "later_addition"),
            "{more:?}"
        );
        let later = read(with("format_version", "1.7".into()));
        assert!(matches!(&later, Err(ReadError::Misfit(Misfit::Other(path))) if path == "format_version"), "{later:?}");
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
        assert_eq!(base, with(|c| c.host_template = HostTemplate::DEFAULT.parse().unwrap()));
        let edits: [fn(&mut Config); 6] = [
            |c| c.host_template = "{pod}-repl".parse().unwrap(),
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

//! Limits that somebody sets for what moves by itself: how much a sender may have left to send, and how much log a pod may keep.
//! What is asked for and cannot be measured is told as not looked at, never as within the limit.

use std::time::Duration;

use aku_core::words::size;

use super::{Difference, Drift, Kind, Scope, remedy::Way};
use crate::{
    found::as_found,
    observe::Sender,
    status::{self, Trend},
    topology::{Ordinal, ReplicationName},
};

/// Nothing is limited unless somebody says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that a sender may have left to send.
    pub gap: Option<u64>,
    /// Bytes of log that a pod may keep for others.
    pub log: Option<u64>,
}

/// Adds what exceeds its limit.
pub fn examine(scope: Scope<'_>, limits: Limits, drift: &mut Drift) {
    let scope = Scope { desired: &as_found(scope.desired, scope.observed), ..scope };
    let mut found = Vec::new();
    for pod in scope.observed.pods.keys().copied().filter(|pod| scope.observed.pod(*pod).is_some()) {
        let mut unknown = Vec::new();
        if let Some(limit) = limits.gap {
            for (peer, o) in scope.desired.objects_of(pod) {
                match gap(scope, pod, &o.name) {
                    Gap::Bytes(bytes) if bytes > limit => found.push(too_far(pod, peer, &o.name, [bytes, limit])),
                    Gap::Bytes(_) | Gap::NoSender => {}
                    Gap::Unknown => unknown.push(format!("how much {} has left to send", o.name)),
                }
            }
        }
        if let Some(limit) = limits.log {
            let kept = status::kept_by(scope.desired, scope.observed, pod);
            match kept.and_then(|k| Some((k.log.bytes?, k.by))) {
                Some((bytes, Some((peer, name)))) if bytes > limit => {
                    found.push(too_much(pod, peer, &name, [bytes, limit]));
                }
                Some(_) => {}
                None => unknown.push("how much log it keeps".to_owned()),
            }
        }
        if !unknown.is_empty() {
            let said = format!("it does not say {}", unknown.join(", "));
            drift.gaps.entry(pod).and_modify(|before| *before = format!("{before}; {said}")).or_insert(said);
        }
    }
    super::remedy::close(scope, &mut found);
    drift.differences.extend(found);
    drift.differences.sort_by_key(Difference::identity);
}

/// Adds senders that are behind for longer than that. What a first look cannot tell is no difference and not unknown: the next
/// one will tell.
pub fn late(scope: Scope<'_>, limit: Duration, trend: &Trend, drift: &mut Drift) {
    let scope = Scope { desired: &as_found(scope.desired, scope.observed), ..scope };
    let mut found = Vec::new();
    for pod in scope.observed.pods.keys().copied() {
        for (peer, o) in scope.desired.objects_of(pod) {
            let runs = scope.observed.replication(pod, &o.name).is_some_and(|r| r.sender == Sender::Running);
            let Some(lag) = trend.lag(pod, &o.name).filter(|lag| runs && *lag > limit) else { continue };
            let text = format!(
                "what pod {pod} logged {} s ago is not sent to pod {peer} yet, and {} s is the limit",
                lag.as_secs(),
                limit.as_secs()
            );
            let headline = format!("more than {} s behind", limit.as_secs());
            found.push(
                Difference::new(Kind::LagLong, pod, "lag", headline)
                    .peer(peer)
                    .object(&o.name)
                    .text(text)
                    .mended(Way::Usual),
            );
        }
    }
    super::remedy::close(scope, &mut found);
    drift.differences.extend(found);
    drift.differences.sort_by_key(Difference::identity);
}

enum Gap {
    Bytes(u64),
    /// It is stopped, or cannot reach its peer: told as that.
    NoSender,
    Unknown,
}

fn gap(scope: Scope<'_>, pod: Ordinal, name: &ReplicationName) -> Gap {
    match scope.observed.replication(pod, name).map(|r| r.sender) {
        None | Some(Sender::None | Sender::Trying | Sender::Syncing) => Gap::NoSender,
        Some(Sender::Running) => {
            status::gap(scope.observed, pod, name).and_then(|log| log.bytes).map_or(Gap::Unknown, Gap::Bytes)
        }
    }
}

fn too_far(pod: Ordinal, peer: Ordinal, name: &ReplicationName, [bytes, limit]: [u64; 2]) -> Difference {
    let text = format!(
        "pod {pod} has {} of log left to send to pod {peer}, and {} is the limit; what pod {peer} shows is that old",
        size(bytes),
        size(limit)
    );
    Difference::new(Kind::GapLarge, pod, "gap", format!("more than {} left to send", size(limit)))
        .peer(peer)
        .object(name)
        .text(text)
        .mended(Way::Usual)
}

fn too_much(pod: Ordinal, peer: Ordinal, name: &ReplicationName, [bytes, limit]: [u64; 2]) -> Difference {
    let text = format!(
        "pod {pod} keeps {} of its log for pod {peer}, and {} is the limit; its log disk cannot be cleared before that is sent",
        size(bytes),
        size(limit)
    );
    Difference::new(Kind::LogLarge, pod, "kept log", format!("more than {} of log kept", size(limit)))
        .peer(peer)
        .object(name)
        .text(text)
        .mended(Way::Usual)
}

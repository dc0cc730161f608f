//! Limits that no property has alone: what the server and Kubernetes can hold (`aku-behaviour.md` A.6).

use super::scalars::Given;
use crate::{
    attributes::Conflict,
    conf::{
        Config, GroupConf, Span, Switch, grace,
        host_template::is_broken_address,
        problem::{Code, Log, Problem},
        property::Property,
        syntax::File,
    },
    topology::ServerCount,
};

/// Longest host in CREATE REPLICATION, in bytes (QC_MAX_IP_LEN).
const HOST_BYTES: usize = 64;
/// REPLICATION_MAX_COUNT as the server ships it.
const REPLICATION_MAX_COUNT: usize = 32;
/// Longest StatefulSet name in bytes: Kubernetes adds `-` and ten characters for a label of 63.
const STS_BYTES: usize = 52;

/// Checks what fits together and what does not.
pub(super) fn check(c: &Config, given: &Given<'_>, file: &File, log: &mut Log<'_>) {
    // Where to point: at the value, or at the groups when the value is a default.
    let groups = file.groups.first().map_or(0..0, |g| g.open.clone());
    let at = |p: Property| given.get(&p).map_or(groups.clone(), |a| a.value.span.clone());
    let named = if c.host_template.is_default() { Property::SvcName } else { Property::HostTemplate };
    host(c, &at(named), log);
    ports(c, given, log);
    counts(c, file, &at(Property::ServerCount), log);
    conflicts(c, file, log);
    if c.sts_name.len() > STS_BYTES {
        let words =
            format!("AKU_STS_NAME has {} bytes; Kubernetes makes pods for at most {STS_BYTES}", c.sts_name.len());
        let hint = "the controller adds a hash to the name and must stay within a label of 63 bytes";
        log.report(Problem::new(Code::LongStatefulSet, words).hint(hint), &at(Property::StsName));
    }
    if c.flush_at_end == Switch::Off && c.replication_reset_at_end == Switch::On {
        let words = "without a FLUSH, an end does not RESET either: unsent rows would be lost";
        let hint = "set AKU_FLUSH_AT_END = 1, or AKU_REPLICATION_RESET_AT_END = 0 if the pod comes back";
        log.report(Problem::new(Code::NoFlushNoReset, words).hint(hint), &at(Property::FlushAtEnd));
    }
    let least = grace::LEAST_FLUSH.as_secs();
    if (1..least).contains(&u64::from(c.flush_timeout_at_start)) {
        let words = format!("a FLUSH is given at least {least} s; {} s is too short", c.flush_timeout_at_start);
        let hint = "a healthy pair of 7.2 servers needs about 6 s";
        log.report(Problem::new(Code::ShortFlush, words).hint(hint), &at(Property::FlushTimeoutAtStart));
    }
}

fn host(c: &Config, at: &Span, log: &mut Log<'_>) {
    let Some(last) = c.server_count.ordinals().next_back() else { return };
    let host = c.replication_host(last);
    if host.len() > HOST_BYTES {
        let words = format!("host name {host} has {} bytes, the limit is {HOST_BYTES}", host.len());
        let hint = if c.host_template.is_default() {
            "AKU_STS_NAME, -, the ordinal, a dot and AKU_SVC_NAME make the host in CREATE REPLICATION"
        } else {
            "HOST_TEMPLATE with the pod filled in is the host in CREATE REPLICATION"
        };
        log.report(Problem::new(Code::HostTooLong, words).hint(hint), at);
    }
    let mut hosts = c.server_count.ordinals().map(|pod| (pod, c.replication_host(pod)));
    if let Some((pod, host)) = hosts.find(|(_, host)| is_broken_address(host)) {
        let words = format!("HOST_TEMPLATE makes {host} of pod {pod}, which is no address");
        let hint = "digits and dots alone are a numeric address: four numbers up to 255, for every pod";
        log.report(Problem::new(Code::BadHostTemplate, words).hint(hint), at);
    }
}

/// REPLACE is a property of the whole server.
fn conflicts(c: &Config, file: &File, log: &mut Log<'_>) {
    let rule = |g: &GroupConf| g.attributes.conflict();
    let others: Vec<&str> = c.groups.iter().filter(|g| rule(g) == Conflict::None).map(|g| g.prefix.as_str()).collect();
    let asks = c.groups.iter().zip(&file.groups).find(|(g, _)| rule(g) == Conflict::Replace);
    if let (Some((_, group)), false) = (asks, others.is_empty()) {
        let words = format!("CONFLICT = REPLACE counts for {} as well", others.join(", "));
        let hint = "a server has one REPLICATION_INSERT_REPLACE and one REPLICATION_UPDATE_REPLACE for all objects without roles";
        log.report(Problem::new(Code::SharedConflict, words).hint(hint), &group.open);
    }
}

fn ports(c: &Config, given: &Given<'_>, log: &mut Log<'_>) {
    if c.port_no != c.replication_port_no {
        return;
    }
    let later = [Property::PortNo, Property::ReplicationPortNo]
        .iter()
        .filter_map(|p| given.get(p))
        .max_by_key(|a| a.key_span.start);
    if let Some(assign) = later {
        let words = format!("AKU_PORT_NO and AKU_REPLICATION_PORT_NO are both {}", c.port_no);
        let hint = "a server listens on two ports; the defaults are 20300 and 20301";
        log.report(Problem::new(Code::SamePort, words).hint(hint), &assign.value.span);
    }
}

fn counts(c: &Config, file: &File, at: &Span, log: &mut Log<'_>) {
    let (servers, groups) = (usize::from(c.server_count.get()), c.groups.len());
    if c.server_count.get() > ServerCount::DOCUMENTED_MAX {
        let words = format!("{servers} servers; the manuals document at most {}", ServerCount::DOCUMENTED_MAX);
        let mut problem = Problem::new(Code::ManyServers, words);
        if servers > 10 {
            problem = problem.hint("above 10, both ordinals in a replication's name have two digits, as in _0110");
        }
        log.report(problem, at);
    }
    let objects = (servers - 1) * groups;
    if objects > REPLICATION_MAX_COUNT {
        let words = format!(
            "{objects} replications on each pod; a server allows {REPLICATION_MAX_COUNT} unless told otherwise"
        );
        let hint = format!(
            "({servers} servers - 1) x {groups} groups; set REPLICATION_MAX_COUNT to at least {objects} on every pod \
             (your servers may have it already: this file does not say)"
        );
        log.report(Problem::new(Code::ManyReplications, words).hint(hint), at);
    }
    if let (Some(second), true) = (file.groups.get(1), servers > 1) {
        let words = format!("{groups} groups make several replications to the same host");
        let hint = "set REPLICATION_ALLOW_DUPLICATE_HOSTS = 1 on every pod; with the server's default 0, CREATE REPLICATION fails";
        log.report(Problem::new(Code::DuplicateHosts, words).hint(hint), &second.open);
    }
}

//! A syntax tree to a [`Config`]: ranges, limits, what is required and what fits together.
//!
//! Says everything that is wrong at once. Reads no file and no environment: the password may be missing here.

mod attributes;
mod groups;
mod limits;
mod names;
mod placeholders;
mod scalars;

use std::time::Duration;

use secrecy::SecretString;

use super::{Config, Switch, origin::Origins, problem::Log, property::Property, syntax::File};
use crate::topology::ServerCount;
use scalars::Scalars;

/// The configuration, unless something is missing; whether it may be used is decided by the log.
pub(super) fn check(file: &File, log: &mut Log<'_>) -> (Option<Config>, Origins) {
    placeholders::check(file, log);
    let mut scalars = Scalars::collect(file, log);
    let mut origins = scalars.origins();
    let config = read(&mut scalars, file, &mut origins);
    if let Some(config) = &config {
        limits::check(config, &scalars.given(), file, scalars.log());
    }
    (config, origins)
}

fn read(s: &mut Scalars<'_, '_, '_>, file: &File, origins: &mut Origins) -> Option<Config> {
    // Every value is read before the first `?`, so that everything wrong is reported.
    let sts_name = s.host_part(Property::StsName);
    let svc_name = s.host_part(Property::SvcName);
    let server_count = s.small::<u8>(Property::ServerCount);
    let sys_password = s.password();
    let port_no = s.small::<u16>(Property::PortNo);
    let replication_port_no = s.small::<u16>(Property::ReplicationPortNo);
    let query_timeout = s.small::<u32>(Property::QueryTimeout);
    let query_retry_count = s.small::<u32>(Property::QueryRetryCount);
    let query_retry_delay = s.small::<u32>(Property::QueryRetryDelayMsec);
    let address_check_count = s.small::<u32>(Property::AddressCheckCount);
    let flush_at_start = s.switch(Property::FlushAtStart);
    let flush_timeout_at_start = s.small::<u32>(Property::FlushTimeoutAtStart);
    let delay_start_complete = s.small::<u32>(Property::DelayStartCompleteTime);
    let flush_at_end = s.switch(Property::FlushAtEnd);
    let replication_reset_at_end = s.switch(Property::ReplicationResetAtEnd);
    let compare_at_start = s.compare(Property::CompareAtStart);
    let ledger = s.switch(Property::Ledger);
    let member_down = s.member_down();
    let host_template = s.host_template();
    let server_count = server_count.and_then(ServerCount::new);
    let groups = groups::read(file, server_count, origins, s.log());
    let seconds = |n: u32| Duration::from_secs(u64::from(n));
    Some(Config {
        sts_name: sts_name?,
        svc_name: svc_name?,
        server_count: server_count?,
        sys_password: sys_password.map(SecretString::from),
        port_no: port_no?,
        replication_port_no: replication_port_no?,
        query_timeout: seconds(query_timeout?),
        query_retry_count: query_retry_count?,
        query_retry_delay: Duration::from_millis(u64::from(query_retry_delay?)),
        address_check_count: address_check_count?,
        flush_at_start: flush_at_start?,
        flush_timeout_at_start: flush_timeout_at_start?,
        delay_start_complete: seconds(delay_start_complete?),
        compare_at_start: compare_at_start?,
        ledger: ledger?,
        member_down: member_down?,
        host_template: host_template?,
        flush_at_end: flush_at_end?,
        replication_reset_at_end: replication_reset_at_end?,
        groups: groups?,
    })
}

/// A switch from its number; the range was checked.
fn switch(n: u64) -> Switch {
    if n == 0 { Switch::Off } else { Switch::On }
}

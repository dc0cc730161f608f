//! CREATE REPLICATION and DROP REPLICATION (`altibase.md` 3.3 and 3.4, recordings `create-errors`, `options`).
//!
//! It decides in which order a definition is refused. It never contacts the peer.

use std::net::IpAddr;

use super::{
    Server, errors,
    execute::Flow,
    object::{self, CONSISTENT, EAGER, HostRow, LAZY, NOWAIT, Replication, UNIX_DOMAIN, option},
    sessions::SessionId,
};
use crate::{
    data::Stop,
    sql::{
        SqlError,
        statement::{CreateReplication, Host, ParallelOption, Purpose, ReplicationMode, ReplicationOption, Role},
    },
};

/// Largest buffer of PARALLEL: 1 TiB.
const MAX_BUFFER: u64 = 1 << 40;

/// Bit of an option word.
fn bit(word: &ReplicationOption) -> i64 {
    match word {
        ReplicationOption::Recovery => option::RECOVERY,
        ReplicationOption::Gapless => option::GAPLESS,
        ReplicationOption::Grouping => option::GROUPING,
        ReplicationOption::Offline(_) => option::OFFLINE,
        ReplicationOption::Parallel(_) => option::PARALLEL,
        ReplicationOption::Local(_) => option::LOCAL,
        ReplicationOption::DdlReplicate => option::DDL_REPLICATE,
        ReplicationOption::V6Protocol => option::V6_PROTOCOL,
        ReplicationOption::MetaLogging => 256,
    }
}

fn role_number(purpose: Option<Purpose>) -> i64 {
    match purpose {
        None => 0,
        Some(Purpose::Analysis) => object::ANALYSIS,
        Some(Purpose::PropagableLogging) => 2,
        Some(Purpose::Propagation) => 3,
        Some(Purpose::AnalysisPropagation) => 4,
    }
}

/// Whether a number of appliers and their buffer are in range.
pub(super) fn check_parallel(parallel: ParallelOption) -> Result<(), SqlError> {
    if !(0..=512).contains(&parallel.count) {
        return Err(errors::bad_parallel());
    }
    match parallel.buffer {
        Some(size) if size > MAX_BUFFER => Err(errors::bad_buffer(size)),
        Some(_) | None => Ok(()),
    }
}

impl Server {
    /// An address as WITH and ADD HOST take it; the port as a number that fits.
    ///
    /// # Errors
    /// 6110B.
    pub(super) fn check_host(&self, host: &Host) -> Result<u16, SqlError> {
        let port = u16::try_from(host.port).ok().filter(|p| *p > 0).ok_or_else(errors::invalid_host)?;
        // An IPv6 address may carry a zone: `fe80::1%eth0`.
        let bare = host.host.split('%').next().unwrap_or_default();
        let numeric = bare.parse::<IpAddr>().is_ok();
        if !numeric && self.core.is_2018() { Err(errors::invalid_host()) } else { Ok(port) }
    }

    /// Whether an address is in use: by any replication, or with duplicates allowed by this one.
    pub(super) fn host_in_use(&self, host: &Host, replication: &str) -> bool {
        let duplicates = self.core.properties.is_on("REPLICATION_ALLOW_DUPLICATE_HOSTS");
        let same = |h: &HostRow| h.host == host.host && i64::from(h.port) == host.port;
        self.core.objects.iter().filter(|o| !duplicates || o.name == replication).any(|o| o.hosts.iter().any(same))
    }

    pub(super) fn create_replication(&mut self, id: SessionId, def: &CreateReplication) -> Result<Flow, SqlError> {
        self.only_sys(id)?;
        self.commit(id, -1);
        if self.core.objects.get(&def.name).is_some() {
            return Err(errors::replication_exists());
        }
        let mut object =
            Replication { name: def.name.clone(), role: role_number(def.purpose), ..Replication::default() };
        object.conflict = match def.role {
            None => 0,
            Some(Role::Master) => 1,
            Some(Role::Slave) => 2,
        };
        object.mode = match def.mode {
            None | Some(ReplicationMode::Lazy) => LAZY,
            Some(ReplicationMode::Eager) => EAGER,
            Some(ReplicationMode::NoWait) => NOWAIT,
            Some(ReplicationMode::Consistent) => CONSISTENT,
        };
        Self::take_options(&mut object, def)?;
        check_combination(&object, def)?;
        let mut ports = Vec::new();
        if def.hosts.is_empty() && object.role != object::ANALYSIS {
            return Err(errors::unix_domain_refused());
        }
        for (index, host) in def.hosts.iter().enumerate() {
            if self.host_in_use(host, &def.name) {
                return Err(errors::host_exists());
            }
            ports.push(self.check_host(host)?);
            if def.hosts[..index].iter().any(|h| (&h.host, h.port) == (&host.host, host.port)) {
                return Err(SqlError::duplicate_key());
            }
        }
        if self.core.objects.len() as u64 >= self.core.properties.get("REPLICATION_MAX_COUNT") {
            return Err(errors::too_many_replications());
        }
        if self.core.is_2018() && def.items.is_empty() {
            return Err(SqlError::syntax_because(""));
        }
        for pair in &def.items {
            let items = self.new_items(pair)?;
            if object.options & option::RECOVERY != 0 && items.iter().any(|i| self.core.recovers(i.table)) {
                return Err(errors::recovers_already());
            }
            object.items.extend(items);
        }
        if self.core.properties.get("REPLICATION_PORT_NO") == 0 {
            return Err(errors::disabled());
        }
        self.store_new(id, object, def, &ports)
    }

    fn store_new(
        &mut self,
        id: SessionId,
        mut object: Replication,
        def: &CreateReplication,
        ports: &[u16],
    ) -> Result<Flow, SqlError> {
        let mut tables: Vec<_> = object.items.iter().map(|i| i.table).collect();
        tables.dedup();
        match self.probe_exclusive(&tables) {
            Ok(()) => {}
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Blocked(_) | Stop::Wait) => return self.ddl_blocked(id),
        }
        if repeats(&object) {
            return Err(SqlError::duplicate_key());
        }
        let now = self.db.advance_sn().0;
        for item in &mut object.items {
            item.invalid_max_sn = now;
        }
        for (host, port) in def.hosts.iter().zip(ports) {
            let number = object::next_host_number(&mut self.db);
            object.hosts.push(HostRow { number, host: host.host.clone(), port: *port });
        }
        if def.hosts.is_empty() {
            let number = object::next_host_number(&mut self.db);
            object.hosts.push(HostRow { number, host: UNIX_DOMAIN.to_owned(), port: 0 });
        }
        object.last_host = object.hosts.first().map_or(0, |h| h.number);
        self.core.objects.put(&mut self.db, object);
        self.note_replicated();
        Ok(Flow::done())
    }

    fn take_options(object: &mut Replication, def: &CreateReplication) -> Result<(), SqlError> {
        for word in &def.options {
            if object.options & bit(word) != 0 {
                return Err(errors::duplicate_option());
            }
            object.options |= bit(word);
            match word {
                ReplicationOption::Parallel(parallel) => {
                    check_parallel(*parallel)?;
                    object.parallel = parallel.count;
                    object.buffer = parallel.buffer.unwrap_or(0);
                    if parallel.count == 0 {
                        object.options &= !option::PARALLEL;
                    }
                }
                ReplicationOption::Local(peer) => {
                    if *peer == def.name {
                        return Err(errors::local_self(peer));
                    }
                    object.peer_name.clone_from(peer);
                }
                ReplicationOption::Offline(paths) => object.offline.clone_from(paths),
                ReplicationOption::Recovery
                | ReplicationOption::Gapless
                | ReplicationOption::Grouping
                | ReplicationOption::DdlReplicate
                | ReplicationOption::V6Protocol
                | ReplicationOption::MetaLogging => {}
            }
        }
        Ok(())
    }

    pub(super) fn drop_replication(&mut self, id: SessionId, name: &str) -> Result<Flow, SqlError> {
        self.only_sys(id)?;
        self.commit(id, -1);
        let object = self.core.objects.get(name).ok_or_else(errors::undefined_replication)?;
        if object.is_started {
            return Err(errors::started());
        }
        let mut tables: Vec<_> = object.items.iter().map(|i| i.table).collect();
        tables.dedup();
        // A receiver of that name is stopped by the statement, so its locks do not count.
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        if self.core.senders.contains_key(name) {
            return Err(errors::started());
        }
        self.drop_receiver(name);
        match self.probe_exclusive(&tables) {
            Ok(()) => {}
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::Blocked(_) | Stop::Wait) => {
                self.core.latch.leave(id);
                return self.ddl_blocked(id);
            }
        }
        self.core.objects.remove(&mut self.db, name);
        self.core.processed.remove(name);
        self.core.met.remove(name);
        self.db.advance_sn();
        self.note_replicated();
        self.retain_log();
        Ok(Flow::done())
    }
}

/// Whether a table or partition is named twice.
fn repeats(object: &Replication) -> bool {
    let items = &object.items;
    let mut keys: Vec<_> = items.iter().map(|i| (i.table, i.partition)).collect();
    keys.sort_unstable();
    keys.windows(2).any(|w| w[0] == w[1])
}

/// Step 3 of the reference: options, role and mode that do not go together, in the server's order.
fn check_combination(object: &Replication, def: &CreateReplication) -> Result<(), SqlError> {
    let has = |bit| object.options & bit != 0;
    let analysis = object.role == object::ANALYSIS;
    let eager = object.mode == EAGER;
    let refusals = [
        (analysis && has(option::RECOVERY), errors::analysis_recovery as fn() -> SqlError),
        (analysis && has(option::OFFLINE), errors::analysis_offline),
        (has(option::OFFLINE) && has(option::RECOVERY), errors::offline_recovery),
        (eager && has(option::OFFLINE), errors::offline_eager),
        (analysis && def.mode.is_some(), errors::analysis_mode),
        (eager && has(option::GAPLESS), errors::gapless_eager),
        (eager && has(option::GROUPING), errors::grouping_eager),
        (eager && has(option::PARALLEL), errors::parallel_eager),
        (eager && has(option::LOCAL), errors::local_eager),
        (object.mode == CONSISTENT && !has(option::PARALLEL), errors::consistent_needs_parallel),
        (object.mode == CONSISTENT && object.role != 0, errors::consistent_role),
        (object.mode == CONSISTENT && object.options != option::PARALLEL, errors::consistent_options),
    ];
    match refusals.into_iter().find(|(refused, _)| *refused) {
        Some((_, error)) => Err(error()),
        None => Ok(()),
    }
}

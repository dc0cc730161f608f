//! ALTER REPLICATION: tables, hosts and options (`altibase.md` 3.5 to 3.7, recordings `alter-items`,
//! `alter-hosts`, `options`, `unknown-names`).
//!
//! It decides which changes of an object are refused, and in which order. START, STOP and their kind are in `control`.

use super::{
    Server, create, errors,
    execute::Flow,
    items,
    object::{self, EAGER, HostRow, Item, Replication, Unit, option},
    sessions::{SessionId, Wait},
};
use crate::{
    data::Stop,
    sql::{
        SqlError,
        statement::{Host, ItemPair, ParallelOption, ReplicationAction, Switch},
    },
};

impl Server {
    pub(super) fn alter_replication(
        &mut self,
        id: SessionId,
        name: &str,
        action: &ReplicationAction,
    ) -> Result<Flow, SqlError> {
        use ReplicationAction as A;
        self.only_sys(id)?;
        match action {
            A::AddTable(pair) => self.add_table(id, name, pair),
            A::DropTable(pair) => self.drop_item(id, name, pair),
            A::AddHost(host) => self.add_host(id, name, host),
            A::DropHost(host) => self.drop_host(id, name, host),
            A::SetHost(host) => self.set_host(id, name, host),
            A::SetMode(_) => Err(errors::no_longer_supported()),
            A::SetRecovery(switch) => self.set_option(id, name, option::RECOVERY, *switch),
            A::SetGapless(switch) => self.set_option(id, name, option::GAPLESS, *switch),
            A::SetGrouping(switch) => self.set_option(id, name, option::GROUPING, *switch),
            A::SetDdlReplicate(switch) => self.set_option(id, name, option::DDL_REPLICATE, *switch),
            A::SetOffline(paths) => self.set_offline(id, name, paths, Switch::Enable),
            A::UnsetOffline => self.set_offline(id, name, &[], Switch::Disable),
            A::SetParallel(parallel) => self.set_parallel(id, name, *parallel),
            A::Start(start) => self.start(id, name, *start),
            A::QuickStart => self.quick_start(id, name),
            A::QuickStartRetry => self.quick_start_retry(id, name),
            A::Sync(sync) => self.sync(id, name, sync),
            A::Stop => self.stop(id, name),
            A::StopImmediate => self.stop_immediate(id, name),
            A::Reset => self.reset(id, name),
            A::Flush(flush) => self.flush(id, name, *flush),
            A::Failback => Err(self.known(name).err().unwrap_or_else(errors::no_failback)),
            A::Failover => Err(self.known(name).err().unwrap_or_else(errors::failover_needs_shard)),
            A::DeleteHistory => self.known(name).map(|_| Flow::done()),
        }
    }

    /// The object, or 61126.
    pub(super) fn known(&self, name: &str) -> Result<&Replication, SqlError> {
        self.core.objects.get(name).ok_or_else(errors::replication_not_found)
    }

    /// The object, or 6111B.
    pub(super) fn defined(&self, name: &str) -> Result<&Replication, SqlError> {
        self.core.objects.get(name).ok_or_else(errors::undefined_replication)
    }

    fn enabled(&self) -> Result<(), SqlError> {
        if self.core.properties.get("REPLICATION_PORT_NO") == 0 { Err(errors::disabled()) } else { Ok(()) }
    }

    /// Whether items may change at the moment. 7.2 changes items of a running LAZY object.
    fn items_changeable(&self, name: &str) -> Result<(), SqlError> {
        let object = self.known(name)?;
        let strict = self.core.is_2018() || object.is_eager();
        if self.core.is_2018() && object.is_started {
            return Err(errors::started());
        }
        self.enabled()?;
        if strict && self.core.senders.contains_key(name) {
            return Err(errors::sender_exists());
        }
        if strict && self.core.receivers.contains_key(name) {
            return Err(errors::receiver_exists());
        }
        Ok(())
    }

    /// Sender latch and table locks for a change of items; a wait, when they are not to be had.
    fn lock_items(&mut self, id: SessionId, tables: &[crate::data::TableId]) -> Result<Option<Flow>, SqlError> {
        match self.probe_exclusive(tables) {
            Ok(()) => Ok(self.take_latch(id)),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Blocked(_) | Stop::Wait) => self.ddl_blocked(id).map(Some),
        }
    }

    fn add_table(&mut self, id: SessionId, name: &str, pair: &ItemPair) -> Result<Flow, SqlError> {
        self.commit(id, -1);
        let object = self.known(name)?;
        if object.options & option::RECOVERY != 0 {
            return Err(errors::add_with_recovery());
        }
        let mut new = self.new_items(pair)?;
        self.items_changeable(name)?;
        self.stop_receivers_of(new[0].table, None);
        if let Some(flow) = self.lock_items(id, &[new[0].table])? {
            return Ok(flow);
        }
        let mut object = self.known(name)?.clone();
        let taken = |i: &Item| object.items.iter().any(|o| (o.table, o.partition) == (i.table, i.partition));
        if new.iter().any(taken) {
            return Err(SqlError::duplicate_key());
        }
        let now = self.db.advance_sn().0;
        for item in &mut new {
            item.invalid_max_sn = now;
        }
        object.items.extend(new);
        self.store_items(name, object);
        Ok(Flow::done())
    }

    fn drop_item(&mut self, id: SessionId, name: &str, pair: &ItemPair) -> Result<Flow, SqlError> {
        self.commit(id, -1);
        let object = self.known(name)?;
        if object.options & option::RECOVERY != 0 {
            return Err(errors::drop_with_recovery());
        }
        let (local, remote) = (items::names(&pair.local), items::names(&pair.remote));
        let same_table = |i: &Item| i.local[..2] == local[..2] && i.remote[..2] == remote[..2];
        if !object.items.iter().any(same_table) {
            items::find(&self.db, &pair.local)?;
            return Err(errors::no_items());
        }
        let single = pair.local.partition.is_some();
        let hit = |i: &Item| same_table(i) && (!single || (i.local[2] == local[2] && i.remote[2] == remote[2]));
        if !object.items.iter().any(hit) {
            return Err(errors::no_items());
        }
        let unit = if single { Unit::Partition } else { Unit::Table };
        if object.items.iter().any(|i| hit(i) && i.unit != unit) {
            return Err(errors::units_mismatch(&local[1]));
        }
        let table = object.items.iter().find(|i| hit(i)).map(|i| i.table);
        let last = object.items.iter().all(hit);
        self.items_changeable(name)?;
        if self.core.is_2018() && last {
            return Err(errors::last_table());
        }
        if let Some(table) = table {
            self.stop_receivers_of(table, None);
        }
        if let Some(flow) = self.lock_items(id, table.as_slice())? {
            return Ok(flow);
        }
        let mut object = self.known(name)?.clone();
        object.items.retain(|i| !hit(i));
        self.store_items(name, object);
        Ok(Flow::done())
    }

    /// Keeps changed items; a running sender introduces itself anew.
    fn store_items(&mut self, name: &str, object: Replication) {
        self.core.objects.put(&mut self.db, object);
        self.db.advance_sn();
        self.note_replicated();
        self.greet_again(name);
    }

    fn add_host(&mut self, id: SessionId, name: &str, host: &Host) -> Result<Flow, SqlError> {
        let object = self.known(name)?;
        let started = object.is_started;
        if self.host_in_use(host, name) {
            return Err(errors::host_exists());
        }
        let port = self.check_host(host)?;
        self.hosts_changeable(name, started)?;
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        let number = object::next_host_number(&mut self.db);
        let row = HostRow { number, host: host.host.clone(), port };
        self.core.objects.change(&mut self.db, name, |o| o.hosts.push(row));
        Ok(Flow::done())
    }

    fn hosts_changeable(&self, name: &str, started: bool) -> Result<(), SqlError> {
        if started {
            return Err(errors::started());
        }
        self.enabled()?;
        if self.core.senders.contains_key(name) { Err(errors::sender_exists()) } else { Ok(()) }
    }

    /// Whether any replication of this server has that address.
    fn host_known(&self, host: &Host) -> bool {
        self.core.objects.iter().any(|o| o.hosts.iter().any(|h| is_host(h, host)))
    }

    fn drop_host(&mut self, id: SessionId, name: &str, host: &Host) -> Result<Flow, SqlError> {
        let object = self.defined(name)?;
        if !self.host_known(host) {
            return Err(errors::no_host());
        }
        let (started, only) = (object.is_started, object.hosts.len() == 1);
        let own = object.hosts.iter().any(|h| is_host(h, host));
        self.hosts_changeable(name, started)?;
        if only {
            return Err(errors::last_host());
        }
        if !own {
            return Err(errors::no_host());
        }
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        self.core.objects.change(&mut self.db, name, |o| {
            o.hosts.retain(|h| !is_host(h, host));
            o.last_host = o.hosts.first().map_or(0, |h| h.number);
        });
        Ok(Flow::done())
    }

    fn set_host(&mut self, id: SessionId, name: &str, host: &Host) -> Result<Flow, SqlError> {
        let object = self.defined(name)?;
        if !self.host_known(host) {
            return Err(errors::no_host());
        }
        let number = object.hosts.iter().find(|h| is_host(h, host)).map(|h| h.number);
        let number = number.ok_or_else(|| errors::not_its_host(&host.host, host.port))?;
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        let moved = object_moved(self.core.objects.get(name), number);
        self.core.objects.change(&mut self.db, name, |o| o.last_host = number);
        if moved && self.core.senders.contains_key(name) {
            self.greet_again(name);
            self.wake(name);
        }
        self.core.latch.leave(id);
        if self.core.senders.get(name).is_some_and(|s| !s.is_connected()) {
            return Ok(Flow::Wait(Wait::Connected(name.to_owned())));
        }
        Ok(Flow::done())
    }

    /// SET options need that neither direction runs.
    fn options_changeable(&self, name: &str) -> Result<(), SqlError> {
        if self.core.senders.contains_key(name) {
            return Err(errors::sender_exists());
        }
        if self.core.receivers.contains_key(name) { Err(errors::receiver_exists()) } else { Ok(()) }
    }

    fn set_option(&mut self, id: SessionId, name: &str, bit: i64, switch: Switch) -> Result<Flow, SqlError> {
        let object = self.known(name)?;
        let set = object.options & bit != 0;
        let eager = object.mode == EAGER;
        let recovery = object.options & option::RECOVERY != 0;
        let recovered = object.items.iter().any(|i| self.core.recovers(i.table));
        self.enabled()?;
        self.options_changeable(name)?;
        let refusal = match (bit, switch, set) {
            (option::RECOVERY, Switch::Enable, true) => Some(errors::recovery_set()),
            (option::RECOVERY, Switch::Disable, false) => Some(errors::recovery_unset()),
            (option::OFFLINE, Switch::Enable, true) => Some(errors::offline_set()),
            (option::OFFLINE, Switch::Disable, false) => Some(errors::offline_unset()),
            (option::GAPLESS, Switch::Enable, true) => Some(errors::gapless_set()),
            (option::GAPLESS, Switch::Disable, false) => Some(errors::gapless_unset()),
            (option::GROUPING, Switch::Enable, true) => Some(errors::grouping_set()),
            (option::GROUPING, Switch::Disable, false) => Some(errors::grouping_unset()),
            (option::GAPLESS, Switch::Enable, false) if eager => Some(errors::gapless_eager()),
            (option::GROUPING, Switch::Enable, false) if eager => Some(errors::grouping_eager()),
            (option::RECOVERY, Switch::Enable, false) if recovered => Some(errors::recovers_already()),
            (option::OFFLINE, Switch::Enable, false) if eager => Some(errors::offline_eager()),
            (option::OFFLINE, Switch::Enable, false) if recovery => Some(errors::offline_recovery()),
            (_, Switch::Enable | Switch::Disable, _) => None,
        };
        if let Some(error) = refusal {
            return Err(error);
        }
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        self.core.objects.change(&mut self.db, name, |o| match switch {
            Switch::Enable => o.options |= bit,
            Switch::Disable => o.options &= !bit,
        });
        Ok(Flow::done())
    }

    /// The option and its directories.
    fn set_offline(&mut self, id: SessionId, name: &str, paths: &[String], to: Switch) -> Result<Flow, SqlError> {
        let flow = self.set_option(id, name, option::OFFLINE, to)?;
        if let Flow::Answer(_) = flow {
            self.core.objects.change(&mut self.db, name, |o| o.offline = paths.to_vec());
        }
        Ok(flow)
    }

    fn set_parallel(&mut self, id: SessionId, name: &str, parallel: ParallelOption) -> Result<Flow, SqlError> {
        let object = self.known(name)?;
        create::check_parallel(parallel)?;
        let eager = object.mode == EAGER;
        let set = object.options & option::PARALLEL != 0;
        self.enabled()?;
        self.options_changeable(name)?;
        if eager && parallel.count > 0 {
            return Err(errors::parallel_eager());
        }
        if parallel.count == 0 && !set {
            return Err(errors::parallel_unset());
        }
        // Another number needs 0 first (`measured.md` 9.7).
        if parallel.count > 0 && set {
            return Err(errors::parallel_set());
        }
        if let Some(flow) = self.take_latch(id) {
            return Ok(flow);
        }
        self.core.objects.change(&mut self.db, name, |o| {
            o.parallel = parallel.count;
            o.buffer = parallel.buffer.unwrap_or(0);
            if parallel.count > 0 {
                o.options |= option::PARALLEL;
            } else {
                o.options &= !option::PARALLEL;
            }
        });
        Ok(Flow::done())
    }
}

fn is_host(row: &HostRow, host: &Host) -> bool {
    row.host == host.host && i64::from(row.port) == host.port
}

fn object_moved(object: Option<&Replication>, number: u64) -> bool {
    object.is_some_and(|o| o.last_host != number)
}

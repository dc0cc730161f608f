//! The grammar of CREATE and ALTER REPLICATION, words of both generations (`altibase.md` 3.1).
//!
//! Decides only what is a sentence. Counts, addresses, names and combinations are checked where the statement runs.

use sqlparser::tokenizer::Token;

use super::{
    SqlError, Statement,
    cursor::Cursor,
    statement::{
        AfterSync, CreateReplication, Flush, FlushUntil, Host, ItemPair, ItemRef, ParallelOption, Purpose,
        ReplicationAction as Action, ReplicationMode, ReplicationOption, Role, Since, Start, Switch, Sync, Transport,
    },
};

/// After CREATE.
pub(super) fn create(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let mode = mode(c);
    c.expect(&["REPLICATION"])?;
    let name = c.replication_name()?;
    let purpose = purpose(c)?;
    let role = if c.accept(&["AS", "MASTER"]) {
        Some(Role::Master)
    } else if c.accept(&["AS", "SLAVE"]) {
        Some(Role::Slave)
    } else {
        None
    };
    let mut options = Vec::new();
    if c.accept(&["OPTIONS"]) {
        options.push(option(c)?);
        while !c.at_words(&["WITH"]) {
            options.push(option(c)?);
        }
    }
    c.expect(&["WITH"])?;
    let mut hosts = Vec::new();
    if !c.accept(&["UNIX_DOMAIN"]) {
        hosts.push(host(c)?);
        while matches!(c.peek(), Some(Token::SingleQuotedString(_))) {
            hosts.push(host(c)?);
        }
    }
    let items = if c.at_words(&["FROM"]) { c.list(item_pair)? } else { Vec::new() };
    Ok(Statement::CreateReplication(Box::new(CreateReplication { name, mode, purpose, role, options, hosts, items })))
}

fn mode(c: &mut Cursor<'_>) -> Option<ReplicationMode> {
    let modes = [
        ("LAZY", ReplicationMode::Lazy),
        ("EAGER", ReplicationMode::Eager),
        ("NOWAIT", ReplicationMode::NoWait),
        ("CONSISTENT", ReplicationMode::Consistent),
    ];
    modes.into_iter().find(|(word, _)| c.accept(&[word])).map(|(_, mode)| mode)
}

fn purpose(c: &mut Cursor<'_>) -> Result<Option<Purpose>, SqlError> {
    if !c.accept(&["FOR"]) {
        return Ok(None);
    }
    let purposes = [
        (&["ANALYSIS", "PROPAGATION"][..], Purpose::AnalysisPropagation),
        (&["ANALYSIS"], Purpose::Analysis),
        (&["PROPAGABLE", "LOGGING"], Purpose::PropagableLogging),
        (&["PROPAGATION"], Purpose::Propagation),
    ];
    let found = purposes.iter().find(|(words, _)| c.accept(words));
    found.map(|(_, purpose)| Some(*purpose)).ok_or_else(|| c.error())
}

fn option(c: &mut Cursor<'_>) -> Result<ReplicationOption, SqlError> {
    let word = c.word()?;
    Ok(match word.as_str() {
        "RECOVERY" => ReplicationOption::Recovery,
        "GAPLESS" => ReplicationOption::Gapless,
        "GROUPING" => ReplicationOption::Grouping,
        "OFFLINE" => ReplicationOption::Offline(c.list(Cursor::string)?),
        "PARALLEL" => ReplicationOption::Parallel(parallel(c)?),
        "LOCAL" => ReplicationOption::Local(c.replication_name()?),
        "DDL_REPLICATE" => ReplicationOption::DdlReplicate,
        "V6_PROTOCOL" => ReplicationOption::V6Protocol,
        "META_LOGGING" => ReplicationOption::MetaLogging,
        _ => return Err(SqlError::unknown_option()),
    })
}

/// `n [size {K|M|G}]`; the tokenizer may leave number and unit together or apart.
fn parallel(c: &mut Cursor<'_>) -> Result<ParallelOption, SqlError> {
    let count = c.integer()?.cast_signed();
    if !matches!(c.peek(), Some(Token::Number(..))) {
        return Ok(ParallelOption { count, buffer: None });
    }
    let size = c.integer()?;
    let units = [("K", 10), ("M", 20), ("G", 30)];
    let unit = units.into_iter().find(|(word, _)| c.accept(&[word]));
    let (_, shift) = unit.ok_or_else(|| c.error())?;
    Ok(ParallelOption { count, buffer: Some(size.saturating_mul(1 << shift)) })
}

fn host(c: &mut Cursor<'_>) -> Result<Host, SqlError> {
    let error = c.error();
    let host = c.string()?;
    // 64 bytes with the quotes.
    if host.len() > 62 {
        return Err(error);
    }
    c.expect_token(&Token::Comma)?;
    let error = c.error();
    let port = c.integer()?.cast_signed();
    if i32::try_from(port).is_err() {
        return Err(error);
    }
    let using = if c.accept(&["USING"]) {
        if c.accept(&["TCP"]) {
            Some(Transport::Tcp)
        } else {
            c.expect(&["IB"])?;
            let latency = if matches!(c.peek(), Some(Token::Number(..))) { c.integer()? } else { 0 };
            Some(Transport::Ib(latency.cast_signed()))
        }
    } else {
        None
    };
    Ok(Host { host, port, using })
}

fn item(c: &mut Cursor<'_>) -> Result<ItemRef, SqlError> {
    let user = c.name()?;
    c.expect_token(&Token::Period)?;
    let table = c.name()?;
    let partition = if c.accept(&["PARTITION"]) { Some(c.name()?) } else { None };
    Ok(ItemRef { user, table, partition })
}

/// `FROM item TO item`, with PARTITION on both sides or on neither.
fn item_pair(c: &mut Cursor<'_>) -> Result<ItemPair, SqlError> {
    c.expect(&["FROM"])?;
    let local = item(c)?;
    c.expect(&["TO"])?;
    let remote = item(c)?;
    if local.partition.is_some() == remote.partition.is_some() {
        Ok(ItemPair { local, remote })
    } else {
        Err(c.error())
    }
}

/// After ALTER REPLICATION.
pub(super) fn alter(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if c.accept(&["TEMPORARY", "GET", "TABLE"]) {
        let items = c.list(item)?;
        c.expect(&["FROM"])?;
        return Ok(Statement::TemporaryGetTable { items, host: host(c)? });
    }
    let name = c.replication_name()?;
    Ok(Statement::AlterReplication { name, action: action(c)?.into() })
}

fn action(c: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let error = c.error();
    let verb = c.word()?;
    Ok(match verb.as_str() {
        "ADD" if c.accept(&["TABLE"]) => Action::AddTable(item_pair(c)?),
        "ADD" if c.accept(&["HOST"]) => Action::AddHost(host(c)?),
        "DROP" if c.accept(&["TABLE"]) => Action::DropTable(item_pair(c)?),
        "DROP" if c.accept(&["HOST"]) => Action::DropHost(host(c)?),
        "SET" => set(c)?,
        "START" => Action::Start(start(c)?),
        "QUICKSTART" if c.accept(&["RETRY"]) => Action::QuickStartRetry,
        "QUICKSTART" => Action::QuickStart,
        "SYNC" => Action::Sync(sync(c)?),
        "STOP" if c.accept(&["IMMEDIATE"]) => Action::StopImmediate,
        "STOP" => Action::Stop,
        "RESET" => Action::Reset,
        "FLUSH" => Action::Flush(flush(c)?),
        "FAILBACK" => Action::Failback,
        "FAILOVER" => Action::Failover,
        "DELETE" if c.accept(&["ITEM_REPLACE_HISTORY"]) => Action::DeleteHistory,
        _ => return Err(error),
    })
}

fn set(c: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let error = c.error();
    let what = c.word()?;
    Ok(match what.as_str() {
        "HOST" => Action::SetHost(host(c)?),
        "MODE" => Action::SetMode(mode(c).ok_or_else(|| c.error())?),
        "RECOVERY" => Action::SetRecovery(switch(c)?),
        "GAPLESS" => Action::SetGapless(switch(c)?),
        "GROUPING" => Action::SetGrouping(switch(c)?),
        "DDL_REPLICATE" => Action::SetDdlReplicate(switch(c)?),
        "PARALLEL" => Action::SetParallel(parallel(c)?),
        "OFFLINE" => match switch(c)? {
            Switch::Enable => {
                c.expect(&["WITH"])?;
                Action::SetOffline(c.list(Cursor::string)?)
            }
            Switch::Disable => Action::UnsetOffline,
        },
        _ => return Err(error),
    })
}

fn switch(c: &mut Cursor<'_>) -> Result<Switch, SqlError> {
    if c.accept(&["ENABLE"]) {
        return Ok(Switch::Enable);
    }
    c.expect(&["DISABLE"]).map(|()| Switch::Disable)
}

fn start(c: &mut Cursor<'_>) -> Result<Start, SqlError> {
    if c.accept(&["RETRY"]) {
        return Ok(Start::Retry);
    }
    if c.accept(&["CONDITIONAL"]) {
        return Ok(Start::Conditional);
    }
    if c.accept(&["WITH"]) {
        return c.expect(&["OFFLINE"]).map(|()| Start::Offline);
    }
    if c.accept(&["AT", "SN"]) {
        c.expect_token(&Token::LParen)?;
        let sn = c.integer()?;
        c.expect_token(&Token::RParen)?;
        return Ok(Start::AtSn(sn));
    }
    Ok(Start::Now)
}

fn sync(c: &mut Cursor<'_>) -> Result<Sync, SqlError> {
    let then = if c.accept(&["ONLY"]) {
        AfterSync::Stop
    } else if c.accept(&["CONDITIONAL"]) {
        AfterSync::Conditional
    } else {
        AfterSync::Start
    };
    let mut parallel = 1;
    if c.accept(&["PARALLEL"]) {
        let negative = c.accept_token(&Token::Minus);
        let n = u32::try_from(c.integer()?).unwrap_or(u32::MAX);
        if n == 0 || negative {
            return Err(SqlError::syntax_because("Parallel factor is invalid."));
        }
        parallel = n;
    }
    let tables = if c.accept(&["TABLE"]) { c.list(item)? } else { Vec::new() };
    Ok(Sync { then, parallel, tables })
}

fn flush(c: &mut Cursor<'_>) -> Result<Flush, SqlError> {
    let until = if c.accept(&["ALL"]) {
        FlushUntil::NoGap
    } else if c.accept(&["FROM", "XLOGFILE"]) {
        FlushUntil::XLogFile
    } else {
        FlushUntil::Issued
    };
    let wait_s = if c.accept(&["WAIT"]) { Some(c.integer()?) } else { None };
    Ok(Flush { until, wait_s })
}

/// Options that came with 7.2.
fn is_new(option: &ReplicationOption) -> bool {
    use ReplicationOption as O;
    match option {
        O::DdlReplicate | O::V6Protocol | O::MetaLogging => true,
        O::Recovery | O::Gapless | O::Grouping | O::Offline(_) | O::Parallel(_) | O::Local(_) => false,
    }
}

impl Statement {
    /// What a build answers that does not know these words yet: 31001, and 312B1 when the only new word is an option.
    ///
    /// # Errors
    /// See above; never for a build that knows everything.
    pub fn known_since(&self, build: Since) -> Result<(), SqlError> {
        match self {
            _ if self.since() <= build => Ok(()),
            Self::CreateReplication(create) if create.options.iter().any(is_new) => Err(SqlError::unknown_option()),
            _ => Err(SqlError::syntax_because("")),
        }
    }

    /// Which builds know these words.
    #[must_use]
    pub fn since(&self) -> Since {
        let newer = match self {
            Self::CreateReplication(create) => {
                matches!(create.mode, Some(ReplicationMode::NoWait | ReplicationMode::Consistent))
                    || create.purpose == Some(Purpose::AnalysisPropagation)
                    || create.items.is_empty()
                    || create.hosts.iter().any(|h| h.using.is_some())
                    || create.options.iter().any(is_new)
            }
            Self::AlterReplication { action, .. } => match &**action {
                Action::AddHost(host) | Action::DropHost(host) | Action::SetHost(host) => host.using.is_some(),
                Action::SetMode(mode) => matches!(mode, ReplicationMode::NoWait | ReplicationMode::Consistent),
                Action::SetDdlReplicate(_)
                | Action::Start(Start::Conditional)
                | Action::StopImmediate
                | Action::Failback
                | Action::Failover
                | Action::DeleteHistory => true,
                Action::Sync(sync) => sync.then == AfterSync::Conditional,
                Action::Flush(flush) => flush.until == FlushUntil::XLogFile,
                Action::AddTable(_)
                | Action::DropTable(_)
                | Action::SetRecovery(_)
                | Action::SetGapless(_)
                | Action::SetGrouping(_)
                | Action::SetParallel(_)
                | Action::SetOffline(_)
                | Action::UnsetOffline
                | Action::Start(Start::Now | Start::Retry | Start::AtSn(_) | Start::Offline)
                | Action::QuickStart
                | Action::QuickStartRetry
                | Action::Stop
                | Action::Reset => false,
            },
            Self::TemporaryGetTable { .. } => true,
            _ => false,
        };
        if newer { Since::V72 } else { Since::Always }
    }
}

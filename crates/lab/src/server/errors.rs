//! Errors of sessions, properties and replication, in the server's words and codes
//! (`altibase.md` appendix A, recordings).
//!
//! Every code that the server around the database can raise is named here and nowhere else.

use aku_db::wire::Response;

use crate::sql::SqlError;

/// As the answer to a client.
#[must_use]
pub(crate) fn response(error: &SqlError) -> Response {
    Response::Error { sqlstate: error.sqlstate.to_owned(), native: error.native, message: error.message.clone() }
}

/// A replication error: native 397312 + n, always HY000.
fn rp(n: i32, message: impl Into<String>) -> SqlError {
    SqlError::new("HY000", 397_312 + n, message)
}

pub(crate) fn sender_exists() -> SqlError {
    rp(0x00A, "The sender has already been started.")
}
pub(crate) fn out_of_threads(max: u64) -> SqlError {
    rp(0x00B, format!("Out of replication threads ( replication thread count > {max})"))
}
pub(crate) fn handshake(cause: &str) -> SqlError {
    rp(0x00D, format!("[Sender] Failed to handshake with the peer server ({cause})"))
}
pub(crate) fn check_log(sn: u64) -> SqlError {
    rp(0x015, format!("[Sender] Failed to check a physical log at SN[{sn}]"))
}
pub(crate) fn disabled() -> SqlError {
    rp(0x023, "Replication is disabled")
}
pub(crate) fn not_started() -> SqlError {
    rp(0x027, "Replication did not start.")
}
pub(crate) fn last_table() -> SqlError {
    rp(0x06F, "You cannot drop only one replicated table.")
}
pub(crate) fn flush_timeout() -> SqlError {
    rp(0x075, "Timeout exceed.")
}
pub(crate) fn not_its_host(host: &str, port: i64) -> SqlError {
    rp(0x07A, format!("Invalid Host [{host}, {port}]"))
}
pub(crate) fn receiver_exists() -> SqlError {
    rp(0x09F, "The receiver has already been started.")
}
pub(crate) fn last_host() -> SqlError {
    rp(0x0B9, "You cannot drop only one host.")
}
pub(crate) fn no_log_directory(path: &str) -> SqlError {
    rp(0x04F, format!("The log directory does not exist. ({path})"))
}
pub(crate) fn no_logs(path: &str) -> SqlError {
    rp(0x0C7, format!("No log file is in the log directory. ({path})"))
}
pub(crate) fn no_offline_option() -> SqlError {
    rp(0x12A, "The offline option is not set.")
}
pub(crate) fn no_offline_meta() -> SqlError {
    rp(0x0C2, "The meta information for the offline sender cannot be found in memory.")
}
pub(crate) fn started() -> SqlError {
    rp(0x0FE, "Replication has already started.")
}
pub(crate) fn no_longer_supported() -> SqlError {
    rp(0x0FF, "This replication DDL is no longer supported.")
}
pub(crate) fn replication_exists() -> SqlError {
    rp(0x100, "Duplicate replication names. The replication name already exists in the database.")
}
pub(crate) fn duplicate_option() -> SqlError {
    rp(0x101, "Duplicate option names.")
}
pub(crate) fn too_many_replications() -> SqlError {
    rp(
        0x102,
        "No more replications may be created. A database cannot have more than the maximum number of replications.",
    )
}
pub(crate) fn unix_domain_refused() -> SqlError {
    rp(0x103, "UNIX domain socket is not supported in this role.")
}
pub(crate) fn analysis_recovery() -> SqlError {
    rp(0x106, "Recovery option not supported in this role.")
}
pub(crate) fn offline_recovery() -> SqlError {
    rp(0x107, "Offline option is not supported with recovery option.")
}
pub(crate) fn offline_eager() -> SqlError {
    rp(0x108, "The offline option is not supported with eager mode.")
}
pub(crate) fn analysis_offline() -> SqlError {
    rp(0x109, "Offline option not supported in this role.")
}
pub(crate) fn analysis_mode() -> SqlError {
    rp(0x10A, "The default replication mode is not supported in this role.")
}
pub(crate) fn invalid_host() -> SqlError {
    rp(0x10B, "The host IP address or port number is invalid.")
}
pub(crate) fn host_exists() -> SqlError {
    rp(0x10C, "Replication hosts already exist.")
}
pub(crate) fn no_user(user: &str) -> SqlError {
    rp(0x10F, format!("User not found : {user}"))
}
pub(crate) fn no_table(table: &str) -> SqlError {
    rp(0x111, format!("Table not found : {table}"))
}
pub(crate) fn has_reference(user: &str, table: &str) -> SqlError {
    rp(0x112, format!("Replication is not allowed on tables that have referential constraints. ({user}.{table})"))
}
pub(crate) fn no_primary_key(user: &str, table: &str) -> SqlError {
    rp(0x113, format!("A replicated table must have a primary key. ({user}.{table})"))
}
pub(crate) fn recovers_already() -> SqlError {
    rp(0x114, "A table can recover only one replication.")
}
pub(crate) fn add_with_recovery() -> SqlError {
    rp(0x119, "An ADD TABLE statement is not allowed in recovery support replication.")
}
pub(crate) fn no_items() -> SqlError {
    rp(0x11A, "No replication items found.")
}
pub(crate) fn undefined_replication() -> SqlError {
    rp(0x11B, "Undefined replication name. The replication name was not found in the database.")
}
pub(crate) fn recovery_set() -> SqlError {
    rp(0x11C, "Recovery option already set.")
}
pub(crate) fn recovery_unset() -> SqlError {
    rp(0x11D, "The recovery option was already unset.")
}
pub(crate) fn drop_with_recovery() -> SqlError {
    rp(0x11E, "An DROP TABLE statement is not allowed in recovery support replication.")
}
pub(crate) fn no_host() -> SqlError {
    rp(0x11F, "Replication hosts not found.")
}
pub(crate) fn at_sn_refused() -> SqlError {
    rp(0x120, "Replication cannot start from a specific SN unless it is used with the Log Analyzer.")
}
pub(crate) fn retry_eager() -> SqlError {
    rp(0x121, "The retry option is not supported when replication is running in eager mode.")
}
pub(crate) fn offline_set() -> SqlError {
    rp(0x123, "Offline option already set.")
}
pub(crate) fn offline_unset() -> SqlError {
    rp(0x124, "Offline option already unset.")
}
pub(crate) fn replication_not_found() -> SqlError {
    rp(0x126, "Replication not found")
}
pub(crate) fn units_mismatch(table: &str) -> SqlError {
    rp(0x14E, format!("The replication units mismatch: {table}"))
}
pub(crate) fn no_partition(partition: &str) -> SqlError {
    rp(0x14F, format!("Partition not found : {partition}"))
}
pub(crate) fn sync_failed() -> SqlError {
    rp(0x153, "Replication synchronization failed.")
}
pub(crate) fn gapless_eager() -> SqlError {
    rp(0x15C, "The gap control option is not supported with eager mode.")
}
pub(crate) fn gapless_set() -> SqlError {
    rp(0x15D, "The gapless option already set.")
}
pub(crate) fn gapless_unset() -> SqlError {
    rp(0x15E, "The gapless option was already unset.")
}
pub(crate) fn parallel_eager() -> SqlError {
    rp(0x15F, "The parallel option is not supported with eager mode.")
}
pub(crate) fn bad_parallel() -> SqlError {
    rp(0x160, "Invalid the parallel count  value. Valid value range = 0 ~ 512")
}
pub(crate) fn parallel_set() -> SqlError {
    rp(0x161, "The parallel option already set.")
}
pub(crate) fn parallel_unset() -> SqlError {
    rp(0x162, "The parallel option was already unset.")
}
pub(crate) fn grouping_set() -> SqlError {
    rp(0x163, "The grouping option already set.")
}
pub(crate) fn grouping_unset() -> SqlError {
    rp(0x164, "The grouping option was already unset.")
}
pub(crate) fn grouping_eager() -> SqlError {
    rp(0x165, "The grouping option is not supported with eager mode.")
}
pub(crate) fn bad_buffer(size: u64) -> SqlError {
    rp(0x178, format!("Invalid buffer size value : {size}. Valid value range = 0 ~ 1 TB"))
}
pub(crate) fn local_eager() -> SqlError {
    rp(0x17B, "It is unable to use eager mode when local replication option used.")
}
pub(crate) fn local_self(name: &str) -> SqlError {
    rp(0x17D, format!("Self-replication has been detected due to duplicate replication name. [{name}]"))
}
pub(crate) fn ddl_level(needed: u64) -> SqlError {
    rp(
        0x17F,
        format!(
            "Cannot execute this DDL on a replicated table when the system property REPLICATION_DDL_ENABLE_LEVEL is {needed}."
        ),
    )
}
pub(crate) fn eager_conflict() -> SqlError {
    rp(0x0ED, "A change of the transaction could not be applied at the peer (eager mode).")
}
pub(crate) fn conditional_eager() -> SqlError {
    rp(0x194, "SYNC CONDITIONAL and START CONDITIONAL clauses are not supported with replication eager mode.")
}
pub(crate) fn consistent_needs_parallel() -> SqlError {
    rp(0x19D, "syntax error : PARALLEL APPLIER Option is missing on CREATE CONSISTENT REPLICATION statement.")
}
pub(crate) fn consistent_role() -> SqlError {
    rp(0x19E, "Unable to use the role option in consistent replication.")
}
pub(crate) fn consistent_options() -> SqlError {
    rp(0x19F, "Unable to use the option in consistent replication.")
}
pub(crate) fn flush_xlogfile() -> SqlError {
    rp(
        0x1A0,
        "ALTER REPLICATION ... FLUSH FROM XLOGFILE statement can be executed only in a consistent mode replication.",
    )
}
pub(crate) fn no_failback() -> SqlError {
    rp(0x1A5, "Failback is not supported in this replication mode.")
}
pub(crate) fn retry_consistent() -> SqlError {
    rp(0x1A6, "The retry option is not supported when a replication is running in the consistent mode.")
}
pub(crate) fn failover_needs_shard() -> SqlError {
    rp(0x1AB, "Failed to perform a replication failover, because SHARD_ENABLE property is not 1.")
}

pub(crate) fn not_a_table() -> SqlError {
    SqlError::new("HY000", 201_147, "The replicated object type must be a table. ")
}
pub(crate) fn duplicate_tables() -> SqlError {
    SqlError::new("HY000", 201_371, "Duplicate table names.")
}
pub(crate) fn ddl_disabled() -> SqlError {
    SqlError::new(
        "HY000",
        201_412,
        "Cannot execute this DDL on a replicated table when the system property REPLICATION_DDL_ENABLE is 0.",
    )
}
pub(crate) fn ddl_recovery() -> SqlError {
    SqlError::new("HY000", 201_413, "Cannot execute this DDL with replication recovery.")
}
pub(crate) fn ddl_session_none() -> SqlError {
    SqlError::new(
        "HY000",
        201_414,
        "Cannot execute this DDL on a replicated table when the session property REPLICATION is NONE.",
    )
}
pub(crate) fn ddl_eager() -> SqlError {
    SqlError::new(
        "HY000",
        201_508,
        "Cannot execute DDL statements on a replicated table while replication is running in eager mode.",
    )
}
pub(crate) fn ddl_never() -> SqlError {
    SqlError::new("23000", 200_767, "No DDL statement may be executed on a replicated table.")
}
pub(crate) fn ddl_refused() -> SqlError {
    SqlError::new("HY000", 200_736, "You cannot execute DDL on a replicated table.")
}
pub(crate) fn only_sys() -> SqlError {
    SqlError::new("HY000", 200_836, "The user has no permission to execute the SQL statement.")
}
pub(crate) fn no_permission() -> SqlError {
    SqlError::new("HY000", 200_752, "You do not have permission to execute the SQL statement.")
}
pub(crate) fn needs_privilege(privilege: &str) -> SqlError {
    SqlError::new("42000", 201_137, format!("The user must have {privilege} privilege(s) to execute this statement."))
}
pub(crate) fn has_privilege(user: &str, number: i64) -> SqlError {
    SqlError::new("HY000", 201_222, format!("{user} already has privileges (Privilege ID = {number})."))
}
pub(crate) fn no_user_or_role() -> SqlError {
    SqlError::new("HY000", 201_732, "User or role not found.")
}
pub(crate) fn admin_mode_change() -> SqlError {
    SqlError::new(
        "HY000",
        266_367,
        "Failure changing to ADMIN_MODE. Only SYS and SYSTEM_ users can change the current mode to ADMIN_MODE.",
    )
}
pub(crate) fn session_in_transaction() -> SqlError {
    SqlError::new("HY000", 266_311, "The replication mode cannot be changed within a transaction.")
}
pub(crate) fn session_replication_mode() -> SqlError {
    SqlError::new("HY000", 266_443, "This replication mode is not supported at the session level.")
}

pub(crate) fn unknown_property(name: &str) -> SqlError {
    SqlError::new("HY000", 4171, format!("Unable to find the property name [{name}]."))
}
pub(crate) fn property_overflow(name: &str) -> SqlError {
    SqlError::new("HY000", 4172, format!("Property value overflow [{name}]"))
}
pub(crate) fn read_only_property(name: &str) -> SqlError {
    SqlError::new("HY000", 4174, format!("The property [{name}] is read-only."))
}
pub(crate) fn property_not_convertible(name: &str, value: &str) -> SqlError {
    SqlError::new("HY000", 4198, format!("The property [{name}] value [{value}] cannot be converted."))
}

pub(crate) fn session_closed() -> SqlError {
    SqlError::new("08004", 4163, "The session has been closed by the server")
}
pub(crate) fn query_timeout() -> SqlError {
    SqlError::new("HYT00", 4164, "Client's query exceeded the execution time limit.")
}
pub(crate) fn cancelled() -> SqlError {
    SqlError::new("HY008", 4202, "Query canceled by client.")
}

pub(crate) fn bad_password() -> SqlError {
    SqlError::new("28000", 266_286, "Invalid password")
}
pub(crate) fn sysdba_busy() -> SqlError {
    SqlError::new("HY000", 266_305, "Another SYSDBA session is already running.")
}
pub(crate) fn sysdba_not_sys() -> SqlError {
    SqlError::new("28000", 266_307, "Invalid access privileges")
}
pub(crate) fn admin_mode_on() -> SqlError {
    SqlError::new(
        "HY000",
        266_350,
        "If ADMIN_MODE is activated, only the users SYS and SYSTEM_ can connect to the database with SYSDBA privileges. \
         Verify that you have SYSDBA privileges.",
    )
}
pub(crate) fn too_many_sessions() -> SqlError {
    SqlError::new("HY000", 266_393, "There are too many sessions")
}
pub(crate) fn sysdba_not_local() -> SqlError {
    SqlError::new("HY000", 266_441, "Remote access as SYSDBA not allowed")
}
pub(crate) fn not_connected() -> SqlError {
    SqlError::new("08003", 331_830, "Connection does not exist")
}
pub(crate) fn needs_sysdba() -> SqlError {
    SqlError::new("HY000", 266_364, "Insufficient privileges. The user has to connect as SYSDBA.")
}

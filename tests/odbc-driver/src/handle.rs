//! What the handles of the driver manager point to. They are shared (`Arc`), and everything inside is behind a lock,
//! because a cancel comes from another thread while a statement runs.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32},
    },
    time::Duration,
};

use crate::{
    diag::Records,
    ffi::{HANDLE_DBC, HANDLE_ENV, HANDLE_STMT, Handle, Return},
    link::{Link, Peer},
    result::ResultSet,
    worst::{Breach, Fault},
};

/// Takes a lock; a poisoned one is as good as any, because no value here can be half changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
pub struct Env {
    pub diag: Mutex<Records>,
}

/// What was set on a connection, and what it is connected to.
#[derive(Debug, Default)]
pub struct Dbc {
    pub diag: Mutex<Records>,
    pub login_timeout: Mutex<Option<Duration>>,
    pub connection_timeout: Mutex<Option<Duration>>,
    /// 0 after SQL_ATTR_AUTOCOMMIT was switched off.
    pub manual_commit: AtomicBool,
    /// Held for as long as a statement runs.
    pub link: Mutex<Option<Link>>,
    /// For cancels, which must not wait for `link`.
    pub peer: Mutex<Option<Peer>>,
    pub dead: AtomicBool,
    pub fault: Mutex<Option<Fault>>,
}

impl Dbc {
    /// The code that a function has to return instead of doing its work.
    pub fn told_to_return(&self, function: &str) -> Option<Return> {
        match &*lock(&self.fault) {
            Some(Fault::Code { function: f, code }) if f == function => Some(*code),
            _ => None,
        }
    }

    /// What is to be written wrongly.
    pub fn breach(&self) -> Option<Breach> {
        match &*lock(&self.fault) {
            Some(Fault::Breach(breach)) => Some(*breach),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub struct Stmt {
    pub dbc: Arc<Dbc>,
    pub diag: Mutex<Records>,
    pub result: Mutex<ResultSet>,
    /// Whether a request is under way: the one thing that a cancel looks at.
    pub running: AtomicBool,
    /// SQL_ATTR_QUERY_TIMEOUT: stored and never sent, as by the real driver.
    pub ignored_query_timeout: AtomicU32,
}

/// Gives a handle to the driver manager, which owns one reference until it frees the handle.
pub fn give<T>(value: Arc<T>) -> Handle {
    Arc::into_raw(value).cast_mut().cast()
}

/// Borrows what a handle points to.
///
/// # Safety
/// `handle` is null or came from [`give`] with the same type and was not freed.
pub unsafe fn see<'a, T>(handle: Handle) -> Option<&'a T> {
    unsafe { handle.cast::<T>().as_ref() }
}

/// Another reference to what a handle points to.
///
/// # Safety
/// As [`see`].
pub unsafe fn share<T>(handle: Handle) -> Option<Arc<T>> {
    if handle.is_null() {
        return None;
    }
    unsafe {
        Arc::increment_strong_count(handle.cast::<T>());
        Some(Arc::from_raw(handle.cast::<T>()))
    }
}

/// Takes a handle back.
///
/// # Safety
/// As [`see`], and the handle is not used afterwards.
pub unsafe fn take<T>(handle: Handle) {
    drop(unsafe { Arc::from_raw(handle.cast::<T>()) });
}

/// The connection that a handle belongs to.
///
/// # Safety
/// As [`see`]; `kind` names the type.
pub unsafe fn connection<'a>(kind: i16, handle: Handle) -> Option<&'a Dbc> {
    match kind {
        HANDLE_DBC => unsafe { see::<Dbc>(handle) },
        HANDLE_STMT => unsafe { see::<Stmt>(handle) }.map(|stmt| &*stmt.dbc),
        _ => None,
    }
}

/// The diagnostic records of any handle.
///
/// # Safety
/// As [`see`]; `kind` names the type.
pub unsafe fn records<'a>(kind: i16, handle: Handle) -> Option<&'a Mutex<Records>> {
    match kind {
        HANDLE_ENV => unsafe { see::<Env>(handle) }.map(|env| &env.diag),
        HANDLE_DBC => unsafe { see::<Dbc>(handle) }.map(|dbc| &dbc.diag),
        HANDLE_STMT => unsafe { see::<Stmt>(handle) }.map(|stmt| &stmt.diag),
        _ => None,
    }
}

//! USER_LOCK_REQUEST and USER_LOCK_RELEASE: locks of sessions, by number (`measured.md` 4).

use std::collections::BTreeMap;

use super::sessions::SessionId;

/// Who holds which lock.
#[derive(Debug, Default)]
pub(crate) struct UserLocks {
    holders: BTreeMap<i64, SessionId>,
}

/// What a request or a release finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nobody had it; it was taken.
    Free,
    /// It is the session's own.
    Mine,
    /// Another session has it.
    Others,
}

impl UserLocks {
    pub(crate) fn request(&mut self, lock: i64, who: SessionId) -> Found {
        match self.holders.get(&lock) {
            None => {
                self.holders.insert(lock, who);
                Found::Free
            }
            Some(holder) if *holder == who => Found::Mine,
            Some(_) => Found::Others,
        }
    }

    /// Gives a lock back; what it was before.
    pub(crate) fn release(&mut self, lock: i64, who: SessionId) -> Found {
        match self.holders.get(&lock) {
            None => Found::Free,
            Some(holder) if *holder == who => {
                self.holders.remove(&lock);
                Found::Mine
            }
            Some(_) => Found::Others,
        }
    }

    /// The session ended.
    pub(crate) fn forget(&mut self, who: SessionId) {
        self.holders.retain(|_, holder| *holder != who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_belong_to_sessions() {
        let mut locks = UserLocks::default();
        assert_eq!(locks.request(77, 1), Found::Free);
        assert_eq!(locks.request(77, 1), Found::Mine);
        assert_eq!(locks.request(77, 2), Found::Others);
        assert_eq!(locks.release(77, 2), Found::Others);
        locks.forget(1);
        assert_eq!(locks.request(77, 2), Found::Free);
        assert_eq!(locks.release(77, 2), Found::Mine);
        assert_eq!(locks.release(77, 2), Found::Free);
    }
}

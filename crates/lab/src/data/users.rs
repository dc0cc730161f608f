//! Users and their passwords.
//!
//! Decides which names exist and whether a password matches. Keeps a digest, never the password.

use sha2::{Digest, Sha256};

use super::{
    Database,
    event::Stop,
    ids::{TableId, UserId},
};
use crate::{
    sql::{SqlError, statement::Password},
    store::Op,
};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// USER_ID: SYSTEM_ is 1, SYS is 2.
    pub id: UserId,
    /// Catalog spelling.
    pub name: String,
    /// Of name and password.
    pub(crate) digest: [u8; 32],
}

/// Letter case of a password does not count: unquoted ones are folded where they are set.
fn digest(name: &str, password: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([0]);
    hash.update(password.to_uppercase().as_bytes());
    hash.finalize().into()
}

/// Users.
impl Database {
    /// Adds a user.
    ///
    /// # Errors
    /// 3103D when the name is taken.
    pub fn create_user(&mut self, name: &str, password: &Password) -> Result<UserId, SqlError> {
        if self.users.contains_key(name) {
            return Err(SqlError::user_exists());
        }
        let id = self.users.values().map(|u| u.id.0).max().map_or(UserId(1), |n| UserId(n + 1));
        self.put_user(User { id, name: name.to_owned(), digest: digest(name, password.expose()) });
        Ok(id)
    }

    /// Sets a password.
    ///
    /// # Errors
    /// 31010 when there is no such user.
    pub fn alter_user(&mut self, name: &str, password: &Password) -> Result<(), SqlError> {
        let mut user = self.users.get(name).cloned().ok_or_else(SqlError::no_user)?;
        user.digest = digest(name, password.expose());
        self.put_user(user);
        Ok(())
    }

    fn put_user(&mut self, user: User) {
        self.log.advance();
        self.pending.push(Op::PutUser(user.clone()));
        self.users.insert(user.name.clone(), user);
    }

    /// Drops a user and, first, its tables: whoever calls has checked that they may go.
    ///
    /// # Errors
    /// 31010; whatever dropping a table says.
    pub fn drop_user(&mut self, name: &str) -> Result<(), Stop> {
        if !self.users.contains_key(name) {
            return Err(SqlError::no_user().into());
        }
        let tables: Vec<TableId> = self.tables().filter(|t| t.owner == name).map(|t| t.id).collect();
        for table in &tables {
            self.alone(*table)?;
        }
        for table in tables {
            self.drop_table(table)?;
        }
        self.users.remove(name);
        self.pending.push(Op::DropUser(name.to_owned()));
        self.log.advance();
        Ok(())
    }

    /// All users in order of name.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// One user by catalog spelling.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    /// Whether `attempt` is the user's password; letter case does not count. `None` for an unknown user.
    #[must_use]
    pub fn password_matches(&self, user: &str, attempt: &str) -> Option<bool> {
        self.users.get(user).map(|u| u.digest == digest(user, attempt))
    }

    /// The two users that every database has.
    pub(super) fn create_built_in_users(&mut self) {
        for name in ["SYSTEM_", "SYS"] {
            self.create_user(name, &Password("MANAGER".to_owned())).expect("a new database has no users");
        }
    }
}

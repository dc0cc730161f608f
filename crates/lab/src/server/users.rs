//! Users: CREATE, ALTER, DROP. Who may do that, and GRANT and REVOKE, is decided in `grants`.

use super::{Server, errors, execute::Flow, grants, sessions::SessionId};
use crate::{
    data::Stop,
    sql::{SqlError, Statement},
};

impl Server {
    pub(super) fn user_statement(&mut self, id: SessionId, statement: &Statement) -> Result<Flow, SqlError> {
        match statement {
            Statement::CreateUser { name, password } => {
                self.db.create_user(name, password)?;
                grants::grant_defaults(&mut self.db, name);
            }
            Statement::AlterUser { name, password } => self.db.alter_user(name, password)?,
            Statement::DropUser { name, cascade } => self.drop_user(name, *cascade)?,
            Statement::Grant(what) => return self.grant(id, what),
            Statement::Revoke(what) => return self.revoke(id, what),
            _ => {}
        }
        Ok(Flow::done())
    }

    fn drop_user(&mut self, name: &str, cascade: bool) -> Result<(), SqlError> {
        self.db.user(name).ok_or_else(SqlError::no_user)?;
        let tables: Vec<_> = self.db.tables().filter(|t| t.owner == name).map(|t| t.id).collect();
        if !tables.is_empty() && !cascade {
            return Err(SqlError::new("HY000", 200_740, "User has objects. Use the CASCADE option."));
        }
        if tables.iter().any(|t| self.core.objects.count_of(*t) > 0) {
            return Err(errors::ddl_never());
        }
        match self.db.drop_user(name) {
            Ok(()) => {
                grants::forget(&mut self.db, name);
                Ok(())
            }
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Blocked(_) | Stop::Wait) => Err(SqlError::lock_timeout()),
        }
    }
}

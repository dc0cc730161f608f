//! Users: CREATE, ALTER, DROP, GRANT, REVOKE.
//!
//! It decides who may do that; privileges are accepted and not kept, because the lab has one table owner in practice.

use super::{Server, errors, execute::Flow, sessions::SessionId};
use crate::lab::{
    data::Stop,
    sql::{SqlError, Statement},
};

impl Server {
    pub(super) fn user_statement(&mut self, id: SessionId, statement: &Statement) -> Result<Flow, SqlError> {
        let own = self.core.sessions.get(id).map(|s| s.user.clone()).unwrap_or_default();
        let sys = self.only_sys(id).is_ok();
        let need = |privilege: &str| if sys { Ok(()) } else { Err(errors::needs_privilege(privilege)) };
        match statement {
            Statement::CreateUser { name, password } => {
                need("CREATE_USER")?;
                self.db.create_user(name, password)?;
            }
            Statement::AlterUser { name, password } => {
                if *name != own {
                    need("ALTER_USER")?;
                }
                self.db.alter_user(name, password)?;
            }
            Statement::DropUser { name, cascade } => {
                need("DROP_USER")?;
                self.drop_user(name, *cascade)?;
            }
            _ if !sys => return Err(errors::no_permission()),
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
            Ok(()) => Ok(()),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Blocked(_) | Stop::Wait) => Err(SqlError::lock_timeout()),
        }
    }
}

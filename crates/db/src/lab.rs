//! The `lab` transport: [`Connector`] over plain TCP to pods of the embedded cluster.
//!
//! It gives each failure the codes that the ODBC road would give, so that nothing above it can tell the two apart.
//! It never sends anything but the statements it is handed.

use std::{collections::BTreeMap, sync::Arc};

use aku_core::{
    sql::{ChangeSql, ConnectError, ConnectFailure, DbError, ReadSql, Rows, Value},
    topology::Ordinal,
};
use secrecy::SecretString;

use super::{
    Cancel, Connector, Login, Session,
    client::{CancelHandle, Client, Options},
    endpoints::{Endpoint, Transport},
    resolve,
    wire::{Cell, Response},
};

/// Opens sessions on lab pods as SYS.
#[derive(Debug)]
pub struct LabConnector {
    addresses: BTreeMap<Ordinal, (String, u16)>,
    password: SecretString,
}

impl LabConnector {
    /// A connector for those endpoints whose transport is [`Transport::Lab`].
    #[must_use]
    pub fn new(endpoints: &BTreeMap<Ordinal, Endpoint>, password: SecretString) -> Self {
        let lab = |e: &Endpoint| match e.transport {
            Transport::Lab => true,
            Transport::Odbc => false,
        };
        let addresses = endpoints.iter().filter(|(_, e)| lab(e)).map(|(&o, e)| (o, (e.host.clone(), e.port)));
        Self { addresses: addresses.collect(), password }
    }
}

impl Connector for LabConnector {
    fn connect(&self, pod: Ordinal, login: &Login) -> Result<Box<dyn Session>, ConnectError> {
        let Some((host, port)) = self.addresses.get(&pod) else {
            let message = "no lab address is known for this pod; see the endpoints file".to_owned();
            let error = DbError { sqlstate: "HY000".to_owned(), native: 0, message };
            return Err(ConnectError { pod, address: "?".to_owned(), failure: ConnectFailure::Other, error });
        };
        let options = Options {
            user: "SYS".to_owned(),
            password: self.password.clone(),
            privilege: login.privilege,
            connect_timeout: login.connect_timeout,
            silence_timeout: login.silence_timeout,
            query_timeout: login.query_timeout,
            app_info: login.app_info.clone(),
        };
        Client::connect(host, *port, &options)
            .map(|client| Box::new(LabSession { client }) as Box<dyn Session>)
            .map_err(|error| ConnectError {
                pod,
                address: format!("{host}:{port}"),
                failure: resolve::failure(&error, host, login.connect_timeout),
                error,
            })
    }
}

struct LabSession {
    client: Client,
}

impl Session for LabSession {
    fn query(&mut self, sql: &ReadSql) -> Result<Rows, DbError> {
        self.client.execute(&sql.to_string()).map(rows)
    }

    fn execute(&mut self, sql: &ChangeSql) -> Result<(), DbError> {
        self.client.execute(&sql.to_string()).map(|_| ())
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(self.client.cancel_handle())
    }
}

impl Cancel for CancelHandle {
    fn cancel(&self) {
        if let Err(error) = self.send() {
            tracing::debug!(%error, "the cancel could not be sent");
        }
    }
}

/// A result set as the rest of the program sees it: text loses its trailing blanks. Empty for an answer without rows.
#[must_use]
pub fn rows(response: Response) -> Rows {
    let value = |cell| match cell {
        Cell::Null => Value::Null,
        Cell::Int(n) => Value::Int(n),
        Cell::Text(t) => Value::Text(t.trim_end_matches(' ').to_owned()),
    };
    match response {
        Response::Rows { columns, rows } => {
            Rows { columns, rows: rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect() }
        }
        Response::Done { .. } | Response::Connected { .. } | Response::Error { .. } => Rows::default(),
    }
}

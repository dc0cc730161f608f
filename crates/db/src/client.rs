//! The plainest client of a lab pod: one TCP connection, any SQL text, one answer each.
//!
//! Speaks [`wire`](super::wire) and turns every failure of the link into the words and codes of the real driver
//! (`altibase.md` 6.4). The `lab` transport, `aku lab sql` and tests stand on it. It never decides what to
//! send and never shows the password.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use aku_core::sql::{DbError, Privilege, error::native};
use secrecy::{ExposeSecret, SecretString};

use super::{
    dial::dial,
    wire::{Request, Response},
};

/// How to log in. `Debug` does not show the password.
#[derive(Clone, Debug)]
pub struct Options {
    /// User name, e.g. `SYS`.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// Ordinary or SYSDBA.
    pub privilege: Privilege,
    /// Bound on the whole connect, login included.
    pub connect_timeout: Duration,
    /// Bound on an answer as a whole, however slowly its bytes come; `None` waits for ever. The session is lost when it
    /// fires.
    pub silence_timeout: Option<Duration>,
    /// Server-side bound on a statement, sent as whole seconds, rounded up; `None` sends no bound.
    pub query_timeout: Option<Duration>,
    /// Shown in V$SESSION.CLIENT_APP_INFO; empty sends none.
    pub app_info: String,
}

impl Options {
    /// An ordinary login with 5 s to connect and no other bound.
    #[must_use]
    pub fn new(user: &str, password: SecretString) -> Self {
        Self {
            user: user.to_owned(),
            password,
            privilege: Privilege::Normal,
            connect_timeout: Duration::from_secs(5),
            silence_timeout: None,
            query_timeout: None,
            app_info: String::new(),
        }
    }

    fn keywords(&self) -> Vec<(String, String)> {
        let pair = |key: &str, value: String| (key.to_owned(), value);
        let mut out = vec![pair("UID", self.user.clone()), pair("PWD", self.password.expose_secret().to_owned())];
        match self.privilege {
            Privilege::Normal => {}
            Privilege::Sysdba => out.push(pair("PRIVILEGE", "SYSDBA".to_owned())),
        }
        if let Some(t) = self.query_timeout {
            out.push(pair("QUERY_TIMEOUT", whole_seconds(t).to_string()));
        }
        if !self.app_info.is_empty() {
            out.push(pair("APP_INFO", self.app_info.clone()));
        }
        out
    }
}

fn whole_seconds(t: Duration) -> u64 {
    t.as_secs() + u64::from(t.subsec_nanos() > 0)
}

fn fail(sqlstate: &str, native: i32, message: impl Into<String>) -> DbError {
    DbError { sqlstate: sqlstate.to_owned(), native, message: message.into() }
}

fn silent() -> DbError {
    fail("HYT01", native::SILENT, "Connection timeout.")
}

fn lost(why: &str) -> DbError {
    fail("08S01", native::LINK_LOST, format!("Communication link failure. ({why})"))
}

fn is_timeout(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A stream whose reads and writes all end at one moment, however the bytes come.
struct Bounded<'a> {
    stream: &'a TcpStream,
    until: Option<Instant>,
}

impl Bounded<'_> {
    /// What is left, as the system takes it.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends one request and waits for its answer, all of it until `until`.
fn ask(stream: &TcpStream, request: &Request, until: Option<Instant>) -> Result<Response, DbError> {
    let bounded = |r: io::Result<Option<Response>>| match r {
        Ok(Some(response)) => Ok(response),
        Ok(None) => Err(lost("closed by the server")),
        Err(e) if is_timeout(&e) => Err(silent()),
        Err(e) => Err(lost(&e.to_string())),
    };
    let mut link = Bounded { stream, until };
    if let Err(e) = request.write(&mut link) {
        return Err(if is_timeout(&e) { silent() } else { lost(&e.to_string()) });
    }
    bounded(Response::read(&mut io::BufReader::with_capacity(1 << 16, link)))
}

/// One logged-in connection.
#[derive(Debug)]
pub struct Client {
    /// `None` once the link is lost.
    stream: Option<TcpStream>,
    session: u32,
    host: String,
    port: u16,
    connect_timeout: Duration,
    silence_timeout: Option<Duration>,
}

impl Client {
    /// Connects and logs in.
    ///
    /// # Errors
    /// 08001 when nobody listens or no SYN is answered, HY024 for an unknown host, HYT01 when the pod accepts and
    /// stays silent, else what the pod said.
    pub fn connect(host: &str, port: u16, options: &Options) -> Result<Self, DbError> {
        let deadline = Instant::now() + options.connect_timeout;
        let stream = dial(host, port, deadline)?;
        // A failure here shows again at the first write.
        let _ = stream.set_nodelay(true);
        match ask(&stream, &Request::Connect { options: options.keywords() }, Some(deadline))? {
            Response::Connected { session } => Ok(Self {
                stream: Some(stream),
                session,
                host: host.to_owned(),
                port,
                connect_timeout: options.connect_timeout,
                silence_timeout: options.silence_timeout,
            }),
            Response::Error { sqlstate, native, message } => Err(DbError { sqlstate, native, message }),
            Response::Done { .. } | Response::Rows { .. } => Err(lost("the login was not answered as a login")),
        }
    }

    /// As [`Client::connect`], and as SYSDBA when the pod says that ADMIN_MODE is on.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_any(host: &str, port: u16, options: &Options) -> Result<Self, DbError> {
        match Self::connect(host, port, options) {
            Err(e) if e.native == native::ADMIN_MODE => {
                Self::connect(host, port, &Options { privilege: Privilege::Sysdba, ..options.clone() })
            }
            other => other,
        }
    }

    /// Runs one statement. Answers are [`Response::Done`] or [`Response::Rows`].
    ///
    /// # Errors
    /// What the pod said, or HYT01 / 08S01 when the link is lost; from then on every call says 08S01.
    pub fn execute(&mut self, sql: &str) -> Result<Response, DbError> {
        let stream = self.stream.as_ref().ok_or_else(|| lost("the connection was lost before"))?;
        let until = self.silence_timeout.map(|t| Instant::now() + t);
        match ask(stream, &Request::Execute { sql: sql.to_owned() }, until) {
            Ok(Response::Error { sqlstate, native, message }) => {
                let error = DbError { sqlstate, native, message };
                if error.lost_session() {
                    self.stream = None;
                }
                Err(error)
            }
            Ok(answer @ (Response::Done { .. } | Response::Rows { .. } | Response::Connected { .. })) => Ok(answer),
            Err(e) => {
                self.stream = None;
                Err(e)
            }
        }
    }

    /// SESSION_ID on the pod.
    #[must_use]
    pub fn session(&self) -> u32 {
        self.session
    }

    /// What another thread needs to cancel the statement that runs here.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle {
            host: self.host.clone(),
            port: self.port,
            session: self.session,
            connect_timeout: self.connect_timeout,
        }
    }
}

/// Cancels over a connection of its own, as the real driver does (`measured.md` 5).
#[derive(Clone, Debug)]
pub struct CancelHandle {
    host: String,
    port: u16,
    session: u32,
    connect_timeout: Duration,
}

impl CancelHandle {
    /// Asks the pod to cancel; returns when the pod answered. Blocks at most for the connect timeout.
    ///
    /// # Errors
    /// Why the pod could not be asked.
    pub fn send(&self) -> Result<(), DbError> {
        let deadline = Instant::now() + self.connect_timeout;
        let stream = dial(&self.host, self.port, deadline)?;
        let _ = stream.set_nodelay(true);
        ask(&stream, &Request::Cancel { session: self.session }, Some(deadline)).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;
    use aku_core::sql::ConnectFailure;

    fn options(ms: u64) -> Options {
        Options { connect_timeout: Duration::from_millis(ms), ..Options::new("SYS", "p".to_owned().into()) }
    }

    /// A pod that answers each request in turn with the given responses, then closes.
    fn serve(responses: Vec<Response>) -> (u16, thread::JoinHandle<Vec<Request>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut requests = Vec::new();
            for response in responses {
                requests.push(Request::read(&mut stream).unwrap().unwrap());
                response.write(&mut stream).unwrap();
            }
            requests
        });
        (port, served)
    }

    #[test]
    fn login_keywords_reach_the_pod() {
        let (port, served) = serve(vec![Response::Connected { session: 7 }]);
        let options = Options {
            privilege: Privilege::Sysdba,
            query_timeout: Some(Duration::from_millis(1500)),
            app_info: "aku".to_owned(),
            ..options(2000)
        };
        let client = Client::connect("127.0.0.1", port, &options).unwrap();
        assert_eq!(client.session(), 7);
        let Request::Connect { options: sent } = served.join().unwrap().remove(0) else { panic!("no login") };
        let sent: Vec<_> = sent.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(sent, ["UID=SYS", "PWD=p", "PRIVILEGE=SYSDBA", "QUERY_TIMEOUT=2", "APP_INFO=aku"]);
        assert!(!format!("{options:?}").contains("\"p\""), "Debug shows the password");
    }

    #[test]
    fn failures_have_the_drivers_codes() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let refused = Client::connect("127.0.0.1", free, &options(1000)).unwrap_err();
        assert_eq!((refused.sqlstate.as_str(), refused.native), ("08001", 327_730));
        assert!(refused.message.ends_with("errno=111)"), "{refused}");
        assert_eq!(ConnectFailure::classify(&refused), ConnectFailure::Absent);

        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let e = Client::connect("127.0.0.1", silent.local_addr().unwrap().port(), &options(50)).unwrap_err();
        assert_eq!((e.sqlstate.as_str(), e.native), ("HYT01", 331_853));
        assert_eq!(ConnectFailure::classify(&e), ConnectFailure::Timeout);

        let (port, _served) = serve(vec![Response::Connected { session: 1 }]);
        let mut client = Client::connect("127.0.0.1", port, &options(2000)).unwrap();
        for _ in 0..2 {
            let e = client.execute("SELECT 1 FROM DUAL").unwrap_err();
            assert_eq!((e.sqlstate.as_str(), e.native), ("08S01", 331_843));
        }
    }

    /// Drips: each byte comes well within any bound, and the answer never ends.
    #[test]
    fn a_server_that_drips_bytes_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let drips = thread::spawn(move || {
            for login in [false, true] {
                let (mut stream, _) = listener.accept().unwrap();
                Request::read(&mut stream).unwrap();
                if login {
                    Response::Connected { session: 1 }.write(&mut stream).unwrap();
                    Request::read(&mut stream).unwrap();
                }
                // A frame of a million bytes, one at a time.
                let announced = 1_000_000_u32.to_le_bytes();
                for byte in announced.into_iter().chain(std::iter::repeat(0)) {
                    if stream.write_all(&[byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
        let e = Client::connect("127.0.0.1", port, &options(100)).unwrap_err();
        assert_eq!((e.native, ConnectFailure::classify(&e)), (331_853, ConnectFailure::Timeout));
        let options = Options { silence_timeout: Some(Duration::from_millis(100)), ..options(20_000) };
        let mut client = Client::connect("127.0.0.1", port, &options).unwrap();
        assert_eq!(client.execute("slow").unwrap_err().native, 331_853);
        drop(client);
        drips.join().unwrap();
    }

    #[test]
    fn an_error_keeps_the_session_and_silence_loses_it() {
        let error = Response::Error { sqlstate: "42000".into(), native: 200_705, message: "SQL syntax error".into() };
        let (port, served) = serve(vec![Response::Connected { session: 1 }, error, Response::Done { affected: 3 }]);
        let mut client = Client::connect("127.0.0.1", port, &options(2000)).unwrap();
        assert_eq!(client.execute("x").unwrap_err().native, 200_705);
        assert_eq!(client.execute("y"), Ok(Response::Done { affected: 3 }));
        assert_eq!(served.join().unwrap().len(), 3);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let quiet = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            Request::read(&mut stream).unwrap();
            Response::Connected { session: 1 }.write(&mut stream).unwrap();
            // Reads the statement and waits until the client gives up.
            while Request::read(&mut stream).unwrap().is_some() {}
        });
        let options = Options { silence_timeout: Some(Duration::from_millis(30)), ..options(2000) };
        let mut client = Client::connect("127.0.0.1", port, &options).unwrap();
        assert_eq!(client.execute("slow").unwrap_err().native, 331_853);
        assert_eq!(client.execute("next").unwrap_err().native, 331_843);
        drop(client);
        quiet.join().unwrap();
    }
}

//! The TCP connection to a pod: dialling, one request and its response, cancelling; failures in Altibase's words and
//! codes. Never decides what a connection string means (`options`).

use std::{
    io::{self, Read},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use crate::{
    diag::Record,
    options::Options,
    wire::{Request, Response},
};

const CONNECT_FAILED: i32 = 327_730;
const SILENT: i32 = 331_853;
const LINK_LOST: i32 = 331_843;

/// LOGIN_TIMEOUT when nobody sets one.
const DEFAULT_LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a session lives; all that a cancel needs.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    pub session: u32,
    pub login_timeout: Duration,
}

/// One logged-in connection.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    pub peer: Peer,
}

/// Reads until a deadline, however many reads it takes.
struct Until<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        (&mut &*self.stream).read(buffer)
    }
}

fn timed_out(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn refused(detail: &str) -> Record {
    Record::new("08001", CONNECT_FAILED, format!("Client unable to establish connection. ({detail})"))
}

fn silent() -> Record {
    Record::new("HYT01", SILENT, "Connection timeout.")
}

pub fn lost(detail: &str) -> Record {
    Record::new("08S01", LINK_LOST, format!("Communication link failure. ({detail})"))
}

fn connect_failed(e: &io::Error) -> Record {
    const ETIMEDOUT: i32 = 110;
    let errno = if timed_out(e) { ETIMEDOUT } else { e.raw_os_error().unwrap_or(0) };
    refused(&format!("Failed to invoke the connect() system function, errno={errno}"))
}

fn dial(host: &str, port: u16, deadline: Instant) -> Result<(TcpStream, SocketAddr), Record> {
    let addresses =
        (host, port).to_socket_addrs().map_err(|_| refused("Failed to invoke the getaddrinfo() system function"))?;
    let mut failure = refused("the host has no address");
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok((stream, address)),
            Err(e) => failure = connect_failed(&e),
        }
    }
    Err(failure)
}

impl Link {
    /// Connects and logs in, all within `login_timeout`.
    ///
    /// # Errors
    /// The diagnostic record to post.
    pub fn open(options: &Options, login_timeout: Option<Duration>) -> Result<Self, Record> {
        let login_timeout =
            options.login_timeout.or(login_timeout).filter(|t| !t.is_zero()).unwrap_or(DEFAULT_LOGIN_TIMEOUT);
        let deadline = Instant::now() + login_timeout;
        let (mut stream, address) = dial(&options.host, options.port, deadline)?;
        if options.server_alone {
            return Err(Record::new("HY024", 331_796, "Invalid attribute value"));
        }
        // Requests are single small frames.
        let _ = stream.set_nodelay(true);
        let request = Request::Connect { options: options.passed_on.clone() };
        request.write(&mut stream).map_err(|e| lost(&e.to_string()))?;
        let answer = Response::read(&mut Until { stream: &stream, deadline });
        match answer {
            Ok(Some(Response::Connected { session })) => {
                Ok(Self { stream, peer: Peer { address, session, login_timeout } })
            }
            Ok(Some(Response::Error { sqlstate, native, message })) => Err(Record::new(&sqlstate, native, message)),
            Ok(Some(Response::Done { .. } | Response::Rows { .. })) => Err(lost("the pod broke the protocol")),
            Ok(None) => Err(lost("closed by the server")),
            Err(e) if timed_out(&e) => Err(silent()),
            Err(e) => Err(lost(&e.to_string())),
        }
    }

    /// Runs one statement. `silence` bounds each wait for the network; `None` waits for ever.
    ///
    /// # Errors
    /// The diagnostic record to post; a fatal one means that the link is of no more use.
    pub fn execute(&mut self, sql: String, silence: Option<Duration>) -> Result<Response, Record> {
        let gone = |e: io::Error| if timed_out(&e) { silent() } else { lost(&e.to_string()) };
        self.stream.set_read_timeout(silence.filter(|t| !t.is_zero())).map_err(gone)?;
        Request::Execute { sql }.write(&mut self.stream).map_err(gone)?;
        match Response::read(&mut self.stream).map_err(gone)? {
            Some(Response::Error { sqlstate, native, message }) => Err(Record::new(&sqlstate, native, message)),
            Some(Response::Connected { .. }) => Err(lost("the pod broke the protocol")),
            Some(answer @ (Response::Done { .. } | Response::Rows { .. })) => Ok(answer),
            None => Err(lost("closed by the server")),
        }
    }
}

/// Asks the pod to cancel what runs on a session, over a second connection as the real driver does.
///
/// # Errors
/// The diagnostic record to post.
pub fn cancel(peer: Peer) -> Result<(), Record> {
    let deadline = Instant::now() + peer.login_timeout;
    let mut stream = TcpStream::connect_timeout(&peer.address, peer.login_timeout).map_err(|e| connect_failed(&e))?;
    Request::Cancel { session: peer.session }.write(&mut stream).map_err(|e| lost(&e.to_string()))?;
    match Response::read(&mut Until { stream: &stream, deadline }) {
        Ok(_) => Ok(()),
        Err(e) if timed_out(&e) => Err(silent()),
        Err(e) => Err(lost(&e.to_string())),
    }
}

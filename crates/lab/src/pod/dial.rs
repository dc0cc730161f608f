//! Outgoing links: from a host name to a socket under way.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
};

use mio::{Waker, net::TcpStream};
use socket2::{Domain, Socket, Type};

use crate::io::LinkId;

/// An answered name; `None` when there is no such host.
pub(super) type Resolved = (LinkId, u16, Option<IpAddr>);

/// Finds addresses without holding up the loop.
#[derive(Debug)]
pub(super) struct Resolver {
    names: BTreeMap<String, Ipv4Addr>,
    file: Option<PathBuf>,
    waker: Arc<Waker>,
    sender: mpsc::Sender<Resolved>,
    answers: mpsc::Receiver<Resolved>,
}

impl Resolver {
    pub(super) fn new(hosts: &BTreeMap<String, Ipv4Addr>, file: Option<PathBuf>, waker: Waker) -> Self {
        let (sender, answers) = mpsc::channel();
        let names = hosts.iter().map(|(name, &ip)| (name.to_ascii_lowercase(), ip)).collect();
        Self { names, file, waker: Arc::new(waker), sender, answers }
    }

    /// The address at once, when it is numeric or a name of the lab; otherwise a thread asks the system and the answer
    /// comes through [`Resolver::answered`].
    pub(super) fn resolve(&self, link: LinkId, host: &str, port: u16) -> Option<IpAddr> {
        if let Ok(ip) = host.parse() {
            return Some(ip);
        }
        if let Some(&ip) = self.names.get(&host.to_ascii_lowercase()) {
            return Some(IpAddr::V4(ip));
        }
        if let Some(file) = &self.file {
            // Who is in none of the two is nobody; the system's name server knows nothing of a lab.
            let ip = fs::read_to_string(file).ok().and_then(|text| of_hosts(&text, host));
            if ip.is_none() {
                let _ = self.sender.send((link, port, None));
                let _ = self.waker.wake();
            }
            return ip;
        }
        let (host, sender, waker) = (host.to_owned(), self.sender.clone(), Arc::clone(&self.waker));
        let ask = move || {
            let ip = (host.as_str(), port).to_socket_addrs().ok().and_then(|mut all| all.next()).map(|a| a.ip());
            // The host is gone when nobody listens any more.
            if sender.send((link, port, ip)).is_ok() {
                let _ = waker.wake();
            }
        };
        if thread::Builder::new().name("resolve".to_owned()).stack_size(128 << 10).spawn(ask).is_err() {
            // No thread to be had: as good as no answer.
            let _ = self.sender.send((link, port, None));
            let _ = self.waker.wake();
        }
        None
    }

    pub(super) fn answered(&self) -> impl Iterator<Item = Resolved> + '_ {
        self.answers.try_iter()
    }
}

/// The address of a name in lines `ADDRESS NAME`.
fn of_hosts(text: &str, host: &str) -> Option<IpAddr> {
    let line =
        |line: &str| line.split_once(' ').filter(|(_, name)| name.trim().eq_ignore_ascii_case(host))?.0.parse().ok();
    text.lines().find_map(line)
}

/// Starts a connection to `to` from the address `from`, so that the other side sees who calls.
///
/// # Errors
/// It failed at once.
pub(super) fn start(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let domain = if to.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), None)?;
    if to.ip().is_loopback() && to.is_ipv4() {
        socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into())?;
    }
    match socket.connect(&to.into()) {
        Ok(()) => {}
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        Err(e) => return Err(e),
    }
    Ok(TcpStream::from_std(socket.into()))
}

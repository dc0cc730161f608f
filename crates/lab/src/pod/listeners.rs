//! The listening ports of a pod and the states that faults put them in.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use mio::{Interest, Registry, Token, net::TcpListener};
use socket2::{Domain, Socket, Type};

use crate::fault_rules::PortState;

/// One port.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    token: Token,
    state: PortState,
    socket: Option<TcpListener>,
    /// Keeps the queue of a hole full.
    filler: Option<TcpStream>,
}

impl Listener {
    pub(super) fn open(ip: Ipv4Addr, port: u16, token: Token, registry: &Registry) -> io::Result<Self> {
        let address = SocketAddr::new(IpAddr::V4(ip), port);
        let mut listener = Self { address, token, state: PortState::Closed, socket: None, filler: None };
        listener
            .become_state(PortState::Open, registry)
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}")))?;
        Ok(listener)
    }

    fn bind(&self, backlog: i32) -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&self.address.into())?;
        socket.listen(backlog)?;
        Ok(TcpListener::from_std(socket.into()))
    }

    fn close(&mut self, registry: &Registry) {
        if let Some(mut old) = self.socket.take() {
            // Only fails for a source that is not registered.
            let _ = registry.deregister(&mut old);
        }
        self.filler = None;
    }

    /// Puts the port into a state.
    ///
    /// # Errors
    /// The port cannot be bound again.
    pub(super) fn become_state(&mut self, state: PortState, registry: &Registry) -> io::Result<()> {
        if state == self.state {
            return Ok(());
        }
        match state {
            PortState::Closed => self.close(registry),
            PortState::Hole => {
                self.close(registry);
                self.socket = Some(self.bind(0)?);
                // With room for one waiting connection and that one taken, the kernel drops every further SYN.
                self.filler = Some(TcpStream::connect_timeout(&self.address, Duration::from_secs(1))?);
            }
            PortState::Open | PortState::Ignored | PortState::Curt => {
                let keeps = match self.state {
                    PortState::Open | PortState::Ignored | PortState::Curt => true,
                    PortState::Closed | PortState::Hole => false,
                };
                if !keeps {
                    self.close(registry);
                    let mut socket = self.bind(1024)?;
                    registry.register(&mut socket, self.token, Interest::READABLE)?;
                    self.socket = Some(socket);
                }
            }
        }
        self.state = state;
        Ok(())
    }

    /// The next waiting connection; `None` when there is none or the port does not accept.
    pub(super) fn accept(&self) -> Option<(mio::net::TcpStream, SocketAddr)> {
        match (self.state, &self.socket) {
            (PortState::Open | PortState::Curt, Some(socket)) => loop {
                match socket.accept() {
                    Ok(_) if self.state == PortState::Curt => {}
                    Ok(accepted) => return Some(accepted),
                    // A connection that died in the queue is no reason to leave the others there.
                    Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {}
                    Err(_) => return None,
                }
            },
            (PortState::Open | PortState::Closed | PortState::Hole | PortState::Ignored | PortState::Curt, _) => None,
        }
    }
}

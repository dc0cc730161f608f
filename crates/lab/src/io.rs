//! What goes into a lab server and what comes out: the border between the engine and whoever hosts it.
//!
//! The host owns sockets, timers and the clock. It calls [`Engine::handle`] for everything that happens and carries
//! out the outputs. Effects that were acknowledged by a `Respond` are durable against the death of the process by then.

use aku_db::wire::{Request, Response};

/// Microseconds since the Unix epoch as the host tells them; never goes back within one life of a server.
pub type Micros = u64;

/// A client connection, numbered by the host; never reused within one life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// A connection between two servers. Incoming ones are numbered by the host (even numbers), outgoing ones by the
/// engine (odd numbers); never reused within one life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// Why a dial failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFailure {
    /// Nobody listens there, or the name cannot be resolved; known at once.
    Refused,
    /// No answer within the connect timeout.
    Timeout,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client sent a request. `peer` is its address as `ip:port`.
    Client { conn: ConnId, peer: String, request: Request },
    /// A client's connection is gone; its session ends, its open transaction is rolled back.
    ClientGone { conn: ConnId },
    /// An outgoing link is up. `local` and `peer` are `ip:port`.
    LinkUp { link: LinkId, local: String, peer: String },
    /// An outgoing link could not be made.
    LinkFailed { link: LinkId, why: DialFailure },
    /// Another server connected to our replication port.
    LinkAccepted { link: LinkId, local: String, peer: String },
    /// Bytes of one whole message from the other server; order is kept.
    LinkMessage { link: LinkId, message: Vec<u8> },
    /// The link is gone (closed, reset, or the other server died).
    LinkDown { link: LinkId },
    /// The time named by [`Engine::next_deadline`] has come; harmless when early.
    Timer,
}

/// Something to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The answer to a client's request; a request may be answered much later (SYNC, FLUSH, lock waits).
    Respond { conn: ConnId, response: Response },
    /// Close a client's connection (SESSION CLOSE).
    CloseClient { conn: ConnId },
    /// Connect to another server's replication port, within `timeout` microseconds.
    Dial { link: LinkId, host: String, port: u16, timeout: Micros },
    /// Send one message.
    Send { link: LinkId, message: Vec<u8> },
    /// Close a link.
    Hangup { link: LinkId },
}

/// A lab server without sockets, threads or clock.
pub trait Engine {
    /// Takes in what happened at `now` and appends what is to be done.
    fn handle(&mut self, now: Micros, input: Input, out: &mut Vec<Output>);

    /// When [`Input::Timer`] is wanted next; `None` for never.
    fn next_deadline(&self) -> Option<Micros>;

    /// Makes everything handled so far durable; the host calls it before it carries out the outputs of a burst of
    /// inputs, so that one write to disk serves many commits.
    ///
    /// # Errors
    /// The disk refused; the host must not carry out the outputs and must end the process.
    fn persist(&mut self) -> std::io::Result<()>;
}

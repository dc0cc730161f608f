//! A non-blocking socket with buffers on both sides, and the frames in them.
//!
//! Frames are those of the client protocol: u32 length, little endian, and that many bytes; links between pods use the
//! same. Knows nothing of what the bytes mean.

use std::io::{self, Read, Write};

use aku_db::wire::MAX_FRAME;
use mio::{Interest, Registry, Token, event::Source, net};

/// TCP or a Unix socket.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(net::TcpStream),
    Unix(net::UnixStream),
}

impl Stream {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(s) => s,
            Self::Unix(s) => s,
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.read(buf),
            Self::Unix(s) => s.read(buf),
        }
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.write(buf),
            Self::Unix(s) => s.write(buf),
        }
    }
}

/// The socket and what is under way. Edge-triggered: the flags say what the poll has announced and nobody has used up.
#[derive(Debug)]
pub(super) struct Socket {
    pub stream: Stream,
    pub readable: bool,
    pub writable: bool,
    /// The other side closed, or the socket failed.
    pub ended: bool,
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
    sent: usize,
}

/// Read at most that much per turn, so that one peer cannot starve the others.
const TURN: usize = 1 << 20;
/// Buffers above this size are given back when they are empty.
const KEEP: usize = 1 << 20;

impl Socket {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            readable: true,
            writable: true,
            ended: false,
            input: Vec::new(),
            taken: 0,
            output: Vec::new(),
            sent: 0,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(self.stream.source(), token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn deregister(&mut self, registry: &Registry) {
        // Only fails for a source that is not registered.
        let _ = registry.deregister(self.stream.source());
    }

    /// Takes in what has arrived, up to a turn. `scratch` is any buffer.
    pub(super) fn fill(&mut self, scratch: &mut [u8]) {
        let mut room = TURN;
        while self.readable && !self.ended && room > 0 {
            match self.stream.read(scratch) {
                Ok(0) => self.ended = true,
                Ok(n) => {
                    self.input.extend_from_slice(&scratch[..n]);
                    room = room.saturating_sub(n);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.ended = true,
            }
        }
    }

    /// Reads and forgets what has arrived, within reason.
    pub(super) fn discard(&mut self) {
        let mut bin = [0; 4096];
        for _ in 0..64 {
            match self.stream.read(&mut bin) {
                Ok(n) if n > 0 => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn consume(&mut self, n: usize) {
        self.taken += n;
        if self.taken == self.input.len() {
            self.input.clear();
            self.taken = 0;
            if self.input.capacity() > KEEP {
                self.input = Vec::new();
            }
        } else if self.taken > KEEP {
            self.input.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// The next whole frame without its length. A length beyond [`MAX_FRAME`] ends the socket.
    pub(super) fn next_frame(&mut self) -> Option<Vec<u8>> {
        let rest = &self.input[self.taken..];
        let len = u32::from_le_bytes(*rest.first_chunk::<4>()?) as usize;
        if len > MAX_FRAME {
            self.ended = true;
            return None;
        }
        let frame = rest.get(4..4 + len)?.to_vec();
        self.consume(4 + len);
        Some(frame)
    }

    /// The next whole line without its end.
    pub(super) fn next_line(&mut self) -> Option<String> {
        let rest = &self.input[self.taken..];
        let end = rest.iter().position(|&b| b == b'\n')?;
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.consume(end + 1);
        Some(line)
    }

    /// The buffer to which what is to be sent is appended; [`Socket::flush`] sends.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    pub(super) fn push_frame(&mut self, body: &[u8]) {
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        self.output.extend_from_slice(&len.to_le_bytes());
        self.output.extend_from_slice(body);
    }

    pub(super) fn all_sent(&self) -> bool {
        self.sent == self.output.len()
    }

    pub(super) fn flush(&mut self) {
        while self.writable && !self.ended && !self.all_sent() {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // What the other side sent before it went is still read; reading then finds the end.
                Err(_) => self.sent = self.output.len(),
            }
        }
        if self.all_sent() {
            self.output.clear();
            self.sent = 0;
            if self.output.capacity() > KEEP {
                self.output = Vec::new();
            }
        } else if self.sent > KEEP {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
    }
}

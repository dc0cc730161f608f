//! The lab's client protocol: frames over TCP between a client (the `lab` transport, the lab's ODBC driver) and a
//! lab pod. This file depends on `std` only, because the driver compiles it too (`#[path]`).
//!
//! Frame: length (u32, little endian) of what follows, one tag byte, fields. Text: u32 length and UTF-8 bytes.
//! One request is under way per connection; the answer to a request is exactly one response.

use std::io::{self, Read, Write};

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Log in; the first request of a connection. `options` are connection-string keywords in upper case
    /// (UID, PWD, PRIVILEGE, QUERY_TIMEOUT, APP_INFO, AUTOCOMMIT ...).
    Connect { options: Vec<(String, String)> },
    /// Run one statement.
    Execute { sql: String },
    /// Cancel what runs on another session; sent on a connection of its own instead of `Connect`.
    Cancel { session: u32 },
}

/// What a pod answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Logged in; the id is SESSION_ID and what `Cancel` names.
    Connected { session: u32 },
    /// Done; rows affected, -1 when the statement has no such count.
    Done { affected: i64 },
    /// A result set.
    Rows { columns: Vec<String>, rows: Vec<Vec<Cell>> },
    /// Refused or failed.
    Error { sqlstate: String, native: i32, message: String },
}

/// One cell of a result set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// NULL
    Null,
    /// An integer type.
    Int(i64),
    /// Anything else as text.
    Text(String),
}

/// Largest frame either side accepts, bytes.
pub const MAX_FRAME: usize = 1 << 28;

/// Most cells of one result set: a cell takes more memory than bytes on the wire.
pub const MAX_CELLS: usize = 1 << 23;

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("lab protocol: {what}"))
}

fn put_len(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, n: usize) -> io::Result<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n).ok_or_else(|| bad("short frame"))?;
        self.0 = tail;
        Ok(head)
    }
    fn u8(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }
    fn u32(&mut self) -> io::Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| bad("u32"))?))
    }
    fn i64(&mut self) -> io::Result<i64> {
        Ok(i64::from_le_bytes(self.take(8)?.try_into().map_err(|_| bad("i64"))?))
    }
    fn text(&mut self) -> io::Result<String> {
        let n = self.u32()? as usize;
        String::from_utf8(self.take(n)?.to_vec()).map_err(|_| bad("text is not UTF-8"))
    }
    /// Whether so many cells can be in what is left: each takes a byte at least.
    fn holds(&self, width: u32, height: u32) -> io::Result<()> {
        let cells = u64::from(width) * u64::from(height);
        match () {
            () if width == 0 && height > 0 => Err(bad("rows without columns")),
            () if cells > self.0.len() as u64 => Err(bad("short frame")),
            () if cells > MAX_CELLS as u64 => Err(bad("too many cells")),
            () => Ok(()),
        }
    }
    fn end(&self) -> io::Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(bad("long frame")) }
    }
}

fn write_frame(w: &mut impl Write, body: &[u8]) -> io::Result<()> {
    if body.len() > MAX_FRAME {
        return Err(bad("frame too large"));
    }
    let mut frame = Vec::with_capacity(body.len() + 4);
    put_len(&mut frame, body.len());
    frame.extend_from_slice(body);
    w.write_all(&frame)?;
    w.flush()
}

/// Reads one frame's body; `None` when the other side closed between frames.
fn read_frame(r: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; 4];
    let mut got = 0;
    while got < 4 {
        match r.read(&mut head[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let len = u32::from_le_bytes(head) as usize;
    if len > MAX_FRAME {
        return Err(bad("frame too large"));
    }
    // Memory follows what came, not what was announced.
    let mut body = Vec::new();
    if r.take(len as u64).read_to_end(&mut body)? < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(body))
}

impl Request {
    /// Sends the request.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&self, w: &mut impl Write) -> io::Result<()> {
        let mut out = Vec::new();
        match self {
            Self::Connect { options } => {
                out.push(1);
                put_len(&mut out, options.len());
                for (key, value) in options {
                    put_text(&mut out, key);
                    put_text(&mut out, value);
                }
            }
            Self::Execute { sql } => {
                out.push(2);
                put_text(&mut out, sql);
            }
            Self::Cancel { session } => {
                out.push(3);
                out.extend_from_slice(&session.to_le_bytes());
            }
        }
        write_frame(w, &out)
    }

    /// Receives a request; `None` when the client closed.
    ///
    /// # Errors
    /// I/O, or a frame that is not a request.
    pub fn read(r: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(body) = read_frame(r)? else { return Ok(None) };
        let mut f = Fields(&body);
        let request = match f.u8()? {
            1 => {
                let n = f.u32()?;
                let options = (0..n).map(|_| Ok((f.text()?, f.text()?))).collect::<io::Result<_>>()?;
                Self::Connect { options }
            }
            2 => Self::Execute { sql: f.text()? },
            3 => Self::Cancel { session: f.u32()? },
            _ => return Err(bad("unknown request")),
        };
        f.end()?;
        Ok(Some(request))
    }
}

impl Response {
    /// Sends the response.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&self, w: &mut impl Write) -> io::Result<()> {
        let mut out = Vec::new();
        match self {
            Self::Connected { session } => {
                out.push(1);
                out.extend_from_slice(&session.to_le_bytes());
            }
            Self::Done { affected } => {
                out.push(2);
                out.extend_from_slice(&affected.to_le_bytes());
            }
            Self::Rows { columns, rows } => {
                out.push(3);
                put_len(&mut out, columns.len());
                for column in columns {
                    put_text(&mut out, column);
                }
                put_len(&mut out, rows.len());
                for cell in rows.iter().flatten() {
                    match cell {
                        Cell::Null => out.push(0),
                        Cell::Int(n) => {
                            out.push(1);
                            out.extend_from_slice(&n.to_le_bytes());
                        }
                        Cell::Text(t) => {
                            out.push(2);
                            put_text(&mut out, t);
                        }
                    }
                }
            }
            Self::Error { sqlstate, native, message } => {
                out.push(4);
                put_text(&mut out, sqlstate);
                out.extend_from_slice(&native.to_le_bytes());
                put_text(&mut out, message);
            }
        }
        write_frame(w, &out)
    }

    /// Receives a response; `None` when the pod closed.
    ///
    /// # Errors
    /// I/O, or a frame that is not a response.
    pub fn read(r: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(body) = read_frame(r)? else { return Ok(None) };
        let mut f = Fields(&body);
        let response = match f.u8()? {
            1 => Self::Connected { session: f.u32()? },
            2 => Self::Done { affected: f.i64()? },
            3 => {
                let width = f.u32()?;
                let columns = (0..width).map(|_| f.text()).collect::<io::Result<Vec<_>>>()?;
                let height = f.u32()?;
                f.holds(width, height)?;
                let cell = |f: &mut Fields<'_>| match f.u8()? {
                    0 => Ok(Cell::Null),
                    1 => Ok(Cell::Int(f.i64()?)),
                    2 => Ok(Cell::Text(f.text()?)),
                    _ => Err(bad("unknown cell")),
                };
                let rows = (0..height)
                    .map(|_| (0..width).map(|_| cell(&mut f)).collect::<io::Result<Vec<_>>>())
                    .collect::<io::Result<_>>()?;
                Self::Rows { columns, rows }
            }
            4 => {
                let sqlstate = f.text()?;
                let native = f.u32()?.cast_signed();
                Self::Error { sqlstate, native, message: f.text()? }
            }
            _ => return Err(bad("unknown response")),
        };
        f.end()?;
        Ok(Some(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut frame = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        frame.extend_from_slice(body);
        frame
    }

    #[test]
    fn what_is_announced_takes_no_memory() {
        // No columns and 2^32-1 rows; a frame of a quarter of a gigabyte that ends at once; too many cells.
        let rows = |width: u32, height: u32| {
            let mut body = vec![3];
            body.extend(width.to_le_bytes());
            for _ in 0..width {
                put_text(&mut body, "C");
            }
            body.extend(height.to_le_bytes());
            body
        };
        for body in [rows(0, u32::MAX), rows(1, u32::MAX), rows(2, 1)] {
            assert!(Response::read(&mut framed(&body).as_slice()).is_err(), "{body:?}");
        }
        let mut long = u32::try_from(MAX_FRAME).unwrap().to_le_bytes().to_vec();
        long.push(3);
        assert_eq!(Response::read(&mut long.as_slice()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let mut many = rows(1, u32::try_from(MAX_CELLS + 1).unwrap());
        many.resize(many.len() + MAX_CELLS + 1, 0);
        assert!(Response::read(&mut framed(&many).as_slice()).unwrap_err().to_string().contains("too many cells"));
        assert_eq!(
            Response::read(&mut framed(&rows(0, 0)).as_slice()).unwrap(),
            Some(Response::Rows { columns: vec![], rows: vec![] })
        );
    }
}

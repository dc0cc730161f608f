//! The text of a configuration file: decoding, lines and columns.
//!
//! Decides what a line and a column are. Never judges what the text says.

use std::{fmt, ops::Range};

use zeroize::Zeroize as _;

/// A range of bytes in the text of a [`Source`].
pub type Span = Range<usize>;

/// Largest file that is read, in bytes. A Kubernetes ConfigMap cannot be larger either.
pub const MAX_BYTES: usize = 1 << 20;

/// What stands in `text` where the file has bytes that are not UTF-8.
const REPLACEMENT: char = '\u{FFFD}';

/// A run of bytes that is not UTF-8.
#[derive(Clone, Copy)]
pub(super) struct Invalid {
    /// Where [`Source::text`] has the replacement.
    pub pos: usize,
    /// Where the file has the bytes, from 0.
    pub offset: usize,
    /// How many bytes they are.
    len: usize,
}

/// The decoded text with its line index. Its `Debug` shows no text, because a password may stand in it.
#[derive(Clone)]
pub struct Source {
    path: String,
    text: String,
    line_starts: Vec<usize>,
    invalid: Vec<Invalid>,
    /// Length of a byte order mark that was taken away.
    bom: usize,
    /// Per line, where its secret part begins: see `secrets`.
    secret_starts: Vec<Option<usize>>,
}

impl Drop for Source {
    /// The password may stand in the text.
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("path", &self.path).field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl Source {
    /// Decodes UTF-8. A byte order mark is dropped; bytes that are not UTF-8 become U+FFFD and are remembered.
    pub(super) fn decode(path: &str, bytes: &[u8]) -> Self {
        let body = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let bom = bytes.len() - body.len();
        let mut text = String::with_capacity(body.len());
        let mut invalid = Vec::new();
        let mut offset = bom;
        for chunk in body.utf8_chunks() {
            text.push_str(chunk.valid());
            offset += chunk.valid().len();
            let len = chunk.invalid().len();
            if len > 0 {
                invalid.push(Invalid { pos: text.len(), offset, len });
                text.push(REPLACEMENT);
                offset += len;
            }
        }
        let line_starts = line_starts(&text);
        let mut source = Self { path: path.to_owned(), text, line_starts, invalid, bom, secret_starts: Vec::new() };
        source.secret_starts = super::secrets::secret_starts(&source);
        source
    }

    /// The file's name as messages show it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text without byte order mark. May hold the password.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What was not UTF-8, in order.
    pub(super) fn invalid(&self) -> &[Invalid] {
        &self.invalid
    }

    /// Offset in the file of a position in the text, in bytes.
    pub(super) fn file_offset(&self, pos: usize) -> usize {
        match self.invalid.iter().rfind(|bad| bad.pos <= pos) {
            Some(bad) if bad.pos == pos => bad.offset,
            Some(bad) => bad.offset + bad.len + (pos - bad.pos - REPLACEMENT.len_utf8()),
            None => self.bom + pos,
        }
    }

    /// How many lines there are; an empty file has one.
    pub(super) fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// Line of a position, from 1. LF, CR LF and a lone CR end a line.
    #[must_use]
    pub fn line(&self, pos: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= pos).max(1)
    }

    /// Column of a position in characters, from 1. A tab counts as one.
    #[must_use]
    pub fn column(&self, pos: usize) -> usize {
        let start = self.line_starts[self.line(pos) - 1];
        self.text[start..].char_indices().take_while(|(i, _)| start + i < pos).count() + 1
    }

    /// The bytes of a line without its end.
    ///
    /// # Panics
    /// When there is no such line.
    pub(super) fn line_span(&self, line: usize) -> Span {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        start..start + self.text[start..end].trim_end_matches(['\r', '\n']).len()
    }

    /// Where the secret part of a line begins, if it has one. It goes on to the end of the line.
    pub(super) fn secret_start(&self, line: usize) -> Option<usize> {
        self.secret_starts.get(line - 1).copied().flatten()
    }

    /// The words at `span` for a message: in back quotes, shortened, control characters escaped; never a secret.
    pub(super) fn quote(&self, span: &Span) -> String {
        const SHOWN: usize = 40;
        if self.secret_start(self.line(span.start)).is_some_and(|secret| span.end > secret) {
            return "this text".to_owned();
        }
        let mut words: String = self.text[span.clone()].chars().take(SHOWN).map(shown_char).collect();
        if self.text[span.clone()].chars().nth(SHOWN).is_some() {
            words.push_str("...");
        }
        format!("`{words}`")
    }
}

/// A character as a message shows it: invisible ones become `\u{..}`.
pub(super) fn shown_char(c: char) -> String {
    if matches!(c, '"' | '\'' | '\\') { c.to_string() } else { c.escape_debug().to_string() }
}

fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends_line = |i: usize| bytes[i] == b'\n' || (bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    std::iter::once(0).chain((0..bytes.len()).filter(|&i| ends_line(i)).map(|i| i + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_lf_crlf_and_lone_cr() {
        let s = Source::decode("f", b"a\nb\r\nc\rd");
        let starts: Vec<_> = ["a", "b", "c", "d"].iter().map(|w| s.line(s.text().find(w).unwrap())).collect();
        assert_eq!(starts, [1, 2, 3, 4]);
        assert_eq!(&s.text()[s.line_span(2)], "b");
        assert_eq!(&s.text()[s.line_span(4)], "d");
        assert_eq!(Source::decode("f", b"").line_count(), 1);
    }

    #[test]
    fn columns_count_characters_without_the_mark() {
        let s = Source::decode("f", "\u{FEFF}주문\tx".as_bytes());
        assert_eq!(s.column(s.text().find('x').unwrap()), 4);
        assert_eq!(s.line(s.text().len()), 1);
    }

    #[test]
    fn bad_bytes_keep_their_offset_in_the_file() {
        let s = Source::decode("f", b"\xEF\xBB\xBFab\xFF\xFEc");
        assert_eq!(s.invalid().iter().map(|bad| bad.offset).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(s.file_offset(s.text().find('c').unwrap()), 7);
        assert_eq!(s.file_offset(0), 3);
    }
}

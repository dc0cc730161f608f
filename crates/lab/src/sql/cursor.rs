//! A text of SQL as tokens, read one after another. For the statements that `sqlparser` does not know.
//!
//! Decides what a name is: unquoted ones are folded to upper case, `"quoted"` ones stay, at most 128 bytes.

use std::any::TypeId;

use sqlparser::{
    dialect::{Dialect, GenericDialect},
    parser::Parser,
    tokenizer::{Location, Token, TokenWithSpan, Tokenizer},
};

use super::SqlError;

/// Altibase for `sqlparser`: names may hold `$` and `#`, only `"` quotes a name. Otherwise it takes what the generic
/// dialect takes; what is too much is refused when the tree is lowered.
#[derive(Debug)]
pub(super) struct Altibase;

impl Dialect for Altibase {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || matches!(ch, '_' | '$' | '#')
    }

    fn supports_limit_comma(&self) -> bool {
        true
    }

    fn supports_subquery_as_function_arg(&self) -> bool {
        true
    }
}

/// Longest name of a table, user, column, partition or index, bytes (`altibase.md` 1).
const NAME_BYTES: usize = 128;
/// Longest name of a replication, bytes (`altibase.md` 3.1).
const REPLICATION_NAME_BYTES: usize = 40;

/// A place in a statement.
pub(super) struct Cursor<'a> {
    text: &'a str,
    tokens: Vec<TokenWithSpan>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Splits a text; one `;` at its end is left out.
    pub fn new(text: &'a str) -> Result<Self, SqlError> {
        let tokens = Tokenizer::new(&Altibase, text)
            .tokenize_with_location()
            .map_err(|e| SqlError::syntax(text, offset(text, e.location)))?;
        let mut tokens: Vec<_> = tokens.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
        if tokens.last().is_some_and(|t| t.token == Token::SemiColon) {
            tokens.pop();
        }
        Ok(Self { text, tokens, at: 0 })
    }

    /// A syntax error here.
    pub fn error(&self) -> SqlError {
        let at = self.tokens.get(self.at).map_or(self.text.len(), |t| offset(self.text, t.span.start));
        SqlError::syntax(self.text, at)
    }

    /// Hands everything to `sqlparser`, which must use it up.
    pub fn parse_all(self) -> Result<sqlparser::ast::Statement, SqlError> {
        let text = self.text;
        let mut parser = Parser::new(&Altibase).with_tokens_with_locations(self.tokens);
        let parsed = parser.parse_statement();
        let next = parser.peek_token_ref();
        match parsed {
            Ok(parsed) if next.token == Token::EOF => Ok(parsed),
            _ if next.token == Token::EOF => Err(SqlError::syntax(text, text.len())),
            _ => Err(SqlError::syntax(text, offset(text, next.span.start))),
        }
    }

    pub fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.token)
    }

    fn peek_after(&self, n: usize) -> Option<&Token> {
        self.tokens.get(self.at + n).map(|t| &t.token)
    }

    pub fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += usize::from(token.is_some());
        token
    }

    /// Whether the next tokens are these unquoted words.
    pub fn at_words(&self, words: &[&str]) -> bool {
        let is = |token: Option<&Token>, word: &str| match token {
            Some(Token::Word(w)) => w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word),
            _ => false,
        };
        words.iter().enumerate().all(|(n, word)| is(self.peek_after(n), word))
    }

    /// Takes these words when they come next, all of them or none.
    pub fn accept(&mut self, words: &[&str]) -> bool {
        let there = self.at_words(words);
        if there {
            self.at += words.len();
        }
        there
    }

    pub fn expect(&mut self, words: &[&str]) -> Result<(), SqlError> {
        if self.accept(words) { Ok(()) } else { Err(self.error()) }
    }

    pub fn accept_token(&mut self, token: &Token) -> bool {
        let there = self.peek() == Some(token);
        self.at += usize::from(there);
        there
    }

    pub fn expect_token(&mut self, token: &Token) -> Result<(), SqlError> {
        if self.accept_token(token) { Ok(()) } else { Err(self.error()) }
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), SqlError> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(self.error()) }
    }

    /// Any unquoted word, in upper case.
    pub fn word(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::Word(w)) if w.quote_style.is_none() => {
                let word = w.value.to_uppercase();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.error()),
        }
    }

    /// A name.
    pub fn name(&mut self) -> Result<String, SqlError> {
        self.limited_name(NAME_BYTES)
    }

    /// The name of a replication.
    pub fn replication_name(&mut self) -> Result<String, SqlError> {
        self.limited_name(REPLICATION_NAME_BYTES)
    }

    fn limited_name(&mut self, bytes: usize) -> Result<String, SqlError> {
        let Some(Token::Word(word)) = self.peek() else { return Err(self.error()) };
        let name = fold(&word.value, word.quote_style);
        if name.is_empty() {
            return Err(self.error());
        }
        if name.len() > bytes {
            return Err(SqlError::name_too_long());
        }
        self.at += 1;
        Ok(name)
    }

    /// `'text'`
    pub fn string(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::SingleQuotedString(text)) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.error()),
        }
    }

    /// A number without sign or fraction, at most 63 bits.
    pub fn integer(&mut self) -> Result<u64, SqlError> {
        let number = match self.peek() {
            Some(Token::Number(digits, _)) => digits.parse().ok().filter(|n| i64::try_from(*n).is_ok()),
            _ => None,
        };
        let number = number.ok_or_else(|| self.error())?;
        self.at += 1;
        Ok(number)
    }

    /// Items separated by commas, at least one.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, SqlError>) -> Result<Vec<T>, SqlError> {
        let mut items = vec![item(self)?];
        while self.accept_token(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// The same in parentheses.
    pub fn parenthesized<T>(&mut self, item: impl FnMut(&mut Self) -> Result<T, SqlError>) -> Result<Vec<T>, SqlError> {
        self.expect_token(&Token::LParen)?;
        let items = self.list(item)?;
        self.expect_token(&Token::RParen)?;
        Ok(items)
    }
}

/// A name as the catalog spells it.
pub(super) fn fold(name: &str, quote: Option<char>) -> String {
    if quote.is_some() { name.to_owned() } else { name.to_ascii_uppercase() }
}

/// Byte offset of a line and column, both counted from 1, columns in characters.
fn offset(text: &str, at: Location) -> usize {
    let line = usize::try_from(at.line.saturating_sub(1)).unwrap_or(usize::MAX);
    let column = usize::try_from(at.column.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &text[start..];
    start + rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i)
}

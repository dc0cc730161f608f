//! Walks over tokens and collects problems. Knows no rule of the grammar.

use crate::conf::{
    Source, Span,
    lex::{Kind, Token},
    problem::{Log, Problem},
    property,
};

/// The place in the token list, and where to note what is wrong.
pub(super) struct Cursor<'t, 'l> {
    pub(super) source: &'t Source,
    tokens: &'t [Token],
    at: usize,
    log: &'l mut Log<'t>,
}

impl<'t, 'l> Cursor<'t, 'l> {
    pub(super) fn new(tokens: &'t [Token], log: &'l mut Log<'t>) -> Self {
        Self { source: log.source(), tokens, at: 0, log }
    }

    /// The next token, unless the file is over or was given up.
    pub(super) fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn peek_kind(&self) -> Option<Kind> {
        self.peek().map(|t| t.kind)
    }

    /// Whether the token after the next one is of this kind.
    pub(super) fn second_is(&self, kind: Kind) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|t| t.kind == kind)
    }

    pub(super) fn next(&mut self) -> Option<&'t Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// The next token if it is of this kind.
    pub(super) fn eat(&mut self, kind: Kind) -> Option<&'t Token> {
        self.peek().filter(|t| t.kind == kind)?;
        self.next()
    }

    /// The token before the next one.
    pub(super) fn previous(&self) -> Option<&'t Token> {
        self.tokens.get(self.at.checked_sub(1)?)
    }

    pub(super) fn text(&self, token: &Token) -> &'t str {
        &self.source.text()[token.span.clone()]
    }

    /// Whether `KEY =` comes next.
    pub(super) fn at_assignment(&self) -> bool {
        self.peek_kind() == Some(Kind::Word) && self.second_is(Kind::Equals)
    }

    /// Whether an assignment comes next that can only stand at the top of the file.
    pub(super) fn at_top_assignment(&self) -> bool {
        self.at_assignment()
            && self.peek().is_some_and(|t| {
                let word = self.text(t);
                word.starts_with("AKU_") || word == property::REPLICATIONS
            })
    }

    /// Whether the key of a group comes next.
    pub(super) fn at_group_assignment(&self) -> bool {
        self.at_assignment() && self.peek().is_some_and(|t| property::GROUP_KEYS.contains(&self.text(t)))
    }

    /// Whether an option comes next that is written as in CREATE REPLICATION, without `=`.
    pub(super) fn at_option(&self) -> bool {
        let is_option = |word: &str| word == property::APPLIERS || property::FLAGS.contains(&word);
        !self.at_assignment()
            && !self.second_is(Kind::Dot)
            && self.peek().is_some_and(|t| t.kind == Kind::Word && is_option(self.text(t)))
    }

    /// Whether `, (` comes next.
    pub(super) fn at_next_group(&self) -> bool {
        self.peek_kind() == Some(Kind::Comma) && self.second_is(Kind::Open)
    }

    /// Whether the next token touches `end`.
    pub(super) fn touches(&self, end: usize) -> bool {
        self.peek().is_some_and(|t| t.span.start == end)
    }

    /// Whether the next token is on the same line as the one before.
    pub(super) fn on_same_line(&self) -> bool {
        self.peek().is_some_and(|t| !t.first_on_line)
    }

    /// Where the next token is; at the end of the file, right after the last one.
    pub(super) fn here(&self) -> Span {
        self.peek().map_or_else(
            || {
                let end = self.tokens.last().map_or(0, |t| t.span.end);
                end..end
            },
            |t| t.span.clone(),
        )
    }

    /// Right after the token before.
    pub(super) fn after_previous(&self) -> Span {
        let end = self.previous().map_or(0, |t| t.span.end);
        end..end
    }

    /// What the next token is, in words.
    pub(super) fn here_words(&self) -> String {
        self.peek().map_or_else(|| "the end of the file".to_owned(), |t| self.source.quote(&t.span))
    }

    pub(super) fn skip_line(&mut self) {
        while self.on_same_line() {
            self.at += 1;
        }
    }

    /// Skips to the first token that `stop` accepts; it stays.
    pub(super) fn skip_to(&mut self, stop: impl Fn(&Self) -> bool) {
        while self.peek().is_some() && !stop(self) {
            self.at += 1;
        }
    }

    /// How many problems there are so far.
    pub(super) fn problem_count(&self) -> usize {
        self.log.len()
    }

    /// Notes a problem at a place. Past the log's bound the rest of the file is skipped.
    pub(super) fn report(&mut self, problem: Problem, span: &Span) {
        self.log.report(problem, span);
        if self.log.is_full() {
            self.at = self.tokens.len();
        }
    }
}

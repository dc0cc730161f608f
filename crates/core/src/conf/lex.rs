//! Text to tokens. Knows characters, not grammar; never fails, because every character belongs to some token.

use winnow::{
    LocatingSlice, Parser,
    combinator::{alt, iterator, opt, repeat},
    error::EmptyError,
    token::{none_of, one_of, take_till, take_while},
};

use super::Span;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A run of characters without a meaning of their own.
    Word,
    /// `"..."`, closed on its line; `""` inside stands for one quote.
    Quoted,
    /// A quote that is still open at the end of the line.
    Unclosed,
    Open,
    Close,
    Comma,
    Equals,
    Dot,
}

/// A token; its text is in the source, because it may be the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Span,
    /// Whether a line end lies between this token and the one before.
    pub first_on_line: bool,
}

/// Tokens and comments of a file, each in order.
pub(super) struct Lexed {
    pub tokens: Vec<Token>,
    pub comments: Vec<Span>,
}

type Input<'s> = LocatingSlice<&'s str>;

enum Scrap {
    Blank,
    LineEnd,
    Comment,
    Token(Kind),
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// Unicode blanks count, because samples get copied from web pages with no-break spaces in them.
fn is_blank(c: char) -> bool {
    c.is_whitespace() && !is_line_end(c)
}

fn is_word(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '"' | '#' | '(' | ')' | ',' | '=' | '.')
}

fn quoted(input: &mut Input<'_>) -> Result<Kind, EmptyError> {
    let body = alt(("\"\"".void(), none_of(['"', '\n', '\r']).void()));
    let end = ('"', repeat::<_, _, (), _, _>(0.., body), opt('"')).parse_next(input)?.2;
    Ok(if end.is_some() { Kind::Quoted } else { Kind::Unclosed })
}

fn scrap(input: &mut Input<'_>) -> Result<Scrap, EmptyError> {
    let mark = one_of(['(', ')', ',', '=', '.']).map(|c| match c {
        '(' => Kind::Open,
        ')' => Kind::Close,
        ',' => Kind::Comma,
        '=' => Kind::Equals,
        _ => Kind::Dot,
    });
    alt((
        take_while(1.., is_blank).map(|_| Scrap::Blank),
        take_while(1.., is_line_end).map(|_| Scrap::LineEnd),
        ('#', take_till(0.., is_line_end)).map(|_| Scrap::Comment),
        alt((quoted, mark, take_while(1.., is_word).map(|_| Kind::Word))).map(Scrap::Token),
    ))
    .parse_next(input)
}

/// Cuts a text into tokens.
pub(super) fn lex(text: &str) -> Lexed {
    let mut lexed = Lexed { tokens: Vec::new(), comments: Vec::new() };
    let mut first_on_line = true;
    let mut input = LocatingSlice::new(text);
    for (scrap, span) in &mut iterator(&mut input, scrap.with_span()) {
        match scrap {
            Scrap::Blank => {}
            Scrap::LineEnd => first_on_line = true,
            Scrap::Comment => lexed.comments.push(span),
            Scrap::Token(kind) => {
                lexed.tokens.push(Token { kind, span, first_on_line });
                first_on_line = false;
            }
        }
    }
    lexed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        lex(text).tokens.iter().map(|t| (t.kind, &text[t.span.clone()])).collect()
    }

    #[test]
    fn tokens() {
        use Kind::{Close, Comma, Dot, Equals, Open, Quoted, Unclosed, Word};
        assert_eq!(kinds("A = b # c"), [(Word, "A"), (Equals, "="), (Word, "b")]);
        assert_eq!(kinds("(S.T,\"x\"\"y\")")[1..4], [(Word, "S"), (Dot, "."), (Word, "T")]);
        assert_eq!(kinds("(S.T,\"x\"\"y\")")[4..], [(Comma, ","), (Quoted, "\"x\"\"y\""), (Close, ")")]);
        assert_eq!(kinds("\"\" \"#\" \"a\nb"), [(Quoted, "\"\""), (Quoted, "\"#\""), (Unclosed, "\"a"), (Word, "b")]);
        assert_eq!(kinds("#\n#\r\r\n\t(\u{a0}#"), [(Open, "(")]);
        assert_eq!(kinds("주문\u{0}"), [(Word, "주문\u{0}")]);
    }

    proptest! {
        #[test]
        fn every_character_is_covered(text in any::<String>()) {
            let lexed = lex(&text);
            let mut covered: Vec<Span> = lexed.tokens.iter().map(|t| t.span.clone()).chain(lexed.comments).collect();
            covered.sort_by_key(|s| s.start);
            let mut at = 0;
            for span in covered {
                prop_assert!(text[at..span.start].chars().all(char::is_whitespace));
                at = span.end;
            }
            prop_assert!(text[at..].chars().all(char::is_whitespace));
        }
    }
}

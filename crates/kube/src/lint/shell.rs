//! What a text for a shell starts, and whether the shell is still there beside it. Reads what people write in
//! manifests: quotes, separators, groups; no expansions.

/// Shells by name.
const SHELLS: [&str; 7] = ["sh", "bash", "ash", "dash", "ksh", "zsh", "busybox"];
/// Words before a command that are none of its own.
const KEYWORDS: [&str; 9] = ["if", "then", "else", "elif", "do", "while", "until", "!", "{"];

/// The last part of a path.
pub(super) fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether the program is a shell.
pub(super) fn is_shell(program: &str) -> bool {
    SHELLS.contains(&base(program))
}

/// Where a shell gets its commands from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    /// From the text behind `-c`.
    Text(&'a str),
    /// From a file.
    File(&'a str),
    /// From nowhere that the command line names.
    Input,
}

/// What the arguments of a shell give it.
pub(super) fn source(arguments: &[String]) -> Source<'_> {
    let mut by_text = false;
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        match word {
            // The first two are of busybox.
            "sh" | "ash" | "--" => {}
            "-o" | "+o" | "-O" => _ = rest.next(),
            flag if flag.starts_with('-') => {
                by_text |= !flag.starts_with("--") && flag.contains('c');
                // bash -euo pipefail
                if !flag.starts_with("--") && flag.ends_with('o') {
                    _ = rest.next();
                }
            }
            text if by_text => return Source::Text(text),
            file => return Source::File(file),
        }
    }
    Source::Input
}

/// Whether the shell is still there while a command of its text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shell {
    /// `exec`: the command has taken its position.
    Gone,
    /// The text is this one command: some shells give way to it, others do not.
    Perhaps,
    /// The shell waits for it.
    Stays,
}

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Program and arguments, without `exec`, variables and redirections.
    pub words: Vec<String>,
    pub shell: Shell,
}

/// The simple commands of a text in their order.
pub(super) fn commands(text: &str) -> Vec<Command> {
    let mut reader = Reader::default();
    reader.all(text);
    let alone = reader.done.len() == 1;
    reader.done.into_iter().map(|raw| raw.command(alone)).collect()
}

/// Whether the text catches signals, and may hand them on.
pub(super) fn traps(text: &str) -> bool {
    commands(text).iter().any(|c| c.words.first().is_some_and(|w| w == "trap"))
}

#[derive(Clone, Debug, Default)]
struct Raw {
    words: Vec<String>,
    /// In a pipeline, in the background, or within parentheses.
    beside: Beside,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Beside {
    #[default]
    No,
    Yes,
}

impl Raw {
    fn command(self, alone: bool) -> Command {
        let mut words: Vec<String> = self.words;
        let own = words.iter().take_while(|w| KEYWORDS.contains(&w.as_str()) || is_assignment(w)).count();
        words.drain(..own);
        let is_exec = words.first().is_some_and(|w| w == "exec");
        if is_exec {
            words.remove(0);
        }
        without_redirections(&mut words);
        let shell = match (self.beside, is_exec) {
            (Beside::No, true) => Shell::Gone,
            (Beside::No, false) if alone => Shell::Perhaps,
            (Beside::Yes, _) | (Beside::No, false) => Shell::Stays,
        };
        Command { words, shell }
    }
}

fn is_assignment(word: &str) -> bool {
    let is_name = |n: &str| !n.is_empty() && n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

fn without_redirections(words: &mut Vec<String>) {
    let mut skips = false;
    words.retain(|w| {
        if std::mem::take(&mut skips) {
            return false;
        }
        let sign = w.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&');
        let is_one = sign.starts_with(['>', '<']);
        skips = is_one && sign.ends_with(['>', '<']);
        !is_one
    });
}

#[derive(Default)]
struct Reader {
    done: Vec<Raw>,
    open: Raw,
    word: Option<String>,
    depth: usize,
}

impl Reader {
    fn all(&mut self, text: &str) {
        let mut rest = text.chars().peekable();
        let mut last = ' ';
        while let Some(c) = rest.next() {
            match c {
                '\'' => {
                    let word = self.word.get_or_insert_default();
                    word.extend(rest.by_ref().take_while(|c| *c != '\''));
                }
                '"' => self.quoted(&mut rest),
                '\\' => match rest.next() {
                    Some('\n') | None => {}
                    Some(c) => self.word.get_or_insert_default().push(c),
                },
                '#' if self.word.is_none() => {
                    while rest.peek().is_some_and(|c| *c != '\n') {
                        rest.next();
                    }
                }
                '&' if last == '>' || rest.peek() == Some(&'>') => self.word.get_or_insert_default().push(c),
                '&' if rest.peek() == Some(&'&') => {
                    rest.next();
                    self.end(Beside::No);
                }
                '|' if rest.peek() == Some(&'|') => {
                    rest.next();
                    self.end(Beside::No);
                }
                '&' => self.end(Beside::Yes),
                '|' => {
                    self.end(Beside::Yes);
                    self.open.beside = Beside::Yes;
                }
                ';' | '\n' => self.end(Beside::No),
                '(' => {
                    self.end(Beside::No);
                    self.depth += 1;
                }
                ')' => {
                    self.end(Beside::No);
                    self.depth = self.depth.saturating_sub(1);
                }
                c if c.is_whitespace() => self.end_word(),
                c => self.word.get_or_insert_default().push(c),
            }
            last = c;
        }
        self.end(Beside::No);
    }

    fn quoted(&mut self, rest: &mut impl Iterator<Item = char>) {
        let word = self.word.get_or_insert_default();
        while let Some(c) = rest.next() {
            match c {
                '"' => break,
                '\\' => match rest.next() {
                    Some('\n') | None => {}
                    Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                    Some(c) => word.extend(['\\', c]),
                },
                c => word.push(c),
            }
        }
    }

    fn end_word(&mut self) {
        self.open.words.extend(self.word.take());
    }

    fn end(&mut self, beside: Beside) {
        self.end_word();
        let mut raw = std::mem::take(&mut self.open);
        if raw.words.is_empty() {
            return;
        }
        if beside == Beside::Yes || self.depth > 0 {
            raw.beside = Beside::Yes;
        }
        self.done.push(raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, Shell)> {
        commands(text).into_iter().map(|c| (c.words.join("|"), c.shell)).collect()
    }

    #[test]
    fn texts() {
        use Shell::{Gone, Perhaps, Stays};
        let table: [(&str, &[(&str, Shell)]); 14] = [
            ("a -b 'c d'", &[("a|-b|c d", Perhaps)]),
            ("exec a \"b; c\"", &[("a|b; c", Gone)]),
            ("a; b", &[("a", Stays), ("b", Stays)]),
            ("ulimit -n 9 && X=1 exec a", &[("ulimit|-n|9", Stays), ("a", Gone)]),
            ("set -e\n# exec no\nexec a \\\n  b", &[("set|-e", Stays), ("a|b", Gone)]),
            ("exec a | tee log", &[("a", Stays), ("tee|log", Stays)]),
            ("exec a & wait", &[("a", Stays), ("wait", Stays)]),
            ("(exec a)", &[("a", Stays)]),
            ("a || b", &[("a", Stays), ("b", Stays)]),
            ("a >> log 2>&1", &[("a", Perhaps)]),
            ("exec a &> log", &[("a", Gone)]),
            ("if true; then exec a; fi", &[("true", Stays), ("a", Gone), ("fi", Stays)]),
            ("a 'open", &[("a|open", Perhaps)]),
            (" \n;", &[]),
        ];
        for (text, want) in table {
            let want: Vec<_> = want.iter().map(|(w, s)| ((*w).to_owned(), *s)).collect();
            assert_eq!(read(text), want, "{text}");
        }
        assert!(traps("trap 'kill 2' TERM; a & wait") && !traps("a trap"));
    }

    #[test]
    fn sources() {
        let of = |text: &str| {
            let words: Vec<String> = text.split('|').map(str::to_owned).collect();
            format!("{:?}", source(&words))
        };
        assert_eq!(of("-c|a b"), "Text(\"a b\")");
        assert_eq!(of("-euo|pipefail|-c|a"), "Text(\"a\")");
        assert_eq!(of("-ec|a|0"), "Text(\"a\")");
        assert_eq!(of("-e|/x.sh|-c"), "File(\"/x.sh\")");
        assert_eq!(of("-l"), "Input");
    }
}

//! Which words of a sentence belong together because a person copies them: commands and statements. A line break inside of
//! one would be copied, too. Knows how advice is written, not what it means.

/// The words of a text, commands and statements in one piece each.
#[must_use]
pub fn pieces(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let end = at + together(&words[at..]);
        all.push(words[at..end].join(" "));
        at = end;
    }
    all
}

/// How many words from here on are one piece.
fn together(words: &[&str]) -> usize {
    let first = words[0].trim_start_matches(['(', '"']);
    if let Some(quoted) = first.strip_prefix('`') {
        return if quoted.contains('`') { 1 } else { through(words, |w| w.contains('`')) };
    }
    match first {
        "aku" => command(words),
        "ALTER" => {
            let sql = 1 + words.iter().skip(1).take_while(|w| is_sql(w)).count();
            words[..sql].iter().position(|w| ends(w)).map_or(sql, |i| i + 1)
        }
        _ => 1,
    }
}

/// Up to and with the next word that ends it; a single word where none does.
fn through(words: &[&str], last: fn(&str) -> bool) -> usize {
    words.iter().skip(1).position(|w| last(w)).map_or(1, |i| i + 2)
}

fn ends(word: &str) -> bool {
    word.ends_with([',', '.', ';', ':', ')'])
}

fn is_sql(word: &str) -> bool {
    let word = word.trim_end_matches([',', ';', '.', ')']);
    !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '='))
}

/// Flags that take no value.
const BARE: [&str; 9] =
    ["--yes", "--everywhere", "--exit-code", "--resume", "--sql", "--watch", "--quiet", "--live", "--verbose"];

/// `aku plan forget 3`, `aku apply start --ordinal 2 --yes --approve deletes-rows=sts/2`, `aku -p start`.
fn command(words: &[&str]) -> usize {
    let is_flag = |w: &str| w.starts_with('-') && w.len() > 1;
    let mut n = 1;
    // A subcommand, then a goal: plain words right behind the name.
    let mut plain = 2;
    while let Some(word) = words.get(n) {
        if ends(words[n - 1]) && n > 1 {
            break;
        }
        let before = words[n - 1];
        let value = is_flag(before) && !before.contains('=') && !BARE.contains(&before);
        let bare = word.trim_end_matches([',', '.', ';', ':', ')']);
        let number = !bare.is_empty() && (bare == "N" || bare.bytes().all(|b| b.is_ascii_digit()));
        let file = bare.contains('.') || bare.contains('/');
        let known = plain > 0 && WORDS.contains(&bare);
        if !(is_flag(word) || value || number || file || known) {
            break;
        }
        plain -= i32::from(known);
        n += 1;
    }
    n
}

/// Subcommands and goals.
const WORDS: [&str; 26] = [
    "plan",
    "apply",
    "status",
    "check",
    "verify",
    "drift",
    "review",
    "show",
    "graph",
    "capture",
    "diff",
    "schema",
    "runs",
    "explain",
    "validate",
    "info",
    "lab",
    "demo",
    "start",
    "end",
    "clean",
    "reconcile",
    "recover",
    "forget",
    "list",
    "gc",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_one_piece() {
        let table: [(&str, &[&str]); 9] = [
            ("see aku status now", &["see", "aku status", "now"]),
            (
                "then aku apply start --ordinal 2 --yes --approve deletes-rows=sts/2, and wait",
                &["then", "aku apply start --ordinal 2 --yes --approve deletes-rows=sts/2,", "and", "wait"],
            ),
            ("left for good: aku plan forget 3", &["left", "for", "good:", "aku plan forget 3"]),
            ("run `aku apply end --ordinal 1`, then go", &["run", "`aku apply end --ordinal 1`,", "then", "go"]),
            ("(`aku verify`) shows", &["(`aku verify`)", "shows"]),
            ("aku -p start there", &["aku -p start", "there"]),
            ("aku plan recover (shows which)", &["aku plan recover", "(shows", "which)"]),
            (
                "on pod 2: ALTER SYSTEM SET ADMIN_MODE = 1 and close",
                &["on", "pod", "2:", "ALTER SYSTEM SET ADMIN_MODE = 1", "and", "close"],
            ),
            ("what aku says", &["what", "aku", "says"]),
        ];
        for (text, want) in table {
            assert_eq!(pieces(text), want, "{text}");
        }
    }

    #[test]
    fn every_word_stays() {
        for text in ["", "aku", "`open and never closed", "ALTER", "aku --ordinal", "a ` b ` c", "aku plan plan plan"] {
            assert_eq!(pieces(text).join(" "), text.split_whitespace().collect::<Vec<_>>().join(" "), "{text}");
        }
    }
}

//! The comments of a Rust file, and what they cite. Decides nothing about whether it exists.

use crate::library::{Citation, Library, Section};

/// Comments of a file as paragraphs: lines that follow each other are one, because a citation may be wrapped. With the
/// number of the first line.
pub fn paragraphs(text: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut before: Option<usize> = None;
    for (line, comment) in comments(text) {
        let comment = comment.trim_start_matches(['/', '!', '*']).trim();
        match all.last_mut() {
            Some((_, paragraph)) if before.is_some_and(|b| b + 1 == line) => {
                paragraph.push(' ');
                paragraph.push_str(comment);
            }
            _ => all.push((line, comment.to_owned())),
        }
        before = Some(line);
    }
    all
}

/// Line number, from 1, and text of each comment. Strings are not comments, and `//` in them begins none.
fn comments(text: &str) -> Vec<(usize, &str)> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            all.push((line, &rest[2..end]));
            end
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |e| e + 2);
            let inner = rest[2..end].trim_end_matches("*/");
            all.extend(inner.lines().enumerate().map(|(n, l)| (line + n, l)));
            end
        } else {
            literal(rest).unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8))
        };
        line += rest[..end].matches('\n').count();
        at += end;
    }
    all
}

/// Length of the string or character literal that begins here.
fn literal(rest: &str) -> Option<usize> {
    let raw = rest.strip_prefix('r').map(|r| (r, 1)).or_else(|| rest.strip_prefix("br").map(|r| (r, 2)));
    if let Some((after, skipped)) = raw {
        let hashes = after.bytes().take_while(|b| *b == b'#').count();
        if after[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 1;
            let end = after[begin..].find(&close).map_or(after.len(), |e| begin + e + close.len());
            return Some(skipped + end);
        }
        return None;
    }
    if rest.starts_with('"') {
        let mut escaped = false;
        for (i, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Some(i + 1),
                _ => {}
            }
        }
        return Some(rest.len());
    }
    // A quote may begin a lifetime: only what closes at once, or is escaped, is a character.
    let inner = rest.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        return inner[1..].char_indices().skip(1).find(|(_, c)| *c == '\'').map(|(i, _)| i + 3);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(i, _)| i + 2)
}

/// What a paragraph cites.
pub fn citations(text: &str, library: &Library) -> Vec<Citation> {
    let words = words(text);
    let mut all = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at].as_str();
        let name = word.trim_matches(['(', '`', ')', ',', ';', ':', '.', '[', ']', '"']).to_owned();
        at += 1;
        let lower = word.trim_start_matches('(').to_lowercase();
        if matches!(lower.as_str(), "transcripts" | "transcript" | "recordings" | "recording") {
            let recorded = lower.starts_with("recording");
            // `recording 7.2 `sync``: of that build.
            at += usize::from(words.get(at).is_some_and(|w| ["2018", "7.2"].contains(&w.as_str())));
            while let Some((item, more)) = words.get(at).and_then(|w| quoted(w)) {
                let of = if recorded { "recordings" } else { "transcripts" };
                all.push(Citation { of: of.to_owned(), section: Section::Name(item) });
                at += 1;
                if !more && words.get(at).is_some_and(|w| w == "and") {
                    at += 1;
                } else if !more {
                    break;
                }
            }
        } else if library.knows(&name) || is_document(&name) {
            let ends = word.ends_with([',', ';', ':', ')', '.', ']']);
            let (sections, used) = if ends { (Vec::new(), 0) } else { sections(&words[at..]) };
            at += used;
            if sections.is_empty() {
                all.push(Citation { of: name.clone(), section: Section::Whole });
            }
            all.extend(sections.into_iter().map(|section| Citation { of: name.clone(), section }));
        }
    }
    all
}

/// `F 30`, `F 39 to 42` in the story of a situation.
pub fn scenarios(text: &str) -> Vec<Citation> {
    let words = words(text);
    let mut all = Vec::new();
    for (i, word) in words.iter().enumerate() {
        if word.trim_start_matches(['(', '"']) == "F" {
            let (found, _) = sections(&words[i..]);
            all.extend(found.into_iter().map(|section| Citation { of: "aku-behaviour.md".to_owned(), section }));
        }
    }
    all
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A name between backticks, and whether a comma says that another one follows.
fn quoted(word: &str) -> Option<(String, bool)> {
    let (name, after) = word.strip_prefix('`')?.split_once('`')?;
    Some((name.to_owned(), after == ","))
}

/// A Markdown file that is meant as a document: `name.md` without a path.
fn is_document(name: &str) -> bool {
    name.strip_suffix(".md").is_some_and(|stem| {
        !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    })
}

/// The sections named at the beginning of `words`, and how many words they take: `9.1`, `1 and 2`, `3.8, 3.9`, `3 to 7`,
/// `B.8`, `F 30`, `D1, D15`, `appendix A`, `3.3 step 6`, and `A.7, 1`, which is entry 1 of A.7.
fn sections(words: &[String]) -> (Vec<Section>, usize) {
    let mut found: Vec<Section> = Vec::new();
    let mut used = 0;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let clean = word.trim_start_matches(['(', '"']).trim_end_matches([',', ';', ':', ')', '.', ']', '"']);
        let next = words.get(at + 1).map(|w| w.trim_end_matches([',', ';', ':', ')', '.', ']', '"']));
        let number = |w: &str| w.parse::<u32>().ok();
        let mut took = 1;
        let section = match clean {
            "appendix" | "Appendix" => {
                took = 2;
                next.filter(|n| is_section(n)).map(|n| Section::Heading(n.to_owned()))
            }
            "step" => {
                took = 2;
                match (found.pop(), next.and_then(number)) {
                    (Some(Section::Heading(of)), Some(n)) => Some(Section::Entry(of, n)),
                    _ => None,
                }
            }
            _ if is_section(clean) => match (clean.len(), next.and_then(number), found.last(), number(clean)) {
                // `F 30`: entry 30 of section F.
                (1, Some(n), _, None) if word.len() == clean.len() || word.starts_with(['(', '"']) => {
                    took = 2;
                    Some(Section::Entry(clean.to_owned(), n))
                }
                // `A.7, 1` and `F 39 to 42`: entries of the lettered section before.
                (_, _, Some(Section::Heading(of) | Section::Entry(of, _)), Some(n)) if starts_with_letter(of) => {
                    Some(Section::Entry(of.clone(), n))
                }
                _ => Some(Section::Heading(clean.to_owned())),
            },
            // A release, said of the section before: `0.1, 7.1.0.8.6`.
            _ => None,
        };
        let Some(section) = section else { break };
        found.push(section);
        used = at + took;
        let last = &words[used - 1];
        at = used;
        if last.ends_with(',') || words.get(at).is_some_and(|w| w == "step") {
            continue;
        }
        if last.ends_with([';', ':', ')', '.', ']', '"']) {
            break;
        }
        match words.get(at).map(String::as_str) {
            Some("and" | "to") => at += 1,
            _ => break,
        }
    }
    (found, used)
}

fn starts_with_letter(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && !is_decision(text)
}

fn is_decision(text: &str) -> bool {
    text.strip_prefix('D').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// `9`, `9.10`, `B.8`, `A`, `D15`. A release has more dots.
fn is_section(word: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.len() <= 2 && t.bytes().all(|b| b.is_ascii_digit());
    let letter = |t: &str| t.len() == 1 && t.bytes().all(|b| b.is_ascii_uppercase());
    match word.split_once('.') {
        None => digits(word) || letter(word) || is_decision(word),
        Some((first, second)) => (digits(first) || letter(first)) && digits(second),
    }
}

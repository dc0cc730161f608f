//! Links and file names in Markdown, and what they lead to.

use std::path::Path;

use crate::{
    comments,
    library::{Citation, Library, Section},
};

/// Targets of links, and code blocks left out.
pub fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let mut all = Vec::new();
    let mut rest = prose.as_str();
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        let end = rest.find(')').unwrap_or(rest.len());
        all.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    all
}

/// Names between backticks that are files of the repository by their look: a path with a slash and an ending that
/// sources, documents and data have.
pub fn files_named(text: &str) -> Vec<String> {
    const ENDINGS: [&str; 6] = [".rs", ".toml", ".json", ".md", ".snap", ".txt"];
    let prose = prose(text);
    let code = prose.split('`').skip(1).step_by(2);
    let is_file = |name: &&str| {
        name.contains('/')
            && !name.starts_with(['/', '$', '.', '<'])
            && !name.contains(['*', ' ', '{', '<', '$', '|', ':'])
            && ENDINGS.iter().any(|e| name.ends_with(e))
    };
    // What a name in capitals stands for is up to the reader.
    let stands_for = |name: &&str| ["NAME", "DIR"].iter().any(|w| name.contains(w));
    code.filter(is_file).filter(|n| !stands_for(n)).map(str::to_owned).collect()
}

/// Sections that a document cites of another: `[measured](measured.md) 9.1`, `measured 9.1` without a link, and as
/// comments do.
pub fn sections(text: &str, library: &Library) -> Vec<Citation> {
    let prose = prose(text);
    let mut all = Vec::new();
    for (at, _) in prose.match_indices("](") {
        let rest = &prose[at + 2..];
        let Some((target, after)) = rest.split_once(')') else { continue };
        let name = target.rsplit('/').next().unwrap_or(target);
        let name = name_in_comments(name);
        if library.knows(name) && after.starts_with(' ') {
            let line = after.lines().next().unwrap_or_default();
            all.extend(comments::citations(&format!("{name}{line}"), library));
        }
    }
    for line in prose.lines() {
        all.extend(comments::citations(line, library));
        for (at, word) in line.match_indices(char::is_alphanumeric).filter(|(at, _)| begins_word(line, *at)) {
            let rest = &line[at..];
            let stem = rest.split(' ').next().unwrap_or(word);
            let name = name_in_comments(&format!("{stem}.md")).to_owned();
            if stem.len() < rest.len() && library.knows(&name) {
                let cited = comments::citations(&format!("{name}{}", &rest[stem.len()..]), library);
                all.extend(cited.into_iter().take_while(|c| c.of == name).filter(|c| c.section != Section::Whole));
            }
        }
    }
    all
}

/// decisions.md and architecture.md go by another name in comments.
fn name_in_comments(file: &str) -> &str {
    if ["decisions.md", "architecture.md"].contains(&file) { "DESIGN" } else { file }
}

fn begins_word(line: &str, at: usize) -> bool {
    line[..at].chars().next_back().is_none_or(|c| c == ' ' || c == '(')
}

/// The text without its code blocks.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// Why a link leads nowhere. Addresses of other sites are not asked.
pub fn fault(link: &str, from: &Path, root: &Path) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(f, a)| (f, Some(a)));
    let target = if file.is_empty() { from.to_path_buf() } else { from.parent().unwrap_or(root).join(file) };
    let inside = target.canonicalize().is_ok_and(|t| root.canonicalize().is_ok_and(|r| t.starts_with(r)));
    if !inside {
        return Some(format!("the link {link} leads nowhere"));
    }
    let anchor = anchor?;
    let text = std::fs::read_to_string(&target).unwrap_or_default();
    let found = text.lines().filter(|l| l.starts_with('#')).any(|l| slug(l) == anchor);
    (!found).then(|| format!("the link {link} leads to no heading"))
}

/// A heading as code hosts spell it in an address.
fn slug(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Whether a file that a document names is there: from the root, from the document, or as a module of the crate.
pub fn is_there(file: &str, from: &Path, root: &Path) -> bool {
    [root.join(file), from.parent().unwrap_or(root).join(file), root.join("src").join(file)].iter().any(|p| p.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_files_are_found() {
        let text = "See [a](b.md#c) and `src/lib.rs`.\n```sh\n[x](y)\n```\n[d](https://e.f/) `tests/*.rs` `plain`\n";
        assert_eq!(links(text), ["b.md#c", "https://e.f/"]);
        assert_eq!(files_named(text), ["src/lib.rs"]);
    }

    #[test]
    fn what_leads_nowhere_is_a_fault() {
        let root = crate::root();
        let from = root.join("docs/README.md");
        assert_eq!(fault("measured.md", &from, root), None);
        assert_eq!(fault("../src/lib.rs", &from, root), None);
        assert_eq!(fault("https://nowhere.invalid/", &from, root), None);
        assert_eq!(fault("measured.md#92-a-volume-put-back", &from, root), None);
        assert!(fault("nowhere.md", &from, root).is_some());
        assert!(fault("../../etc/passwd", &from, root).is_some());
        assert!(fault("measured.md#no-such-heading", &from, root).is_some());
        assert!(is_there("src/lib.rs", &from, root) && is_there("render/plan.rs", &from, root));
        assert!(!is_there("src/nowhere.rs", &from, root));
    }

    #[test]
    fn sections_of_other_documents_are_read() {
        let library =
            Library::of(&[("measured.md", "measured.md", "## 1. A\n"), ("DESIGN", "decisions.md", "## D1 B\n")]);
        let faults =
            |text: &str| -> Vec<String> { sections(text, &library).iter().filter_map(|c| library.fault(c)).collect() };
        assert_eq!(faults("[measured](measured.md) 1 and [decisions](decisions.md) D1."), Vec::<String>::new());
        assert_eq!(faults("See `measured.md` 1."), Vec::<String>::new());
        assert_eq!(faults("See `measured.md` 2.").len(), 1);
        assert_eq!(faults("As measured 1 says."), Vec::<String>::new());
        assert_eq!(faults("As measured 2 says.").len(), 1);
        assert_eq!(faults("What was measured on 2 cores."), Vec::<String>::new());
        assert_eq!(faults("[measured](measured.md) 2").len(), 1);
        assert_eq!(faults("[decisions](decisions.md) D9").len(), 1);
    }
}

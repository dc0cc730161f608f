//! Comments cite documents, documents link to each other and to files: everything that is named must be there.
//!
//! What a name in a comment stands for is read from the table in `docs/README.md`. The unit cases at the end show that
//! each kind of fault is found.

#[path = "citations/comments.rs"]
mod comments;
#[path = "citations/library.rs"]
mod library;
#[path = "citations/links.rs"]
mod links;

use std::{
    fs,
    path::{Path, PathBuf},
};

use library::Library;

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `dir` whose names end so, by path.
fn files(dir: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("a directory can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && (!name.starts_with('.') || name == ".ci") {
                found.extend(files(&path, endings));
            }
        } else if endings.iter().any(|e| name.ends_with(e)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The path as people write it.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn library() -> Library {
    Library::load(root())
}

#[test]
fn every_citation_in_a_comment_exists() {
    let library = library();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in files(root(), &[".rs"]) {
        // The unit cases of this test cite what does not exist.
        if path.starts_with(root().join("tests/citations")) || path == root().join("tests/citations.rs") {
            continue;
        }
        for (line, text) in comments::paragraphs(&read(&path)) {
            let citations = comments::citations(&text, &library);
            seen += citations.len();
            let faults = citations.iter().filter_map(|c| library.fault(c));
            wrong.extend(faults.map(|fault| format!("{}:{line}: {fault}", shown(&path))));
        }
    }
    assert!(seen > 200, "only {seen} citations were found: the comments are not read as they are written");
    assert!(wrong.is_empty(), "{} citations lead nowhere:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_scenario_that_a_situation_names_exists() {
    let library = library();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in files(&root().join("tests/situations"), &[".toml"]) {
        for citation in comments::scenarios(&read(&path)) {
            seen += 1;
            wrong.extend(library.fault(&citation).map(|fault| format!("{}: {fault}", shown(&path))));
        }
    }
    assert!(seen > 20, "only {seen} scenarios were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_link_between_documents_exists() {
    let mut documents: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].iter().map(|name| root().join(name)).collect();
    documents.extend(files(&root().join("docs"), &[".md"]));
    documents.extend([root().join("plans/README.md"), root().join("tests/conformance/README.md")]);
    let library = library();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in documents {
        let text = read(&path);
        let found = links::links(&text);
        seen += found.len();
        let faults = found.iter().filter_map(|link| links::fault(link, &path, root()));
        wrong.extend(faults.map(|fault| format!("{}: {fault}", shown(&path))));
        let named = links::files_named(&text);
        seen += named.len();
        let missing = named.into_iter().filter(|file| !links::is_there(file, &path, root()));
        wrong.extend(missing.map(|file| format!("{}: `{file}` is not there", shown(&path))));
        let sections = links::sections(&text, &library);
        seen += sections.len();
        let faults = sections.iter().filter_map(|c| library.fault(c));
        wrong.extend(faults.map(|fault| format!("{}: {fault}", shown(&path))));
    }
    assert!(seen > 100, "only {seen} links were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_document_is_in_the_index() {
    let index = read(&root().join("docs/README.md"));
    for path in files(&root().join("docs"), &[".md"]) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        assert!(name == "README.md" || index.contains(&format!("({name})")), "{name} is not in docs/README.md");
    }
}

/// Faults of the citations in a comment, against a small library.
fn faults(comment: &str) -> Vec<String> {
    let library = Library::of(&[
        ("`measured.md`", "measured.md", "## 1. A join\n\n**Drain**\n\n## 9. More\n\n### 9.1 START\n"),
        ("`old.md`", "altibase.md", "## 3. S\n\n### 3.3 CREATE\n\n1. a\n2. b\n\n## Appendix A. Codes\n\n### 00_desc\n"),
        ("`aku-behaviour.md`", "aku.md", "### A.7 X\n\n| 1 | a |\n\n### B.8 Y\n\n## F. S\n\n1. a\n2. b\n"),
        ("DESIGN", "decisions.md", "## D1 Both\n\n## D15 Pinned\n"),
        ("DESIGN", "architecture.md", "## 2. The road\n"),
        ("transcripts", "altibase.md", "### 00_desc\n\n`7.2_03_loss` too.\n"),
    ]);
    let paragraphs = comments::paragraphs(comment);
    let all = paragraphs.iter().flat_map(|(_, text)| comments::citations(text, &library));
    all.filter_map(|c| library.fault(&c)).collect()
}

#[test]
fn what_exists_is_found() {
    let good = [
        "/// So it is (`measured.md` 9.1).",
        "/// So it is (measured.md 9.1).",
        "// As said in `measured.md` 1 and 9: nobody knows.",
        "//! DESIGN D1, D15; `measured.md` 1.",
        "/// Makes no choices (DESIGN 2).",
        "/// DESIGN: it would loop for ever.",
        "/// `old.md` 3.3 and appendix A, `measured.md` 9.",
        "/// See `old.md` A, and `old.md` 3.3 step 2.",
        "/// `aku-behaviour.md` A.7, 1 and F 1 to 2.",
        "/// Wrapped (`measured.md`\n/// 9.1).",
        "/// Wrapped (`measured.md` 1,\n/// 9.1).",
        "/// `measured.md` 1, drain.",
        "/// Transcripts `*_00_desc` and `7.2_03_loss`.",
        "let a = 1; // `measured.md` 1",
        "let s = \"`measured.md` 77\";",
    ];
    for comment in good {
        assert_eq!(faults(comment), Vec::<String>::new(), "{comment}");
    }
}

#[test]
fn what_does_not_exist_is_a_fault() {
    let bad = [
        ("/// `measured.md` 9.2", "measured.md 9.2"),
        ("/// `measured.md` 1 and 8", "measured.md 8"),
        ("/// `measured.md` 1 to 9.7", "measured.md 9.7"),
        ("/// measured.md 10", "measured.md 10"),
        ("/// DESIGN D2", "decisions.md D2"),
        ("/// DESIGN D1, D3", "decisions.md D3"),
        ("/// DESIGN 7", "architecture.md 7"),
        ("/// `old.md` appendix B", "altibase.md B"),
        ("/// `old.md` 3.3 step 4", "altibase.md 3.3 step 4"),
        ("/// `aku-behaviour.md` B.9", "aku.md B.9"),
        ("/// `aku-behaviour.md` A.7, 2", "aku.md A.7 step 2"),
        ("/// `aku-behaviour.md` F 3", "aku.md F step 3"),
        ("/// `nowhere.md` 1", "nowhere.md is not a document"),
        ("/// Transcripts `*_01_life`", "altibase.md 01_life"),
        ("/// Wrapped (`measured.md`\n/// 9.4).", "measured.md 9.4"),
        ("let a = 1; // `measured.md` 4", "measured.md 4"),
        ("/* `measured.md` 4 */ let a = 1;", "measured.md 4"),
    ];
    for (comment, want) in bad {
        let found = faults(comment);
        assert!(found.len() == 1 && found[0].contains(want), "{comment}: {found:?}");
    }
}

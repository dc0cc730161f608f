//! The documents by the names that comments use, and what is in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Something that a comment names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// The document by the name that is used: `measured.md`, `DESIGN`, `recordings`.
    pub of: String,
    /// Where in it.
    pub section: Section,
}

/// Where in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section {
    /// Nowhere in particular.
    Whole,
    /// A heading that begins so.
    Heading(String),
    /// An entry of a list or a table below that heading.
    Entry(String, u32),
    /// A heading, or a name between backticks, that ends so.
    Name(String),
}

#[derive(Debug, Default)]
struct Document {
    headings: BTreeSet<String>,
    entries: BTreeSet<(String, u32)>,
    names: BTreeSet<String>,
}

impl Document {
    fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut section = String::new();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix('#').map(|t| t.trim_start_matches('#').trim()) {
                let title = title.strip_prefix("Appendix ").unwrap_or(title);
                let word = title.split_whitespace().next().unwrap_or_default().trim_end_matches('.');
                word.clone_into(&mut section);
                document.headings.insert(word.to_owned());
                document.names.insert(word.to_owned());
            }
            let listed = line.split_once(". ").map(|(n, _)| n);
            let tabled = line.strip_prefix("| ").and_then(|row| row.split_once(" |")).map(|(n, _)| n);
            if let Some(n) = listed.or(tabled).and_then(|n| n.trim().parse().ok()) {
                document.entries.insert((section.clone(), n));
            }
            document.names.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
        document
    }

    fn has(&self, section: &Section) -> bool {
        match section {
            Section::Whole => true,
            Section::Heading(heading) => self.headings.contains(heading),
            Section::Entry(heading, n) => self.entries.contains(&(heading.clone(), *n)),
            // `*_00_desc` is one session on both builds, `7.2_07` the beginning of a name.
            Section::Name(name) => {
                let name = name.trim_start_matches("*_");
                let bare = name.split_once('_').map_or(name, |(_, rest)| rest);
                self.names.iter().any(|n| n == name || n == bare)
            }
        }
    }
}

/// Documents by the names that comments use.
#[derive(Debug, Default)]
pub struct Library {
    documents: BTreeMap<String, Document>,
    /// Names in comments to file names; one name may stand for several files.
    aliases: BTreeMap<String, Vec<String>>,
}

impl Library {
    /// The documents of the repository, by the table in `docs/README.md`.
    pub fn load(root: &Path) -> Self {
        let docs = root.join("docs");
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let index = read(&docs.join("README.md"));
        let (_, table) = index.split_once("## How comments cite").expect("docs/README.md says how comments cite");
        let mut library = Self::default();
        for row in table.lines().filter(|l| l.starts_with("| ") && !l.starts_with("| in a comment")) {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [names, document, _] = cells[..] else { panic!("three columns: {row}") };
            let target = document.split_once("](").and_then(|(_, t)| t.strip_suffix(')'));
            let target = target.unwrap_or_else(|| panic!("a link: {row}"));
            let text = read(&docs.join(target));
            for name in names.split(", ") {
                library.add(name.trim_matches('`'), target, &text);
            }
        }
        // Any other document goes by its own name.
        for path in crate::files(&docs, &[".md"]) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !library.documents.contains_key(&name) && name != "README.md" {
                library.add(&name, &name, &read(&path));
            }
        }
        library.add_recordings(&root.join("tests/conformance"));
        library
    }

    /// For the unit cases: name in comments, file, text.
    pub fn of(documents: &[(&str, &str, &str)]) -> Self {
        let mut library = Self::default();
        for (name, file, text) in documents {
            library.add(name.trim_matches('`'), file, text);
        }
        library
    }

    fn add(&mut self, name: &str, file: &str, text: &str) {
        let document = Document::parse(text);
        let known = self.documents.entry(file.to_owned()).or_default();
        known.headings.extend(document.headings);
        known.entries.extend(document.entries);
        known.names.extend(document.names);
        self.aliases.entry(name.to_owned()).or_default().push(file.to_owned());
    }

    /// A recording is a file.
    fn add_recordings(&mut self, dir: &Path) {
        let mut names = BTreeSet::new();
        for part in ["2018", "7.2", "own"] {
            let entries = fs::read_dir(dir.join(part)).unwrap_or_else(|e| panic!("{part}: {e}"));
            for entry in entries {
                let name = entry.expect("a directory can be read").file_name().to_string_lossy().into_owned();
                names.extend(name.strip_suffix(".json").map(str::to_owned));
            }
        }
        for file in self.aliases.entry("recordings".to_owned()).or_default() {
            self.documents.entry(file.clone()).or_default().names.extend(names.clone());
        }
    }

    /// Whether comments use this name.
    pub fn knows(&self, name: &str) -> bool {
        self.aliases.contains_key(name) && !["recordings", "transcripts"].contains(&name)
    }

    /// Files that a name stands for.
    fn files(&self, name: &str) -> &[String] {
        self.aliases.get(name).map_or(&[], Vec::as_slice)
    }

    /// Why a citation leads nowhere.
    pub fn fault(&self, citation: &Citation) -> Option<String> {
        let files = self.files(&citation.of);
        if files.is_empty() {
            return Some(format!("{} is not a document", citation.of));
        }
        if files.iter().any(|f| self.documents.get(f).is_some_and(|d| d.has(&citation.section))) {
            return None;
        }
        let section = match &citation.section {
            Section::Whole => String::new(),
            Section::Heading(heading) => heading.clone(),
            Section::Entry(heading, n) => format!("{heading} step {n}"),
            Section::Name(name) => name.trim_start_matches("*_").to_owned(),
        };
        // Of two documents the one that has such sections is meant.
        let decision = section.starts_with('D');
        let file = if decision { files.first() } else { files.last() };
        Some(format!("{} {section} does not exist", file.map_or("", String::as_str)))
    }
}

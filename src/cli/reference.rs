//! `docs/reference.md`: every flag, property, code and metric, written by the program itself, so that nothing is typed twice.

use std::{fmt::Write as _, fs};

use super::{args, explain};

/// The commented sample is the reference of the properties.
const SAMPLE: &str = include_str!("../../conf/aku.conf.sample");
/// A golden of the metrics, with the help of each series.
const METRICS: &str = include_str!("../../snapshots/drift-metrics.snap");

fn commands(text: &mut String, command: &clap::Command, name: &str) {
    let shown = command.clone().display_name(name).bin_name(name).term_width(100);
    // Flags of every command stand at the program.
    let shown = shown.mut_args(|a| if name != "aku" && a.is_global_set() { a.hide(true) } else { a });
    let help = shown.clone().render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "### {name}\n\n```text\n{}\n```\n\n", help.join("\n").trim_end());
    for c in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        commands(text, c, &format!("{name} {}", c.get_name()));
    }
}

/// Text of a story that is no markup.
fn plain(story: &str) -> String {
    story.replace('<', "&lt;").replace('|', "\\|").replace('*', "\\*").replace('_', "\\_")
}

fn reference() -> String {
    let mut text = String::from(
        "# Reference\n\nWritten by the program: `AKU_WRITE_SCHEMA=1 cargo test --lib reference` writes it anew, and a test fails where it \
         differs.\n\n## Commands\n\n",
    );
    let mut program = args::command();
    program.build();
    commands(&mut text, &program, "aku");
    let _ = write!(
        text,
        "## aku.conf\n\nThe sample names every property with its default and its range.\n\n```text\n{SAMPLE}```\n\n"
    );
    text.push_str("## Codes\n\nWhat `aku explain CODE` says. Most messages name one.\n\n");
    for (word, kind, story) in explain::stories() {
        let _ = write!(text, "**{word}** ({kind}): {}\n\n", plain(story));
    }
    text.push_str("## Metrics\n\nOf `aku drift --metrics`, `aku serve` and `aku run --metrics`.\n\n| series | what |\n|---|---|\n");
    for line in METRICS.lines().filter_map(|l| l.strip_prefix("# HELP ")) {
        let (name, help) = line.split_once(' ').expect("a name and its help");
        let _ = writeln!(text, "| `{name}` | {} |", plain(help));
    }
    text
}

#[test]
fn the_reference_is_what_the_program_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference.md");
    let text = reference();
    for must in ["### aku plan", "--exit-code", "AKU_SERVER_COUNT", "R033-pin", "D300", "aku_replication_gap"] {
        assert!(text.contains(must), "{must} is not in it");
    }
    if std::env::var_os("AKU_WRITE_SCHEMA").is_some() {
        fs::write(path, &text).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap();
    // Both are a hundred pages: what differs is enough.
    let differs = similar::TextDiff::from_lines(&kept, &text).unified_diff().to_string();
    assert!(differs.is_empty(), "AKU_WRITE_SCHEMA=1 cargo test --lib reference writes it:\n{differs}");
}

/// Codes that the documents name: a letter and three digits, with the words behind them where they stand.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split(move |c: char| !is_word(c)).filter(|word| {
        let number = word.split('-').next().unwrap_or(word);
        let digits = number.strip_prefix(['R', 'W', 'X', 'E', 'P', 'V', 'D']);
        digits.is_some_and(|d| d.len() == 3 && d.parse::<u16>().is_ok())
    })
}

#[test]
fn codes_in_the_documents_exist() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
    let known: Vec<&str> = explain::stories().map(|(word, ..)| word).collect();
    let mut seen = 0;
    for name in ["row-safety.md", "three-in-the-morning.md", "handbook.md", "ledger.md", "states.md", "kubernetes.md"] {
        let text = fs::read_to_string(format!("{dir}/{name}")).unwrap();
        for code in named(&text) {
            seen += 1;
            let number = |word: &str| word.split('-').next().map(str::to_owned);
            let found = known.iter().any(|k| *k == code || !code.contains('-') && number(k) == number(code));
            assert!(found, "{name} names {code}, which is none");
        }
    }
    assert!(seen > 40, "only {seen} codes were found");
}

/// Commands of the shell blocks of a document, each without what stands around it.
fn commands_in(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1).filter_map(|block| block.split("\n```").next());
    let lines = blocks.flat_map(str::lines).flat_map(|line| line.split(" #").next().unwrap_or(line).split("; "));
    lines.map(|c| c.split(" | ").next().unwrap_or(c).trim().to_owned()).filter(|c| c.starts_with("aku ")).collect()
}

#[test]
fn every_command_in_the_documents_is_one() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for name in ["README.md", "docs/handbook.md", "docs/kubernetes.md", "docs/run.md", "docs/three-in-the-morning.md"] {
        let text = fs::read_to_string(format!("{root}/{name}")).unwrap();
        for command in commands_in(&text) {
            seen += 1;
            // Words in quotes are one; nothing else of the shell stands in these lines.
            let mut words = Vec::new();
            for (n, part) in command.split('"').enumerate() {
                if n % 2 == 1 {
                    words.push(part.to_owned());
                } else {
                    words.extend(part.split_whitespace().map(str::to_owned));
                }
            }
            let read = args::parse(words.into_iter().map(std::ffi::OsString::from));
            assert!(read.is_ok(), "{name}: {command}\n{}", read.err().map(|e| e.to_string()).unwrap_or_default());
        }
    }
    assert!(seen > 40, "only {seen} commands were found");
}

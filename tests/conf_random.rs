//! Whatever the bytes: no panic, places inside of the file, a verdict that agrees with the problems, no secret shown.

#![allow(clippy::unwrap_used, clippy::uninlined_format_args)] // a test may panic; proptest's macros capture nothing

use aku::conf::{self, Colour, Parsed};
use proptest::prelude::*;

const QUOTED: &str = include_str!("data/published/quoted-misspelt.conf");
const NEW: &str = include_str!("../conf/aku.conf.sample");
const GROUPS: &str = include_str!("data/published/three-groups.conf");
const SECRET: &str = "Zq7wXk";

/// One small damage to a text.
#[derive(Clone, Debug)]
enum Damage {
    Remove(usize, usize),
    Insert(usize, String),
    Swap(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let scrap =
        prop_oneof!["[(),=.\"#\n\r\t ]{1,3}", "REPLICATIONS = \\(", "AKU_[A-Z_]{1,12}", "PARTITION", "\\PC{1,3}"];
    prop_oneof![
        (any::<usize>(), 1..30usize).prop_map(|(at, n)| Damage::Remove(at, n)),
        (any::<usize>(), scrap).prop_map(|(at, s)| Damage::Insert(at, s)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Damage::Swap(a, b)),
    ]
}

fn apply(text: &str, damage: &Damage) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let len = chars.len().max(1);
    match damage {
        Damage::Remove(at, n) => {
            let at = at % len;
            chars.drain(at..(at + n).min(chars.len()));
        }
        Damage::Insert(at, s) => {
            let at = at % len;
            chars.splice(at..at, s.chars());
        }
        Damage::Swap(a, b) => chars.swap(a % len, b % len),
    }
    chars.into_iter().collect()
}

fn shown(parsed: &Parsed) -> String {
    conf::render_problems(&parsed.problems, &parsed.source, Colour::Never)
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let parsed = conf::parse("f", bytes);
    prop_assert_eq!(parsed.config.is_none(), conf::has_errors(&parsed.problems));
    let lines = bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count() + 1;
    for place in parsed.problems.iter().filter_map(|p| p.place.as_ref()) {
        prop_assert!((1..=lines).contains(&place.line));
        prop_assert!(place.column >= 1);
        let excerpt = conf::excerpt(place, &parsed.source);
        prop_assert!(excerpt.text.get(excerpt.span.clone()).is_some(), "{excerpt:?}");
        prop_assert!(!excerpt.text.contains(['\n', '\r']));
    }
    prop_assert_eq!(shown(&parsed).is_empty(), parsed.problems.is_empty());
    if let Some(config) = &parsed.config {
        for pod in config.server_count.ordinals() {
            prop_assert!(config.host(pod).len() <= 64);
            for (id, _) in config.groups() {
                for (_, pair) in aku::topology::Pair::of(pod, config.server_count) {
                    prop_assert!(config.replication_name(id, pair).as_str().len() <= 40);
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes)?;
    }

    #[test]
    fn any_marks(text in "[(),=.\"#\n\r\t A-C]{0,200}") {
        check(text.as_bytes())?;
    }

    #[test]
    fn damaged_files(which in 0..3usize, damages in prop::collection::vec(damage(), 1..6)) {
        let text = damages.iter().fold([QUOTED, NEW, GROUPS][which].to_owned(), |text, d| apply(&text, d));
        check(text.as_bytes())?;
    }

    #[test]
    fn a_damaged_file_keeps_its_secret(which in 0..3usize, one in damage()) {
        let text = [QUOTED, NEW, GROUPS][which].replace("manager", SECRET);
        let damaged = apply(&text, &one);
        // Where the damage took the key away, or glued the secret to it, nobody can tell which is which.
        let line = damaged.split(['\n', '\r']).find(|line| line.contains(SECRET)).unwrap_or_default();
        let glued = line.find(SECRET).is_some_and(|at| line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        prop_assume!(!glued);
        let key = line.split(SECRET).next().unwrap_or_default();
        prop_assume!(["SYS_", "SWORD", "PAS"].iter().any(|part| key.contains(part)));
        let parsed = conf::parse("f", damaged.as_bytes());
        prop_assert!(!shown(&parsed).contains(SECRET), "{}", shown(&parsed));
        let debug = format!("{:?}", parsed);
        prop_assert!(!debug.contains(SECRET));
    }
}

#[test]
fn deep_and_long_nonsense_ends_soon() {
    let texts = [
        "(".repeat(200_000),
        "REPLICATIONS = (".repeat(20_000),
        "A = B\n".repeat(100_000),
        "\u{0}".repeat(100_000),
        "x".repeat(900_000),
        format!("REPLICATIONS = (REPLICATION_NAME_PREFIX = A ({}", "SYS.T1, ".repeat(50_000)),
        format!("AKU_SYS_PASSWORD = \"{}", "\"\"".repeat(400_000)),
    ];
    for text in texts {
        let parsed = conf::parse("f", text.as_bytes());
        assert!(parsed.config.is_none());
        assert!(parsed.problems.len() <= 51);
        assert!(shown(&parsed).len() < 100_000);
    }
}

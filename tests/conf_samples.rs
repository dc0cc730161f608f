//! Every published form of `aku.conf` parses to the expected model (`aku-behaviour.md` F 39 to 42), and values are
//! read as documented. The texts in `tests/data/published` are rebuilt from the manuals; their comments are ours.

#![allow(clippy::unwrap_used)] // a test may panic

use std::{fs, path::Path, time::Duration};

use aku::{
    conf::{self, Code, Config, Parsed, Switch},
    topology::{Ordinal, Pair},
};
use secrecy::ExposeSecret;

fn file(path: &str) -> Parsed {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    conf::parse("aku.conf", &fs::read(path).unwrap())
}

fn codes(parsed: &Parsed) -> Vec<Code> {
    parsed.problems.iter().map(|p| p.code).collect()
}

fn password(config: &Config) -> Option<&str> {
    config.sys_password.as_ref().map(ExposeSecret::expose_secret)
}

fn targets(config: &Config) -> Vec<Vec<String>> {
    config.groups.iter().map(|g| g.targets.iter().map(ToString::to_string).collect()).collect()
}

/// A file with this line, otherwise valid.
fn with(line: &str) -> Parsed {
    let text =
        format!("AKU_STS_NAME = s\nAKU_SVC_NAME = v\n{line}\nREPLICATIONS = (REPLICATION_NAME_PREFIX = R (A.B))\n");
    conf::parse("aku.conf", text.as_bytes())
}

fn with_targets(list: &str) -> Parsed {
    let text = format!("AKU_STS_NAME = s\nAKU_SVC_NAME = v\nREPLICATIONS = (REPLICATION_NAME_PREFIX = R ({list}))\n");
    conf::parse("aku.conf", text.as_bytes())
}

fn assert_published_values(config: &Config) {
    assert_eq!((config.sts_name.as_str(), config.svc_name.as_str()), ("altibase-sts", "altibase-svc"));
    assert_eq!(config.server_count.get(), 4);
    assert_eq!(password(config), Some("manager"));
    assert_eq!((config.port_no, config.replication_port_no), (20300, 20301));
    assert_eq!(config.query_timeout, Duration::from_secs(3600));
    assert_eq!((config.query_retry_count, config.query_retry_delay), (5, Duration::from_secs(1)));
    assert_eq!((config.address_check_count, config.flush_timeout_at_start), (30, 300));
    let switches = [config.flush_at_start, config.flush_at_end, config.replication_reset_at_end];
    assert_eq!(switches, [Switch::On; 3]);
    assert_eq!(config.delay_start_complete, Duration::ZERO);
    assert!(config.groups.iter().all(|g| g.sync_parallel == 1));
}

/// File, targets per group, prefixes, warnings.
type Case<'a> = (&'a str, &'a [Vec<&'a str>], &'a [&'a str], &'a [Code]);

#[test]
fn every_published_sample_parses_to_its_model() {
    let old = [vec!["SYS.T1", "SYS.T2", "SYS.T3"]];
    let new = [vec!["SYS.T1", "SYS.T2 PARTITION P1", "SYS.T3"]];
    let three = [new[0].clone(), vec!["SYS.T4", "SYS.T5", "SYS.T6"], vec!["SYS.T7", "SYS.T8", "SYS.T9"]];
    let (one, many) = (vec!["AKU_REP"], vec!["AKU_REP1", "AKU_REP2", "AKU_REP3"]);
    let cases: [Case<'_>; 9] = [
        ("tests/data/published/quoted-misspelt.conf", &old, &one, &[Code::Misspelt]),
        ("tests/data/published/quoted-configmap.conf", &old, &one, &[Code::Misspelt]),
        ("tests/data/published/quoted-corrected.conf", &old, &one, &[]),
        ("tests/data/published/new.conf", &new, &one, &[]),
        ("tests/data/published/new-bare-hash.conf", &new, &one, &[]),
        ("tests/data/published/three-groups.conf", &three, &many, &[Code::DuplicateHosts]),
        ("conf/aku.conf.quoted-7.1", &old, &one, &[]),
        ("conf/aku.conf.sample", &new, &one, &[]),
        ("conf/aku.conf.groups", &three, &many, &[Code::DuplicateHosts]),
    ];
    for (path, want, prefixes, warnings) in cases {
        let parsed = file(path);
        assert_eq!(codes(&parsed), warnings, "{path}");
        let config = parsed.config.unwrap();
        assert_published_values(&config);
        assert_eq!(targets(&config), want, "{path}");
        assert_eq!(config.groups.iter().map(|g| g.prefix.as_str()).collect::<Vec<_>>(), *prefixes, "{path}");
    }
}

#[test]
fn line_ends_marks_tabs_and_comments_change_nothing() {
    let plain = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/published/new.conf")).unwrap();
    let forms = [
        format!("\u{FEFF}{plain}"),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        plain.replace(' ', "\t"),
        plain.replace(' ', "\u{A0}"),
        plain.replace('\n', " #\n#\n\t# ( , \" )\n"),
        plain.trim_end().to_owned(),
    ];
    for text in forms {
        let parsed = conf::parse("aku.conf", text.as_bytes());
        assert_eq!(codes(&parsed), [], "{text}");
        let config = parsed.config.unwrap();
        assert_published_values(&config);
        assert_eq!(targets(&config), [["SYS.T1", "SYS.T2 PARTITION P1", "SYS.T3"]]);
    }
}

#[test]
fn passwords() {
    let cases = [
        ("AKU_SYS_PASSWORD = manager", Some("manager")),
        ("AKU_SYS_PASSWORD=manager # c", Some("manager")),
        ("AKU_SYS_PASSWORD = \"a # ; \"\" = ( ) b \" # c", Some("a # ; \" = ( ) b ")),
        ("AKU_SYS_PASSWORD = \"비밀번호\"", Some("비밀번호")),
        ("AKU_SYS_PASSWORD = \"back\\slash\\\"", Some("back\\slash\\")),
        ("AKU_SYS_PASSWORD = p;a=b(c),d.e", Some("p;a=b(c),d.e")),
        ("AKU_SYS_PASSWORD = =(", Some("=(")),
        ("AKU_SYS_PASSWORD =\n\"next line\"", Some("next line")),
        ("AKU_SYS_PASWWORD = \"x\"", Some("x")),
        ("AKU_SYS_PASWWORD = \"x\"\nAKU_SYS_PASSWORD = x", Some("x")),
        ("AKU_SYS_PASSWORD = \"\"", None),
        ("AKU_SYS_PASSWORD =", None),
        ("", None),
    ];
    for (line, want) in cases {
        let parsed = with(line);
        assert_eq!(parsed.config.as_ref().map(password), Some(want), "{line}: {:?}", parsed.problems);
    }
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = ab#cd")), [Code::CutByComment]);
    // With a blank before it nothing is left, and that is said, too; also after many in a list.
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = #secret")), [Code::CutByComment]);
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = # from the environment")), []);
    assert_eq!(codes(&with("AKU_PORT_NO = 20300 # as ever\nAKU_SYS_PASSWORD = x # mine")), []);
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = \"ab#cd\"")), []);
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = ${SYS_PASSWORD}")), [Code::Placeholder]);
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = \"{{ .Values.db.password }}\"")), [Code::Placeholder]);
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = \"<no value>\"")), [Code::Placeholder]);
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = @@PASSWORD@@")), [Code::Placeholder]);
    let parsed = with("AKU_SYS_PASSWORD = \"{{ .Values.secret4711 }}\"");
    let text = conf::render_problems(&parsed.problems, &parsed.source, conf::Colour::Never);
    assert!(text.contains("placeholder") && !text.contains("secret4711"), "{text}");
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = 'ab'")), [Code::OddQuotes]);
    assert_eq!(codes(&with("AKU_SYS_PASSWORD = a\"b")), [Code::Unexpected]);
}

#[test]
fn names_and_mixed_dialects() {
    let cases = [
        (
            "sys.t1, (USER_NAME = \"SYS\" TABLE_NAME = \"t2\"), sys . T3 partition p1",
            "SYS.T1 SYS.T2 SYS.T3 PARTITION P1",
        ),
        ("\"Low Case\".\"a.b,c\" PARTITION \"p 1\"", "\"Low Case\".\"a.b,c\" PARTITION \"p 1\""),
        ("(TABLE_NAME = \"Low Case\" USER_NAME = sys)", "SYS.\"Low Case\""),
        ("(USER_NAME = \"SYS\" TABLE_NAME = \"\"\"t1\"\"\")", "SYS.\"t1\""),
        ("(USER_NAME = \"SYS\" TABLE_NAME = \"주문\"), SYS.주문2", "SYS.\"주문\" SYS.\"주문2\""),
        ("SYS.T1 PARTITION P1, SYS.T1 PARTITION P2", "SYS.T1 PARTITION P1 SYS.T1 PARTITION P2"),
        ("SYS.PARTITION", "SYS.\"PARTITION\""),
    ];
    for (list, want) in cases {
        let parsed = with_targets(list);
        let config = parsed.config.unwrap_or_else(|| panic!("{list}: {:?}", parsed.problems));
        assert_eq!(targets(&config)[0].join(" "), want, "{list}");
    }
}

#[test]
fn limits_count_bytes_and_lie_where_the_server_has_them() {
    let conf = |sts: usize, svc: usize, count: u8, prefix: usize| {
        let (sts, svc, prefix) = ("s".repeat(sts), "v".repeat(svc), "P".repeat(prefix));
        let text = format!(
            "AKU_STS_NAME={sts}\nAKU_SVC_NAME={svc}\nAKU_SERVER_COUNT={count}\nREPLICATIONS=(REPLICATION_NAME_PREFIX={prefix} (A.B))"
        );
        codes(&conf::parse("aku.conf", text.as_bytes()))
    };
    // s + "-3." + v = 64
    assert_eq!(conf(40, 21, 4, 37), []);
    assert_eq!(conf(40, 22, 4, 37), [Code::HostTooLong]);
    assert_eq!(conf(40, 21, 4, 38), [Code::PrefixTooLong]);
    assert_eq!(conf(40, 21, 10, 37), [Code::ManyServers]);
    assert_eq!(conf(40, 21, 11, 37), [Code::PrefixTooLong]);
    assert_eq!(conf(40, 20, 11, 35), [Code::ManyServers]);
    assert_eq!(conf(40, 21, 11, 35), [Code::HostTooLong, Code::ManyServers]);
    assert_eq!(conf(52, 1, 4, 1), []);
    assert_eq!(conf(53, 1, 4, 1), [Code::LongStatefulSet]);
    assert_eq!(conf(63, 1, 1, 1), [Code::LongStatefulSet, Code::HostTooLong]);
    assert_eq!(conf(1, 1, 33, 1), [Code::ManyServers]);
    assert_eq!(conf(1, 1, 34, 1), [Code::OutOfRange]);
    assert_eq!(conf(1, 1, 0, 1), [Code::OutOfRange]);
}

#[test]
fn one_server_is_a_valid_cluster() {
    let config = with("AKU_SERVER_COUNT = 1").config.unwrap();
    assert_eq!(Pair::of(Ordinal::MASTER, config.server_count).count(), 0);
    assert_eq!(conf::end_budget(&config).total(), 40);
}

#[test]
fn end_budget_adds_up() {
    let seconds = |line: &str| conf::end_budget(&with(line).config.unwrap()).total();
    assert_eq!(seconds(""), 10 + 300 + 6 + 30);
    assert_eq!(seconds("AKU_FLUSH_TIMEOUT_AT_START = 0"), 346);
    assert_eq!(seconds("AKU_FLUSH_TIMEOUT_AT_START = 3"), 10 + 10 + 6 + 30);
    assert_eq!(seconds("AKU_FLUSH_AT_END = 0"), 46);
    assert_eq!(seconds("AKU_SERVER_COUNT = 6"), 350);
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let parsed = conf::parse("aku.conf", &vec![b' '; conf::MAX_BYTES + 1]);
    assert_eq!(codes(&parsed), [Code::TooLarge]);
}

//! The lock on a little cluster of its own: order, waiting, loss.

use super::*;

#[test]
fn the_number_depends_on_both_names_and_is_stable() {
    let id = LockId::of("altibase-sts", "altibase-svc");
    assert_eq!(id, LockId::of("altibase-sts", "altibase-svc"));
    assert_ne!(id, LockId::of("altibase-sts", "other"));
    assert_ne!(id, LockId::of("other", "altibase-svc"));
    assert!((1..=0x7fff_ffff).contains(&id.0), "{id:?}");
}

#[test]
fn what_a_session_says_is_read_back() {
    let app = App {
        run: "20261121T121044Z-1f3a9c".parse().unwrap(),
        goal: "start".to_owned(),
        pod: Ordinal::new(2).unwrap(),
        pid: 4711,
        host: "altibase-sts-2".to_owned(),
    };
    let text = app.to_string();
    assert_eq!(text, "aku lock 20261121T121044Z-1f3a9c start pod 2 pid 4711 on altibase-sts-2");
    assert_eq!(text.parse::<App>(), Ok(app.clone()));
    assert!(App { host: "h ".repeat(300), ..app }.to_string().len() <= 128);
    for other in ["", "aku lock", "aku 0.1.0 start pod 2 pid 7", "isql", "aku lock x start pod 2 pid 7 on h"] {
        assert!(other.parse::<App>().is_err(), "{other}");
    }
}

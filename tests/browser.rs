//! The HTML page in a real browser, where one is installed. `AKU_REQUIRE_BROWSER=1` makes it mandatory.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The first of these programs on the path; `None` when none is there and none is required.
fn program(names: &[&str], required: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = names.iter().flat_map(|n| std::env::split_paths(&path).map(move |dir| dir.join(n)));
    let found = all.into_iter().find(|p| p.is_file());
    assert!(
        found.is_some() || std::env::var_os(required).is_none(),
        "{required} is set, and none of {names:?} is there"
    );
    if found.is_none() {
        eprintln!("none of {names:?} is installed; set {required}=1 to require it");
    }
    found
}

fn aku(args: &[&str]) -> Output {
    let done = Command::new(env!("CARGO_BIN_EXE_aku"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .expect("aku runs");
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    done
}

/// What the browser makes of a page: its elements as text, and what it logged.
fn opened(browser: &Path, page: &Path, width: u16) -> (String, String) {
    let profile = tempfile::tempdir().expect("a folder");
    let done = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--enable-logging=stderr", "--v=0", "--dump-dom"])
        .arg(format!("--window-size={width},1200"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    assert!(done.status.success(), "{}", text(done.stderr));
    (text(done.stdout), text(done.stderr))
}

#[test]
fn the_page_in_a_browser() {
    let Some(browser) = program(&["chromium", "chromium-browser", "google-chrome"], "AKU_REQUIRE_BROWSER") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    for (name, facts) in [
        ("first-start", &["TRUNCATE TABLE SYS.T1", "R010-never-joined", "surviving copy", "A22", "<svg"][..]),
        ("end", &["ADMIN_MODE", "R060-fence", "<svg"][..]),
        ("recovery", &["TRUNCATE TABLE SYS.T1", "R090-recover", "X203-master-failed", "<svg"][..]),
    ] {
        let page = dir.path().join(format!("{name}.html"));
        let html = aku(&["show", &format!("plans/{name}.json"), "--format", "html"]).stdout;
        std::fs::write(&page, html).expect("the page is written");
        let (dom, log) = opened(&browser, &page, 900);
        for fact in facts {
            assert!(dom.contains(fact), "{name} lacks {fact}:\n{dom}");
        }
        assert!(dom.contains("that the actions hang on"), "{name}");
        // A violated content policy, a missing picture and a failed script are all told on the console.
        let console: Vec<&str> = log.lines().filter(|l| l.contains("CONSOLE")).collect();
        assert!(console.is_empty(), "{name}: {console:?}");
    }
}

#[test]
fn the_console_is_looked_at() {
    let Some(browser) = program(&["chromium", "chromium-browser", "google-chrome"], "AKU_REQUIRE_BROWSER") else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let page = dir.path().join("bad.html");
    std::fs::write(&page, "<script>nothing.there()</script>").expect("the page is written");
    let (_, log) = opened(&browser, &page, 900);
    assert!(log.lines().any(|l| l.contains("CONSOLE")), "the test above would not see an error:\n{log}");
}

//! A page of broken files, each as the person sees it. Golden outputs: `snapshots/conf/`.

#![allow(clippy::unwrap_used)] // a test may panic

use std::{fs, path::Path};

use aku::{
    cli::{
        Env,
        validate::{Format, ValidateArgs, run},
    },
    conf::{self, Colour},
    exit::Exit,
};

fn golden() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/conf"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

fn broken() -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/broken");
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn broken_files_read_well() {
    let files = broken();
    assert!(files.len() > 15);
    golden().bind(|| {
        for (name, bytes) in files {
            let parsed = conf::parse("conf/aku.conf", &bytes);
            assert!(parsed.config.is_none(), "{name} must be refused");
            let text = conf::render_problems(&parsed.problems, &parsed.source, Colour::Never);
            assert!(!text.contains("hunter"), "{name} shows the password:\n{text}");
            assert!(!format!("{parsed:?}").contains("hunter"), "{name}: Debug shows the password");
            insta::assert_snapshot!(name, text);
        }
    });
}

#[test]
fn colour_changes_nothing_but_colour() {
    for (name, bytes) in broken() {
        let parsed = conf::parse("conf/aku.conf", &bytes);
        let coloured = conf::render_problems(&parsed.problems, &parsed.source, Colour::Always);
        let plain = conf::render_problems(&parsed.problems, &parsed.source, Colour::Never);
        assert_ne!(coloured, plain);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain, "{name}");
    }
}

#[test]
fn json_holds_the_same_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in broken() {
        let path = dir.path().join("aku.conf");
        fs::write(&path, &bytes).unwrap();
        let args = ValidateArgs { file: Some(path), format: Format::Json, ..Default::default() };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = run(&args, &Env::fixed::<&str, &str>([]), &mut out, &mut err);
        assert_eq!(exit, Exit::BadData, "{name}");
        assert!(err.is_empty());
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("hunter"), "{name}: {text}");
        let doc: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(doc["valid"], false);
        let errors = doc["problems"].as_array().unwrap().iter().filter(|p| p["severity"] == "error").count();
        assert_eq!(doc["errors"], errors);
    }
}

//! What README and handbook tell people to type is typed here, as it stands there, against a lab.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

use std::{fs, path::Path, process::Command};

/// The lines of the shell blocks of a document below a heading, without comments.
fn typed(document: &str, heading: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("{document}: no {heading}"));
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let blocks = section.split("```sh\n").skip(1).filter_map(|block| block.split("\n```").next());
    let lines = blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or(line).trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Runs a script with the built program first in the path; returns whether it succeeded, and what was printed.
fn bash(dir: &Path, script: &str) -> (bool, String) {
    let bin = Path::new(env!("CARGO_BIN_EXE_aku")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let ran = Command::new("bash")
        .current_dir(dir)
        .env("PATH", path)
        .env("HOME", dir)
        .env_remove("AKU_CONF")
        .args(["-c", script])
        .output()
        .unwrap();
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (ran.status.success(), said)
}

#[test]
fn what_the_readme_says_can_be_typed() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    std::os::unix::fs::symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf"), dir.join("conf")).unwrap();

    let mut play = typed("README.md", "Play with a lab of your own");
    assert!(play.remove(0).starts_with("cargo build --release"), "the first line builds");
    assert_eq!(play.pop().as_deref(), Some("aku lab down"));
    let script = format!("set -e\n{}\n", play.join("\n"));
    let (well, said) = bash(dir, &script);
    assert!(well, "{script}\n{said}");
    // What a reader is promised there.
    assert!(said.contains("hello") && said.contains("Catch-up"), "{said}");

    // The rest, command by command: whatever the answer is, the command is one that the program knows, and it ends.
    let handbook = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/handbook.md")).unwrap();
    let accept = handbook.split("```toml\n").nth(1).and_then(|b| b.split("```").next()).unwrap();
    fs::write(dir.join("accept.toml"), accept).unwrap();
    let mut lines = typed("README.md", "From anywhere");
    for heading in ["Look before you leap", "When something is out of order", "Watch for drift"] {
        lines.extend(typed("docs/handbook.md", heading));
    }
    // Nothing is written outside.
    for line in &mut lines {
        *line = line.replace("/var/lib/node_exporter/", "");
    }
    assert!(lines.len() > 20, "{lines:?}");
    // `seen.json` comes from the command that the comment beside it names.
    let run = |line: &String| {
        let bound = if line.contains("--watch") { 2 } else { 60 };
        let quoted = line.replace('"', "\\\"");
        format!(
            "timeout -s INT {bound} {line} >out 2>&1 </dev/null; echo \"$? {quoted}\"\n\
             grep -hE 'panicked|unrecognized|error\\[usage\\]' out\n"
        )
    };
    let script = "eval \"$(aku lab env)\"\naku capture -o seen.json --ordinal 0 >/dev/null\n".to_owned()
        + &lines.iter().map(run).collect::<String>();
    let (_, said) = bash(dir, &script);
    let (_, down) = bash(dir, "eval \"$(aku lab env)\"; aku lab down");
    for line in &lines {
        let ran = said.lines().find_map(|l| l.strip_suffix(line.as_str())).unwrap_or_else(|| panic!("{line}\n{said}"));
        let code: i32 = ran.trim().parse().unwrap_or_else(|_| panic!("{line}: {ran}"));
        let watched = line.contains("--watch") && code == 124;
        // The plugin's own codes: 1 is a warning.
        let plugin = line.contains("--nagios") && code <= 3;
        assert!(watched || plugin || [0, 2, 3, 5, 7].contains(&code), "{line}: {code}\n{said}{down}");
    }
    assert!(!said.contains("panicked") && !said.contains("usage"), "{said}");
}

/// The steps of the recipes in `conf/ci`, run as a pipeline would: plan, comment twice, apply.
#[test]
fn the_steps_of_the_recipes_plan_comment_and_apply() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    let ci = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/ci");
    // A `gh` that keeps comments in a file, so that a second one would be seen.
    let gh = r#"#!/usr/bin/env bash
set -eu
case "$*" in
  *--jq*) [ ! -f posted ] || echo 7 ;;
  *POST*) [ ! -f posted ]; cp comment.md posted ;;
  *PATCH*comments/7*) cp comment.md posted; echo x >>patched ;;
  *) exit 9 ;;
esac
"#;
    fs::create_dir(dir.join("bin")).unwrap();
    fs::write(dir.join("bin/gh"), gh).unwrap();
    let script = format!(
        r#"set -eux
chmod +x bin/gh; PATH="$PWD/bin:$PATH"
export GITHUB_REPOSITORY=a/b AKU_PR=3 AKU_GOAL=start AKU_GOAL_ARGS="--ordinal 0"
aku lab up --pods 2
eval "$(aku lab env)"
trap 'aku lab down' EXIT
{ci}/plan.sh | grep -x changes=yes
{ci}/comment.sh; {ci}/comment.sh
grep -c . patched | grep -x 1
grep -q 'ADMIN_MODE 0' posted
{ci}/apply.sh
{ci}/plan.sh | grep -x changes=no
AKU_GOAL=nonsense {ci}/plan.sh || [ $? = 64 ]
"#,
        ci = ci.display()
    );
    let (well, said) = bash(dir, &script);
    assert!(well, "{said}");
}

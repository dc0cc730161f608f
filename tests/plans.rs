//! The reviewed plans in `plans/` are what the planner makes of the states in `snapshots/captured-*.json`.

use std::process::Command;

fn aku(line: &str) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_aku"))
        .args(line.split_whitespace())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .expect("aku runs");
    let text = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn every_reviewed_plan_is_made_again() {
    let made = [("first-start", "start"), ("end", "end"), ("catch-up", "start"), ("recovery", "recover")];
    for (name, what) in made {
        let from = format!("--from snapshots/captured-{name}.json --conf snapshots/captured.conf");
        let (code, text) = aku(&format!("plan {what} {from} --against plans/{name}.json"));
        assert_eq!(code, Some(0), "{name}: {text}");
    }
}

#[test]
fn another_state_is_told_apart() {
    let from = "--from snapshots/captured-catch-up.json --conf snapshots/captured.conf";
    let (code, text) = aku(&format!("plan start {from} --against plans/first-start.json"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("- full copy from pod 0") && text.contains("+ catch-up"), "{text}");
    assert!(text.contains("does not need --approve") || text.contains("TRUNCATE TABLE SYS.T1"), "{text}");
}

#[test]
fn reviewed_plans_have_every_form() {
    for form in ["human", "json", "md", "dot", "mermaid", "html"] {
        let (code, text) = aku(&format!("show plans/first-start.json --format {form}"));
        assert!(code == Some(0) && text.contains("AKU_REP_02"), "{form}: {text}");
    }
}

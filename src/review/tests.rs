//! Judgements of good, edited, late and foreign files.

use serde_json::{Value, json};

use super::*;
use crate::{document, plan::policy::Policy, render::fixtures};

fn saved() -> Saved {
    fixtures::saved(fixtures::full_join())
}

fn review(text: &str, at: &str) -> Review {
    match Reading::parse(text) {
        Err(fault) => unusable(&fault),
        Ok(reading) => judged(reading, &[], at.parse().unwrap()),
    }
}

const IN_TIME: &str = "2026-11-21T00:00:00Z";
const BEFORE: &str = "2026-11-20T23:00:00Z";
const LATE: &str = "2026-11-22T00:00:00Z";

fn resealed(edit: impl Fn(&mut Value)) -> String {
    let mut document = saved().document();
    edit(&mut document);
    document["digest"] = document::digest(&document).into();
    document.to_string()
}

#[test]
fn every_way_in_which_a_file_is_wrong_has_its_code_and_exit() {
    let good = saved().text();
    let table = [
        (good.clone(), IN_TIME, None, Exit::Ok),
        (good.clone(), LATE, Some(Check::Expired), Exit::Stale),
        (good.replacen("\"pod\": 2", "\"pod\": 1", 1), IN_TIME, Some(Check::Edited), Exit::BadData),
        (good[..999].to_owned(), IN_TIME, Some(Check::NotAPlan), Exit::BadData),
        (resealed(|d| d["format_version"] = "2.0".into()), IN_TIME, Some(Check::Version), Exit::BadData),
        (resealed(|d| d["producer"]["planner_rev"] = 99.into()), IN_TIME, Some(Check::OtherRelease), Exit::BadData),
        (resealed(|d| d["must_understand"] = json!(["magic"])), IN_TIME, Some(Check::OtherRelease), Exit::BadData),
        (
            resealed(|d| d["plan"]["actions"][3]["op"] = "explode".into()),
            IN_TIME,
            Some(Check::OtherRelease),
            Exit::BadData,
        ),
        (resealed(|d| d["risk"]["rows_deleted"] = "0".into()), IN_TIME, Some(Check::OtherRelease), Exit::BadData),
        (resealed(|d| drop(d.as_object_mut().unwrap().remove("facts"))), IN_TIME, Some(Check::NotAPlan), Exit::BadData),
        (resealed(|d| d["later"] = "addition".into()), IN_TIME, Some(Check::OtherRelease), Exit::BadData),
        (resealed(|d| d["risk"]["later"] = "addition".into()), IN_TIME, Some(Check::OtherRelease), Exit::BadData),
        (resealed(|d| d["signatures"] = json!(["by somebody"])), IN_TIME, Some(Check::NotAPlan), Exit::BadData),
        (good.clone(), BEFORE, Some(Check::FromTheFuture), Exit::Stale),
    ];
    for (text, at, check, exit) in table {
        let review = review(&text, at);
        let first = review.findings.first().map(|f| f.code.to_string());
        assert_eq!((first.as_deref(), review.exit), (check.map(Check::as_str), exit), "{review:#?}");
    }
}

#[test]
fn what_was_denied_stays_denied() {
    let no = Finding { code: "SITE-1".into(), level: Level::Deny, text: "no".to_owned(), actions: Vec::new() };
    let rules = saved();
    let said = [rules.policy.clone(), vec![no.clone()]].concat();
    let plan = rules.judged(Policy::default(), said);
    let reading = Reading::parse(&plan.text()).unwrap();
    let review = judged(reading.clone(), &[], IN_TIME.parse().unwrap());
    assert_eq!((review.exit, review.findings.as_slice()), (Exit::Refused, &[no.clone()][..]));
    let again = judged(reading, &[no], IN_TIME.parse().unwrap());
    assert_eq!(again.findings.len(), 1);
}

#[test]
fn sarif_points_at_the_lines_of_actions() {
    let text = saved().text();
    let mut review = review(&text, IN_TIME);
    review.findings = vec![Finding {
        code: "P003-truncate".into(),
        level: Level::Warn,
        text: "three".to_owned(),
        actions: vec![crate::plan::ActionId(9)],
    }];
    let log = sarif(&review, "plan.json", &text);
    let result = &log["runs"][0]["results"][0];
    assert_eq!(
        (&log["version"], &result["level"], &result["ruleId"]),
        (&json!("2.1.0"), &json!("warning"), &json!("P003-truncate"))
    );
    let line = result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap();
    assert_eq!(text.lines().nth(usize::try_from(line).unwrap() - 1).unwrap().trim(), "\"id\": 9,");
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.iter().any(|r| r["id"] == "P003-truncate") && rules.iter().any(|r| r["id"] == "V004-edited"));
}

#[test]
fn a_judgement_for_people_at_every_width() {
    let late = review(&saved().text(), LATE);
    let file = "plans/of-november/altibase-sts-2-start-reviewed-by-two.json";
    crate::render::golden::every_width("review", |width| crate::render::review(&late, file, width));
}

//! Golden outputs of saved plans in the forms that are not for a terminal.

use super::{
    dot,
    fixtures::{self, saved, settings},
    golden::every_width,
    html, markdown, mermaid,
};
use crate::{
    plan::{Plan, diff::diff},
    render::{Colour, fixtures::PASSWORD},
};

/// As many tables as nobody looks at.
fn huge() -> Plan {
    let mut plan = fixtures::full_join();
    let truncate = plan.actions[8].clone();
    for n in 0..3000 {
        let mut more = truncate.clone();
        more.id.0 = 100 + n;
        plan.actions.push(more);
    }
    plan
}

/// With everything that a mark-up language takes for its own.
fn hostile() -> Plan {
    let mut plan = fixtures::full_join();
    plan.pods[3].detail = "</td><script>alert(1)</script> | `x` --> \" ' & \u{1b}[2J @team".to_owned();
    plan.actions[0].because.text = "```\n</details><img src=x onerror=alert(1)> \"]; end".to_owned();
    plan.actions[3].after[0].because = "a\"] end | <b>".into();
    plan.notes[0].text = "<!-- | ** -->".to_owned();
    plan
}

#[test]
fn forms() {
    settings().bind(|| {
        insta::assert_snapshot!("show-full-join-md", markdown(&saved(fixtures::full_join_with_losses()), "plan.json"));
        insta::assert_snapshot!("show-empty-md", markdown(&saved(fixtures::empty()), "plan.json"));
        insta::assert_snapshot!("show-full-join-dot", dot(&fixtures::full_join()));
        insta::assert_snapshot!("show-huge-dot", dot(&huge()));
        insta::assert_snapshot!("show-full-join-mermaid", mermaid(&fixtures::full_join()));
        insta::assert_snapshot!("show-huge-mermaid", mermaid(&huge()));
        // One tag on a line, for who reads the difference.
        let page = html(&saved(fixtures::full_join_with_losses()), "plan.json").replace("><", ">\n<");
        insta::assert_snapshot!("show-full-join-html", page);
        let mut other = fixtures::full_join();
        other.actions.remove(19);
        other.actions[4].op = crate::plan::Op::Drain { wait_s: 90 };
        other.actions.swap(0, 1);
        other.approvals.clear();
        let doc = super::diff(&diff(&fixtures::full_join(), &other), ("a.json", "b.json"));
        insta::assert_snapshot!("diff", doc.text(Colour::Plain));
        let other = diff(&fixtures::full_join(), &other);
        every_width("diff", |_| super::diff(&other, ("plans/a-plan-of-monday.json", "b.json")));
    });
}

#[test]
fn a_comment_always_fits_and_says_what_it_left_out() {
    let text = markdown(&saved(huge()), "plan.json");
    assert!(text.len() <= super::markdown::BUDGET, "{}", text.len());
    assert!(text.starts_with("<!-- aku-plan start altibase-sts/2 sha256:"), "{text}");
    assert!(text.contains("Shortened to fit a comment") && text.contains("aku apply plan.json"), "{text}");
    let mut long = huge();
    long.notes = vec![fixtures::because(crate::plan::Code::PodAbsent, &"é".repeat(50_000)); 2];
    let text = markdown(&saved(long), "plan.json");
    assert!(text.len() <= super::markdown::BUDGET && text.contains("Cut here"), "{}", text.len());
}

#[test]
fn nothing_from_outside_becomes_mark_up() {
    let s = saved(hostile());
    let page = html(&s, "<x>.json");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<x>") && !page.contains('\u{1b}'));
    assert!(page.contains("&lt;script&gt;"), "the text itself is shown");
    for word in ["http://", "https://", "src=", "url(http", "@import"] {
        assert!(!page.replace("src=x", "").contains(word), "{word}");
    }
    let comment = markdown(&s, "p.json");
    assert!(comment.contains("````diff") || !comment.contains("\n```\n</details>"), "{comment}");
    // Apart from those that keep words from becoming links.
    assert_eq!(comment.replace("<!-- -->", "").matches("<!--").count(), 1);
    let chart = mermaid(&s.plan);
    assert!(chart.contains("a#quot;] end | #lt;b#gt;"), "{chart}");
    assert!(dot(&s.plan).contains("a\\\"] end | <b>"));
    for text in [page, comment, chart] {
        assert!(!text.contains(PASSWORD));
    }
}

#[test]
fn the_page_has_every_action_and_is_well_formed() {
    for plan in [fixtures::full_join(), fixtures::catch_up(), fixtures::end(), fixtures::clean(), huge()] {
        let page = html(&saved(plan.clone()), "plan.json");
        for a in &plan.actions {
            assert!(page.contains(&format!("<td>{}</td>", a.id)), "{}", a.id);
        }
        for tag in ["table", "tr", "td", "section", "svg", "g", "ul", "div", "body"] {
            let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}

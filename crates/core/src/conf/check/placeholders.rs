//! Values that a template was to fill in and did not: `${..}`, `$(..)`, `{{ .. }}`, `<no value>`, `@@..@@`, or a variable
//! and nothing else. Only a warning: such a password or quoted name may exist.

use crate::conf::{
    Span,
    problem::{Code, Log, Problem},
    syntax::{Assign, File, Item, Name},
};

/// Warns of every value that looks like one. The password is not shown.
pub(super) fn check(file: &File, log: &mut Log<'_>) {
    for assign in file.assigns.iter().chain(file.groups.iter().flat_map(|g| &g.assigns)) {
        value(assign, log);
    }
    for item in file.groups.iter().flat_map(|g| &g.items) {
        match item {
            Item::Old { assigns, .. } => assigns.iter().for_each(|a| value(a, log)),
            Item::Target { user, table, partition, .. } => {
                for Name { text, span, .. } in [user, table].into_iter().chain(partition) {
                    if is_one(text) {
                        report(&format!("the name {}", log.source().quote(span)), span, log);
                    }
                }
            }
        }
    }
}

fn value(assign: &Assign, log: &mut Log<'_>) {
    if is_one(&assign.value.text) {
        // The line below shows it, unless it may be the password.
        report(&format!("the value of {}", assign.key), &assign.value.span, log);
    }
}

fn report(what: &str, span: &Span, log: &mut Log<'_>) {
    let problem = Problem::new(Code::Placeholder, format!("{what} looks like a placeholder that nobody filled in"))
        .label("taken as it stands here")
        .hint("look at what renders the template of this file: Helm, envsubst, kustomize");
    log.report(problem, span);
}

/// Whether a text holds what template engines leave behind.
fn is_one(text: &str) -> bool {
    let between = |open: &str, close: &str| {
        text.split_once(open).is_some_and(|(_, rest)| rest.split_once(close).is_some_and(|(name, _)| !name.is_empty()))
    };
    let variable = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            && name.len() > 2
    };
    between("${", "}")
        || between("$(", ")")
        || between("{{", "}}")
        || between("@@", "@@")
        || text.contains("<no value>")
        || text.strip_prefix('$').is_some_and(variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_templates_leave_behind() {
        let left = [
            "${X}",
            "a${X}b",
            "$(PASSWORD)",
            "{{ .Values.x }}",
            "{{x}}",
            "<no value>",
            "<no value>-sts",
            "@@PW@@",
            "$SYS_PASSWORD",
        ];
        for text in left {
            assert!(is_one(text), "{text}");
        }
        for text in
            ["", "manager", "a$b", "$", "$1", "$pa", "p{a}{b}", "x@@y", "@@@@", "${}", "}${", "<no>", "$Secret1"]
        {
            assert!(!is_one(text), "{text}");
        }
    }
}

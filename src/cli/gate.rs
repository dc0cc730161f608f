//! What must be approved before a plan is applied, and by whom (`contract.md` 2.11). `--yes` covers what
//! harms nothing; each class of loss needs its own yes, by name. Nothing here can be turned off.

use super::stream::{Streams, tell};
use crate::{
    exit::Exit,
    plan::{Approval, ApprovalClass, Plan},
    render::{self, Diagnostic},
};

/// Every class.
pub const CLASSES: [ApprovalClass; 8] = [
    ApprovalClass::DeletesRows,
    ApprovalClass::RemovesDefinition,
    ApprovalClass::MemberDown,
    ApprovalClass::EmptySource,
    ApprovalClass::LosesUnsent,
    ApprovalClass::UnprovedSource,
    ApprovalClass::DeletesSurplus,
    ApprovalClass::UnprovedLogs,
];

/// What was said on the command line.
#[derive(Clone, Debug)]
pub struct Said {
    /// `--yes`
    pub yes: Yes,
    /// `--approve`
    pub approve: Vec<Approve>,
    /// Whether a person may be asked.
    pub ask: Ask,
}

/// `--yes` or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yes {
    /// Given.
    Given,
    /// Not given.
    NotGiven,
}

/// Whether a person may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// There is a terminal.
    Person,
    /// Nobody is there.
    Nobody,
}

/// Approvals that the command line does not cover.
#[must_use]
pub fn open<'a>(plan: &'a Plan, approve: &[Approve]) -> Vec<&'a Approval> {
    let covers = |a: &Approve, needed: &Approval| a.class == needed.class.as_str() && a.scope == needed.scope;
    plan.approvals.iter().filter(|needed| !approve.iter().any(|a| covers(a, needed))).collect()
}

/// Lets the plan pass, asks, or refuses. `command` is what was typed, for the message.
///
/// # Errors
/// Exit 3, with the exact flags that are missing.
pub fn pass(plan: &Plan, said: &Said, command: &str, s: &mut Streams<'_>) -> Result<(), Diagnostic> {
    let open = open(plan, &said.approve);
    match said.ask {
        Ask::Nobody => {
            if open.is_empty() && said.yes == Yes::Given {
                return Ok(());
            }
            Err(missing(plan, &open, command, said))
        }
        Ask::Person => {
            for approval in open {
                let question = format!(
                    "{}\nType {} to approve {}, anything else stops: ",
                    render::words::sentence(&approval.because),
                    approval.scope,
                    approval.class.as_str()
                );
                if answer(s, &question) != approval.scope {
                    return Err(declined());
                }
            }
            match said.yes {
                Yes::Given => Ok(()),
                Yes::NotGiven if answer(s, "Apply it? Type yes, anything else stops: ") == "yes" => Ok(()),
                Yes::NotGiven => Err(declined()),
            }
        }
    }
}

fn answer(s: &mut Streams<'_>, question: &str) -> String {
    tell(s, question);
    let mut line = String::new();
    // No line is no yes.
    let _ = s.input.read_line(&mut line);
    line.trim().to_owned()
}

fn declined() -> Diagnostic {
    Diagnostic::new(Exit::Refused, "not-approved", "the plan was not approved").fact("changed", "nothing")
}

fn missing(plan: &Plan, open: &[&Approval], command: &str, said: &Said) -> Diagnostic {
    let mut trouble = Diagnostic::new(Exit::Refused, "not-approved", "the plan needs a yes that was not given");
    for (i, approval) in open.iter().enumerate() {
        let label = if i == 0 { "because" } else { "" };
        trouble = trouble.fact(label, format!("{} ({})", approval.because, approval.class.as_str()));
    }
    for a in &said.approve {
        let known = plan.approvals.iter().find(|p| p.class.as_str() == a.class);
        if let Some(known) = known
            && a.scope != known.scope
        {
            let text = format!("--approve {}={} names another pod than {}", a.class, a.scope, known.scope);
            trouble = trouble.fact("note", text);
        }
    }
    let mut words = vec![command.to_owned(), "--yes".to_owned()];
    words.extend(render::approval_flags(plan));
    trouble.fact("changed", "nothing: only SELECTs were sent").next(words.join(" "))
}

/// One `--approve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approve {
    /// The word of an `ApprovalClass`.
    pub class: String,
    /// `<statefulset>/<ordinal>`: a loss is approved where it happens, never everywhere.
    pub scope: String,
}

impl Approve {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (class, scope) = text.split_once('=').unwrap_or((text, ""));
        let known = CLASSES.map(ApprovalClass::as_str);
        if !known.contains(&class) {
            return Err(format!("no such class; known are {}", known.join(", ")));
        }
        if scope.is_empty() {
            return Err(format!("the scope is missing; write it in full, e.g. {class}=altibase-sts/2"));
        }
        Ok(Self { class: class.to_owned(), scope: scope.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::stream::Terminal, render::fixtures};

    fn approve(class: ApprovalClass, scope: &str) -> Approve {
        Approve { class: class.as_str().to_owned(), scope: scope.to_owned() }
    }

    fn tried(plan: &Plan, said: &Said, typed: &str) -> (Result<(), Diagnostic>, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut input = typed.as_bytes();
        let mut s = Streams { out: &mut out, err: &mut err, input: &mut input, terminal: Terminal::default() };
        let result = pass(plan, said, "aku apply start", &mut s);
        (result, String::from_utf8(err).unwrap())
    }

    #[test]
    fn without_a_person_everything_must_be_said() {
        use ApprovalClass::{DeletesRows, MemberDown};
        let scope = "altibase-sts/2";
        let table = [
            (Yes::Given, vec![approve(DeletesRows, scope)], true),
            (Yes::Given, vec![approve(DeletesRows, "altibase-sts/1"), approve(DeletesRows, scope)], true),
            (Yes::NotGiven, vec![approve(DeletesRows, scope)], false),
            (Yes::Given, vec![], false),
            (Yes::Given, vec![approve(MemberDown, scope)], false),
            (Yes::Given, vec![approve(DeletesRows, "altibase-sts/1")], false),
            (Yes::Given, vec![approve(DeletesRows, "altibase-sts/22")], false),
        ];
        for (yes, approve, passes) in table {
            let said = Said { yes, approve, ask: Ask::Nobody };
            let (result, _) = tried(&fixtures::full_join(), &said, "yes\n");
            assert_eq!(result.is_ok(), passes, "{said:?}");
            if let Err(t) = result {
                assert_eq!(t.exit, Exit::Refused);
                assert_eq!(t.next, ["aku apply start --yes --approve deletes-rows=altibase-sts/2"]);
            }
        }
    }

    #[test]
    fn a_person_types_the_scope() {
        let said = |yes| Said { yes, approve: Vec::new(), ask: Ask::Person };
        let table = [
            (Yes::NotGiven, "altibase-sts/2\nyes\n", true),
            (Yes::Given, "altibase-sts/2\n", true),
            (Yes::NotGiven, "altibase-sts/2\n", false),
            (Yes::NotGiven, "yes\nyes\n", false),
            (Yes::NotGiven, "", false),
            (Yes::Given, "altibase-sts/1\n", false),
        ];
        for (yes, typed, passes) in table {
            let (result, asked) = tried(&fixtures::full_join(), &said(yes), typed);
            assert_eq!(result.is_ok(), passes, "{typed:?}");
            assert!(asked.contains("Type altibase-sts/2 to approve deletes-rows"), "{asked}");
        }
        let (result, asked) = tried(&fixtures::end(), &said(Yes::NotGiven), "yes\n");
        assert_eq!((result, asked.lines().count()), (Ok(()), 1));
    }

    #[test]
    fn every_loss_needs_its_own_yes() {
        let plan = fixtures::full_join_with_losses();
        let said = |n: usize| {
            let approve = plan.approvals.iter().take(n).map(|a| approve(a.class, &a.scope)).collect();
            Said { yes: Yes::Given, approve, ask: Ask::Nobody }
        };
        for n in 0..plan.approvals.len() {
            assert!(tried(&plan, &said(n), "").0.is_err(), "{n}");
        }
        assert!(tried(&plan, &said(plan.approvals.len()), "").0.is_ok());
    }

    #[test]
    fn every_class_can_be_approved() {
        // A class that is new does not compile here before it is in the list.
        let nth = |class: ApprovalClass| match class {
            ApprovalClass::DeletesRows => 0,
            ApprovalClass::RemovesDefinition => 1,
            ApprovalClass::MemberDown => 2,
            ApprovalClass::EmptySource => 3,
            ApprovalClass::LosesUnsent => 4,
            ApprovalClass::UnprovedSource => 5,
            ApprovalClass::DeletesSurplus => 6,
            ApprovalClass::UnprovedLogs => 7,
        };
        assert_eq!(CLASSES.map(nth), [0, 1, 2, 3, 4, 5, 6, 7]);
        for class in CLASSES {
            assert!(Approve::parse(&format!("{}=altibase-sts/2", class.as_str())).is_ok());
        }
    }
}

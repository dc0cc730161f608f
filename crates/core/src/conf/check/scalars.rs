//! The properties outside of the groups: known, given once, in range, short enough.

use std::collections::BTreeMap;

use super::switch;
use crate::conf::{
    Compare, HostTemplate, MemberDown, Origins, Span, Switch, TemplateError,
    problem::{Code, Log, Problem, missing},
    property::{self, Property},
    source::shown_char,
    syntax::{Assign, File, Value},
};

/// What the file gives each property.
pub(super) type Given<'f> = BTreeMap<Property, &'f Assign>;

/// The assignments of a file by property.
pub(super) struct Scalars<'f, 's, 'l> {
    file: &'f File,
    given: Given<'f>,
    log: &'l mut Log<'s>,
}

impl<'f, 's, 'l> Scalars<'f, 's, 'l> {
    /// Sorts the assignments; unknown and repeated keys are reported.
    pub(super) fn collect(file: &'f File, log: &'l mut Log<'s>) -> Self {
        let mut all = Self { file, given: BTreeMap::new(), log };
        for assign in &file.assigns {
            all.add(assign);
        }
        all
    }

    fn add(&mut self, assign: &'f Assign) {
        let Some(property) = Property::from_key(&assign.key) else {
            unknown(assign, property::top_keys(), self.log);
            return;
        };
        if assign.key == property::MISSPELT_PASSWORD {
            let problem = Problem::new(Code::Misspelt, "AKU_SYS_PASWWORD is a misspelling of AKU_SYS_PASSWORD")
                .label("accepted, because old samples spell it so")
                .hint("write AKU_SYS_PASSWORD");
            self.log.report(problem, &assign.key_span);
        }
        match self.given.get(&property) {
            None => {
                self.given.insert(property, assign);
            }
            Some(first) if first.key == assign.key => duplicate(assign, first, self.log),
            // Both spellings of the password.
            Some(first) if first.value.text != assign.value.text => {
                let line = self.log.source().line(first.key_span.start);
                let words = "AKU_SYS_PASSWORD and AKU_SYS_PASWWORD are both set, to different values";
                let problem = Problem::new(Code::PasswordsDiffer, words)
                    .label(format!("{} is on line {line}", first.key))
                    .hint("keep AKU_SYS_PASSWORD and remove the other line");
                self.log.report(problem, &assign.key_span);
            }
            Some(first) if first.key == property::MISSPELT_PASSWORD => {
                self.given.insert(property, assign);
            }
            Some(_) => {}
        }
    }

    pub(super) fn log(&mut self) -> &mut Log<'s> {
        self.log
    }

    pub(super) fn given(&self) -> Given<'f> {
        self.given.clone()
    }

    pub(super) fn origins(&self) -> Origins {
        let line = |assign: &&Assign| self.log.source().line(assign.key_span.start);
        let written = self.given.iter().filter(|(_, assign)| !assign.value.text.is_empty());
        Origins { lines: written.map(|(p, assign)| (*p, line(assign))).collect(), groups: Vec::new() }
    }

    /// A required text; `None` when it is missing or empty, which is reported.
    fn required(&mut self, property: Property) -> Option<&'f Value> {
        match self.given.get(&property) {
            Some(assign) if assign.value.text.is_empty() => {
                let problem = missing(property.name()).label("it has no value");
                self.log.report(problem, &assign.key_span);
                None
            }
            Some(assign) => Some(&assign.value),
            None => {
                if !self.file.mentioned.iter().any(|key| key == property.name()) {
                    let hint =
                        format!("it has no default; add a line such as {} = {}", property.name(), example(property));
                    self.log.report_missing(missing(property.name()).hint(hint));
                }
                None
            }
        }
    }

    /// AKU_STS_NAME or AKU_SVC_NAME: part of a host name, at most 63 bytes. It ends up in SQL and in a connection
    /// string, so nothing but what a host name may hold gets through.
    pub(super) fn host_part(&mut self, property: Property) -> Option<String> {
        let value = self.required(property)?;
        let (text, name) = (&value.text, property.name());
        let dots = property == Property::SvcName;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || (dots && c == '.');
        if let Some(bad) = text.chars().find(|&c| !fits(c)) {
            let hint = match bad {
                '\'' | '\u{2018}' | '\u{2019}' | '\u{201C}' | '\u{201D}' => {
                    "only plain double quotes (\") are quotes here"
                }
                ',' | ';' => "properties are not separated by anything; remove it",
                _ => "it is part of a host name: letters, digits and -",
            };
            let words = format!("{name} holds `{}`, which no host name has", shown_char(bad));
            self.log.report(Problem::new(Code::BadName, words).hint(hint), &value.span);
            return None;
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !text.ends_with(|c: char| c.is_ascii_alphanumeric())
        {
            let words = format!("{name} must begin and end with a letter or a digit");
            self.log.report(Problem::new(Code::BadName, words), &value.span);
            return None;
        }
        if text.len() > property::HOST_PART_BYTES {
            let words = format!("{name} has {} bytes, the limit is {}", text.len(), property::HOST_PART_BYTES);
            self.log.report(Problem::new(Code::TooLong, words), &value.span);
            return None;
        }
        if text.contains(|c: char| c.is_ascii_uppercase() || c == '_') {
            let words = format!("{name}: Kubernetes gives no names with capital letters or underscores");
            self.log.report(
                Problem::new(Code::OddHost, words).hint("compare with kubectl get statefulset,service"),
                &value.span,
            );
        }
        Some(text.clone())
    }

    /// AKU_SYS_PASSWORD as written; `None` when missing or empty, because the environment may give it.
    pub(super) fn password(&mut self) -> Option<String> {
        let value = &self.given.get(&Property::SysPassword)?.value;
        let odd = |c: char| matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201C}' | '\u{201D}');
        if !value.quoted && value.text.starts_with(odd) && value.text.ends_with(odd) {
            let words = "the quotes around the password are not \"; they are taken as part of it";
            let problem = Problem::new(Code::OddQuotes, words).hint("use plain double quotes (\")");
            self.log.report(problem, &value.span);
        }
        (!value.text.is_empty()).then(|| value.text.clone())
    }

    /// A number in range, or its default.
    fn number(&mut self, property: Property) -> Option<u64> {
        let limits = property.number()?;
        match self.given.get(&property) {
            Some(assign) => number(&assign.value, property.name(), &limits, self.log),
            None => Some(limits.default),
        }
    }

    /// A number that fits `T`, as the property's range makes sure.
    pub(super) fn small<T: TryFrom<u64>>(&mut self, property: Property) -> Option<T> {
        self.number(property).and_then(|n| T::try_from(n).ok())
    }

    /// AKU_MEMBER_DOWN; without a line a person is asked.
    pub(super) fn member_down(&mut self) -> Option<MemberDown> {
        let Some(assign) = self.given.get(&Property::MemberDown) else { return Some(MemberDown::default()) };
        match assign.value.text.parse() {
            Ok(policy) => Some(policy),
            Err(expected) => {
                let words = format!("{} is no policy", Property::MemberDown.name());
                let problem = Problem::new(Code::OutOfRange, words).label(expected);
                self.log.report(problem.hint("without this line it is ask"), &assign.value.span);
                None
            }
        }
    }

    /// HOST_TEMPLATE; without a line it is the service address.
    pub(super) fn host_template(&mut self) -> Option<HostTemplate> {
        let Some(assign) = self.given.get(&Property::HostTemplate) else { return Some(HostTemplate::default()) };
        let value = &assign.value;
        match value.text.parse() {
            Ok(template) => Some(template),
            Err(TemplateError { at, message, hint }) => {
                let words = format!("{} {message}", Property::HostTemplate.name());
                self.log.report(Problem::new(Code::BadHostTemplate, words).hint(hint), &inside(value, &at));
                None
            }
        }
    }

    /// One of the words, in small letters or capitals; the first without a line.
    pub(super) fn compare(&mut self, property: Property) -> Option<Compare> {
        let Some(assign) = self.given.get(&property) else { return Some(Compare::ALL[0]) };
        let found = Compare::ALL.into_iter().find(|c| c.as_str().eq_ignore_ascii_case(&assign.value.text));
        if found.is_none() {
            let words: Vec<_> = Compare::ALL.iter().map(|c| c.as_str()).collect();
            let problem = Problem::new(Code::OutOfRange, format!("{} is none of its words", property.name()))
                .label(format!("expected one of {}", words.join(", ")))
                .hint(format!("without this line it is {}", words[0]));
            self.log.report(problem, &assign.value.span);
        }
        found
    }

    /// 0 or 1.
    pub(super) fn switch(&mut self, property: Property) -> Option<Switch> {
        self.number(property).map(switch)
    }
}

/// What a required name may look like.
fn example(property: Property) -> &'static str {
    if property == Property::SvcName { "altibase-svc" } else { "altibase-sts" }
}

/// Those bytes of a value; all of it where quotes in it make the two differ.
fn inside(value: &Value, at: &Span) -> Span {
    let quote = usize::from(value.quoted);
    let as_written = value.span.len() == value.text.len() + 2 * quote;
    let begin = value.span.start + quote;
    if as_written && !at.is_empty() { begin + at.start..begin + at.end } else { value.span.clone() }
}

/// A decimal number in range; anything else is reported.
pub(super) fn number(value: &Value, name: &str, limits: &property::Number, log: &mut Log<'_>) -> Option<u64> {
    let (low, high) = (limits.range.start(), limits.range.end());
    let range = if *high == 1 { "0 or 1".to_owned() } else { format!("a number from {low} to {high}") };
    let text = value.text.as_str();
    if text.is_empty() {
        let problem = Problem::new(Code::NotANumber, format!("{name} has no value"))
            .label(format!("expected {range}"))
            .hint(format!("without this line it is {}", limits.default));
        log.report(problem, &value.span);
        return None;
    }
    let negative = text.strip_prefix('-').is_some_and(|t| t.bytes().all(|b| b.is_ascii_digit()) && !t.is_empty());
    if !negative && !text.bytes().all(|b| b.is_ascii_digit()) {
        let mut problem = Problem::new(Code::NotANumber, format!("{name} is not a number"));
        problem = problem.label(format!("expected {range}"));
        if text.ends_with([',', ';']) {
            problem = problem.hint("properties are not separated by anything; remove the last character");
        }
        log.report(problem, &value.span);
        return None;
    }
    // Only digits: what does not parse is too large for any range.
    let n = text.parse::<u64>().ok().filter(|n| limits.range.contains(n));
    if n.is_none() {
        let problem = Problem::new(Code::OutOfRange, format!("{name} is out of range"));
        log.report(problem.label(format!("expected {range}")), &value.span);
    }
    n
}

/// Reports a key nobody knows, with the nearest one of those that may stand here.
pub(super) fn unknown<'c>(assign: &Assign, candidates: impl Iterator<Item = &'c str>, log: &mut Log<'_>) {
    let candidates: Vec<_> = candidates.collect();
    let key = assign.key.as_str();
    let words = format!("unknown property {}", log.source().quote(&assign.key_span));
    let hint = if key == property::LOCAL {
        Some(property::NOT_LOCAL.to_owned())
    } else if property::GROUP_KEYS.contains(&key) || property::ITEM_KEYS.contains(&key) {
        Some(format!("{key} belongs inside of REPLICATIONS = ( ... )"))
    } else if let Some(near) = property::nearest(key, candidates.iter().copied()) {
        Some(if near.eq_ignore_ascii_case(key) {
            format!("write it in capitals: {near}")
        } else {
            format!("did you mean {near}?")
        })
    } else if key.to_ascii_uppercase().contains("PARTITION") {
        Some("write a partition as USER.TABLE PARTITION NAME instead of ( USER_NAME ... )".to_owned())
    } else {
        // Inside of parentheses there are two, at the top of the file too many to name.
        (candidates.len() == 2).then(|| format!("only {} stand here", candidates.join(" and ")))
    };
    let mut problem = Problem::new(Code::UnknownKey, words);
    problem.hint = hint;
    log.report(problem, &assign.key_span);
}

/// Reports a key that was given already.
pub(super) fn duplicate(assign: &Assign, first: &Assign, log: &mut Log<'_>) {
    let line = log.source().line(first.key_span.start);
    let problem = Problem::new(Code::DuplicateKey, format!("{} is given twice", assign.key))
        .label(format!("the first is on line {line}"))
        .hint("keep one of the two");
    log.report(problem, &assign.key_span);
}

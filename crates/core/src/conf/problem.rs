//! What can be wrong with a configuration file. Holds words and places, judges nothing, prints nothing.

use super::{Source, Span};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; a person should look.
    Warning,
}

/// What kind of problem it is. The codes are public: never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// Bytes that are not UTF-8, or a control character.
    Encoding,
    /// More than [`super::source::MAX_BYTES`].
    TooLarge,
    /// Something stands where it cannot stand.
    Unexpected,
    /// A key without `=`.
    MissingEquals,
    /// A quote that is not closed on its line.
    UnclosedQuote,
    /// An open parenthesis without its partner.
    UnclosedParenthesis,
    /// Two things without the comma between them.
    MissingComma,
    /// A comma with nothing after it.
    TrailingComma,
    /// A target that is not `USER.TABLE [PARTITION P]`.
    BadTarget,
    /// Parsing stopped because nearly nothing fits.
    TooMany,
    /// A required property is missing or empty.
    Missing,
    /// A key nobody knows.
    UnknownKey,
    /// A key that was given already.
    DuplicateKey,
    /// Not a number.
    NotANumber,
    /// A number outside of its range.
    OutOfRange,
    /// More bytes than the limit.
    TooLong,
    /// `<STS>-<n>.<SVC>`, or what HOST_TEMPLATE makes, does not fit the server's 64 bytes.
    HostTooLong,
    /// Prefix and ordinals do not fit the server's 40 bytes.
    PrefixTooLong,
    /// Two groups of one name.
    DuplicatePrefix,
    /// A target twice in a group, or a table and its partition.
    DuplicateTarget,
    /// A table in two groups.
    SharedTarget,
    /// Both spellings of the password property, with different values.
    PasswordsDiffer,
    /// A character that the value cannot have.
    BadName,
    /// Service port and replication port are the same.
    SamePort,
    /// The password that the environment names cannot be used.
    Password,
    /// An option that does not go with EAGER.
    EagerOption,
    /// RECOVERY with more than two servers.
    RecoveryTwice,
    /// HOST_TEMPLATE that is no template, or makes no hosts.
    BadHostTemplate,
    /// Warning: the published misspelling of the password property.
    Misspelt,
    /// Warning: more pods than the manuals document.
    ManyServers,
    /// Warning: more replications than the server's default allows.
    ManyReplications,
    /// Warning: Kubernetes cannot make pods of so long a name.
    LongStatefulSet,
    /// Warning: several groups need a server property.
    DuplicateHosts,
    /// Warning: a `#` touches what stands before it.
    CutByComment,
    /// Warning: quotes that are part of the value.
    OddQuotes,
    /// Warning: an end will not reset.
    NoFlushNoReset,
    /// Warning: a bound that is too short.
    ShortFlush,
    /// Warning: a name Kubernetes would not give.
    OddHost,
    /// Warning: bytes that are not UTF-8 in a comment.
    EncodingInComment,
    /// Warning: a template was to fill the value in.
    Placeholder,
    /// Warning: pods join an EAGER group one at a time beside pod 0 alone.
    EagerMesh,
    /// Warning: what one group asks of conflicts, the servers do for another group as well.
    SharedConflict,
}

impl Code {
    /// The stable code: `AKU-C1xx` syntax, `AKU-C2xx` values, `AKU-C3xx` warnings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encoding => "AKU-C101",
            Self::TooLarge => "AKU-C102",
            Self::Unexpected => "AKU-C103",
            Self::MissingEquals => "AKU-C104",
            Self::UnclosedQuote => "AKU-C105",
            Self::UnclosedParenthesis => "AKU-C106",
            Self::MissingComma => "AKU-C107",
            Self::TrailingComma => "AKU-C108",
            Self::BadTarget => "AKU-C109",
            Self::TooMany => "AKU-C110",
            Self::Missing => "AKU-C201",
            Self::UnknownKey => "AKU-C202",
            Self::DuplicateKey => "AKU-C203",
            Self::NotANumber => "AKU-C204",
            Self::OutOfRange => "AKU-C205",
            Self::TooLong => "AKU-C206",
            Self::HostTooLong => "AKU-C207",
            Self::PrefixTooLong => "AKU-C208",
            Self::DuplicatePrefix => "AKU-C209",
            Self::DuplicateTarget => "AKU-C210",
            Self::SharedTarget => "AKU-C211",
            Self::PasswordsDiffer => "AKU-C212",
            Self::BadName => "AKU-C213",
            Self::SamePort => "AKU-C214",
            Self::Password => "AKU-C215",
            Self::EagerOption => "AKU-C216",
            Self::RecoveryTwice => "AKU-C217",
            Self::BadHostTemplate => "AKU-C218",
            Self::Misspelt => "AKU-C301",
            Self::ManyServers => "AKU-C302",
            Self::ManyReplications => "AKU-C303",
            Self::LongStatefulSet => "AKU-C304",
            Self::DuplicateHosts => "AKU-C305",
            Self::CutByComment => "AKU-C306",
            Self::OddQuotes => "AKU-C307",
            Self::NoFlushNoReset => "AKU-C308",
            Self::ShortFlush => "AKU-C309",
            Self::OddHost => "AKU-C310",
            Self::EncodingInComment => "AKU-C311",
            Self::Placeholder => "AKU-C312",
            Self::EagerMesh => "AKU-C313",
            Self::SharedConflict => "AKU-C314",
        }
    }

    /// Errors and warnings are told apart by the code alone.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with("AKU-C3") { Severity::Warning } else { Severity::Error }
    }

    /// Whether the text itself could not be read, as against a value that is wrong.
    #[must_use]
    pub fn is_syntax(self) -> bool {
        self.as_str().starts_with("AKU-C1")
    }
}

/// Where in the file a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes of the text, within one line.
    pub span: Span,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// One thing that is wrong, or worth a look. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// Words for the caret, may be empty.
    pub label: String,
    /// What to do, if we know.
    pub hint: Option<String>,
    /// `None` when it is about something that is not there.
    pub place: Option<Place>,
}

impl Problem {
    /// A problem of the file as a whole.
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), label: String::new(), hint: None, place: None }
    }

    /// With a place; the span is cut to the line it begins on.
    pub(super) fn at(mut self, source: &Source, span: &Span) -> Self {
        let line = source.line(span.start);
        let whole = source.line_span(line);
        let start = span.start.min(whole.end);
        let span = start..span.end.clamp(start, whole.end);
        self.place = Some(Place { column: source.column(span.start), line, span });
        self
    }

    /// With words for the caret.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With advice.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Error or warning.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// Whether any of them is an error.
#[must_use]
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|p| p.severity() == Severity::Error)
}

/// More problems than this help nobody.
const MOST_PROBLEMS: usize = 50;

/// Collects problems of one file, up to a bound.
pub(super) struct Log<'s> {
    source: &'s Source,
    problems: Vec<Problem>,
}

impl<'s> Log<'s> {
    pub(super) fn new(source: &'s Source) -> Self {
        Self { source, problems: Vec::new() }
    }

    pub(super) fn source(&self) -> &'s Source {
        self.source
    }

    pub(super) fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether nothing more is taken; the reader stops then.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() > MOST_PROBLEMS
    }

    /// Notes a problem at a place.
    pub(super) fn report(&mut self, problem: Problem, span: &Span) {
        if !self.is_full() {
            let located = problem.at(self.source, span);
            self.push(located);
        }
    }

    /// Notes a problem of the whole file.
    pub(super) fn report_missing(&mut self, problem: Problem) {
        self.push(problem);
    }

    fn push(&mut self, problem: Problem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        } else if self.problems.len() == MOST_PROBLEMS {
            let words = format!("more than {MOST_PROBLEMS} problems; the others are not shown");
            self.problems.push(Problem { place: problem.place, ..Problem::new(Code::TooMany, words) });
        }
    }

    /// In the order of the file; what has no place comes last. On a line with bytes that cannot be text, nothing but
    /// these is worth saying.
    pub(super) fn finish(self) -> Vec<Problem> {
        let mut problems = self.problems;
        let line = |p: &Problem| p.place.as_ref().map(|place| place.line);
        let spoilt: Vec<_> = problems.iter().filter(|p| p.code == Code::Encoding).map(line).collect();
        problems.retain(|p| p.code == Code::Encoding || !spoilt.contains(&line(p)));
        problems.sort_by_key(|p| p.place.as_ref().map_or(usize::MAX, |place| place.span.start));
        problems
    }
}

/// The message for a property that has no default and no value, word for word as the manuals quote it.
pub(super) fn missing(name: &str) -> Problem {
    Problem::new(Code::Missing, format!("Property [{name}] should be specified by configuration."))
}

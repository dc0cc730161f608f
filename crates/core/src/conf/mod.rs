//! `aku.conf`: grammar (both published dialects), model, validation with line, column and caret.
//!
//! Reads text and returns a [`Config`] or every error at once. Never touches a database, never prints.
//!
//! What the published texts leave open, and what is decided here:
//! * Both dialects may be mixed in one file, and in one list of targets.
//! * A bare value ends at a blank or at `#`. A quoted value may hold anything but a line end; `""` in it is one quote.
//! * Comments may stand anywhere, a bare `#` too. A byte order mark, CR LF, a lone CR and tabs are accepted.
//! * Names fold to upper case as SQL folds them; see `check::names`.
//! * An empty value is a missing value.

mod check;
mod encoding;
mod grace;
mod grammar;
mod host_template;
mod lex;
mod member_down;
mod model;
mod origin;
pub mod password;
mod problem;
mod property;
mod public;
mod render;
mod secrets;
mod source;
mod syntax;

pub use grace::{DEFAULT_FLUSH, EndBudget, LEAST_FLUSH, end_budget, flush_bound};
pub use host_template::{HostTemplate, TemplateError};
pub use member_down::MemberDown;
pub use model::{Compare, Config, GroupConf, GroupId, Switch};
pub use origin::{GroupOrigin, Origin, Origins};
pub use problem::{Code, Place, Problem, Severity, has_errors};
pub use property::Property;
pub use public::{NotPublic, without_password};
pub use render::{Colour, Excerpt, HEADLINE, excerpt, problem_lines, render_problems};
pub use source::{MAX_BYTES, Source, Span};

use problem::Log;

/// What a file says and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// `None` exactly when one of the problems is an error.
    pub config: Option<Config>,
    /// Errors and warnings in the order of the file; those about something absent come last.
    pub problems: Vec<Problem>,
    /// Where each value comes from.
    pub origins: Origins,
    /// The text, for [`render_problems`].
    pub source: Source,
}

/// Reads a configuration. `path` appears in messages only. A missing password is no error here, because the
/// environment may give it: see [`password::resolve`].
///
/// ```
/// use aku_core::{conf::{self, Code}, topology::Ordinal};
///
/// let text = "AKU_STS_NAME = db\nAKU_SVC_NAME = db-svc\nREPLICATIONS = (REPLICATION_NAME_PREFIX = R (SYS.T1))\n";
/// let conf = conf::parse("aku.conf", text.as_bytes()).config.expect("a valid file");
/// assert_eq!(conf.host(Ordinal::MASTER), "db-0.db-svc");
///
/// // Everything that is wrong is said at once, with its place.
/// let parsed = conf::parse("aku.conf", text.replace("STS_NAME", "STS_NAM").as_bytes());
/// assert!(parsed.config.is_none());
/// assert_eq!(parsed.problems[0].code, Code::UnknownKey);
/// ```
#[must_use]
pub fn parse(path: &str, bytes: &[u8]) -> Parsed {
    if let Some(problem) = too_large(bytes).or_else(|| encoding::foreign(bytes)) {
        let source = Source::decode(path, b"");
        return Parsed { config: None, problems: vec![problem], origins: Origins::default(), source };
    }
    let source = Source::decode(path, bytes);
    let lexed = lex::lex(source.text());
    let mut log = Log::new(&source);
    encoding::check(&lexed.comments, &mut log);
    let file = grammar::parse(&lexed, &mut log);
    let (config, origins) = check::check(&file, &mut log);
    let problems = log.finish();
    let config = config.filter(|_| !has_errors(&problems));
    Parsed { config, problems, origins, source }
}

fn too_large(bytes: &[u8]) -> Option<Problem> {
    (bytes.len() > MAX_BYTES).then(|| {
        let words = format!("the file has more than {MAX_BYTES} bytes, which no aku.conf needs");
        Problem::new(Code::TooLarge, words)
    })
}

//! HOST_TEMPLATE: the host that peers put into CREATE REPLICATION, with the pod filled in. Pure text; resolves no name.
//!
//! An object has one address (`desired::ReplicationAddress`), so a template gives one host for each pod, and another one for
//! each: it names the pod.

use std::{fmt, net::Ipv4Addr, ops::Range, str::FromStr};

use crate::topology::Ordinal;

/// Where the replication of a pod is reached. The default is what it was before there was a template: `{pod}.{svc}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Filled(Placeholder),
}

/// What `aku.conf` knows of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Pod,
    Ordinal,
    Sts,
    Svc,
}

impl Placeholder {
    const ALL: [Self; 4] = [Self::Pod, Self::Ordinal, Self::Sts, Self::Svc];

    fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Ordinal => "ordinal",
            Self::Sts => "sts",
            Self::Svc => "svc",
        }
    }

    /// Whether two pods have different ones.
    fn tells_pods_apart(self) -> bool {
        match self {
            Self::Pod | Self::Ordinal => true,
            Self::Sts | Self::Svc => false,
        }
    }
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Bytes of the text that it is about.
    pub at: Range<usize>,
    /// One sentence without the name of the property.
    pub message: String,
    /// What to do.
    pub hint: String,
}

const KNOWN: &str = "{pod}, {ordinal}, {sts} and {svc} are filled in, as in \"{pod}.{svc}-repl\"";
const ONE: &str = "an object has one address; give the name that the other pods use for replication";

impl HostTemplate {
    /// Without a line in the file.
    pub const DEFAULT: &str = "{pod}.{svc}";

    /// The host of a pod.
    #[must_use]
    pub fn host(&self, sts: &str, svc: &str, pod: Ordinal) -> String {
        let filled = |p: Placeholder| match p {
            Placeholder::Pod => format!("{sts}-{pod}"),
            Placeholder::Ordinal => pod.to_string(),
            Placeholder::Sts => sts.to_owned(),
            Placeholder::Svc => svc.to_owned(),
        };
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Filled(placeholder) => filled(*placeholder),
        };
        self.parts.iter().map(part).collect()
    }

    /// Whether it is what there is without a line.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.text == Self::DEFAULT
    }
}

impl Default for HostTemplate {
    fn default() -> Self {
        let dot = Part::Text(".".to_owned());
        let parts = vec![Part::Filled(Placeholder::Pod), dot, Part::Filled(Placeholder::Svc)];
        Self { text: Self::DEFAULT.to_owned(), parts }
    }
}

/// As it is written.
impl fmt::Display for HostTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for HostTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let wrong =
            |at: Range<usize>, message: String, hint: &str| TemplateError { at, message, hint: hint.to_owned() };
        if text.trim().is_empty() {
            return Err(wrong(0..text.len(), "has no value".to_owned(), KNOWN));
        }
        if let Some(at) = text.find(|c: char| c == ',' || c == ';' || c.is_whitespace()) {
            return Err(wrong(at..at + 1, "is a list, and several hosts of a pod are not supported".to_owned(), ONE));
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let literal = rest.find(['{', '}']).unwrap_or(rest.len());
            if literal > 0 {
                parts.push(Part::Text(plain(&rest[..literal], at)?));
                at += literal;
                continue;
            }
            let Some(inner) = rest.strip_prefix('{').and_then(|r| r.split_once('}')).map(|(name, _)| name) else {
                return Err(wrong(at..at + 1, "has a brace without its partner".to_owned(), KNOWN));
            };
            let end = at + inner.len() + 2;
            let Some(found) = Placeholder::ALL.into_iter().find(|p| p.as_str() == inner) else {
                let hint = match inner {
                    "namespace" | "ns" => "aku.conf does not know the namespace; write its name out",
                    _ => KNOWN,
                };
                return Err(wrong(at..end, format!("has an unknown placeholder {{{}}}", inner.escape_debug()), hint));
            };
            parts.push(Part::Filled(found));
            at = end;
        }
        let tells = parts.iter().any(|p| match p {
            Part::Text(_) => false,
            Part::Filled(placeholder) => placeholder.tells_pods_apart(),
        });
        if !tells {
            let hint = "put {pod} or {ordinal} into it: each pod needs an address of its own";
            return Err(wrong(0..text.len(), "gives every pod the same host".to_owned(), hint));
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

/// A piece without placeholders. It ends up in SQL, so nothing but what a host name or an address may hold gets through.
fn plain(text: &str, at: usize) -> Result<String, TemplateError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    match text.char_indices().find(|(_, c)| !fits(*c)) {
        None => Ok(text.to_owned()),
        Some((i, bad)) => Err(TemplateError {
            at: at + i..at + i + bad.len_utf8(),
            message: format!("holds `{}`, which no host name has", bad.escape_debug()),
            hint: "letters, digits, - and dots, or a numeric address".to_owned(),
        }),
    }
}

/// Whether a host is written as an IPv4 address and is none: `10.1.0.256`.
#[must_use]
pub(super) fn is_broken_address(host: &str) -> bool {
    host.bytes().all(|b| b.is_ascii_digit() || b == b'.') && host.parse::<Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(template: &str, pod: u8) -> String {
        template.parse::<HostTemplate>().unwrap().host("db", "svc", Ordinal::new(pod).unwrap())
    }

    #[test]
    fn hosts() {
        let table = [
            ("{pod}.{svc}", "db-3.svc"),
            ("{pod}.{svc}-repl", "db-3.svc-repl"),
            ("{pod}-repl", "db-3-repl"),
            ("{sts}{ordinal}.repl.example.com", "db3.repl.example.com"),
            ("10.1.0.1{ordinal}", "10.1.0.13"),
            ("fd00::{ordinal}", "fd00::3"),
            ("r{ordinal}{ordinal}", "r33"),
        ];
        for (template, want) in table {
            assert_eq!(host(template, 3), want, "{template}");
            assert_ne!(host(template, 1), host(template, 11), "{template}");
        }
        assert_eq!(HostTemplate::default(), HostTemplate::DEFAULT.parse().unwrap());
    }

    #[test]
    fn what_is_none_and_where() {
        let table = [
            ("", 0..0, "no value"),
            ("{pod}.a, {pod}.b", 7..8, "list"),
            ("{pod}.a {pod}.b", 7..8, "list"),
            ("{pod}.{namespace}", 6..17, "unknown placeholder {namespace}"),
            ("{POD}", 0..5, "unknown placeholder {POD}"),
            ("{}", 0..2, "unknown placeholder {}"),
            ("{pod", 0..1, "brace"),
            ("a}{pod}", 1..2, "brace"),
            ("{pod}'", 5..6, "holds `\\'`"),
            ("{pod}é", 5..7, "holds `é`"),
            ("{sts}.{svc}", 0..11, "same host"),
            ("db.example.com", 0..14, "same host"),
        ];
        for (text, at, message) in table {
            let e = text.parse::<HostTemplate>().unwrap_err();
            assert_eq!(e.at, at, "{text}");
            assert!(e.message.contains(message), "{text}: {}", e.message);
        }
        let hint = "{pod}.{namespace}".parse::<HostTemplate>().unwrap_err().hint;
        assert!(hint.contains("namespace"), "{hint}");
    }

    /// In both styles of the file: what it gives, or the code and where it points.
    #[test]
    fn in_a_file() {
        use crate::conf::{self, Code};
        /// A host, or a code and a column.
        type Want = Result<&'static str, (Code, usize)>;
        let table: [(&str, Want); 10] = [
            ("", Ok("db-3.svc")),
            ("HOST_TEMPLATE = \"{pod}.{svc}-repl\"", Ok("db-3.svc-repl")),
            ("HOST_TEMPLATE = {pod}.{svc}-repl", Ok("db-3.svc-repl")),
            ("HOST_TEMPLATE = 10.1.0.{ordinal}", Ok("10.1.0.3")),
            ("HOST_TEMPLATE = \"{pod}.{namespace}\"", Err((Code::BadHostTemplate, 24))),
            ("HOST_TEMPLATE = \"{pod}.a, {pod}.b\"", Err((Code::BadHostTemplate, 25))),
            ("HOST_TEMPLATE =", Err((Code::BadHostTemplate, 16))),
            ("HOST_TEMPLATE = \"db\"", Err((Code::BadHostTemplate, 18))),
            ("HOST_TEMPLATE = 10.1.0.25{ordinal}", Err((Code::BadHostTemplate, 17))),
            (
                "HOST_TEMPLATE = {pod}.a-name-of-seventy-bytes-and-more-than-that-in-all-of-it.example.com",
                Err((Code::HostTooLong, 17)),
            ),
        ];
        let groups = [
            "REPLICATIONS = (REPLICATION_NAME_PREFIX = R (SYS.T1))\n",
            "REPLICATIONS = (\n REPLICATION_NAME_PREFIX = \"R\"\n ((USER_NAME = \"SYS\" TABLE_NAME = \"T1\"))\n)\n",
        ];
        for (line, want) in table {
            for group in groups {
                let text = format!("AKU_STS_NAME = db\nAKU_SVC_NAME = svc\n{line}\nAKU_SERVER_COUNT = 7\n{group}");
                let parsed = conf::parse("aku.conf", text.as_bytes());
                let errors: Vec<_> = parsed.problems.iter().filter(|p| p.code.as_str() < "AKU-C3").collect();
                match want {
                    Ok(host) => {
                        let config = parsed.config.as_ref().unwrap_or_else(|| panic!("{line}: {:?}", parsed.problems));
                        assert_eq!(config.replication_host(Ordinal::new(3).unwrap()), host, "{line}");
                        assert_eq!(config.host(Ordinal::MASTER), "db-0.svc");
                    }
                    Err((code, column)) => {
                        let [problem] = errors[..] else { panic!("{line}: {errors:?}") };
                        let place = problem.place.as_ref().unwrap();
                        assert_eq!((problem.code, place.line, place.column), (code, 3, column), "{line}");
                    }
                }
            }
        }
    }

    #[test]
    fn broken_addresses() {
        for (host, broken) in
            [("10.1.0.256", true), ("10.1.0.25", false), ("1.2.3", true), ("db-1", false), ("fd00::1", false)]
        {
            assert_eq!(is_broken_address(host), broken, "{host}");
        }
    }
}

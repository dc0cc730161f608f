//! The text of a configuration without its password, for places that everybody may read. Decides which lines go; what is
//! left is read again and compared, so that nothing else gets lost.

use super::{Config, GroupConf, Parsed, Property, parse};

/// What stands in place of a line with the password.
const NOTE: &str = "# The password is not in here: AKU_SYS_PASSWORD_FILE names its file.";

/// Why there is no such text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPublic {
    /// The file is not valid.
    #[error("the file is not valid")]
    Invalid,
    /// A line has the password and something else.
    #[error("something stands on one line with the password; give AKU_SYS_PASSWORD a line of its own")]
    Shared,
}

/// The text of a valid file without the lines that hold its password, and without comments that look as if they did.
///
/// # Errors
/// See [`NotPublic`].
pub fn without_password(parsed: &Parsed) -> Result<String, NotPublic> {
    let config = parsed.config.as_ref().ok_or(NotPublic::Invalid)?;
    let source = &parsed.source;
    let mut text = String::new();
    let mut told = false;
    for line in 1..=source.line_count() {
        let words = source.text()[source.line_span(line)].trim_end();
        match source.secret_start(line) {
            None if line == source.line_count() && words.is_empty() => {}
            None => {
                text.push_str(words);
                text.push('\n');
            }
            Some(_) if told => {}
            Some(_) => {
                told = true;
                text.push_str(NOTE);
                text.push('\n');
            }
        }
    }
    match parse(source.path(), text.as_bytes()).config {
        Some(left) if left.sys_password.is_none() && same(&left, config) => Ok(text),
        Some(_) | None => Err(NotPublic::Shared),
    }
}

fn same(a: &Config, b: &Config) -> bool {
    let values = |c: &Config| {
        Property::ALL.into_iter().filter(|p| *p != Property::SysPassword).map(|p| p.value_in(c)).collect::<Vec<_>>()
    };
    let groups = |c: &Config| -> Vec<GroupConf> { c.groups.clone() };
    values(a) == values(b) && groups(a) == groups(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "AKU_STS_NAME = db\nAKU_SVC_NAME = svc\nREPLICATIONS = (REPLICATION_NAME_PREFIX = R (SYS.T1))\n";

    fn public(text: &str) -> Result<String, NotPublic> {
        without_password(&parse("f", text.as_bytes()))
    }

    #[test]
    fn the_password_goes_and_nothing_else() {
        let note = format!("{NOTE}\n");
        let cases = [
            ("AKU_SYS_PASSWORD = hidden # why\n", note.clone()),
            ("AKU_SYS_PASSWORD =\n  \"hid#den\"\n", note.clone()),
            ("# AKU_SYS_PASSWORD = hidden\n", note.clone()),
            ("AKU_SYS_PASSWORD = hidden\r\n# AKU_SYS_PASWWORD = old\r\n", note.clone()),
            ("# nothing of it\n\n", "# nothing of it\n\n".to_owned()),
        ];
        for (text, want) in cases {
            assert_eq!(public(&format!("{text}{REST}")), Ok(format!("{want}{REST}")), "{text:?}");
        }
    }

    #[test]
    fn what_would_get_lost_is_an_error() {
        for text in
            ["AKU_SYS_PASSWORD = hidden AKU_PORT_NO = 20400\n", "AKU_PORT_NO = 20400 AKU_SYS_PASSWORD = hidden\n"]
        {
            assert_eq!(public(&format!("{text}{REST}")), Err(NotPublic::Shared), "{text:?}");
        }
        assert_eq!(public("AKU_STS_NAME = db\n"), Err(NotPublic::Invalid));
    }
}

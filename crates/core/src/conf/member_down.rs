//! What a start hook does beside a member that is down: ask a person, or go on once it has been down for long enough.

use std::{fmt, str::FromStr, time::Duration};

/// AKU_MEMBER_DOWN
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemberDown {
    /// `ask`: a person says yes by name.
    #[default]
    Ask,
    /// `proceed-after 10m`: it goes on when the member has been down that long and nothing but the member's own unsent
    /// changes is at stake. They are not lost: they reach pod 0 when the member comes back, and who joined without them has to
    /// be copied anew to get them.
    ProceedAfter(Duration),
}

const PROCEED: &str = "proceed-after";

impl FromStr for MemberDown {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected ask, or \"proceed-after 10m\" with s, m or h";
        if text == "ask" {
            return Ok(Self::Ask);
        }
        let rest = text.strip_prefix(PROCEED).ok_or(EXPECTED)?;
        let time = rest.trim_start_matches([' ', ':', '=', '-']);
        let (number, unit) =
            time.split_at(time.len().checked_sub(1).filter(|at| time.is_char_boundary(*at)).ok_or(EXPECTED)?);
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(EXPECTED),
        };
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let n = number.parse::<u64>().ok().filter(|n| digits && *n > 0).and_then(|n| n.checked_mul(seconds));
        n.map(|n| Self::ProceedAfter(Duration::from_secs(n))).ok_or(EXPECTED)
    }
}

impl fmt::Display for MemberDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask => f.write_str("ask"),
            Self::ProceedAfter(time) => {
                let s = time.as_secs();
                match (s % 3600, s % 60) {
                    (0, _) => write!(f, "{PROCEED} {}h", s / 3600),
                    (_, 0) => write!(f, "{PROCEED} {}m", s / 60),
                    (_, _) => write!(f, "{PROCEED} {s}s"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_times() {
        let minutes = |n: u64| Ok(MemberDown::ProceedAfter(Duration::from_secs(n * 60)));
        for (text, want) in [
            ("ask", Ok(MemberDown::Ask)),
            ("proceed-after 10m", minutes(10)),
            ("proceed-after:10m", minutes(10)),
            ("proceed-after-10m", minutes(10)),
            ("proceed-after 600s", minutes(10)),
            ("proceed-after 2h", minutes(120)),
        ] {
            assert_eq!(text.parse(), want, "{text}");
        }
        for text in [
            "",
            "Ask",
            "proceed",
            "proceed-after",
            "proceed-after 10",
            "proceed-after 0m",
            "proceed-after 1d",
            "proceed-after é",
        ] {
            assert!(text.parse::<MemberDown>().is_err(), "{text}");
        }
        for text in ["ask", "proceed-after 10m", "proceed-after 2h", "proceed-after 90s"] {
            assert_eq!(text.parse::<MemberDown>().map(|m| m.to_string()), Ok(text.to_owned()));
        }
    }
}

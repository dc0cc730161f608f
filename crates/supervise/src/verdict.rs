//! What the way in which a start ended says about the next one. Pure.

use crate::model::Death;

/// What is to be done after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The pod is joined.
    Joined,
    /// It may succeed by itself later: somebody else's lock, a pod that is away.
    Later,
    /// Somebody has to do something: refused, bad aku.conf, no file, no login.
    Refused,
    /// It should not have ended so: a panic, a signal that nobody here sent, an unknown code.
    Broken,
}

/// Starts that broke before the pod is left for a person to look at, as if it had been refused.
pub const BROKEN_TRIES: u32 = 2;

/// Of a start that nobody broke off (exit codes: `contract.md` 2.3).
#[must_use]
pub fn of_start(how: Death) -> Verdict {
    match how {
        Death::Code(0) => Verdict::Joined,
        // Partly done, locked, cannot tell, stopped by a deadline, no pod in reach, output.
        Death::Code(4 | 6 | 7 | 8 | 69 | 74) => Verdict::Later,
        // Refused, usage, bad data, no file, login.
        Death::Code(3 | 64 | 65 | 66 | 77) => Verdict::Refused,
        Death::Code(_) | Death::Signal(_) => Verdict::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one() {
        let of = |codes: &[u8], want| {
            for code in codes {
                assert_eq!(of_start(Death::Code(*code)), want, "{code}");
            }
        };
        of(&[0], Verdict::Joined);
        of(&[4, 6, 7, 8, 69, 74], Verdict::Later);
        of(&[3, 64, 65, 66, 77], Verdict::Refused);
        of(&[1, 2, 5, 101, 127, 130, 143, 255], Verdict::Broken);
        assert_eq!(of_start(Death::Signal(9)), Verdict::Broken);
    }
}

//! Whether a text of `aku.conf` still holds the password, and a text without it.

/// The property, and its spelling in every quoted sample before June 2023 (`aku-behaviour.md` A.7).
const KEYS: [&str; 2] = ["AKU_SYS_PASSWORD", "AKU_SYS_PASWWORD"];

/// The line, from 1, on which a password is set.
#[must_use]
pub fn in_conf(text: &str) -> Option<usize> {
    text.lines().position(sets).map(|n| n + 1)
}

fn sets(line: &str) -> bool {
    let upper = line.to_ascii_uppercase();
    // Also behind other properties, and in a comment: a commented-out password is one.
    KEYS.iter().any(|key| upper.match_indices(key).any(|(at, _)| is_assigned(&line[at + key.len()..])))
}

fn is_assigned(rest: &str) -> bool {
    // The value may stand on the next line.
    rest.trim_start().starts_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_wherever_it_stands() {
        let table = [
            ("AKU_SYS_PASSWORD = x", Some(1)),
            ("a\n  aku_sys_password=\"x\"", Some(2)),
            ("# AKU_SYS_PASWWORD = x", Some(1)),
            ("AKU_PORT_NO = 1 AKU_SYS_PASSWORD=x", Some(1)),
            ("AKU_SYS_PASSWORD = # why\nx", Some(1)),
            ("AKU_SYS_PASSWORD_FILE comes first", None),
            ("# the environment gives AKU_SYS_PASSWORD", None),
        ];
        for (text, want) in table {
            assert_eq!(in_conf(text), want, "{text}");
        }
    }
}

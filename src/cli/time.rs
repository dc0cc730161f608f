//! Lengths of time on the command line.

use crate::apply;
use std::time::Duration;

/// `500ms`, `3s`, `5m`, `1h`; a number alone is an error, because nobody knows what it means.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let n: u64 = number.parse().map_err(|_| "write a number with a unit: 500ms, 3s, 5m, 1h".to_owned())?;
    let seconds = |factor: u64| n.checked_mul(factor).map(Duration::from_secs).ok_or("too long".to_owned());
    let time = match unit {
        "ms" => Duration::from_millis(n),
        "s" => seconds(1)?,
        "m" | "min" => seconds(60)?,
        "h" => seconds(3600)?,
        _ => return Err("the unit is missing: 500ms, 3s, 5m, 1h".to_owned()),
    };
    if time.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(time) }
}

/// As [`parse`], and `0` for none at all.
pub fn parse_or_nothing(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { parse(text) }
}

/// A pause between half of `mean` and one and a half of it.
pub(super) fn varied(seed: u64, round: u32, mean: Duration) -> Duration {
    mean / 2 + mean * apply::spread(seed ^ (u64::from(round) << 40)) / 0x1_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit() {
        let ok = [("500ms", 500), ("3s", 3000), ("2m", 120_000), ("1h", 3_600_000)];
        for (text, ms) in ok {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)));
        }
        for text in ["3", "s", "", "-3s", "3 s", "0ms", "99999999999999999999s", "18446744073709551615h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

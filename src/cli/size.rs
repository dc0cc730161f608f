//! Sizes on the command line.

/// `512K`, `100M`, `10G`, `2T`, of 1024; a number alone is an error, because nobody knows what it means.
pub fn parse(text: &str) -> Result<u64, String> {
    const HELP: &str = "write a number with a unit: 512K, 100M, 10G, 2T";
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let n: u64 = number.parse().map_err(|_| HELP.to_owned())?;
    let power = match unit {
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        "T" | "TiB" => 40,
        _ => return Err(HELP.to_owned()),
    };
    match n.checked_mul(1 << power) {
        Some(0) => Err("must be more than nothing".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("too large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_unit() {
        for (text, bytes) in [("512K", 512 << 10), ("100M", 100 << 20), ("10GiB", 10 << 30), ("2T", 2 << 40)] {
            assert_eq!(parse(text), Ok(bytes));
        }
        for text in ["", "10", "G", "-1G", "1.5G", "10 G", "0M", "10GB", "99999999T"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

//! Numbers with their nouns.

use crate::observe::grouped;

/// `1 row`, `2 rows`, `1,204 rows`
#[must_use]
pub fn count(n: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// As [`count`], for lengths.
#[must_use]
pub fn counted(n: usize, one: &str) -> String {
    count(u64::try_from(n).unwrap_or(u64::MAX), one)
}

/// `0 B`, `512 B`, `1.5 KiB`, `31.2 MiB`: of 1024, cut, never rounded up.
#[must_use]
pub fn size(bytes: u64) -> String {
    let power = bytes.checked_ilog2().unwrap_or(0) / 10;
    let unit = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].get(power as usize).copied().unwrap_or("EiB");
    let whole = bytes >> (10 * power);
    let tenth = (u128::from(bytes - (whole << (10 * power))) * 10) >> (10 * power);
    if power == 0 { format!("{bytes} B") } else { format!("{whole}.{tenth} {unit}") }
}

#[cfg(test)]
mod size_tests {
    use super::size;

    #[test]
    fn sizes() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1535, "1.4 KiB"),
            (32_715_571, "31.1 MiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text);
        }
    }
}

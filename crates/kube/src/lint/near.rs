//! The word that was meant, where one is misspelt.

/// The nearest of these, when it is near enough that nobody means something else: a third of the letters at most
/// are wrong, and three at most. The case of letters counts for nothing.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower: Vec<char> = word.to_ascii_lowercase().chars().collect();
    known
        // A word without an end costs nothing.
        .filter(|k| k.len().abs_diff(word.len()) <= 3)
        .map(|k| (distance(&lower, &k.to_ascii_lowercase().chars().collect::<Vec<_>>()), k))
        .filter(|(d, k)| *d <= 3 && d * 3 <= k.len())
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// Letters to be changed, left out, put in, or swapped with their neighbour.
fn distance(word: &[char], known: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=known.len()).collect();
    for (i, x) in word.iter().enumerate() {
        let mut now = vec![i + 1];
        for (j, y) in known.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(now[j] + 1);
            if i > 0 && j > 0 && *x == known[j - 1] && word[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            now.push(least);
        }
        before = std::mem::replace(&mut last, now);
    }
    last[known.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words() {
        let known = ["readinessProbe", "livenessProbe", "startupProbe", "name", "--grace", "--data"];
        let table = [
            ("readynessProbe", Some("readinessProbe")),
            ("readinesProbe", Some("readinessProbe")),
            ("readinessprobe", Some("readinessProbe")),
            ("startpuProbe", Some("startupProbe")),
            ("--grac", Some("--grace")),
            ("nmae", Some("name")),
            ("xProbe", None),
            ("x", None),
            ("", None),
        ];
        for (word, want) in table {
            assert_eq!(nearest(word, known.into_iter()), want, "{word}");
        }
    }
}

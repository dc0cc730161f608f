//! Numbers in a row as a line of bars, the newest on the right.

/// What bars are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bars {
    /// Blocks of an eighth, where a terminal is known to show them.
    Blocks,
    /// ASCII, as everything else that is printed.
    Ascii,
}

impl Bars {
    fn steps(self) -> [char; 8] {
        match self {
            Self::Blocks => {
                ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}']
            }
            Self::Ascii => ['_', '.', '-', '~', '=', '+', '*', '#'],
        }
    }
}

/// The last `most` numbers; the largest of them is the highest bar, nothing is the lowest and only that, and what is not known
/// is a question mark.
#[must_use]
pub fn spark(numbers: &[Option<u64>], most: usize, bars: Bars) -> String {
    let shown = &numbers[numbers.len().saturating_sub(most)..];
    let top = shown.iter().flatten().copied().max().unwrap_or(0);
    let steps = bars.steps();
    let step = |n: u64| {
        if n == 0 {
            return steps[0];
        }
        // 1 to 7: something is never drawn as nothing.
        let at = (u128::from(n) * 7).div_ceil(u128::from(top.max(1)));
        usize::try_from(at).ok().and_then(|at| steps.get(at)).copied().unwrap_or(steps[7])
    };
    shown.iter().map(|n| n.map_or('?', step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        let numbers = [None, Some(0), Some(1), Some(50), Some(70), Some(99), Some(100)];
        assert_eq!(spark(&numbers, 10, Bars::Blocks), "?\u{2581}\u{2582}\u{2585}\u{2586}\u{2588}\u{2588}");
        assert_eq!(spark(&numbers, 10, Bars::Ascii), "?_.=+##");
        assert_eq!(spark(&numbers, 2, Bars::Ascii), "##", "the newest, and its own highest bar");
        assert_eq!(spark(&[Some(0), Some(0)], 9, Bars::Ascii), "__");
        assert_eq!(spark(&[], 9, Bars::Ascii), "");
        assert_eq!(spark(&[Some(u64::MAX), Some(1)], 9, Bars::Ascii), "#.");
    }
}

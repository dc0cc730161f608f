//! Which times of Kubernetes are shortened, and by how much.
//!
//! Shortened are pauses in which nothing is done: the periods of probes, the back-off of restarts, and aku's own pause
//! between starts. Never shortened is what bounds a real process, which runs at its own pace: the grace period, the least time
//! after a hook, the timeout of a probe, `sleep` in a hook.

use std::time::Duration;

/// One second of a period is this much less here.
const SHORTER: u32 = 25;
/// A container that ended again is started after this time, doubled each time. The first time it is started at once.
const BACK_OFF: Duration = Duration::from_secs(10);
/// The longest back-off.
const LONGEST: Duration = Duration::from_secs(300);
/// What a container has for its stop at least, whatever its hook took.
pub const LEAST_GRACE: Duration = Duration::from_secs(2);

/// A pause as it is here.
#[must_use]
pub fn pause(seconds: u64) -> Duration {
    Duration::from_secs(seconds) / SHORTER
}

/// Before the `n`-th restart of a container, from 1.
#[must_use]
pub fn back_off(n: u32) -> Duration {
    match n.checked_sub(2) {
        None => Duration::ZERO,
        Some(doubled) => (BACK_OFF * 1_u32.checked_shl(doubled).unwrap_or(u32::MAX).min(30)).min(LONGEST) / SHORTER,
    }
}

/// What is left of the grace for the stop signal, after a hook that took so long.
#[must_use]
pub fn after_hook(grace: Duration, hook: Duration) -> Duration {
    grace.saturating_sub(hook).max(LEAST_GRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(pause(5), Duration::from_millis(200));
        let ms: Vec<u128> = [0, 1, 2, 3, 4, 7, 40].map(|n| back_off(n).as_millis()).into();
        assert_eq!(ms, [0, 0, 400, 800, 1600, 12_000, 12_000]);
        let s = Duration::from_secs;
        // A hook that eats the grace leaves two seconds, and a grace of nothing is two seconds as well.
        assert_eq!(
            [(30, 0), (30, 10), (30, 29), (30, 30), (0, 0)].map(|(g, h)| after_hook(s(g), s(h)).as_secs()),
            [30, 20, 2, 2, 2]
        );
    }
}

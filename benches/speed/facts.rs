//! What the figures depend on: machine, load, versions.

use std::fs;

/// A few lines for the head of the table.
pub fn of_this_machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let field = |text: &str, key: &str| {
        text.lines().find(|l| l.starts_with(key)).and_then(|l| l.split_once(':')).map(|(_, v)| v.trim().to_owned())
    };
    let unknown = || "?".to_owned();
    let cores = std::thread::available_parallelism().map_or_else(|_| unknown(), |n| n.to_string());
    let load = read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let profile = if cfg!(debug_assertions) { "DEBUG BUILD: the gates are for release builds" } else { "release" };
    format!(
        "aku {} ({profile})\n{} x {}, memory {}, Linux {}, load {load}",
        env!("CARGO_PKG_VERSION"),
        cores,
        field(&cpu, "model name").unwrap_or_else(unknown),
        field(&read("/proc/meminfo"), "MemTotal").unwrap_or_else(unknown),
        read("/proc/sys/kernel/osrelease").trim(),
    )
}

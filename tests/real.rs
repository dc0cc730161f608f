//! The program on real servers, under clients that remember what was acknowledged (`measured.md` 8).
//!
//! ```sh
//! AKU_REAL=endpoints.toml cargo test --test real -- --ignored --nocapture
//! ```
//!
//! `endpoints.toml` says where each pod is (`docs/handbook.md`, "In a pod"), with `host`, `port` and `replication_port` of each;
//! AKU_SYS_PASSWORD and AKU_ODBC_DRIVER are as for the program. AKU_REAL_KILL, AKU_REAL_BOOT, AKU_REAL_WIPE (kill -9 of a
//! server; boot it; lose the data of a killed one), AKU_REAL_CUT and AKU_REAL_HEAL (let nothing in or out of it) are shell
//! commands with `{N}` for the pod's number, such as `ssh pod{N} pkill -9 altibase`; what needs one that is not there is
//! left out, and said. AKU_REAL_ROWS (2000) rows a table are there from the beginning; AKU_REAL_PAUSE_MS (10) is what a
//! client waits between statements. The suite makes and drops the user AKU_REAL with its tables and replications whose
//! names begin so, and touches nothing else. Without AKU_REAL it brings up a lab of its own, at the pace of real servers.
#![allow(clippy::unwrap_used)] // Helpers of tests panic where a test would.

#[path = "real/account.rs"]
mod account;
#[path = "real/play.rs"]
mod play;
#[allow(dead_code)] // The recordings' half of it is not used here.
mod players;
#[path = "real/site.rs"]
mod site;

use std::{env, time::Duration};

use play::Play;
use site::{Pace, Site};

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: {text}")))
}

#[test]
#[ignore = "a quarter of an hour, or real servers: AKU_REAL=endpoints.toml"]
fn every_scenario_of_the_table() {
    let site = Site::of_environment(4, 25500, Pace::Real);
    let rows = i64::try_from(number("AKU_REAL_ROWS", 2000)).unwrap();
    let mut play = Play::new(site, Duration::from_millis(number("AKU_REAL_PAUSE_MS", 10)));
    let can = |play: &Play, verbs: &[&str], what: &str| {
        let missing: Vec<_> = verbs.iter().filter(|v| !play.site.can(v)).collect();
        if !missing.is_empty() {
            println!("left out: {what}: no AKU_REAL_ for {missing:?}");
        }
        missing.is_empty()
    };
    play.first_starts(rows);
    play.end_and_rejoin(3);
    play.under_load("end of 3, then 2", |p| {
        p.end(3);
        p.end(2);
    });
    play.under_load("start of 2", |p| p.start(2));
    play.under_load("start of 3", |p| p.start(3));
    play.starts_at_once([2, 3]);
    play.program_killed(3, &[450, 3000, 9000].map(Duration::from_millis));
    if can(&play, &["KILL", "BOOT"], "kills of servers") {
        play.kill_and_catch_up(1);
        play.killed_in_sync(3, 0);
        play.killed_in_sync(3, 3);
        play.half_reset(3, 50);
    }
    if can(&play, &["KILL", "BOOT", "CUT", "HEAL"], "an end beside a black hole") {
        play.end_beside_black_hole(2, 3);
    }
    if can(&play, &["KILL", "BOOT", "WIPE"], "lost volumes") {
        play.wiped(3);
        play.recover();
    }
    play.end_and_restart_of_0();
    play.open_transaction(3, 1);
    play.forget(3);
    play.add_table();
    play.clean();
    println!("{}", play.table());
}

/// A part of it on a fast lab, so that the suite cannot rot.
#[test]
fn the_suite_itself_works() {
    let mut play = Play::new(Site::of_environment(3, 25600, Pace::Quick), Duration::from_millis(2));
    play.first_starts(50);
    play.kill_and_catch_up(1);
    play.wiped(2);
    play.half_reset(2, 5);
    play.add_table();
    play.clean();
    println!("{}", play.table());
}

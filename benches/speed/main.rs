//! How fast the program is, against gates: `cargo bench`, or `cargo bench -- layers plan` for some of it. Exit 1 when a
//! gate is missed.
//!
//! A plain harness instead of `criterion` or `divan`: what is measured are ratios between a whole run and the bound of
//! its own durations, whole processes and clusters of processes, each with a gate that decides the exit code. Those
//! crates time closures and have no place for any of that.

mod bound;
mod facts;
mod fake;
mod goals;
mod join;
mod layers;
mod overhead;
mod planning;
mod process;
mod shapes;
mod table;
mod terraform;

use std::{error::Error, process::ExitCode};

use table::Table;

/// What goes wrong in a bench ends it.
pub type Done = Result<(), Box<dyn Error>>;
/// Measures one thing.
type Section = fn(&mut Table) -> Done;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let sections: [(&str, Section); 6] = [
        ("layers", layers::run),
        ("overhead", overhead::run),
        ("plan", planning::run),
        ("join", join::run),
        ("goals", goals::run),
        ("terraform", terraform::run),
    ];
    if let Some(odd) = wanted.iter().find(|w| sections.iter().all(|(name, _)| name != w)) {
        let names = sections.map(|(name, _)| name);
        eprintln!("there is no \"{odd}\"; there are {}", names.join(", "));
        return ExitCode::from(64);
    }
    println!("{}", facts::of_this_machine());
    let mut table = Table::default();
    for (name, run) in sections {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        Table::section(name);
        if let Err(e) = run(&mut table) {
            table.broken(&e.to_string());
        }
    }
    table.end()
}

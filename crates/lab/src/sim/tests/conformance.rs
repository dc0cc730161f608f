//! Every recording of both builds, against pods in memory.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    conformance::{Recording, play},
    server::Generation,
    sim::SimPlayer,
};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance").join(name)
}

fn plays_without_mismatch(generation: Generation, name: &str) {
    let recordings = Recording::read_all(&directory(name)).expect("the recordings are there");
    assert!(recordings.len() > 15, "all recordings are found");
    let mut wrong = String::new();
    for recording in recordings {
        let mut player = SimPlayer::new(generation, recording.pods, 1).expect("pods start");
        let report = play(&recording, &mut player);
        for mismatch in &report.mismatches {
            writeln!(wrong, "{}: {mismatch}", report.name).expect("a string takes it");
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{wrong}");
}

#[test]
fn recordings_of_2018() {
    plays_without_mismatch(Generation::V2018, "2018");
}

#[test]
fn recordings_of_7_2() {
    plays_without_mismatch(Generation::V7_2, "7.2");
}

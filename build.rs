//! Builds the lab's ODBC driver (`tests/odbc-driver`) for the tests and tells them where it is. It runs a bare `rustc`:
//! `cargo test` does not build a cdylib member by itself, and a nested `cargo` would wait for the lock of this one.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let sources = Path::new("tests/odbc-driver/src");
    println!("cargo:rerun-if-changed={}", sources.display());
    println!("cargo:rerun-if-changed=src/db/wire.rs");
    // A package without its tests still builds; only tests ask for the driver.
    if !sources.exists() {
        return;
    }
    let var = |name: &str| env::var(name).expect("cargo sets this for every build script");
    let driver = Path::new(&var("OUT_DIR")).join("libaku_lab_odbc.so");
    let mut rustc = Command::new(var("RUSTC"));
    rustc.args(["--crate-name", "aku_lab_odbc", "--crate-type", "cdylib", "--edition", "2024"]);
    rustc.args(["-C", "opt-level=s", "-C", "panic=abort", "--cap-lints", "allow"]);
    if var("CARGO_CFG_TARGET_OS") == "linux" {
        // Its own symbols win over those of a libodbc in the same process.
        rustc.args(["-C", "link-arg=-Wl,-Bsymbolic"]);
    }
    if var("TARGET") != var("HOST") {
        rustc.args(["--target", &var("TARGET")]);
    }
    let status = rustc.arg("-o").arg(&driver).arg(sources.join("lib.rs")).status().expect("rustc can be started");
    assert!(status.success(), "the lab's ODBC driver does not compile");
    println!("cargo:rustc-env=AKU_LAB_ODBC_DRIVER={}", driver.display());
}

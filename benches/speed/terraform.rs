//! The same DAG by Terraform, when it is there. It does more than ordering (HCL, provider schemas, state), so this is a
//! comparison of what people wait for, not of two schedulers.

use std::{
    fmt::Write as _,
    fs,
    io::ErrorKind,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    Done, layers, planning, process,
    shapes::Shape,
    table::{Gate, Series, Table, Unit, ms},
};

const RUNS: usize = 5;
const PLANNED: usize = 300;

fn terraform(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("terraform");
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.env("CHECKPOINT_DISABLE", "1").env("TF_CLI_CONFIG_FILE", "/dev/null").env("TF_IN_AUTOMATION", "1");
    command
}

fn timed(dir: &Path, args: &[&str]) -> std::io::Result<Duration> {
    let began = Instant::now();
    let output = terraform(dir, args).output()?;
    let took = began.elapsed();
    if output.status.success() {
        return Ok(took);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(std::io::Error::other(format!("terraform {}: {}\n{said}", args.join(" "), output.status)))
}

/// `n` nodes in layers; each runs `command` when there is one.
fn configuration(n: usize, command: Option<&str>) -> String {
    let mut text = String::new();
    for i in 0..n {
        let waits: Vec<_> = Shape::Layers.waits(i, n).into_iter().map(|w| format!("terraform_data.n{w}")).collect();
        let _ = writeln!(
            text,
            "resource \"terraform_data\" \"n{i}\" {{\n  input = {i}\n  depends_on = [{}]",
            waits.join(", ")
        );
        if let Some(command) = command {
            let _ = writeln!(text, "  provisioner \"local-exec\" {{\n    command = \"{command}\"\n  }}");
        }
        text.push_str("}\n");
    }
    text
}

fn version() -> Result<String, std::io::Error> {
    let output = Command::new("terraform").arg("version").env("CHECKPOINT_DISABLE", "1").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("?").to_owned())
}

/// Measures, or tells what others measured.
pub fn run(table: &mut Table) -> Done {
    let version = match version() {
        Ok(version) => version,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            Table::note(ELSEWHERE);
            return Ok(());
        }
        Err(e) => return Err(e.into()),
    };
    Table::note(&format!("{version}; terraform_data in layers of 10, each node after two of the layer before"));
    let apply = tempfile::tempdir()?;
    fs::write(apply.path().join("main.tf"), configuration(layers::ACTIONS, Some("sleep 0.01")))?;
    timed(apply.path(), &["init", "-input=false", "-no-color"])?;
    let theirs = Series::of(RUNS, || {
        for state in ["terraform.tfstate", "terraform.tfstate.backup"] {
            match fs::remove_file(apply.path().join(state)) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                Ok(()) | Err(_) => {}
            }
        }
        timed(apply.path(), &["apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=10"]).map(ms)
    })?;
    let ours = Series::of(RUNS, || layers::once().map(|(wall, _)| ms(wall)))?;
    table.line("terraform apply, 60 nodes of sleep 0.01, 10 at a time", Unit::Ms, &theirs, Gate::None);
    table.line("the engine, 60 statements of 10 ms, 10 at a time", Unit::Ms, &ours, Gate::None);
    let faster = Series::new(vec![theirs.median() / ours.median()]);
    table.line("terraform apply / the engine", Unit::Times, &faster, Gate::None);

    let planned = tempfile::tempdir()?;
    fs::write(planned.path().join("main.tf"), configuration(PLANNED, None))?;
    timed(planned.path(), &["init", "-input=false", "-no-color"])?;
    let args = ["plan", "-refresh=false", "-input=false", "-no-color", "-lock=false"];
    let theirs = Series::of(RUNS, || timed(planned.path(), &args).map(ms))?;
    let world = planning::Sample::new((6, 8, 3));
    let files = world.store(planned.path())?;
    let ours = Series::of(RUNS, || process::measure(&files.arguments()).map(|c| ms(c.wall)))?;
    table.line("terraform plan -refresh=false, 300 nodes in layers", Unit::Ms, &theirs, Gate::None);
    table.line(&format!("aku plan --from FILE, {} actions", world.actions()), Unit::Ms, &ours, Gate::None);
    let faster = Series::new(vec![theirs.median() / ours.median()]);
    table.line("terraform plan / aku plan, wall of whole processes", Unit::Times, &faster, Gate::AtLeast(20.0));
    Ok(())
}

/// What we measured ourselves where Terraform was.
const ELSEWHERE: &str = "\
no `terraform` on PATH, so nothing is compared here. What we measured with Terraform v1.11.4 on 2 vCPU AMD EPYC
(20 November 2026, CHECKPOINT_DISABLE=1, empty state; wall median):
  plan, layers of 10:     N = 10 0.071 s   100 0.263 s   1000 14.4 s   5000 none in 300 s
  plan, flat:             N = 10 0.077 s   100 0.238 s   1000 1.36 s   5000 12.6 s
  apply, 60 nodes, 6 layers of 10, `sleep 0.2` each, parallelism 10: 1.92 s for a critical path of 1.2 s (62 %)";

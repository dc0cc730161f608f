//! `terraform apply` on the same shape of DAG with the same time per node, when the program is there. Printed, not judged:
//! it starts a process for each node.

use std::{
    fmt::Write as _,
    fs,
    process::{Command, Stdio},
    time::Instant,
};

pub fn compare() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for layer in 0..6 {
        for i in 0..10 {
            let after = |k: i32| format!("terraform_data.n{}_{}", layer - 1, (i + k) % 10);
            let after = if layer == 0 { String::new() } else { format!("{}, {}", after(0), after(1)) };
            let _ = writeln!(
                text,
                "resource \"terraform_data\" \"n{layer}_{i}\" {{\n  depends_on = [{after}]\n  provisioner \"local-exec\" {{ \
                 command = \"sleep 0.02\" }}\n}}"
            );
        }
    }
    fs::write(dir.path().join("main.tf"), text).unwrap();
    let terraform = |args: &[&str]| {
        let quiet = |c: &mut Command| c.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let mut command = Command::new("terraform");
        command.args(args).current_dir(dir.path()).env("CHECKPOINT_DISABLE", "1");
        quiet(&mut command).is_ok_and(|s| s.success())
    };
    if !terraform(&["init"]) {
        println!("terraform: not here, no comparison");
        return;
    }
    let began = Instant::now();
    if terraform(&["apply", "-auto-approve", "-parallelism=10"]) {
        let ms = began.elapsed().as_millis();
        println!("terraform apply, same DAG, sleep 0.02 per node, parallelism 10: {ms} ms (critical path 120 ms)");
    } else {
        println!("terraform apply failed, no comparison");
    }
}

//! What a whole run of the program costs. It is held at its first byte of output, because what a process used is gone
//! with it; nothing but writing is left to do then.

use std::{
    fs,
    io::{self, Read as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::pipe::fcntl_setpipe_size;

/// One run.
pub struct Cost {
    /// From its start to the last byte of its output.
    pub wall: Duration,
    /// Of its first thread, up to the first byte.
    pub cpu: Duration,
    /// Most memory it ever had.
    pub peak_mib: f64,
}

/// Runs `aku` with these arguments.
pub fn measure(args: &[String]) -> io::Result<Cost> {
    let (mut reader, writer) = io::pipe()?;
    // Far less than any plan, so that it cannot be written at once.
    fcntl_setpipe_size(&writer, 4096)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_aku"));
    command.args(args).stdin(Stdio::null()).stdout(writer).stderr(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn()?;
    // It holds the other end of the pipe, and we would never see the end.
    drop(command);
    let mut output = [0; 1];
    reader.read_exact(&mut output)?;
    let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", child.id()));
    let (status, schedstat) = (of("status")?, of("schedstat")?);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest)?;
    let wall = began.elapsed();
    let exit = child.wait()?;
    if !exit.success() {
        return Err(io::Error::other(format!("aku {}: {exit}", args.join(" "))));
    }
    let odd = |what: &str| io::Error::other(format!("/proc of the process shows no {what}"));
    let nanos =
        schedstat.split_whitespace().next().and_then(|n| n.parse().ok()).ok_or_else(|| odd("processor time"))?;
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u32>().ok());
    let peak = peak.ok_or_else(|| odd("peak memory"))?;
    Ok(Cost { wall, cpu: Duration::from_nanos(nanos), peak_mib: f64::from(peak) / 1024.0 })
}

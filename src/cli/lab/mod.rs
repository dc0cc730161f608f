//! `aku lab ...`: what each command does and prints.
//!
//! Thin: everything it does is an operation of [`Lab`]. Must never print a password.

mod args;

use std::{
    io::{self, Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use comfy_table::{Table, presets};
use secrecy::SecretString;

pub use args::LabArgs;

use self::args::{Command, FaultCommand, Kept, Pods, Sql, Up};
use crate::{
    db::{ConnectFailure, client::Options},
    exit::Exit,
    lab::{
        Lab, LabError, LabOptions, Lifetime,
        fault::Fault,
        layout,
        process::{Life, PodProgram},
        shell,
    },
    topology::Ordinal,
};

/// Why a command did not end well.
#[derive(Debug)]
enum Failure {
    Lab(LabError),
    /// Output could not be written.
    Output(io::Error),
    /// Standard input could not be read.
    Input(io::Error),
}

impl From<LabError> for Failure {
    fn from(e: LabError) -> Self {
        Self::Lab(e)
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Self::Output(e)
    }
}

fn exit_of(e: &LabError) -> Exit {
    match e {
        LabError::NotALab(_) => Exit::NoInput,
        LabError::AlreadyThere { .. }
        | LabError::NotOurs(_)
        | LabError::Running(_)
        | LabError::Fault(_)
        | LabError::NoSnapshot { .. }
        | LabError::Volume(_) => Exit::Refused,
        LabError::NoSuchPod { .. } => Exit::Usage,
        LabError::NotRunning(_) | LabError::NotUp { .. } | LabError::NoAddress(_) | LabError::Control { .. } => {
            Exit::Unavailable
        }
        LabError::Db { error, .. } => match ConnectFailure::classify(error) {
            ConnectFailure::LoginRefused => Exit::Auth,
            ConnectFailure::Absent | ConnectFailure::Unreachable | ConnectFailure::Timeout => Exit::Unavailable,
            ConnectFailure::AdminMode | ConnectFailure::SysdbaBusy | ConnectFailure::Other => Exit::Partial,
        },
        LabError::Io { .. } => Exit::Internal,
    }
}

/// Runs a lab command. Pods are processes of this executable.
pub fn run(args: LabArgs, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    match PodProgram::this() {
        Ok(program) => run_with(args, program, &mut io::stdin().lock(), out, err),
        Err(e) => {
            // Nothing is left to tell it to when standard error is gone.
            let _ = writeln!(err, "error: this program cannot find itself: {e}");
            Exit::Internal
        }
    }
}

/// As [`run`], with another pod program and another standard input.
pub fn run_with(
    args: LabArgs,
    program: PodProgram,
    input: &mut dyn Read,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let (exit, message) = match dispatch(args, program, input, out) {
        Ok(exit) => return exit,
        Err(Failure::Lab(e)) => (exit_of(&e), e.to_string()),
        Err(Failure::Output(e)) => (Exit::Output, format!("cannot write the output: {e}")),
        Err(Failure::Input(e)) => (Exit::NoInput, format!("cannot read standard input: {e}")),
    };
    let _ = writeln!(err, "error: {message}");
    exit
}

fn dispatch(args: LabArgs, program: PodProgram, input: &mut dyn Read, out: &mut dyn Write) -> Result<Exit, Failure> {
    let open = |program| Lab::open(&args.dir, program);
    match args.command {
        Command::Up(options) => up(&args.dir, options, program, out)?,
        Command::Down => down(&args.dir, program, out)?,
        Command::Status => status(&open(program)?, out)?,
        Command::Sql(sql) => return run_sql(&open(program)?, &sql, input, out),
        Command::Kill(pods) => each(&open(program)?, &pods, "killed", Lab::kill, out)?,
        Command::Start { pods, tables, pace, charset, national_charset, time_zone } => {
            let lab = open(program)?;
            if let Some(pace) = pace {
                pods.pods.iter().try_for_each(|&pod| lab.set_pace(pod, pace))?;
            }
            let wanted = [charset, national_charset, time_zone];
            for &pod in pods.pods.iter().filter(|_| wanted.iter().any(Option::is_some)) {
                lab.set_locale(pod, |l| {
                    for (field, text) in [&mut l.charset, &mut l.national, &mut l.time_zone].into_iter().zip(&wanted) {
                        if let Some(text) = text {
                            field.clone_from(text);
                        }
                    }
                })?;
            }
            if tables {
                each(&lab, &pods, "started, tables created", Lab::start_with_tables, out)?;
            } else {
                each(&lab, &pods, "started", Lab::start, out)?;
            }
        }
        Command::Snapshot(Kept { pod, name }) => {
            open(program)?.snapshot(pod, &name)?;
            writeln!(out, "pod-{pod} kept as {name}; put it back with: aku lab restore {pod} {name}")?;
        }
        Command::Restore(Kept { pod, name }) => {
            open(program)?.restore(pod, &name)?;
            writeln!(out, "pod-{pod} has the volume kept as {name}; start it with: aku lab start {pod}")?;
        }
        Command::Clone { from, to } => {
            open(program)?.clone_volume(from, to)?;
            writeln!(out, "pod-{to} has a copy of the volume of pod-{from}; start it with: aku lab start {to}")?;
        }
        Command::Stop(pods) => each(&open(program)?, &pods, "stopped", Lab::stop, out)?,
        Command::Wipe(pods) => {
            each(
                &open(program)?,
                &pods,
                "wiped; make it a new database with: aku lab start POD --tables",
                Lab::wipe,
                out,
            )?;
        }
        Command::Env => {
            for (name, path) in open(program)?.environment() {
                writeln!(out, "export {name}={}", layout::shell_word(&path.display().to_string()))?;
            }
        }
        Command::Fault(command) => fault(&open(program)?, command, out)?,
        Command::Pod { dir } => {
            // Whoever started us reads the reason in the pod's log.
            return Ok(crate::lab::serve(&dir).map_or(Exit::Internal, |()| Exit::Ok));
        }
    }
    Ok(Exit::Ok)
}

fn up(dir: &Path, options: Up, program: PodProgram, out: &mut dyn Write) -> Result<(), Failure> {
    let start = Instant::now();
    let mut lab = LabOptions::new(dir, options.pods, program);
    lab.server = options.server;
    lab.groups = options.groups;
    lab.port = options.port;
    lab.lifetime = Lifetime::Detached;
    lab.pace = options.pace;
    lab.copy_pace = options.copy_pace;
    lab.properties.insert("ADMIN_MODE".to_owned(), i64::from(options.admin_mode));
    lab.properties.extend(options.properties);
    let mut lab = Lab::up(lab)?;
    lab.detach();
    let (pods, server) = (lab.file().pods, lab.file().server);
    writeln!(out, "{pods} pods ({server}) are up in {} after {:.1} s", dir.display(), start.elapsed().as_secs_f64())?;
    for pod in lab.pods() {
        let (host, port) = lab.address(pod);
        writeln!(out, "  pod-{pod}  {host}:{port}")?;
    }
    let flag = if dir == Path::new("./aku-lab") { String::new() } else { format!(" --dir {}", shown(dir)) };
    writeln!(out, "\nnext: eval \"$(aku lab env{flag})\"\n      aku plan --ordinal 0")?;
    Ok(())
}

fn shown(dir: &Path) -> String {
    layout::shell_word(&dir.display().to_string())
}

fn down(dir: &Path, program: PodProgram, out: &mut dyn Write) -> Result<(), Failure> {
    match Lab::open(dir, program) {
        Err(LabError::NotALab(dir)) => writeln!(out, "no lab in {dir}, nothing to take down")?,
        Err(e) => return Err(e.into()),
        Ok(lab) => {
            let pods = lab.file().pods;
            match lab.down()? {
                None => writeln!(out, "{pods} pods are down, {} is removed", dir.display())?,
                Some(dir) => {
                    writeln!(out, "{pods} pods are down; {} stays, it holds files of others", dir.display())?;
                }
            }
        }
    }
    Ok(())
}

fn status(lab: &Lab, out: &mut dyn Write) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["POD", "STATE", "PID", "ADDRESS", "LOGIN", "FAULTS"]);
    for pod in lab.pods() {
        let life = lab.life(pod);
        let (state, login) = match life {
            Life::Down => ("down", "-".to_owned()),
            Life::Up(_) => ("up", login_words(lab, pod)),
            Life::Frozen(_) => ("frozen", "-".to_owned()),
        };
        let faults = match lab.faults(pod) {
            Ok(faults) if faults.is_empty() => "-".to_owned(),
            Ok(faults) => faults.into_iter().map(|f| f.name).collect::<Vec<_>>().join(", "),
            Err(_) => "?".to_owned(),
        };
        let (host, port) = lab.address(pod);
        let pid = life.pid().map_or_else(|| "-".to_owned(), |p| p.to_string());
        table.add_row([format!("pod-{pod}"), state.to_owned(), pid, format!("{host}:{port}"), login, faults]);
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim())?;
    }
    Ok(())
}

fn login_words(lab: &Lab, pod: Ordinal) -> String {
    match lab.try_login(pod, Duration::from_millis(500)) {
        Ok(()) => "open".to_owned(),
        Err(e) => match ConnectFailure::classify(&e) {
            ConnectFailure::AdminMode => "SYSDBA only".to_owned(),
            ConnectFailure::Absent => "refused".to_owned(),
            ConnectFailure::Unreachable => "cannot be reached".to_owned(),
            ConnectFailure::Timeout => "no answer".to_owned(),
            ConnectFailure::LoginRefused => "password changed".to_owned(),
            ConnectFailure::SysdbaBusy | ConnectFailure::Other => format!("ERR-{:05X}", e.native),
        },
    }
}

fn each(
    lab: &Lab,
    pods: &Pods,
    done: &str,
    operation: impl Fn(&Lab, Ordinal) -> Result<(), LabError>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    for &pod in &pods.pods {
        operation(lab, pod)?;
        writeln!(out, "pod-{pod} {done}")?;
    }
    Ok(())
}

fn run_sql(lab: &Lab, sql: &Sql, input: &mut dyn Read, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut typed = String::new();
    if sql.password_stdin || sql.text.is_none() {
        input.read_to_string(&mut typed).map_err(Failure::Input)?;
    }
    let (password, rest) = if sql.password_stdin {
        typed.split_once('\n').map_or((typed.as_str(), ""), |(first, rest)| (first.trim_end_matches('\r'), rest))
    } else {
        (layout::PASSWORD, typed.as_str())
    };
    let user = sql.user.as_deref().unwrap_or("SYS");
    let options = Options { app_info: "aku lab sql".to_owned(), ..Options::new(user, SecretString::from(password)) };
    let mut client = lab.client(sql.pod, &options)?;
    let mut exit = Exit::Ok;
    for statement in shell::statements(sql.text.as_deref().unwrap_or(rest)) {
        match client.execute(&statement) {
            Ok(response) => out.write_all(shell::answer(&statement, &response).as_bytes())?,
            Err(error) => {
                out.write_all(shell::error(&error).as_bytes())?;
                exit = Exit::Partial;
                if error.lost_session() {
                    break;
                }
            }
        }
    }
    Ok(exit)
}

fn fault(lab: &Lab, command: FaultCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        FaultCommand::Set { pod, name, kind } => {
            let fault = Fault::from(kind);
            let words = fault.to_string();
            let name = lab.fault(pod, name.as_deref(), fault)?;
            writeln!(out, "pod-{pod}: {words}\nclear it with: aku lab fault clear {name} --pod {pod}")?;
        }
        FaultCommand::List => list_faults(lab, out)?,
        FaultCommand::Clear { all: true, pod, .. } => {
            for pod in lab.pods().filter(|&p| pod.is_none_or(|only| only == p)) {
                lab.clear_all(pod)?;
            }
            writeln!(out, "no faults are left")?;
        }
        FaultCommand::Clear { name, pod, .. } => {
            let name = name.unwrap_or_default();
            if let Some(pod) = pod {
                lab.check(pod)?;
            }
            let mut cleared = Vec::new();
            for pod in lab.pods().filter(|&p| pod.is_none_or(|only| only == p)) {
                if lab.faults(pod)?.iter().any(|f| f.name == name) {
                    lab.clear(pod, &name)?;
                    cleared.push(format!("pod-{pod}"));
                }
            }
            if cleared.is_empty() {
                return Err(LabError::Fault(format!("no fault named \"{name}\" is set")).into());
            }
            writeln!(out, "\"{name}\" is cleared on {}", cleared.join(", "))?;
        }
    }
    Ok(())
}

fn list_faults(lab: &Lab, out: &mut dyn Write) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["POD", "NAME", "FAULT", "LEFT"]);
    for pod in lab.pods() {
        for f in lab.faults(pod)? {
            let left = f.left.map_or_else(|| "-".to_owned(), |n| n.to_string());
            table.add_row([format!("pod-{pod}"), f.name, f.fault.to_string(), left]);
        }
    }
    if table.row_count() == 0 {
        writeln!(out, "no faults are set")?;
        return Ok(());
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim())?;
    }
    Ok(())
}

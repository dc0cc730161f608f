//! What the supervisor needs of this program: its children's command lines, a look at the server's port, log lines.

use std::{
    ffi::OsString,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use aku_supervise::{
    edge::{self, Files, Knock, Unfit},
    model::Child,
    words,
};

use super::args::Wanted;
use crate::{
    cli::{
        common::Common,
        env::Env,
        legacy_log::{About, Level, Log},
        marker, reason,
        scene::OwnPod,
    },
    render::Diagnostic,
};

/// How long a look at the port may take: the server is on this machine.
const KNOCK: Duration = Duration::from_millis(200);
/// How long a child may take that only looks.
const LOOK: &str = "10s";
/// What running statements of an end may take beyond its deadline, at most; and its last words.
const STATEMENTS: Duration = Duration::from_secs(10);
const FAREWELL: Duration = Duration::from_secs(2);

/// What was found out about this pod before anything is started.
pub(super) struct Ready {
    name: String,
    /// Where the server listens, when that is known without a name server.
    port: Option<SocketAddr>,
}

impl Ready {
    pub(super) fn new(own: &OwnPod) -> Self {
        let ip = match own.endpoint.host.parse::<IpAddr>() {
            Ok(ip) => Some(ip),
            // Nobody named another way: the server is here.
            Err(_) if !own.endpoints_given => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Err(_) => None,
        };
        Self {
            name: format!("{}-{}", own.conf.sts_name, own.who.pod),
            port: ip.map(|ip| SocketAddr::new(ip, own.endpoint.port)),
        }
    }
}

/// The container around the supervisor.
pub(super) struct Container<'w, 's, 'io> {
    pub wanted: Wanted,
    pub common: Common,
    pub env: &'w Env,
    pub ready: Result<Ready, Diagnostic>,
    pub files: Files,
    pub log: Log<'w, 's, 'io>,
}

fn unfit(trouble: &Diagnostic) -> Unfit {
    Unfit { code: trouble.exit as u8, words: reason::text(trouble) }
}

impl edge::World for Container<'_, '_, '_> {
    fn check(&mut self) -> Result<(), Unfit> {
        if let Err(trouble) = &self.ready {
            return Err(unfit(trouble));
        }
        marker::probe(&self.files.marker).map_err(|trouble| unfit(&trouble))
    }

    fn command(&mut self, child: Child, left: Duration) -> Command {
        match child {
            Child::Server => self.server(),
            Child::Create => {
                let mut words = self.wanted.create.iter().flatten();
                let mut command = Command::new(words.next().map_or("", String::as_str));
                command.args(words).env_remove(crate::conf::password::VARIABLE);
                command
            }
            Child::Look => {
                let mut command = self.aku(&["probe", "server"]);
                command.env("AKU_CLI_DEADLINE", LOOK).stdout(Stdio::null()).stderr(Stdio::null());
                command
            }
            Child::Beat => {
                let mut command = self.aku(&["probe", "beat"]);
                command.env("AKU_CLI_DEADLINE", LOOK);
                command
            }
            Child::Start => self.aku(&["-p", "start"]),
            Child::End => {
                let (deadline, statements) = end_times(left);
                let mut command = self.aku(&["-p", "end"]);
                command.env("AKU_CLI_DEADLINE", milliseconds(deadline)).env("AKU_CLI_GRACE", milliseconds(statements));
                command
            }
        }
    }

    fn knock(&mut self) -> Knock {
        let Some(port) = self.ready.as_ref().ok().and_then(|ready| ready.port) else { return Knock::Perhaps };
        match TcpStream::connect_timeout(&port, KNOCK) {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => Knock::Nobody,
            Ok(_) | Err(_) => Knock::Perhaps,
        }
    }

    fn companion(&mut self) -> Option<Command> {
        let at = self.wanted.metrics?;
        let mut command = self.aku(&["serve"]);
        command.arg("--metrics").arg(at.to_string());
        if let Some(bytes) = self.wanted.log_disk {
            // Every unit is a multiple of it.
            command.arg("--log-disk").arg(format!("{}K", bytes >> 10));
        }
        Some(command)
    }

    fn log(&mut self, level: words::Level, text: &str) {
        let level = match level {
            words::Level::Info => Level::Info,
            words::Level::Warn => Level::Warn,
            words::Level::Error => Level::Error,
        };
        let pod = self.ready.as_ref().ok().map(|ready| ready.name.as_str());
        self.log.write(level, About { pod, object: None }, text);
    }
}

impl Container<'_, '_, '_> {
    fn server(&self) -> Command {
        let mut words = self.wanted.server.iter();
        let mut command = Command::new(words.next().map_or_else(OsString::new, Clone::clone));
        command.args(words);
        // Users wait until the pod is joined; the environment weighs more than altibase.properties (`measured.md` 9.3).
        for name in ["ALTIBASE_ADMIN_MODE", "ALTIBASE_REMOTE_SYSDBA_ENABLE"] {
            if self.env.var(name).is_none() {
                command.env(name, "1");
            }
        }
        // It is aku's, and a server writes its environment into its traces.
        command.env_remove(crate::conf::password::VARIABLE);
        command
    }

    /// This program, whatever became of its file since.
    fn aku(&self, words: &[&str]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("aku").args(words);
        let c = &self.common;
        let paths = [("--conf", &c.conf), ("--endpoints", &c.endpoints), ("--odbc-driver", &c.odbc_driver)];
        for (flag, path) in paths {
            if let Some(path) = path {
                command.arg(flag).arg(path);
            }
        }
        if let Some(pod) = c.ordinal {
            command.arg("--ordinal").arg(pod.to_string());
        }
        command.arg("--connect-timeout").arg(milliseconds(c.connect_timeout));
        command.env(reason::VARIABLE, Path::new(&self.files.reason));
        command
    }
}

/// Deadline of an end, and what its statements may take beyond it, so that it is over in time by itself.
fn end_times(left: Duration) -> (Duration, Duration) {
    let statements = STATEMENTS.min(left / 4);
    let farewell = FAREWELL.min(left / 4);
    (left.saturating_sub(statements + farewell).max(Duration::from_millis(1)), statements)
}

fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_over_before_it_is_killed() {
        let seconds = Duration::from_secs;
        assert_eq!(end_times(seconds(316)), (seconds(304), seconds(10)));
        for ms in [0, 1, 500, 8_000, 40_000, 316_000] {
            let left = Duration::from_millis(ms);
            let (deadline, statements) = end_times(left);
            // A deadline of nothing would be none.
            assert!(deadline + statements <= left + Duration::from_millis(1), "{ms}");
            assert!(deadline * 2 >= left, "{ms}");
        }
    }
}

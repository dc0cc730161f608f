//! The supervisor with shell scripts for programs, for tests: `SERVER`, `LOOK`, `START`, `END`, `BEAT`, `CREATE` name them,
//! `DIR` is where its files are, `GRACE` and `SERVER_STOP` are milliseconds.

use std::{
    env,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};

use aku_supervise::{
    edge::{self, Files, Knock, Setup, Unfit, World},
    model::Child,
    rules::{Budget, Creation, Rules},
    words::Level,
};
use rustix::process::Signal;

struct Scripts;

impl World for Scripts {
    fn check(&mut self) -> Result<(), Unfit> {
        env::var("UNFIT").map_or(Ok(()), |words| Err(Unfit { code: 65, words }))
    }

    fn command(&mut self, child: Child, left: Duration) -> Command {
        let name = child.word().to_uppercase();
        let Ok(script) = env::var(&name) else { return Command::new(format!("/no/{name}")) };
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).env("LEFT", left.as_millis().to_string());
        command
    }

    fn knock(&mut self) -> Knock {
        if env::var_os("NOBODY").is_some() { Knock::Nobody } else { Knock::Perhaps }
    }

    fn log(&mut self, level: Level, text: &str) {
        println!("{level:?} {text}");
    }
}

fn main() -> ExitCode {
    let time = |name: &str, default: u64| {
        Duration::from_millis(env::var(name).ok().and_then(|t| t.parse().ok()).unwrap_or(default))
    };
    let Some(dir) = env::var_os("DIR").map(PathBuf::from) else {
        eprintln!("DIR is not set");
        return ExitCode::from(64);
    };
    let setup = Setup {
        rules: Rules {
            budget: Budget { grace: time("GRACE", 60_000), server_stop: time("SERVER_STOP", 30_000) },
            retry: time("RETRY", 50),
            look: Duration::from_millis(10),
            remind: time("REMIND", 60_000),
            beat: env::var_os("BEAT").map(|_| Duration::from_millis(20)),
            creation: if env::var_os("CREATE").is_some() { Creation::WhenEmpty } else { Creation::Forbidden },
        },
        stop_signal: Signal::INT,
        stop_signal_name: "SIGINT",
        files: Files {
            marker: dir.join("marker"),
            status: dir.join("status"),
            reason: dir.join("reason"),
            termination: Some(dir.join("termination")),
            data: env::var_os("DATA").map(PathBuf::from).into_iter().collect(),
        },
    };
    match edge::run(&setup, &mut Scripts) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

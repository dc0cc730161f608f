//! One container: its root directory, its variables, its process tree.
//!
//! There are no namespaces, so that no privilege is needed: an absolute path in a variable is taken to be in the container's root,
//! `0.0.0.0` is the pod's address, and a process belongs to the container whose mark is among its variables. When the first
//! process ends, all others are killed, as they are in a container.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io,
    net::Ipv4Addr,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal};

/// Variable that every process of a container has.
const MARK: &str = "AKU_STATEFUL_CONTAINER";

/// Programs of the image: what `aku`, `altibase` and `server` are.
#[derive(Debug)]
pub(crate) struct Image {
    bin: PathBuf,
}

impl Image {
    /// `altibase -n` is a server of the lab in `$ALTIBASE_HOME/dbs`; `server create` takes one of the databases in `seeds`, which
    /// has the tables of aku.conf, as a person's own script would make them.
    pub(crate) fn make(dir: &Path, aku: &Path, seeds: &Path) -> io::Result<Self> {
        let bin = dir.join("bin");
        fs::create_dir_all(&bin)?;
        std::os::unix::fs::symlink(aku, bin.join("aku"))?;
        let seeds = aku_lab::layout::shell_word(&seeds.display().to_string());
        let server = format!(
            "#!/bin/sh\nset -e\n[ \"$1\" = create ]\ncd {seeds}\nfor seed in *; do\n  \
             if mv \"$seed\" \"$ALTIBASE_HOME/dbs/seed\" 2>/dev/null; then\n    cd \"$ALTIBASE_HOME/dbs\"\n    \
             mv seed/* .\n    rmdir seed\n    : >system001.dbf\n    exit 0\n  fi\ndone\nexit 1\n"
        );
        let altibase = "#!/bin/sh\n[ \"$1\" = -n ] && exec aku lab pod \"$ALTIBASE_HOME/dbs\"\n";
        for (name, text) in [("server", server.as_str()), ("altibase", altibase)] {
            let path = bin.join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        Ok(Self { bin })
    }
}

/// How a program in a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// With a code; 128 + n for a signal.
    Code(i32),
    /// It was killed when its time was over.
    Late,
}

pub(crate) fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|n| 128 + n)).unwrap_or(-1)
}

/// A container.
#[derive(Debug)]
pub(crate) struct Sandbox {
    mark: String,
    root: PathBuf,
    env: BTreeMap<String, String>,
    bin: PathBuf,
    log: PathBuf,
}

impl Sandbox {
    /// A fresh root in `dir`. `mounts`: path in the container, and what is there.
    pub(crate) fn make(dir: &Path, image: &Image, log: PathBuf, mounts: &[(String, PathBuf)]) -> io::Result<Self> {
        let root = dir.join("root");
        for path in ["tmp", "dev"] {
            fs::create_dir_all(root.join(path))?;
        }
        for (path, target) in mounts {
            let at = root.join(path.trim_start_matches('/'));
            if let Some(parent) = at.parent() {
                fs::create_dir_all(parent)?;
            }
            // A mount hides what the image has there.
            if at.is_dir() && !at.is_symlink() {
                fs::remove_dir(&at)?;
            }
            std::os::unix::fs::symlink(target, at)?;
        }
        let mark = dir.display().to_string();
        Ok(Self { mark, root, env: BTreeMap::new(), bin: image.bin.clone(), log })
    }

    /// A path of the container, as it is outside.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// The variables of the container; `ip` is the pod's address.
    pub(crate) fn set(&mut self, env: impl IntoIterator<Item = (String, String)>, ip: Ipv4Addr) {
        let here = |value: String| match value.strip_prefix("0.0.0.0:") {
            Some(port) => format!("{ip}:{port}"),
            None if value.starts_with('/') => self.path(&value).display().to_string(),
            None => value,
        };
        let own: Vec<_> = env.into_iter().map(|(name, value)| (name, here(value))).collect();
        self.env.extend(own);
    }

    /// A variable of the image, taken as it is.
    pub(crate) fn give(&mut self, name: &str, value: impl Into<String>) {
        self.env.insert(name.to_owned(), value.into());
    }

    pub(crate) fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str)
    }

    /// Properties of the server among the variables.
    pub(crate) fn properties(&self) -> impl Iterator<Item = (String, i64)> {
        let number =
            |(name, value): (&String, &String)| Some((name.strip_prefix("ALTIBASE_")?.to_owned(), value.parse().ok()?));
        self.env.iter().filter_map(number)
    }

    fn command(&self, words: &[String]) -> Command {
        let name = words.first().map_or("", String::as_str);
        let own = self.bin.join(name);
        let mut command = if own.exists() { Command::new(own) } else { Command::new(name) };
        command.arg0(name).args(&words[words.len().min(1)..]).current_dir(&self.root).env_clear().envs(&self.env);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.bin.display())).env(MARK, &self.mark);
        command.stdin(Stdio::null()).process_group(0);
        command
    }

    /// Starts the first process; its output is the log of the pod.
    pub(crate) fn start(&self, words: &[String]) -> io::Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        self.command(words).stdout(log.try_clone()?).stderr(log).spawn()
    }

    /// Runs a program in the container, as probes and `kubectl exec` do; its output.
    pub(crate) fn exec(&self, words: &[String], limit: Duration) -> io::Result<(Came, String)> {
        let mut out = tempfile::tempfile()?;
        let child = self.command(words).stdout(out.try_clone()?).stderr(out.try_clone()?).spawn()?;
        let came = within(child, limit);
        io::Seek::rewind(&mut out)?;
        let mut text = Vec::new();
        io::Read::read_to_end(&mut out, &mut text)?;
        Ok((came, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Starts a program whose end is told.
    pub(crate) fn begin(&self, words: &[String], ended: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut child = self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        thread::spawn(move || {
            let _ = child.wait();
            ended();
        });
        Ok(())
    }

    /// Kills everything that is left of the container; returns when nothing is.
    pub(crate) fn kill_all(&self) {
        while let left = self.processes()
            && !left.is_empty()
        {
            for pid in left {
                // Gone is as good as killed.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
            // The kernel takes a process away in its own time, and tells only its parent.
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Its processes, without those that are dead and not reaped.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let mark = format!("{MARK}={}", self.mark);
        let marked = |pid: &Pid| {
            let vars = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
            vars.split(|b| *b == 0).any(|var| var == mark.as_bytes())
        };
        let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
        pids.filter(marked).collect()
    }
}

/// Waits for a program, and kills it when its time is over.
fn within(mut child: Child, limit: Duration) -> Came {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (send, end) = mpsc::channel();
    thread::spawn(move || {
        let _ = send.send(child.wait());
    });
    if let Ok(status) = end.recv_timeout(limit) {
        return Came::Code(status.map_or(-1, code));
    }
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    let _ = end.recv();
    Came::Late
}

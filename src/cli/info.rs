//! `aku info`, the old `aku -i`: the configuration in the documented layout, odd spellings and blanks included
//! (`aku-behaviour.md` B.5). Opens no connection.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::PathBuf,
};

use aku_core::safe;
use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::{
    confpath,
    env::{Env, read_small},
};
use crate::{
    conf::{self, Config, password},
    exit::Exit,
    topology::{Ordinal, Pair},
};

/// Flags of `aku info`.
#[derive(Args, Clone, Debug, Default)]
pub struct InfoArgs {
    /// The aku.conf to show [default: $AKU_CONF, else $ALTIBASE_HOME/conf/aku.conf]
    #[arg(long, value_name = "FILE")]
    pub conf: Option<PathBuf>,
    /// Print the password of SYS instead of asterisks
    #[arg(long)]
    pub show_secrets: bool,
}

const SEPARATOR: &str = "#########################";
const MASK: &str = "********";

/// Prints a valid configuration to `out`; what is wrong with it goes to `err`.
pub fn run(args: &InfoArgs, env: &Env, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let (path, bytes) = match confpath::read(args.conf.as_deref(), env) {
        Ok(read) => read,
        Err(e) => {
            let _ = writeln!(err, "error: {e}");
            return Exit::from(&e);
        }
    };
    let parsed = conf::parse(&path, &bytes);
    let blocks = conf::render_problems(&env.told(&parsed.problems), &parsed.source, env.err_colour);
    let _ = err.write_all(blocks.as_bytes());
    let Some(config) = &parsed.config else { return Exit::BadData };
    let password = match password::resolve(|name| env.var(name).map(Into::into), read_small, config) {
        Ok((password, _)) => password,
        Err(e) => {
            let _ = writeln!(err, "error: {e}");
            return Exit::BadData;
        }
    };
    let shown = if args.show_secrets { password } else { SecretString::from(MASK) };
    match out.write_all(layout(config, &shown).as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Ok,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
        Err(e) => {
            let _ = writeln!(err, "error[output]: standard output cannot be written: {e}");
            Exit::Output
        }
    }
}

fn layout(c: &Config, password: &SecretString) -> String {
    let mut text = String::new();
    // The first separator has one blank more than the others in every published sample.
    let _ = writeln!(text, "  {SEPARATOR}\n [ Server ]");
    let server: [(&str, &str); 7] = [
        ("Server ID", "0"),
        ("Host", &c.host(Ordinal::MASTER)),
        ("User", "SYS"),
        ("Password", password.expose_secret()),
        ("Port", &c.port_no.to_string()),
        ("Replication Port", &c.replication_port_no.to_string()),
        ("Max Server Count", &c.server_count.get().to_string()),
    ];
    for (name, value) in server {
        // A password is shown as it is, to whoever asked for it.
        let value = if name == "Password" { value.to_owned() } else { safe::line(value) };
        let _ = writeln!(text, "  {name:<16} : {value}");
    }
    let _ = writeln!(text, " {SEPARATOR}\n [ Replications ]");
    for pod in c.server_count.ordinals() {
        let _ = writeln!(text, " #### Serve[ID:{pod}] Replication list ####");
        for (id, _) in c.groups() {
            for (_, pair) in Pair::of(pod, c.server_count) {
                let _ = writeln!(text, "  Replication Name : {}", safe::line(c.replication_name(id, pair).as_str()));
            }
        }
    }
    let _ = writeln!(text, " {SEPARATOR}\n [ Replication Items ]");
    let groups: Vec<_> = c.groups.iter().map(group).collect();
    text.push_str(&groups.join("\n"));
    let _ = writeln!(text, " {SEPARATOR}");
    text
}

/// The items of a group with a blank line between them.
fn group(g: &conf::GroupConf) -> String {
    let items: Vec<_> = g
        .targets
        .iter()
        .map(|t| {
            let mut item = format!(
                "  User Name        : {}\n  Table Name       : {}\n",
                safe::line(t.user.as_str()),
                safe::line(t.table.as_str())
            );
            if let Some(partition) = &t.partition {
                let _ = writeln!(item, "  Partition Name   : {}", safe::line(partition.as_str()));
            }
            item
        })
        .collect();
    format!("  #### Replication [Prefix:{}] item list ####\n{}", safe::line(&g.prefix), items.join("\n"))
}

//! `aku k8s`: objects of Kubernetes from `aku.conf`, and a judgement of those that others wrote. Opens no connection.
//! What is written and judged is the business of `aku-kube`; here it meets flags, files and streams.

mod args;
mod folder;

use std::{collections::BTreeSet, io::Read as _, path::Path};

use aku_kube::{
    AtEnd, Cluster, ClusterSpec, EndSeconds, chart, kustomize,
    lint::{self, Input, Judgement, Severity},
    stream,
};

pub use args::KubeArgs;
use args::{Command, FolderArgs, Format, LintArgs};

use super::{
    common::Common,
    confpath,
    env::Env,
    stream::{OutputStyle, Streams, answer, fail, tell},
};
use crate::{
    bounded,
    conf::{self, Config, Parsed, Switch},
    exit::Exit,
    render::Diagnostic,
};

/// Largest manifest that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Runs it.
pub fn run(args: &KubeArgs, common: &Common, env: &Env, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    let spec = match spec(common, env, s) {
        Ok(spec) => spec,
        Err(exit) => return exit,
    };
    let said = match &args.command {
        Command::Manifests(a) => args::cluster(spec, a).map(|c| (stream(&c), Exit::Ok)),
        Command::Chart(a) => args::cluster(spec, &a.options).and_then(|c| write(a, &c, chart)),
        Command::Kustomize(a) => args::cluster(spec, &a.options).and_then(|c| write(a, &c, kustomize)),
        Command::Lint(a) => judged(&spec, a, s).map(|j| (shown(&j, a.format), exit_of(&j))),
    };
    match said {
        Ok((text, exit)) => match answer(s, &text) {
            // The reader went away: what was found is still the answer.
            Ok(()) | Err(Exit::Ok) => exit,
            Err(other) => other,
        },
        Err(trouble) => fail(s, look, &trouble),
    }
}

/// What aku.conf says of the cluster. Its problems are told.
fn spec(common: &Common, env: &Env, s: &mut Streams<'_>) -> Result<ClusterSpec, Exit> {
    let (path, bytes) = confpath::read(common.conf.as_deref(), env).map_err(|e| {
        tell(s, &format!("error: {e}\n"));
        Exit::from(&e)
    })?;
    let parsed = conf::parse(&path, &bytes);
    let blocks = conf::render_problems(&env.told(&parsed.problems), &parsed.source, env.err_colour);
    if !blocks.is_empty() {
        tell(s, &format!("{blocks}\n"));
    }
    let Some(config) = &parsed.config else {
        tell(s, &format!("error[conf]: {path} is not valid\n"));
        return Err(Exit::BadData);
    };
    of_conf(&parsed, config).map_err(|e| {
        tell(s, &format!("error[conf]: {path}: {e}\n"));
        Exit::BadData
    })
}

fn of_conf(parsed: &Parsed, config: &Config) -> Result<ClusterSpec, conf::NotPublic> {
    let budget = conf::end_budget(config);
    Ok(ClusterSpec {
        name: config.sts_name.clone(),
        service: config.svc_name.clone(),
        server_count: config.server_count.get(),
        port: config.port_no,
        replication_port: config.replication_port_no,
        groups: u8::try_from(config.groups.len()).unwrap_or(u8::MAX),
        conflict_properties: conflict_properties(config),
        targets: config.groups.iter().map(|g| g.targets.len()).sum(),
        at_end: match config.replication_reset_at_end {
            Switch::Off => AtEnd::Keep,
            Switch::On => AtEnd::Reset,
        },
        address_check: config.address_check_count,
        end: EndSeconds { fence: budget.fence, flush: budget.flush, stop_reset: budget.stop_reset },
        conf: conf::without_password(parsed)?,
    })
}

/// What the servers have to be like for CONFLICT, each property once.
fn conflict_properties(config: &Config) -> Vec<String> {
    let all: BTreeSet<&str> =
        config.groups.iter().flat_map(|g| g.attributes.conflict().properties()).copied().collect();
    all.into_iter().map(str::to_owned).collect()
}

/// Writes the files, and tells how many.
fn write(
    a: &FolderArgs,
    c: &Cluster,
    files: fn(&Cluster) -> Vec<aku_kube::File>,
) -> Result<(String, Exit), Diagnostic> {
    let files = files(c);
    folder::write(&a.dir, &files)?;
    Ok((format!("{}: {} files written\n", a.dir.display(), files.len()), Exit::Ok))
}

fn judged(spec: &ClusterSpec, a: &LintArgs, s: &mut Streams<'_>) -> Result<Judgement, Diagnostic> {
    let mut inputs = Vec::new();
    for path in &a.files {
        let name = path.display().to_string();
        let text = if path == Path::new("-") { from_stdin(s) } else { bounded::text(path, MAX_BYTES) };
        let text = text.map_err(|e| {
            let exit = if e.kind() == std::io::ErrorKind::InvalidData { Exit::BadData } else { Exit::NoInput };
            Diagnostic::new(exit, "manifest", format!("{name} cannot be read: {e}"))
        })?;
        inputs.push(Input { name, text });
    }
    Ok(lint::lint(spec, a.limits(), &inputs))
}

fn from_stdin(s: &mut Streams<'_>) -> std::io::Result<String> {
    let mut text = String::new();
    s.input.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, format!("more than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

fn shown(j: &Judgement, format: Format) -> String {
    match format {
        Format::Text => lint::text(j),
        Format::Json => format!("{:#}\n", lint::json(j)),
        Format::Sarif => format!("{:#}\n", lint::sarif(j, env!("CARGO_PKG_VERSION"))),
    }
}

/// A file that was not understood weighs more than what was found in others. Warnings alone are no failure.
fn exit_of(j: &Judgement) -> Exit {
    if j.is_blind() {
        Exit::BadData
    } else if j.count(Severity::Error) > 0 {
        Exit::Changes
    } else {
        Exit::Ok
    }
}

//! `aku validate`: is this `aku.conf` right, and how long does an end need? Opens no connection.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::PathBuf,
};

use clap::{ArgAction, Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    confpath,
    env::{Env, read_small},
};
use crate::{
    conf::{
        self, Config, Parsed, Problem, Property, Severity, Switch,
        password::{self, PasswordError, PasswordOrigin},
    },
    exit::Exit,
    render::words::counted,
    topology::{Ordinal, Pair},
};

/// Flags of `aku validate`.
#[derive(Args, Clone, Debug, Default)]
pub struct ValidateArgs {
    /// The aku.conf to check [default: as for --conf]
    pub file: Option<PathBuf>,
    /// The aku.conf to check [default: $AKU_CONF, else $ALTIBASE_HOME/conf/aku.conf]
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub conf: Option<PathBuf>,
    /// Show every property with its origin, and the objects of every pod
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document on standard output.
    Json,
}

/// The file with the problems that only the environment can decide, and where the password comes from.
struct Verdict {
    path: String,
    parsed: Parsed,
    problems: Vec<Problem>,
    password: Result<PasswordOrigin, String>,
}

/// Checks a configuration. The verdict goes to `out`, problems to `err`.
pub fn run(args: &ValidateArgs, env: &Env, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let flag = args.file.as_deref().or(args.conf.as_deref());
    let (path, bytes) = match confpath::read(flag, env) {
        Ok(read) => read,
        Err(e) => {
            // Nothing better can be done when standard error is gone.
            let _ = writeln!(err, "error: {e}");
            return Exit::from(&e);
        }
    };
    let verdict = judge(path, &bytes, env);
    let exit = if verdict.is_valid() { Exit::Ok } else { Exit::BadData };
    let printed = match args.format {
        Format::Human => human(&verdict, args, env, out, err),
        Format::Json => writeln!(out, "{:#}", json_of(&verdict, args)).and_then(|()| out.flush()),
    };
    match printed {
        Ok(()) => exit,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(e) => {
            let _ = writeln!(err, "error[output]: standard output cannot be written: {e}");
            Exit::Output
        }
    }
}

fn judge(path: String, bytes: &[u8], env: &Env) -> Verdict {
    let parsed = conf::parse(&path, bytes);
    let mut problems = parsed.problems.clone();
    let password = match &parsed.config {
        None => Err("not looked at".to_owned()),
        Some(config) => match password::resolve(|name| env.var(name).map(Into::into), read_small, config) {
            Ok((_, origin)) => Ok(origin),
            Err(e) => {
                problems.push(password_problem(&e));
                Err(e.to_string())
            }
        },
    };
    Verdict { path, parsed, problems, password }
}

/// A password that cannot be had, as a problem beside those of the file.
fn password_problem(e: &PasswordError) -> Problem {
    let (code, hint) = match e {
        PasswordError::Missing => (
            conf::Code::Missing,
            format!("set it in the file, or {} or {} in the environment", password::FILE_VARIABLE, password::VARIABLE),
        ),
        PasswordError::NoDescriptor { .. }
        | PasswordError::EmptyDescriptor { .. }
        | PasswordError::Unreadable { .. }
        | PasswordError::EmptyFile { .. }
        | PasswordError::Unusable { .. } => {
            let hint = "the environment comes before the AKU_SYS_PASSWORD of the file; unset the variable to use that";
            (conf::Code::Password, hint.to_owned())
        }
    };
    Problem { code, message: e.to_string(), label: String::new(), hint: Some(hint), place: None }
}

impl Verdict {
    fn is_valid(&self) -> bool {
        !conf::has_errors(&self.problems)
    }

    fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|p| p.severity() == severity).count()
    }

    /// The configuration, if it may be used.
    fn config(&self) -> Option<&Config> {
        self.parsed.config.as_ref().filter(|_| self.is_valid())
    }
}

fn human(v: &Verdict, args: &ValidateArgs, env: &Env, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    let blocks = conf::render_problems(&env.told(&v.problems), &v.parsed.source, env.err_colour);
    if !blocks.is_empty() {
        writeln!(err, "{blocks}")?;
        err.flush()?;
    }
    let (errors, warnings) = (v.count(Severity::Error), v.count(Severity::Warning));
    let mut text = String::new();
    match v.config() {
        None => {
            let _ = write!(text, "{}: invalid, {}", v.path, counted(errors, "error"));
        }
        Some(_) => {
            let _ = write!(text, "{}: valid", v.path);
        }
    }
    if warnings > 0 {
        let _ = write!(text, ", {}", counted(warnings, "warning"));
    }
    text.push('\n');
    if let Some(config) = v.config() {
        let targets: usize = config.groups.iter().map(|g| g.targets.len()).sum();
        let _ = writeln!(
            text,
            "  {}, {}, {}, {} on each pod",
            counted(config.server_count.get().into(), "server"),
            counted(config.groups.len(), "group"),
            counted(targets, "target"),
            counted((usize::from(config.server_count.get()) - 1) * config.groups.len(), "replication"),
        );
        let budget = conf::end_budget(config);
        let _ = writeln!(text, "  an end needs terminationGracePeriodSeconds of at least {}", budget.total());
        let _ = writeln!(text, "    {budget}");
        text.push_str(&cost_of_restarts(config, targets));
        if args.verbose > 0 {
            text.push('\n');
            text.push_str(&details(v, config));
        }
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What AKU_REPLICATION_RESET_AT_END = 1 costs, which a rolling update pays for each pod.
fn cost_of_restarts(config: &Config, targets: usize) -> String {
    match config.replication_reset_at_end {
        Switch::On if config.server_count.get() > 1 => format!(
            "  each restart of a slave deletes and copies {} anew (AKU_REPLICATION_RESET_AT_END 1), in a rolling update {};\n    \
             with 0 it catches up, and aku apply forget N follows a scale-down for good\n",
            counted(targets, "target"),
            counted(usize::from(config.server_count.get()) - 1, "time"),
        ),
        Switch::On | Switch::Off => String::new(),
    }
}

/// Value and origin of a property, the password masked.
fn property_row(v: &Verdict, config: &Config, property: Property) -> (String, String) {
    let origin = v.parsed.origins.of(property).to_string();
    match (property, &v.password) {
        (Property::SysPassword, Ok(PasswordOrigin::Conf)) => ("***".to_owned(), origin),
        (Property::SysPassword, Ok(from)) => ("***".to_owned(), from.to_string()),
        (_, Ok(_) | Err(_)) => (property.value_in(config), origin),
    }
}

fn details(v: &Verdict, config: &Config) -> String {
    let rows: Vec<_> = Property::ALL.into_iter().map(|p| (p.name(), property_row(v, config, p))).collect();
    let width = |f: fn(&(&str, (String, String))) -> usize| rows.iter().map(f).max().unwrap_or(0);
    let (names, values) = (width(|r| r.0.len()), width(|r| r.1.0.chars().count()));
    let mut text = "Properties\n".to_owned();
    for (name, (value, origin)) in &rows {
        let _ = writeln!(text, "  {name:names$}  {value:values$}  {origin}");
    }
    for (id, group) in config.groups() {
        let at = v.parsed.origins.group(id);
        let (open, parallel) = at.map_or_else(Default::default, |o| (o.open.to_string(), o.parallel.to_string()));
        let _ = writeln!(text, "\nGroup {} (line {open})", group.prefix);
        let _ = writeln!(text, "  SYNC_PARALLEL_COUNT  {}  {parallel}", group.sync_parallel);
        for word in group.attributes.words() {
            let line = at.and_then(|o| o.attributes.iter().find(|(key, _)| word.starts_with(key)));
            let line = line.map(|(_, line)| format!("  line {line}")).unwrap_or_default();
            let _ = writeln!(text, "  {word}{line}");
        }
        for target in &group.targets {
            let _ = writeln!(text, "  {target}");
        }
    }
    text.push_str("\nObjects on each pod\n");
    for pod in config.server_count.ordinals() {
        let _ = writeln!(text, "  {}", config.host(pod));
        for (peer, name) in objects(config, pod) {
            let _ = writeln!(text, "    {name}  to {}:{}", config.replication_host(peer), config.replication_port_no);
        }
    }
    text
}

/// The replications of a pod with the other end of each, group by group.
fn objects(config: &Config, pod: Ordinal) -> Vec<(Ordinal, String)> {
    let pairs = || Pair::of(pod, config.server_count);
    config
        .groups()
        .flat_map(|(id, _)| pairs().map(move |(peer, pair)| (peer, config.replication_name(id, pair).to_string())))
        .collect()
}

fn json_of(v: &Verdict, args: &ValidateArgs) -> Value {
    let problems: Vec<_> = v.problems.iter().map(|p| problem_json(p, &v.parsed)).collect();
    let mut doc = json!({
        "format_version": "1.0",
        "kind": "aku.validate",
        "file": v.path,
        "valid": v.is_valid(),
        "errors": v.count(Severity::Error),
        "warnings": v.count(Severity::Warning),
        "problems": problems,
    });
    if let Some(config) = v.config() {
        let b = conf::end_budget(config);
        doc["end"] = json!({
            "termination_grace_period_seconds": b.total(),
            "fence": b.fence, "flush": b.flush, "stop_and_reset": b.stop_reset, "server_stop": b.server_stop,
        });
        if args.verbose > 0 {
            doc["properties"] = Property::ALL
                .into_iter()
                .map(|p| {
                    let (value, origin) = property_row(v, config, p);
                    json!({"name": p.name(), "value": value, "origin": origin})
                })
                .collect();
            doc["groups"] = config
                .groups
                .iter()
                .map(|g| {
                    let targets: Vec<_> = g.targets.iter().map(ToString::to_string).collect();
                    let mut group =
                        json!({"prefix": g.prefix, "sync_parallel_count": g.sync_parallel, "targets": targets});
                    if !g.attributes.is_default() {
                        group["attributes"] = json!(g.attributes.words());
                    }
                    group
                })
                .collect();
            doc["pods"] = config
                .server_count
                .ordinals()
                .map(|pod| {
                    let names: Vec<_> = objects(config, pod).into_iter().map(|(_, name)| name).collect();
                    json!({
                        "ordinal": pod.get(), "host": config.host(pod),
                        "replication_host": config.replication_host(pod), "replications": names,
                    })
                })
                .collect();
        }
    }
    doc
}

fn problem_json(p: &Problem, parsed: &Parsed) -> Value {
    let severity = match p.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = p.place.as_ref();
    json!({
        "severity": severity,
        "code": p.code.as_str(),
        "message": p.message,
        "line": place.map(|at| at.line),
        "column": place.map(|at| at.column),
        "text": place.map(|at| conf::excerpt(at, &parsed.source).text),
        "label": Some(&p.label).filter(|l| !l.is_empty()),
        "hint": p.hint,
    })
}

//! Which pod a run is about, and on which pod it runs: from `--ordinal`, `AKU_ORDINAL` or the host name. Pure.

use std::ffi::OsStr;

use crate::{
    conf::Config,
    exit::Exit,
    render::Diagnostic,
    topology::{Ordinal, OrdinalError},
};

/// Variable that says on which pod this runs (labs and tests: several pods on one machine).
pub const VARIABLE: &str = "AKU_ORDINAL";

/// Variable with the name of the pod, by the downward API: it outweighs the host name, which setHostnameAsFQDN, hostNetwork and
/// others change.
pub const POD_NAME: &str = "POD_NAME";

/// The two pods of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The pod it is about.
    pub pod: Ordinal,
    /// The pod it runs on; `None` on a machine that is no pod of the StatefulSet.
    pub here: Option<Ordinal>,
}

/// The pod of this container, as far as it is known without aku.conf.
#[must_use]
pub fn unchecked(flag: Option<Ordinal>, variable: Option<&OsStr>, hostname: &OsStr) -> Option<Ordinal> {
    let host = || Ordinal::from_hostname(&hostname.to_string_lossy()).ok();
    flag.or_else(|| variable.map_or_else(host, |v| v.to_string_lossy().parse().ok()))
}

/// Decides.
///
/// # Errors
/// Nothing says which pod is meant.
pub fn who(
    flag: Option<Ordinal>,
    variable: Option<&OsStr>,
    hostname: &OsStr,
    conf: &Config,
) -> Result<Who, Diagnostic> {
    let here = match variable {
        Some(text) => {
            let text = text.to_string_lossy();
            let here = text.parse().map_err(|e| {
                Diagnostic::new(Exit::Usage, "usage", format!("{VARIABLE} is \"{text}\": {}", range(&e, conf)))
            })?;
            Ok(here)
        }
        None => from_hostname(&hostname.to_string_lossy(), conf),
    };
    match (flag, here) {
        (Some(pod), here) => Ok(Who { pod, here: here.ok() }),
        (None, Ok(here)) => Ok(Who { pod: here, here: Some(here) }),
        (None, Err(why)) => Err(Diagnostic::new(Exit::Usage, "usage", "it is not clear which pod is meant")
            .fact("because", why)
            .next("add --ordinal N")
            .next(format!(
                "in a pod with hostNetwork set {VARIABLE}=N, e.g. from the label apps.kubernetes.io/pod-index"
            ))),
    }
}

/// What is wrong with a number, and which ones this aku.conf has.
fn range(e: &OrdinalError, conf: &Config) -> String {
    let last = conf.server_count.get() - 1;
    match e {
        OrdinalError::NoSuffix(_) => e.to_string(),
        OrdinalError::OutOfRange(n) => format!("\"{n}\" is no pod of aku.conf, which has pods 0 to {last}"),
    }
}

fn from_hostname(host: &str, conf: &Config) -> Result<Ordinal, String> {
    let pod = Ordinal::from_hostname(host).map_err(|e| match e {
        OrdinalError::NoSuffix(_) => e.to_string(),
        OrdinalError::OutOfRange(_) => {
            format!("host name \"{host}\": {}, and spec.ordinals.start of the StatefulSet must be 0", range(&e, conf))
        }
    })?;
    let short = host.split('.').next().unwrap_or(host);
    let name = short.rsplit_once('-').map_or(short, |(name, _)| name);
    if name == conf.sts_name {
        Ok(pod)
    } else {
        Err(format!("host name \"{host}\" is no pod of StatefulSet \"{}\" (AKU_STS_NAME)", conf.sts_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures::config;

    #[test]
    fn flag_then_variable_then_host_name() {
        let pod = |n| Ordinal::new(n).unwrap();
        let found = |flag: Option<u8>, variable: Option<&str>, host: &str| {
            who(flag.map(pod), variable.map(OsStr::new), OsStr::new(host), &config()).map_err(|t| t.exit)
        };
        let both = |p, h: Option<u8>| Ok(Who { pod: pod(p), here: h.map(pod) });
        let table = [
            (None, None, "altibase-sts-2", both(2, Some(2))),
            (None, None, "altibase-sts-2.altibase-svc.ns", both(2, Some(2))),
            (Some(1), None, "altibase-sts-2", both(1, Some(2))),
            (Some(1), None, "laptop", both(1, None)),
            (Some(1), Some("3"), "laptop", both(1, Some(3))),
            (None, Some("3"), "altibase-sts-2", both(3, Some(3))),
            (None, None, "laptop", Err(Exit::Usage)),
            (None, None, "other-2", Err(Exit::Usage)),
            (None, None, "altibase-sts-99", Err(Exit::Usage)),
            (Some(1), Some("x"), "altibase-sts-2", Err(Exit::Usage)),
        ];
        for (flag, variable, host, want) in table {
            assert_eq!(found(flag, variable, host), want, "{flag:?} {variable:?} {host}");
        }
    }
}

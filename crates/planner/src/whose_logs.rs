//! Whose logs lie in a directory that a survivor is told to read. The server takes another pod's directory without a word
//! (`measured.md` 9.6), so this is shown to be wrong, or left to a person by name with what speaks for it; it is never guessed.
//!
//! What speaks for it: a row of `SYS.AKU_LEDGER` in the log itself. Every pod writes its own, and in PEERS it names every pod but
//! itself, with the signatures of their databases. It is no proof: an old volume of the same pod has such rows as well, and a copy
//! may lack a file in the middle. What refutes it: another pod's row, another cluster's, the name of another
//! pod in the path, the directory that a running server writes its own log to, and files that end before
//! what is known of the dead pod's log. Names and numbers alone prove nothing: pods of one age have the same numbers.

use std::collections::{BTreeMap, BTreeSet};

use aku_core::{
    logs::{Contents, Directory, LogPath, Remembers, Seen},
    plan::reason::{Code, Reason},
    topology::Ordinal,
};

use super::{build::pods, cluster_view::ClusterView, identity};

/// The server property with the directory that it writes its log to.
const LOG_DIR: &str = "LOG_DIR";
/// SN = log file number x 2^32 + offset (`measured.md` 9.8).
const FILE_BITS: u32 = 32;

/// Judges the directory that survivor `k` is told to read for `dead`: what is known of it, for a person to decide.
///
/// # Errors
/// It is somebody else's, or the end of the log is missing.
pub(super) fn judge(
    world: &ClusterView<'_>,
    dead: Ordinal,
    k: Ordinal,
    directory: &Directory,
) -> Result<String, Reason> {
    let path = &directory.path;
    let other = |text: String| Err(Reason::new(Code::OtherLogs, format!("pod {k}: {text}; nothing was changed")));
    if let Some(named) = named(path, &world.desired.statefulset, dead) {
        return other(format!("{path} is the directory of pod {named} by its name, not of pod {dead}"));
    }
    if let Some(owner) = written_by(world, path) {
        return other(if owner == k {
            format!("{path} is where pod {k} writes its own log (LOG_DIR), so it would read itself")
        } else {
            format!("{path} is where pod {owner}, which runs, writes its own log (LOG_DIR)")
        });
    }
    let contents = match &directory.seen {
        Seen::NotLooked => {
            return Ok(format!(
                "this program is not where pod {k} is and could not look into {path}; on pod {k} itself `aku apply recover-log {dead} --log-path {k}={path}` does"
            ));
        }
        Seen::Unreadable(why) => return Ok(format!("{path} could not be read from here: {why}")),
        Seen::Read(contents) => contents,
    };
    let known = match owner(world, dead, contents) {
        Owner::Other(text) => return other(format!("{path} holds {text}")),
        Owner::Dead => format!(
            "{path} holds rows of SYS.AKU_LEDGER that only pod {dead} of this cluster writes; whether it is the log of its last database, and whole, cannot be told from here"
        ),
        Owner::NoRow => format!("no row of SYS.AKU_LEDGER was found in {path} that would tell whose log it is"),
    };
    match reach(world, dead, k, contents) {
        Reach::Short(short) => {
            Err(Reason::new(Code::LogsTooShort, format!("pod {k}: {path} {short}; nothing was changed")))
        }
        Reach::Late(late) => Ok(format!("{known}; it {late}")),
        Reach::Fits => Ok(known),
    }
}

/// Another pod that the path is named after, and not after the dead one: `db-1`, `data-db-1`, `pod-1`.
fn named(path: &LogPath, statefulset: &str, dead: Ordinal) -> Option<Ordinal> {
    let pod = |part: &str| {
        let (name, number) = part.rsplit_once('-')?;
        let ours = name == statefulset || name.ends_with(&format!("-{statefulset}")) || name == "pod";
        ours.then(|| number.parse().ok()).flatten()
    };
    let all: BTreeSet<Ordinal> = path.parts().filter_map(pod).collect();
    if all.contains(&dead) { None } else { all.first().copied() }
}

/// A pod that was seen and writes its log there, as far as the text of its property tells.
fn written_by(world: &ClusterView<'_>, path: &LogPath) -> Option<Ordinal> {
    let writes = |k: &Ordinal| {
        let own = world.pod(*k).and_then(|p| p.properties.get(LOG_DIR));
        own.is_some_and(|text| path.is_same_as(text))
    };
    world.seen().find(writes)
}

enum Owner {
    /// Only the dead pod writes such rows.
    Dead,
    /// Another pod's, in words.
    Other(String),
    /// No row tells.
    NoRow,
}

/// Whose rows of a ledger are in the log.
fn owner(world: &ClusterView<'_>, dead: Ordinal, contents: &Contents) -> Owner {
    let known = known(world, dead);
    let survivors: BTreeMap<Ordinal, &str> =
        world.seen_others(dead).filter_map(|k| Some((k, world.signature(k)?))).collect();
    let mut own = false;
    for Remembers(row) in &contents.rows {
        let unnamed: Vec<Ordinal> = known.iter().copied().filter(|k| !row.contains_key(k)).collect();
        let same = |(k, signature): (&Ordinal, &&str)| row.get(k).is_some_and(|s| s == *signature);
        match unnamed.as_slice() {
            _ if row.contains_key(&dead) => {
                return Owner::Other(match unnamed.as_slice() {
                    [one] => format!("rows of SYS.AKU_LEDGER that pod {one} writes"),
                    [] | [..] => format!("rows of SYS.AKU_LEDGER that a pod other than pod {dead} writes"),
                });
            }
            [one] if *one == dead && survivors.iter().all(same) && !survivors.is_empty() => own = true,
            [one] if *one == dead && !survivors.iter().any(same) => {
                return Owner::Other(format!(
                    "rows of SYS.AKU_LEDGER of another cluster: none of the databases that they name is that of {}",
                    pods(&survivors.keys().copied().collect::<Vec<_>>())
                ));
            }
            // Of a time when fewer pods were known, or some survivor has another database since.
            [] | [..] => {}
        }
    }
    if own { Owner::Dead } else { Owner::NoRow }
}

/// Every pod that a row of today names, but for its own.
fn known(world: &ClusterView<'_>, dead: Ordinal) -> BTreeSet<Ordinal> {
    let ledgers = || world.seen_others(dead).filter_map(|k| world.held(k));
    let named = ledgers().flat_map(|l| l.peers.keys().copied());
    ledgers().map(|l| l.pod).chain(named).chain([dead]).collect()
}

/// What is remembered of the dead pod's log: how far it was applied on `k`, and the furthest that anybody saw of it.
struct Known {
    applied: Option<u64>,
    furthest: Option<(Ordinal, u64)>,
}

fn remembered(world: &ClusterView<'_>, dead: Ordinal, k: Ordinal) -> Known {
    let of = |k: Ordinal| identity::remembered(world, k, dead);
    // Numbers of a database that it had before say nothing.
    let newest = world.seen_others(dead).filter_map(|k| Some((of(k)?.incarnation, of(k)?.signature.clone()))).max();
    let same = |k: Ordinal| of(k).filter(|p| newest.as_ref().is_some_and(|(_, signature)| *signature == p.signature));
    let furthest = world.seen_others(dead).filter_map(|k| Some((k, same(k)?.log_end.max(same(k)?.applied)?)));
    Known { applied: same(k).and_then(|p| p.applied), furthest: furthest.max_by_key(|(_, sn)| *sn) }
}

/// Up to where `k` is known to have applied the log of the dead pod, in words; empty where nobody noted it.
pub(super) fn applied(world: &ClusterView<'_>, dead: Ordinal, k: Ordinal) -> String {
    remembered(world, dead, k)
        .applied
        .map(|sn| format!(", which has its log up to SN {sn} at least,"))
        .unwrap_or_default()
}

/// What the numbers of the log files say.
enum Reach {
    /// Nothing against it.
    Fits,
    /// The end is missing, in words.
    Short(String),
    /// It begins after what is noted as applied; no more than that was noted, so nothing may be missing.
    Late(String),
}

fn reach(world: &ClusterView<'_>, dead: Ordinal, k: Ordinal, contents: &Contents) -> Reach {
    let Some((first, last)) = contents.files else { return Reach::Fits };
    let Known { applied, furthest } = remembered(world, dead, k);
    if let Some((who, sn)) = furthest.filter(|(_, sn)| sn >> FILE_BITS > last) {
        return Reach::Short(format!(
            "ends with logfile{last}, and pod {who} remembers the log of pod {dead} up to SN {sn}, in logfile{}: it is another pod's, or an older copy, and what pod {dead} committed from there on is not in it",
            sn >> FILE_BITS
        ));
    }
    match applied.filter(|sn| sn >> FILE_BITS < first) {
        None => Reach::Fits,
        Some(sn) => Reach::Late(format!(
            "begins with logfile{first}, and of the log of pod {dead} it is noted that pod {k} had it up to SN {sn} at least, in logfile{}: if not everything before logfile{first} was delivered, the rest of it is lost, and pod {dead} would not send it when it comes back",
            sn >> FILE_BITS
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_pods_are_seen() {
        let pod = |n| Ordinal::new(n).unwrap();
        let named = |path: &str| named(&path.parse().unwrap(), "db", pod(2));
        assert_eq!(named("/mnt/db-1/logs"), Some(pod(1)));
        assert_eq!(named("/mnt/pvc-data-db-1/logs"), Some(pod(1)));
        assert_eq!(named("/lab/pod-0"), Some(pod(0)));
        assert_eq!(named("/mnt/db-2/logs"), None);
        assert_eq!(named("/mnt/db-1/copy-of-db-2"), None);
        assert_eq!(named("/mnt/other-1/logs"), None);
        assert_eq!(named("/mnt/mydb-1/logs"), None);
    }
}

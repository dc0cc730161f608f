//! What a pod remembers of the others, as the text of one column, so that the whole row is written by one statement and is
//! never half written: `2,3,running,390852453446,-,BA35EC821714-6B00DD1A:000E578D-7257D71A;...` (pod, incarnation, standing,
//! end of log, highest SN applied here, signature).

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize as _, Deserializer, de::Error as _};

use super::{Peer, Standing, is_plain};
use crate::topology::Ordinal;

const NONE: &str = "-";

pub(super) fn text(peers: &BTreeMap<Ordinal, Peer>) -> String {
    let number = |n: Option<u64>| n.map_or_else(|| NONE.to_owned(), |n| n.to_string());
    let mut out = String::new();
    for (pod, p) in peers {
        let (end, applied) = (number(p.log_end), number(p.applied));
        // Writing to a String cannot fail.
        let _ = write!(out, "{pod},{},{},{end},{applied},{};", p.incarnation, p.standing.as_str(), p.signature);
    }
    out
}

/// A map as JSON holds it. Its keys are text, and inside an action of a plan serde no longer takes them for numbers.
pub(super) fn by_text<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Ordinal, Peer>, D::Error> {
    let keyed = BTreeMap::<String, Peer>::deserialize(from)?;
    let pod = |text: &str| text.parse().map_err(|_| D::Error::custom(format!("\"{text}\" is no number of a pod")));
    keyed.into_iter().map(|(text, peer)| Ok((pod(&text)?, peer))).collect()
}

pub(super) fn parse(text: &str) -> Result<BTreeMap<Ordinal, Peer>, String> {
    let mut peers = BTreeMap::new();
    for part in text.split_terminator(';').map(str::trim).filter(|p| !p.is_empty()) {
        let (pod, peer) = one(part).ok_or_else(|| format!("PEERS holds \"{part}\""))?;
        if peers.insert(pod, peer).is_some() {
            return Err(format!("PEERS names pod {pod} twice"));
        }
    }
    Ok(peers)
}

fn one(part: &str) -> Option<(Ordinal, Peer)> {
    let fields: Vec<&str> = part.split(',').collect();
    let [pod, incarnation, standing, end, applied, signature] = fields.as_slice() else { return None };
    let number = |text: &str| if text == NONE { Some(None) } else { text.parse().ok().map(Some) };
    if !is_plain(signature) {
        return None;
    }
    Some((
        pod.parse().ok()?,
        Peer {
            signature: (*signature).to_owned(),
            incarnation: incarnation.parse().ok()?,
            standing: Standing::from_word(standing)?,
            log_end: number(end)?,
            applied: number(applied)?,
        },
    ))
}

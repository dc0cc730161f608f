//! What `aku status --watch` shows below the screen: what one look cannot tell.

use super::{
    status::paragraph,
    style::{Doc, Role},
    words::{duration, size},
};
use crate::{
    status::{Full, Status, Trend},
    topology::Ordinal,
};
use std::time::Duration;

/// Looks in a row.
#[derive(Clone, Copy)]
pub struct Watched<'a> {
    /// The looks.
    pub trend: &'a Trend,
    /// Bytes of log that the disk of a pod holds, where somebody said so.
    pub disk: Option<u64>,
}

/// Adds it to the screen.
pub fn watched(doc: &mut Doc, status: &Status, looks: Watched<'_>, width: usize) {
    let told: Vec<_> =
        status.pods.iter().filter(|(_, p)| p.users.is_some()).filter_map(|(pod, _)| pace(*pod, looks)).collect();
    if !told.is_empty() {
        doc.gap();
    }
    for (role, text) in told {
        paragraph(doc, role, &text, width);
    }
}

/// What a pod keeps, where that grows or a disk was named.
fn pace(pod: Ordinal, looks: Watched<'_>) -> Option<(Role, String)> {
    let pace = looks.trend.pace(pod, looks.disk);
    let Some(kept) = pace.kept else {
        return pace
            .full
            .map(|_| (Role::Wait, format!("how much log pod {pod} keeps is not known, nor when its disk is full")));
    };
    let more = match pace.growth.map(u64::try_from) {
        Some(Ok(growth)) if growth > 0 => Some(format!("{} a second more", size(growth))),
        Some(Ok(_) | Err(_)) | None => None,
    };
    let holds = format!("pod {pod} keeps {} of log", size(kept));
    Some(match (pace.full.zip(looks.disk), more) {
        (None, None) => return None,
        (None, Some(more)) => (Role::Plain, format!("{holds}, {more}")),
        (Some((Full::In { seconds: 0 }, disk)), _) => {
            (Role::Destroy, format!("{holds}, and {} is all that its disk holds", size(disk)))
        }
        (Some((Full::In { seconds }, disk)), more) => {
            let more = more.map_or_else(String::new, |more| format!(", {more}"));
            let left = duration(Duration::from_secs(seconds));
            (Role::Change, format!("{holds} of {}{more}: full in {left} at this pace", size(disk)))
        }
        (Some((Full::NotFilling, disk)), _) => {
            (Role::Plain, format!("{holds} of {}, and that does not grow", size(disk)))
        }
        (Some((Full::Unknown, disk)), _) => {
            (Role::Wait, format!("{holds} of {}; one look cannot tell how fast that grows", size(disk)))
        }
    })
}

//! What `aku status --watch` shows below the screen: what one look cannot tell.

use super::{
    spark::{Bars, spark},
    status::{Cells, head, is_quiet, paragraph},
    style::{Doc, Role},
    table::table,
    words::{duration, size},
};
use crate::{
    observe::Sender,
    status::{Full, SideStatus, Status, Trend},
    topology::{Ordinal, ReplicationName},
};
use std::time::Duration;

/// Looks in a row.
#[derive(Clone, Copy)]
pub struct Watched<'a> {
    /// The looks.
    pub trend: &'a Trend,
    /// What gaps are drawn with.
    pub bars: Bars,
    /// Bytes of log that the disk of a pod holds, where somebody said so.
    pub disk: Option<u64>,
}

/// Adds it to the screen.
pub fn watched(doc: &mut Doc, status: &Status, looks: Watched<'_>, width: usize) {
    gaps(doc, status, looks, width);
    let told: Vec<_> =
        status.pods.iter().filter(|(_, p)| p.users.is_some()).filter_map(|(pod, _)| pace(*pod, looks)).collect();
    if !told.is_empty() {
        doc.gap();
    }
    for (role, text) in told {
        paragraph(doc, role, &text, width);
    }
}

/// Looks that a line shows, where there is room.
const SHOWN: usize = 24;
/// The same on a narrow terminal.
const FEW: usize = 8;
/// Columns below which a terminal is narrow.
const NARROW: usize = 90;

/// One line for each pair: what each side had left to send in the last looks, what that is now, and how old.
fn gaps(doc: &mut Doc, status: &Status, looks: Watched<'_>, width: usize) {
    let most = if width < NARROW { FEW } else { SHOWN };
    let side = |s: &SideStatus, name: &ReplicationName| -> (Role, String) {
        if s.sender.is_none_or(|sender| sender == Sender::None) {
            return (Role::Dim, "-".to_owned());
        }
        let line = spark(&looks.trend.gaps(s.pod, name), most, looks.bars);
        let now = s.gap_bytes.map_or_else(|| "not known".to_owned(), size);
        let lag = looks.trend.lag(s.pod, name).filter(|lag| !lag.is_zero());
        match lag {
            Some(lag) => (Role::Change, format!("{line} {now}, {} behind", duration(lag))),
            None => (Role::Plain, format!("{line} {now}")),
        }
    };
    let pairs = status.pairs.iter().filter(|p| !(is_quiet(&p.low) && is_quiet(&p.high)));
    let rows: Vec<Cells> = pairs
        .map(|p| {
            let pair = (Role::Plain, format!("{} - {}", p.low.pod, p.high.pod));
            vec![pair, (Role::Plain, p.object.to_string()), side(&p.low, &p.object), side(&p.high, &p.object)]
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    doc.gap();
    let mut all = vec![head(&["gap", "object", "lower pod has to send", "higher pod has to send"])];
    all.extend(rows);
    table(doc, &all, width);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        desired::Goal,
        observe::Sending,
        plan::testing::{Worlds, desired, ord},
        render::{
            fixtures::settings,
            golden::{at, every_width, text},
        },
    };

    fn world(sent: u64, end: u64) -> Worlds {
        let w = Worlds::new(desired(Goal::Start(ord(0)), 3, 1)).up(0, 0).up(1, 0).pair(0, 1, "LL").side(0, 2, 'l');
        let sending = |sent: u64, end: u64| {
            move |r: &mut crate::observe::Replication| {
                r.gap = Some(i64::from(sent < end));
                r.sending = Some(Sending { at: sent, end });
            }
        };
        let mut w = w.set(0, "LOG_FILE_SIZE", 10 << 20).edit(0, 1, sending(sent, end)).edit(1, 0, sending(9, 9));
        w.pod_mut(0).log_end = Some(end);
        w
    }

    #[test]
    fn what_looks_in_a_row_tell() {
        const M: u64 = 1 << 20;
        let mut trend = Trend::default();
        let mut last = None;
        for (n, (sent, end)) in [(M, M), (M, 2 * M), (M, 4 * M), (2 * M, 6 * M), (3 * M, 9 * M)].into_iter().enumerate()
        {
            let w = world(sent, end);
            let second = i64::try_from(n).unwrap() * 2;
            trend.look(&w.desired, &w.observed, at() + jiff::SignedDuration::from_secs(second));
            last = Some(Status::of(&w.desired, &w.observed));
        }
        let status = last.unwrap();
        let screen = |bars, disk, width| {
            let mut doc = Doc::default();
            watched(&mut doc, &status, Watched { trend: &trend, bars, disk }, width);
            doc
        };
        settings().bind(|| {
            insta::assert_snapshot!("watched-blocks-100", text(&screen(Bars::Blocks, Some(1 << 30), 100)));
            insta::assert_snapshot!("watched-ascii-100", text(&screen(Bars::Ascii, None, 100)));
            insta::assert_snapshot!("watched-full-80", text(&screen(Bars::Ascii, Some(M), 80)));
        });
        every_width("watched", |width| screen(Bars::Ascii, Some(1 << 30), width));
    }
}

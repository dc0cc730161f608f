//! Shows a run while it goes on: lines in a log, bars on a terminal. Remembers the signals, because they decide the
//! exit code. Never stops a run.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::stream::{Look, Talk};
use crate::{
    apply::Event,
    plan::Plan,
    render::{self, Board, Colour},
};

/// How progress is shown.
pub enum Show<'a> {
    /// Not at all.
    Nothing,
    /// Lines.
    Lines(&'a mut dyn Write),
    /// One line for each pod, one for all.
    Bars(Bars),
}

/// Longest silence of a bar.
pub const BAR_PACE: Duration = Duration::from_secs(1);

/// A terminal that does not say how large it is.
const USUAL: (usize, usize) = (80, 24);

/// The picture of a run on standard error, drawn anew when something happens; at least once a second.
pub struct Bars {
    bar: ProgressBar,
    board: Board,
    began: Instant,
}

impl Bars {
    /// Bars for a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is valid"));
        Self { bar, board: Board::new(plan), began: Instant::now() }
    }

    fn event(&mut self, plan: &Plan, event: &Event, line: Option<String>, colour: Colour) {
        self.board.event(plan, event);
        if *event == Event::RunEnd {
            self.bar.finish_and_clear();
            return;
        }
        let (columns, rows) = terminal_size::terminal_size_of(std::io::stderr())
            .map_or(USUAL, |(columns, rows)| (usize::from(columns.0), usize::from(rows.0)));
        let picture = self.board.doc(self.began.elapsed(), columns, rows).text(colour);
        self.bar.set_message(picture.trim_end().to_owned());
        let lasts = matches!(event, Event::ActionEnd { .. } | Event::Retry { .. } | Event::Signal { .. });
        match line {
            // A terminal that went away is no reason to stop.
            Some(line) if lasts => self.bar.println(line),
            _ => self.bar.tick(),
        }
    }
}

/// Watches one run.
pub struct Watch<'a> {
    plan: &'a Plan,
    look: &'a Look,
    show: Show<'a>,
    now: &'a dyn Fn() -> Timestamp,
    /// Every signal in order.
    pub signals: Vec<&'static str>,
}

impl<'a> Watch<'a> {
    /// A watch.
    #[must_use]
    pub fn new(plan: &'a Plan, look: &'a Look, show: Show<'a>, now: &'a dyn Fn() -> Timestamp) -> Self {
        let show = if look.talk == Talk::Quiet { Show::Nothing } else { show };
        Self { plan, look, show, now, signals: Vec::new() }
    }

    /// Something happened.
    pub fn event(&mut self, event: &Event) {
        if let Event::Signal { name } = event {
            self.signals.push(name);
        }
        let line = render::event(self.plan, event, (self.now)(), self.look.width).map(|l| l.text(self.look.err));
        match &mut self.show {
            Show::Nothing => {}
            Show::Lines(err) => {
                if let Some(line) = line {
                    let _ = writeln!(err, "{line}").and_then(|()| err.flush());
                }
            }
            Show::Bars(bars) => bars.event(self.plan, event, line, self.look.err),
        }
    }
}

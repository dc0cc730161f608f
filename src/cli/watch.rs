//! Shows a run while it goes on: lines in a log, bars on a terminal. Remembers the signals, because they decide the
//! exit code. Never stops a run.

use std::{
    io::Write,
    sync::mpsc::{self, Receiver, Sender},
    thread,
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

/// How long the end of a run waits for a terminal that takes nothing (Ctrl-S).
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The picture of a run on standard error, drawn anew when something happens; at least once a second. A thread draws it:
/// a terminal that takes nothing for a while must not hold up what is done to the pods.
pub struct Bars {
    draw: Option<Sender<Happened>>,
    drawn: Receiver<()>,
}

struct Happened {
    event: Event,
    line: Option<String>,
    colour: Colour,
}

impl Bars {
    /// Bars for a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let (draw, happened) = mpsc::channel();
        let (over, drawn) = mpsc::channel();
        let plan = plan.clone();
        thread::spawn(move || {
            picture(&plan, &happened);
            drop(over);
        });
        Self { draw: Some(draw), drawn }
    }

    fn event(&mut self, event: &Event, line: Option<String>, colour: Colour) {
        if let Some(draw) = &self.draw {
            // A picture that nobody draws any more is no reason to stop.
            let _ = draw.send(Happened { event: event.clone(), line, colour });
        }
        if *event == Event::RunEnd {
            self.draw = None;
            let _ = self.drawn.recv_timeout(LAST_WORDS);
        }
    }
}

/// Draws until the run is over. What happened while it drew is in the next picture.
fn picture(plan: &Plan, happened: &Receiver<Happened>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is valid"));
    let (mut board, began) = (Board::new(plan), Instant::now());
    while let Ok(first) = happened.recv() {
        let colour = first.colour;
        let mut lines = Vec::new();
        let mut over = false;
        for Happened { event, line, .. } in std::iter::once(first).chain(happened.try_iter()) {
            board.event(plan, &event);
            over |= event == Event::RunEnd;
            if matches!(event, Event::ActionEnd { .. } | Event::Retry { .. } | Event::Signal { .. }) {
                lines.extend(line);
            }
        }
        let (columns, rows) = terminal_size::terminal_size_of(std::io::stderr())
            .map_or(USUAL, |(columns, rows)| (usize::from(columns.0), usize::from(rows.0)));
        bar.set_message(board.doc(began.elapsed(), columns, rows).text(colour).trim_end().to_owned());
        // A terminal that went away is no reason to stop.
        for line in lines {
            bar.println(line);
        }
        bar.tick();
        if over {
            bar.finish_and_clear();
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
            Show::Bars(bars) => bars.event(event, line, self.look.err),
        }
    }
}

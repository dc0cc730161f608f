//! Shows a run while it goes on: lines in a log, bars on a terminal. Remembers the signals, because they decide the
//! exit code. Never stops a run.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::{env::Talk, stream::OutputStyle};
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
    Bars(Box<Bars>),
}

/// Longest silence of a bar.
pub const BAR_PACE: Duration = Duration::from_secs(1);

/// A terminal that does not say how large it is.
const USUAL: (usize, usize) = (80, 24);

/// How long the end of a run waits for a terminal that takes nothing (Ctrl-S).
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Lines above the picture that wait for a terminal, at most.
const LINES: usize = 1000;

/// The picture of a run on standard error, drawn anew when something happens; at least once a second. A thread draws it:
/// a terminal that takes nothing for a while must not hold up what is done to the pods. What happens meanwhile is in the
/// next picture.
pub struct Bars {
    plan: Plan,
    canvas: Arc<Canvas>,
}

#[derive(Default)]
struct Canvas {
    scene: Mutex<Picture>,
    changed: Condvar,
}

#[derive(Default)]
struct Picture {
    board: Option<Board>,
    colour: Option<Colour>,
    lines: VecDeque<String>,
    left_out: u64,
    stale: bool,
    over: bool,
    finished: bool,
}

impl Canvas {
    fn lock(&self) -> MutexGuard<'_, Picture> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bars {
    /// Bars for a plan; nothing is drawn where there is no thread for it.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let canvas = Arc::new(Canvas::default());
        canvas.lock().board = Some(Board::new(plan));
        let shared = Arc::clone(&canvas);
        let drawn = thread::Builder::new().name("picture".to_owned()).spawn(move || draw(&shared));
        canvas.lock().finished = drawn.is_err();
        Self { plan: plan.clone(), canvas }
    }

    fn event(&mut self, event: &Event, line: Option<String>, colour: Colour) {
        let mut picture = self.canvas.lock();
        if let Some(board) = &mut picture.board {
            board.event(&self.plan, event);
        }
        if matches!(event, Event::ActionEnd { .. } | Event::Retry { .. } | Event::Signal { .. }) {
            picture.lines.extend(line);
        }
        if picture.lines.len() > LINES {
            picture.lines.pop_front();
            picture.left_out += 1;
        }
        (picture.colour, picture.stale) = (Some(colour), true);
        picture.over |= *event == Event::RunEnd;
        self.canvas.changed.notify_all();
        if picture.over {
            let until = |p: &mut Picture| !p.finished;
            // A terminal that takes nothing does not hold up the end.
            drop(self.canvas.changed.wait_timeout_while(picture, LAST_WORDS, until));
        }
    }
}

/// Draws until the run is over. Nothing is locked while it writes.
fn draw(canvas: &Canvas) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is valid"));
    let began = Instant::now();
    let mut over = false;
    while !over {
        let quiet = |p: &mut Picture| !p.stale;
        let waited = canvas.changed.wait_while(canvas.lock(), quiet);
        let mut picture = waited.unwrap_or_else(PoisonError::into_inner);
        let (columns, rows) = terminal_size::terminal_size_of(std::io::stderr())
            .map_or(USUAL, |(columns, rows)| (usize::from(columns.0), usize::from(rows.0)));
        let colour = picture.colour.unwrap_or(Colour::Plain);
        let text = picture.board.as_ref().map(|board| board.doc(began.elapsed(), columns, rows).text(colour));
        let (lines, left_out) = (std::mem::take(&mut picture.lines), std::mem::take(&mut picture.left_out));
        picture.stale = false;
        over = picture.over;
        drop(picture);
        bar.set_message(text.unwrap_or_default().trim_end().to_owned());
        // A terminal that went away is no reason to stop.
        if left_out > 0 {
            bar.println(format!("... {left_out} lines are missing here"));
        }
        for line in lines {
            bar.println(line);
        }
        bar.tick();
        if over {
            bar.finish_and_clear();
        }
    }
    canvas.lock().finished = true;
    canvas.changed.notify_all();
}

/// Watches one run.
pub struct Watch<'a> {
    plan: &'a Plan,
    look: &'a OutputStyle,
    show: Show<'a>,
    now: &'a dyn Fn() -> Timestamp,
    /// Every signal in order.
    pub signals: Vec<&'static str>,
}

impl<'a> Watch<'a> {
    /// A watch.
    #[must_use]
    pub fn new(plan: &'a Plan, look: &'a OutputStyle, show: Show<'a>, now: &'a dyn Fn() -> Timestamp) -> Self {
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

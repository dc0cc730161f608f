//! Shows a run while it goes on: lines in a log, bars on a terminal. Remembers the signals, because they decide the
//! exit code. Never stops a run.

use std::{collections::BTreeMap, io::Write, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::stream::{Look, Talk};
use crate::{
    apply::Event,
    plan::{ActionId, Plan},
    render::{self, op},
};

/// How progress is shown.
pub enum Show<'a> {
    /// Not at all.
    Nothing,
    /// Lines.
    Lines(&'a mut dyn Write),
    /// One line for each running action, one for all.
    Bars(Bars),
}

/// Longest silence of a bar.
pub const BAR_PACE: Duration = Duration::from_secs(1);

/// Bars on standard error.
pub struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<ActionId, ProgressBar>,
}

impl Bars {
    /// Bars for a plan.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(ProgressBar::new(plan.actions.len() as u64));
        total.set_style(style("total   {pos} of {len} actions   {elapsed_precise}   {msg}"));
        total.set_message("^C stops in good order, twice aborts");
        Self { all, total, running: BTreeMap::new() }
    }

    fn event(&mut self, plan: &Plan, event: &Event, line: Option<String>) {
        match event {
            Event::ActionStart { id } => {
                let bar = self.all.insert_before(&self.total, ProgressBar::new_spinner());
                bar.set_style(style("{spinner} {msg}"));
                bar.set_message(
                    plan.action(*id).map_or_else(String::new, |a| format!("pod {}  {id} {}", a.pod, op::short(&a.op))),
                );
                self.running.insert(*id, bar);
            }
            Event::Progress { id, rows, .. } => {
                if let (Some(bar), Some(line)) = (self.running.get(id), line) {
                    if let Some((done, Some(all))) = rows {
                        bar.set_length(*all);
                        bar.set_position(*done);
                        bar.set_style(style("[{bar:20}] {msg}").progress_chars("=>."));
                    }
                    bar.set_message(line);
                    bar.tick();
                }
            }
            Event::ActionEnd { id, .. } => {
                if let Some(bar) = self.running.remove(id) {
                    bar.finish_and_clear();
                }
                self.total.inc(1);
                self.say(line);
            }
            Event::Retry { .. } | Event::Signal { .. } => self.say(line),
            Event::RunStart => self.total.tick(),
            Event::RunEnd => self.total.finish_and_clear(),
        }
    }

    fn say(&self, line: Option<String>) {
        if let Some(line) = line {
            // A terminal that went away is no reason to stop.
            let _ = self.all.println(line);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates of this file are valid")
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
        let line = render::event(self.plan, event, (self.now)()).map(|l| l.text(self.look.err));
        match &mut self.show {
            Show::Nothing => {}
            Show::Lines(err) => {
                if let Some(line) = line {
                    let _ = writeln!(err, "{line}").and_then(|()| err.flush());
                }
            }
            Show::Bars(bars) => bars.event(self.plan, event, line),
        }
    }
}

//! Measured series, their gates, and the table they end in. Measures nothing.

use std::{fmt::Write as _, process::ExitCode, time::Duration};

/// Several measurements of the same thing.
pub struct Series(Vec<f64>);

impl Series {
    /// As many measurements as `one` gives in `times` calls.
    pub fn of<E>(times: usize, mut one: impl FnMut() -> Result<f64, E>) -> Result<Self, E> {
        (0..times).map(|_| one()).collect::<Result<_, E>>().map(Self::new)
    }

    /// At least one.
    pub fn new(mut all: Vec<f64>) -> Self {
        assert!(!all.is_empty(), "nothing was measured");
        all.sort_by(f64::total_cmp);
        Self(all)
    }

    /// The one in the middle; the lower of two.
    pub fn median(&self) -> f64 {
        self.0[(self.0.len() - 1) / 2]
    }
}

/// What the figures of a line are.
#[derive(Clone, Copy)]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Seconds.
    Seconds,
    /// A factor.
    Times,
    /// Mebibytes.
    MiB,
    /// The power of a size.
    Power,
}

impl Unit {
    fn show(self, n: f64) -> String {
        match self {
            Self::Ms => format!("{n:.1} ms"),
            Self::Us => format!("{n:.0} us"),
            Self::Seconds => format!("{n:.1} s"),
            Self::Times => format!("{n:.3} x"),
            Self::MiB => format!("{n:.1} MiB"),
            Self::Power => format!("{n:.2}"),
        }
    }
}

/// What the median must keep to.
#[derive(Clone, Copy)]
pub enum Gate {
    /// Nothing: it is only told.
    None,
    /// At most.
    AtMost(f64),
    /// At least.
    AtLeast(f64),
}

impl Gate {
    fn keeps(self, median: f64) -> Option<bool> {
        match self {
            Self::None => None,
            Self::AtMost(n) => Some(median <= n),
            Self::AtLeast(n) => Some(median >= n),
        }
    }

    fn show(self, unit: Unit) -> String {
        match self {
            Self::None => String::new(),
            Self::AtMost(n) => format!("<= {}", unit.show(n)),
            Self::AtLeast(n) => format!(">= {}", unit.show(n)),
        }
    }
}

/// Everything measured so far; each line is printed when it is known.
#[derive(Default)]
pub struct Table {
    missed: Vec<String>,
    measured: usize,
}

impl Table {
    /// What follows belongs together.
    pub fn section(name: &str) {
        println!("\n{name:<58}{:>12}{:>12}{:>12}   gate", "median", "min", "max");
    }

    /// A line.
    pub fn line(&mut self, what: &str, unit: Unit, series: &Series, gate: Gate) {
        let (first, last) = (series.0[0], series.0[series.0.len() - 1]);
        let mut line = format!("  {what:<56}");
        for n in [series.median(), first, last] {
            let _ = write!(line, "{:>12}", unit.show(n));
        }
        self.measured += 1;
        let verdict = match gate.keeps(series.median()) {
            None => "",
            Some(true) => "  ok",
            Some(false) => {
                self.missed.push(what.to_owned());
                "  MISSED"
            }
        };
        println!("{}", format!("{line}   {}{verdict}", gate.show(unit)).trim_end());
    }

    /// Words that belong to the lines before.
    pub fn note(text: &str) {
        for line in text.lines() {
            println!("    {line}");
        }
    }

    /// A section that could not be measured is a missed gate.
    pub fn broken(&mut self, why: &str) {
        println!("  could not be measured: {why}");
        self.missed.push(why.to_owned());
    }

    /// The verdict.
    pub fn end(self) -> ExitCode {
        if self.missed.is_empty() {
            println!("\n{} lines, every gate is kept", self.measured);
            return ExitCode::SUCCESS;
        }
        println!("\n{} lines; missed:", self.measured);
        for what in &self.missed {
            println!("  {what}");
        }
        ExitCode::FAILURE
    }
}

/// Milliseconds.
pub fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

/// Microseconds.
pub fn us(d: Duration) -> f64 {
    d.as_secs_f64() * 1e6
}

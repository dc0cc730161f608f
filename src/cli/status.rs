//! `aku status`: one screen of the cluster. Changes nothing.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{
    common::Common,
    env::Env,
    look, size,
    stream::{OutputStyle, Streams, Terminal, answer, fail, shown},
    wiring::Platform,
};
use crate::{
    exit::Exit,
    printed::{Printed as _, StatusDocument},
    render::{self, Bars, Diagnostic, Watched},
    status::{Status, Trend},
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// Cursor home, then erase the screen.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Flags of `aku status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Form of the answer on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: StatusFormat,
    /// Look again every 2 s until Ctrl-C
    #[arg(short, long)]
    pub watch: bool,
    /// How much log the disk of a pod holds, e.g. 50G: says when it is full at the present pace
    #[arg(long, value_name = "SIZE", value_parser = size::parse, requires = "watch")]
    pub log_disk: Option<u64>,
}

/// Form of a look at the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    /// Text for people.
    #[default]
    Human,
    /// A document for programs (`aku schema status`).
    Json,
    /// A drawing: a circle of pods, a line for each pair.
    Svg,
    /// A page with that drawing.
    Html,
}

/// Runs it.
pub fn run(args: &StatusArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    if args.watch && matches!(args.format, StatusFormat::Svg | StatusFormat::Html) {
        let text = "--watch prints one answer after the other, and a drawing is one file";
        return fail(s, look, &Diagnostic::new(Exit::Usage, "usage", text).next("leave --watch out"));
    }
    match screens(args, common, world, look, s) {
        Ok(exit) | Err(exit) => exit,
    }
}

/// Blocks are for people at a terminal whose locale is one of UTF-8; all else that is printed is ASCII.
fn bars(env: &Env, terminal: Terminal) -> Bars {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| env.var(name));
    let utf8 = locale.is_some_and(|l| {
        let l = l.to_string_lossy().to_ascii_uppercase();
        l.contains("UTF-8") || l.contains("UTF8")
    });
    if terminal.out && utf8 { Bars::Blocks } else { Bars::Ascii }
}

fn screens(
    args: &StatusArgs,
    common: &Common,
    world: &dyn Platform,
    look: &OutputStyle,
    s: &mut Streams<'_>,
) -> Result<Exit, Exit> {
    let scene = look::open(common, world, look, s)?;
    let mut trend = Trend::default();
    loop {
        let observed = look::observe(&scene, world, look, s);
        let exit = look::view(&scene.desired, &observed);
        let status = Status::of(&scene.desired, &observed);
        let now = world.now();
        trend.look(&scene.desired, &observed, now);
        let text = match args.format {
            StatusFormat::Human => {
                let mut doc = render::status(&status, &scene.desired.statefulset, now, look.width);
                if args.watch {
                    render::watched(
                        &mut doc,
                        &status,
                        Watched { trend: &trend, bars: bars(world.env(), s.terminal), disk: args.log_disk },
                        look.width,
                    );
                }
                let text = shown(&doc, look);
                match (args.watch, s.terminal.out) {
                    (true, true) => format!("{CLEAR}{text}\nevery 2 s, ^C ends\n"),
                    (true, false) => format!("{text}\n"),
                    (false, true | false) => text,
                }
            }
            StatusFormat::Svg => render::topology_svg(&status),
            StatusFormat::Html => render::topology(&status, &scene.desired.statefulset, now),
            StatusFormat::Json => {
                let statefulset = scene.desired.statefulset.clone();
                let seen = status.pods.keys().filter(|_| args.watch);
                let pace = seen.map(|pod| (*pod, trend.pace(*pod, args.log_disk))).collect();
                let document = StatusDocument { at: now, statefulset, status, pace, exit: exit as u8 }.document();
                // A stream of documents has one on each line.
                if args.watch { format!("{document}\n") } else { format!("{document:#}\n") }
            }
        };
        match answer(s, &text) {
            Ok(()) if args.watch => world.sleep(EVERY),
            // The reader went away: what was found is still the answer.
            Ok(()) | Err(Exit::Ok) => return Ok(exit),
            Err(other) => return Err(other),
        }
    }
}

//! `aku explain CODE`: the long story behind a code of a plan, a refusal or an exit.

use super::{
    args::ExplainArgs,
    stream::{Look, Streams, answer, fail},
};
use crate::{
    exit::Exit,
    plan::Code,
    render::{Trouble, words::wrap},
};

/// Runs it.
pub fn run(args: &ExplainArgs, look: &Look, s: &mut Streams<'_>) -> Exit {
    let text = match &args.code {
        None => list(),
        Some(asked) => match Code::ALL.iter().find(|c| matches(c.word(), asked)) {
            Some(code) => story(*code, look.width),
            None => return fail(s, look, &unknown(asked)),
        },
    };
    match answer(s, &text) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// The whole word, or its number alone.
fn matches(word: &str, asked: &str) -> bool {
    let number = word.split('-').next().unwrap_or(word);
    word.eq_ignore_ascii_case(asked) || number.eq_ignore_ascii_case(asked)
}

fn list() -> String {
    let lines: Vec<String> = Code::ALL.iter().map(|c| c.word().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}

fn story(code: Code, width: usize) -> String {
    let kind = match code.word().as_bytes().first() {
        Some(b'R') => "a reason why something is done",
        Some(b'W') => "something to mind; it stops nothing",
        _ => "a reason why there is no plan",
    };
    format!("{}    ({kind})\n\n{}\n", code.word(), wrap(code.story(), width).join("\n"))
}

fn unknown(asked: &str) -> Trouble {
    let nearest = Code::ALL
        .iter()
        .map(|c| (strsim::jaro_winkler(c.word(), asked), c.word()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word);
    let trouble = Trouble::new(Exit::Usage, "usage", format!("there is no code \"{asked}\""));
    let trouble = match nearest {
        Some(word) => trouble.next(format!("aku explain {word}")),
        None => trouble,
    };
    trouble.next("aku explain    (lists all)")
}

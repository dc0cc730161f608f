//! `aku review FILE`: judges a saved plan for a pipeline. Contacts no pod.

use super::{
    file_args::{ReviewArgs, ReviewFormat},
    policy,
    stream::{OutputStyle, Streams, answer, fail, shown},
    wiring::Platform,
};
use crate::{
    document,
    exit::Exit,
    files,
    plan::{
        policy::Use,
        saved::{DOCUMENT, Reading},
    },
    render,
    render::Diagnostic,
    review::{self, Review},
};

/// Runs it.
pub fn run(args: &ReviewArgs, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    let text = files::read(&args.file, DOCUMENT);
    let review = match judged(args, text.as_deref(), world) {
        Ok(review) => review,
        Err(trouble) => return fail(s, look, &trouble),
    };
    let file = args.file.display().to_string();
    let said = match args.format {
        ReviewFormat::Text => shown(&render::review(&review, &file, look.width), look),
        ReviewFormat::Json => format!("{:#}\n", review.json(&file)),
        ReviewFormat::Sarif => {
            let text = text.as_deref().unwrap_or_default();
            format!("{:#}\n", review::sarif(&review, &file, text))
        }
    };
    match answer(s, &said) {
        // The reader went away: what was found is still the answer.
        Ok(()) | Err(Exit::Ok) => review.exit,
        Err(other) => other,
    }
}

fn judged(args: &ReviewArgs, text: Result<&str, &document::Fault>, world: &dyn Platform) -> Result<Review, Diagnostic> {
    let rules = policy::load(&args.policy)?;
    let reading = match text {
        Err(fault) => return Ok(review::unusable(fault)),
        Ok(text) => match Reading::parse(text) {
            Err(fault) => return Ok(review::unusable(&fault)),
            Ok(reading) => reading,
        },
    };
    let how = Use { deadline: args.deadline, ..Use::default() };
    let found = match &reading.saved {
        Some(saved) => policy::judge(&args.policy, &rules, saved, how)?,
        None => Vec::new(),
    };
    Ok(review::judged(reading, &found, world.now()))
}

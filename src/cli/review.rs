//! `aku review FILE`: judges a saved plan for a pipeline. Contacts no pod.

use super::{
    file_args::{ReviewArgs, ReviewFormat},
    policy, signing,
    stream::talk,
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
    render::{Diagnostic, words::counted},
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
    let signed = sign(args, &review, look, s);
    match (answer(s, &said), signed) {
        // The reader went away: what was found is still the answer.
        (Ok(()) | Err(Exit::Ok), Ok(())) => review.exit,
        (Ok(()) | Err(Exit::Ok), Err(trouble)) => fail(s, look, &trouble),
        (Err(other), _) => other,
    }
}

/// The yes of a reviewer, where nothing refuses.
fn sign(args: &ReviewArgs, review: &Review, look: &OutputStyle, s: &mut Streams<'_>) -> Result<(), Diagnostic> {
    let signed = match (&args.sign, &args.add_signature, &review.saved) {
        (None, None, _) | (_, _, None) => return Ok(()),
        (_, _, Some(_)) if review.exit != Exit::Ok => {
            talk(look, s, "not signed: the plan must not be applied");
            return Ok(());
        }
        (Some(key), _, Some(saved)) => signing::signed(saved.clone(), key, Some(&args.file))?,
        (None, Some(file), Some(saved)) => signing::added(saved.clone(), file)?,
    };
    files::store(&signed.text(), &args.file).map_err(|e| {
        let text = format!("the signature cannot be written to {}: {e}", args.file.display());
        Diagnostic::new(Exit::Output, "output", text)
    })?;
    let n = counted(signed.signatures.len(), "signature");
    talk(look, s, &format!("signed: {} has {n}", args.file.display()));
    Ok(())
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

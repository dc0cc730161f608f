//! `--sign`, `--add-signature` and `--require-signature`: the files and flags around signatures under plans. What a signature is
//! worth is decided in [`sign`](crate::sign).

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{env::Env, typed::shell, wiring::Platform};
use crate::{
    bounded,
    exit::Exit,
    plan::saved::{Saved, Signature},
    render::{Diagnostic, words::counted},
    sign::{self, Allowed, Doubt, Judgement, KeyError, NAMESPACE},
};

/// Flags of `aku apply` about who must have said yes.
#[derive(Args, Clone, Debug, Default)]
pub struct RequireArgs {
    /// Apply nothing but a saved plan that somebody in this file signed: allowed_signers, as git and ssh-keygen read it
    #[arg(long, value_name = "ALLOWED")]
    pub require_signature: Option<PathBuf>,
    /// So many different people must have signed it
    #[arg(long, value_name = "N", requires = "require_signature")]
    pub require_signatures: Option<NonZeroU32>,
}

/// Variables that stand for the flags.
const FILE_VARIABLE: &str = "AKU_CLI_REQUIRE_SIGNATURE";
const PEOPLE_VARIABLE: &str = "AKU_CLI_REQUIRE_SIGNATURES";

/// Largest key, signature or file of allowed signers, in bytes.
const MOST: u64 = 1 << 20;

/// Who must have signed.
pub(super) struct Required {
    path: PathBuf,
    people: u32,
}

impl Required {
    /// From flags, or the environment where no flag stands.
    ///
    /// # Errors
    /// The number of people in the environment is none.
    pub(super) fn of(args: &RequireArgs, env: &Env) -> Result<Option<Self>, Diagnostic> {
        let path = args.require_signature.clone().or_else(|| env.var(FILE_VARIABLE).map(PathBuf::from));
        let people = match (args.require_signatures, env.var(PEOPLE_VARIABLE)) {
            (Some(n), _) => n.get(),
            (None, None) => 1,
            (None, Some(text)) => {
                let number = text.to_str().and_then(|t| t.parse::<NonZeroU32>().ok()).ok_or_else(|| {
                    let text = format!("{PEOPLE_VARIABLE} is \"{}\", which is no number of people", text.display());
                    Diagnostic::new(Exit::Usage, "usage", text)
                })?;
                number.get()
            }
        };
        match path {
            Some(path) => Ok(Some(Self { path, people })),
            None if env.var(PEOPLE_VARIABLE).is_some() => {
                let text = format!("{PEOPLE_VARIABLE} says how many must sign, and {FILE_VARIABLE} not who");
                Err(Diagnostic::new(Exit::Usage, "usage", text))
            }
            None => Ok(None),
        }
    }

    /// The refusal of a plan that is made only now: nobody can have signed it.
    pub(super) fn nobody_signed(&self, goal: &str) -> Diagnostic {
        let text = "only a saved plan that somebody signed is applied here, and this one would be made now";
        Diagnostic::new(Exit::Stale, "plan-unsigned", text)
            .fact("allowed", self.path.display().to_string())
            .fact("changed", "nothing: no pod was contacted")
            .next(format!("aku plan {goal} -o plan.json --sign KEY"))
            .next("aku apply plan.json")
    }

    /// Whether enough of the allowed people signed a plan. What does not count is told to `warn`.
    ///
    /// # Errors
    /// Exit 5 where somebody has yet to sign, 65 where a signature is not what it should be.
    pub(super) fn check(
        &self,
        saved: &Saved,
        path: &Path,
        world: &dyn Platform,
        warn: &mut dyn FnMut(&str),
    ) -> Result<(), Diagnostic> {
        let allowed = self.allowed(world)?;
        let judgement = Judgement::of(&saved.signatures, &saved.digest(), &allowed, world.now());
        let people = judgement.people();
        if people >= self.people as usize {
            for doubt in &judgement.doubts {
                warn(&format!("warning: a signature of {} does not count: {doubt}", path.display()));
            }
            return Ok(());
        }
        Err(self.refusal(&judgement, people, path))
    }

    fn allowed(&self, world: &dyn Platform) -> Result<Allowed, Diagnostic> {
        let trouble = |exit, text: String| {
            Diagnostic::new(exit, "allowed-signers", text)
                .fact("file", self.path.display().to_string())
                .fact("changed", "nothing: no pod was contacted")
                .next("ssh-keygen(1), ALLOWED SIGNERS, says what its lines are")
        };
        let text = bounded::text(&self.path, MOST)
            .map_err(|e| trouble(Exit::NoInput, format!("the file of allowed signers cannot be read: {e}")))?;
        Allowed::parse(&text, &world.zone())
            .map_err(|e| trouble(Exit::BadData, format!("the file of allowed signers is not valid: {e}")))
    }

    fn refusal(&self, judgement: &Judgement, people: usize, path: &Path) -> Diagnostic {
        let file = shell(path);
        let (exit, code, text) = match judgement.doubts.first() {
            None if people == 0 => (Exit::Stale, "plan-unsigned", "the plan is not signed".to_owned()),
            Some(doubt) if people == 0 => {
                let (exit, code) = code_of(doubt);
                (exit, code, format!("the plan has no signature that counts: {doubt}"))
            }
            _ => {
                let one = counted(people, "person").replace("persons", "people");
                let text = format!("{} must sign the plan, and {one} did", self.people);
                (Exit::Stale, "plan-signatures", text)
            }
        };
        let mut trouble = Diagnostic::new(exit, code, text);
        for signer in &judgement.signers {
            trouble = trouble.fact("signed by", format!("{} with {}", signer.principals.join(", "), signer.key));
        }
        for doubt in judgement.doubts.iter().skip(usize::from(people == 0)) {
            trouble = trouble.fact("besides", doubt.to_string());
        }
        trouble
            .fact("allowed", self.path.display().to_string())
            .fact("changed", "nothing: no pod was contacted")
            .next(format!("aku review {file} --sign KEY    (the yes of somebody who is allowed)"))
    }
}

fn code_of(doubt: &Doubt) -> (Exit, &'static str) {
    match doubt {
        Doubt::NoSignature(_) | Doubt::Wrong | Doubt::OtherNamespace(_) => (Exit::BadData, "signature-invalid"),
        Doubt::OtherPlan(_) => (Exit::BadData, "signature-other-plan"),
        Doubt::NotAllowed(_) | Doubt::AllowedElsewhere { .. } | Doubt::AllowedAtOtherTimes { .. } => {
            (Exit::Stale, "signature-not-allowed")
        }
    }
}

/// A plan with one more signature, made with a key. A second one of the same key takes the place of the first.
///
/// # Errors
/// The key cannot be read, or does not sign here.
pub(super) fn signed(saved: Saved, key: &Path, plan: Option<&Path>) -> Result<Saved, Diagnostic> {
    let text = bounded::text(key, MOST).map_err(|e| {
        Diagnostic::new(Exit::NoInput, "signing-key", format!("the key cannot be read: {e}"))
            .fact("file", key.display().to_string())
    })?;
    let digest = saved.digest();
    let made = sign::sign(&secret(&text), &digest).map_err(|e| cannot_sign(&e, key, plan))?;
    Ok(with(saved, made, &digest))
}

/// The text of a key; one without a last line feed is no key to the library.
fn secret(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

fn with(mut saved: Saved, signature: Signature, digest: &str) -> Saved {
    let key = sign::fits(&signature, digest).ok();
    saved.signatures.retain(|old| sign::fits(old, digest).ok() != key || key.is_none());
    saved.signed(signature)
}

fn cannot_sign(e: &KeyError, key: &Path, plan: Option<&Path>) -> Diagnostic {
    let trouble = Diagnostic::new(Exit::BadData, "signing-key", e.to_string())
        .fact("file", key.display().to_string())
        .fact("signed", "nothing");
    let plan = plan.map_or_else(|| "FILE".to_owned(), shell);
    match e {
        // ssh-keygen asks for the passphrase, or lets an agent or a token sign.
        KeyError::Encrypted | KeyError::OtherKind(_) => trouble
            .next(format!(
                "aku show {plan} --format digest | ssh-keygen -Y sign -n {NAMESPACE} -f {} > plan.sig    (after the plan is saved)",
                shell(key)
            ))
            .next(format!("aku review {plan} --add-signature plan.sig")),
        KeyError::NoKey(_) | KeyError::Refuses(_) => trouble.next("ssh-keygen -t ed25519 -f KEY    (makes a key)"),
    }
}

/// A plan with a signature that another program made.
///
/// # Errors
/// It is none, or not under this plan.
pub(super) fn added(saved: Saved, file: &Path) -> Result<Saved, Diagnostic> {
    let trouble = |exit, code, text: String| {
        Diagnostic::new(exit, code, text).fact("file", file.display().to_string()).fact("signed", "nothing")
    };
    let sshsig = bounded::text(file, MOST)
        .map_err(|e| trouble(Exit::NoInput, "signature", format!("the signature cannot be read: {e}")))?;
    let digest = saved.digest();
    let signature = Signature { digest: digest.clone(), sshsig };
    sign::fits(&signature, &digest).map_err(|doubt| {
        let (exit, code) = code_of(&doubt);
        trouble(exit, code, format!("the signature does not count: {doubt}"))
    })?;
    Ok(with(saved, signature, &digest))
}

//! Signatures under plans: ssh signatures (SSHSIG) in the namespace `aku-plan` over the digest of a plan and a line feed, as
//! `ssh-keygen -Y sign -n aku-plan` makes them, and an `allowed_signers` file as git uses it. Pure; reads no file.
//!
//! The digest covers everything that a reviewer sees: actions, statements, reasons, facts, what the rules found, approvals
//! and when the plan ends. So a yes to one plan is no yes to another.

mod allowed;
#[cfg(test)]
pub(crate) mod tests;

use jiff::Timestamp;
use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use crate::plan::saved::Signature;
pub use allowed::{Allowed, BadLine, Verdict};

/// What the signatures are for, so that one made for git is none for a plan.
pub const NAMESPACE: &str = "aku-plan";

/// Most signatures that are looked at.
const MOST: usize = 64;

/// What is signed.
#[must_use]
pub fn message(digest: &str) -> String {
    format!("{digest}\n")
}

/// Why a file is no key that signs here.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A passphrase protects it.
    #[error("the key is protected by a passphrase, which this program does not ask for")]
    Encrypted,
    /// It is of another kind, or lives in a token.
    #[error("the key is of kind {0}; this program signs with ssh-ed25519")]
    OtherKind(String),
    /// It is no key.
    #[error("it is no private key in the form of OpenSSH: {0}")]
    NoKey(ssh_key::Error),
    /// The library refuses.
    #[error("the key cannot sign: {0}")]
    Refuses(ssh_key::Error),
}

/// Signs a digest with the text of a private key.
///
/// # Errors
/// See [`KeyError`].
pub fn sign(key: &str, digest: &str) -> Result<Signature, KeyError> {
    let key = PrivateKey::from_openssh(key).map_err(KeyError::NoKey)?;
    if key.is_encrypted() {
        return Err(KeyError::Encrypted);
    }
    if key.algorithm() != ssh_key::Algorithm::Ed25519 {
        return Err(KeyError::OtherKind(key.algorithm().to_string()));
    }
    let made = key.sign(NAMESPACE, HashAlg::Sha512, message(digest).as_bytes()).map_err(KeyError::Refuses)?;
    let sshsig = made.to_pem(LineEnding::LF).map_err(KeyError::Refuses)?;
    Ok(Signature { digest: digest.to_owned(), sshsig })
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// As the file of allowed signers calls the owner of the key.
    pub principals: Vec<String>,
    /// `SHA256:` and the fingerprint of the key, as `ssh-keygen -l` shows it.
    pub key: String,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It is no signature of a kind that is verified here.
    #[error("it is no ssh signature: {0}")]
    NoSignature(String),
    /// It was made for something else.
    #[error("it was made for \"{0}\", not for \"{NAMESPACE}\"")]
    OtherNamespace(String),
    /// It does not fit.
    #[error("it does not fit the plan: the signature or what it is under was changed")]
    Wrong,
    /// It is a good signature, of another plan.
    #[error("it is over another plan, {0}")]
    OtherPlan(String),
    /// The key is not in the file.
    #[error("the key {0} is not allowed to sign")]
    NotAllowed(String),
    /// The key is in the file, for other things.
    #[error("the key {key} is allowed for other things than \"{NAMESPACE}\" (line {line})")]
    AllowedElsewhere {
        /// Its fingerprint.
        key: String,
        /// Of the file.
        line: usize,
    },
    /// The key is in the file, for another time.
    #[error("the key {key} is not allowed to sign now (line {line})")]
    AllowedAtOtherTimes {
        /// Its fingerprint.
        key: String,
        /// Of the file.
        line: usize,
    },
}

/// Reads a signature.
///
/// # Errors
/// It is none, or for something else.
fn read(sshsig: &str) -> Result<SshSig, Doubt> {
    let signature = SshSig::from_pem(sshsig.trim()).map_err(|e| Doubt::NoSignature(e.to_string()))?;
    // It stands before what is signed, and the library takes smaller ones.
    if signature.version() != SshSig::VERSION {
        return Err(Doubt::NoSignature(format!("version {}", signature.version())));
    }
    // The library takes lengths that no signer writes: one signature has one text.
    let compact = |text: &str| text.split_whitespace().collect::<String>();
    let own = signature.to_pem(LineEnding::LF).map_err(|e| Doubt::NoSignature(e.to_string()))?;
    if compact(&own) != compact(sshsig) {
        return Err(Doubt::NoSignature("it is not written as signers write it".to_owned()));
    }
    if signature.namespace() == NAMESPACE {
        Ok(signature)
    } else {
        Err(Doubt::OtherNamespace(signature.namespace().to_owned()))
    }
}

/// Whether a signature is over this digest, by whomever.
///
/// # Errors
/// See [`Doubt`].
pub fn fits(signature: &Signature, digest: &str) -> Result<String, Doubt> {
    let read = read(&signature.sshsig)?;
    let key = PublicKey::from(read.public_key().clone());
    let over = |digest: &str| key.verify(NAMESPACE, message(digest).as_bytes(), &read).is_ok();
    if over(digest) {
        return Ok(key.fingerprint(HashAlg::Sha256).to_string());
    }
    let other = signature.digest != digest && over(&signature.digest);
    Err(if other { Doubt::OtherPlan(signature.digest.clone()) } else { Doubt::Wrong })
}

/// Whose yes a signature is.
///
/// # Errors
/// See [`Doubt`].
pub fn signer(signature: &Signature, digest: &str, allowed: &Allowed, now: Timestamp) -> Result<Signer, Doubt> {
    let key = fits(signature, digest)?;
    match allowed.verdict(read(&signature.sshsig)?.public_key(), now) {
        Verdict::Allowed(principals) => Ok(Signer { principals, key }),
        Verdict::Unknown => Err(Doubt::NotAllowed(key)),
        Verdict::OtherNamespace { line } => Err(Doubt::AllowedElsewhere { key, line }),
        Verdict::OtherTime { line } => Err(Doubt::AllowedAtOtherTimes { key, line }),
    }
}

/// What the signatures of a plan are worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Those that count.
    pub signers: Vec<Signer>,
    /// Why others do not.
    pub doubts: Vec<Doubt>,
}

impl Judgement {
    /// Of all signatures of a plan.
    #[must_use]
    pub fn of(signatures: &[Signature], digest: &str, allowed: &Allowed, now: Timestamp) -> Self {
        let mut all = Self::default();
        for signature in signatures.iter().take(MOST) {
            match signer(signature, digest, allowed, now) {
                Ok(signer) => all.signers.push(signer),
                Err(doubt) => all.doubts.push(doubt),
            }
        }
        all
    }

    /// How many people signed. Keys that share a principal are of one person, and a principal with a pattern may be anybody
    /// whom it fits.
    #[must_use]
    pub fn people(&self) -> usize {
        let mut people: Vec<Vec<&str>> = Vec::new();
        for signer in &self.signers {
            let mut own: Vec<&str> = signer.principals.iter().map(String::as_str).collect();
            people.retain_mut(|other| {
                let same = other.iter().any(|a| own.iter().any(|b| may_be_one(a, b)));
                if same {
                    own.append(other);
                }
                !same
            });
            people.push(own);
        }
        people.len()
    }
}

fn may_be_one(a: &str, b: &str) -> bool {
    let wild = |p: &str| p.contains(['*', '?', '!']);
    a == b || (wild(a) && wild(b)) || allowed::fits(a, b) || allowed::fits(b, a)
}

//! Signatures that are as they should be, and those that are not; both ways between this program and `ssh-keygen`.

use std::{fs, path::Path, process::Command};

use jiff::tz::TimeZone;
use ssh_key::private::Ed25519Keypair;

use super::*;

const DIGEST: &str = "sha256:2c4c56dfae838947dad61c973156b8fb5bc82b5a4d65d44524718227fd390a25";
const OTHER: &str = "sha256:a575c3d3a3d14f5c789ee9739f4a83c35ebd1029af398b7e4a8fe865281b5a3f";

/// A key that is always the same: its seed is a byte.
pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

pub(crate) fn key_text(seed: u8) -> String {
    key(seed).to_openssh(LineEnding::LF).unwrap().to_string()
}

pub(crate) fn line(principals: &str, seed: u8) -> String {
    format!("{principals} {}\n", key(seed).public_key().to_openssh().unwrap())
}

fn allowed(text: &str) -> Allowed {
    Allowed::parse(text, &TimeZone::UTC).unwrap()
}

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

#[test]
fn a_signature_counts_for_one_plan_and_one_allowed_key() {
    let all = allowed(&line("alice", 1));
    let good = sign(&key_text(1), DIGEST).unwrap();
    let found = signer(&good, DIGEST, &all, now()).unwrap();
    assert_eq!(found.principals, ["alice"]);
    assert!(found.key.starts_with("SHA256:"));
    let doubt = |s: &Signature| signer(s, DIGEST, &all, now()).unwrap_err();
    let over_another = sign(&key_text(1), OTHER).unwrap();
    assert_eq!(doubt(&over_another), Doubt::OtherPlan(OTHER.to_owned()));
    assert_eq!(doubt(&Signature { digest: DIGEST.to_owned(), ..over_another }), Doubt::Wrong);
    assert!(matches!(doubt(&sign(&key_text(2), DIGEST).unwrap()), Doubt::NotAllowed(_)));
    let git = key(1).sign("git", HashAlg::Sha512, message(DIGEST).as_bytes()).unwrap();
    let git = Signature { digest: DIGEST.to_owned(), sshsig: git.to_pem(LineEnding::LF).unwrap() };
    assert_eq!(doubt(&git), Doubt::OtherNamespace("git".to_owned()));
    // The label of the digest decides nothing.
    assert!(signer(&Signature { digest: OTHER.to_owned(), ..good.clone() }, DIGEST, &all, now()).is_ok());
    for broken in ["", "x", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----"] {
        assert!(matches!(doubt(&Signature { sshsig: broken.to_owned(), ..good.clone() }), Doubt::NoSignature(_)));
    }
}

#[test]
fn no_changed_character_of_a_signature_passes() {
    let all = allowed(&line("alice", 1));
    let good = sign(&key_text(1), DIGEST).unwrap();
    for at in 0..good.sshsig.len() {
        for to in ['A', '7', '='] {
            let mut sshsig = good.sshsig.clone();
            if sshsig[at..].starts_with([to, '\n', '-', ' ']) {
                continue;
            }
            sshsig.replace_range(at..=at, &to.to_string());
            let changed = Signature { sshsig, ..good.clone() };
            assert!(signer(&changed, DIGEST, &all, now()).is_err(), "character {at} became {to}");
        }
    }
}

#[test]
fn two_keys_of_one_person_are_one_yes() {
    let people = |file: &str, seeds: &[u8]| {
        let signatures: Vec<_> = seeds.iter().map(|s| sign(&key_text(*s), DIGEST).unwrap()).collect();
        Judgement::of(&signatures, DIGEST, &allowed(file), now()).people()
    };
    let two = line("alice", 1) + &line("bob", 2) + &line("alice,carol", 3) + &line("*@x", 4) + &line("eve@x", 5);
    assert_eq!(people(&two, &[1, 2]), 2);
    assert_eq!(people(&two, &[1, 1]), 1);
    assert_eq!(people(&two, &[1, 3]), 1);
    assert_eq!(people(&two, &[1, 2, 3]), 2);
    assert_eq!(people(&two, &[4, 5]), 1);
    assert_eq!(people(&two, &[1, 4]), 2);
    assert_eq!(people(&two, &[9]), 0);
    // A third key can show that two are one.
    let linked = line("a", 1) + &line("b", 2) + &line("a,b", 3);
    assert_eq!(people(&linked, &[1, 2, 3]), 1);
}

#[test]
fn keys_that_do_not_sign_say_why() {
    let encrypted = include_str!("encrypted_key.txt");
    assert!(matches!(sign(encrypted, DIGEST), Err(KeyError::Encrypted)));
    assert!(matches!(sign("nonsense", DIGEST), Err(KeyError::NoKey(_))));
}

fn ssh_keygen(dir: &Path, args: &[&str], input: &str) -> (bool, String) {
    use std::io::Write as _;
    let mut child = Command::new("ssh-keygen")
        .args(args)
        .current_dir(dir)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

#[test]
fn ssh_keygen_verifies_ours_and_we_verify_its() {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        eprintln!("skipped: there is no ssh-keygen");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    let ours = sign(&key_text(1), DIGEST).unwrap();
    write("allowed", &line("alice@example.com", 1));
    write("plan.sig", &ours.sshsig);
    let verify = ["-Y", "verify", "-f", "allowed", "-I", "alice@example.com", "-n", NAMESPACE, "-s", "plan.sig"];
    let (good, said) = ssh_keygen(dir.path(), &verify, &message(DIGEST));
    assert!(good, "{said}");
    assert!(!ssh_keygen(dir.path(), &verify, &message(OTHER)).0);
    // With a key that has a passphrase, which ssh-keygen asks for.
    let made = ssh_keygen(dir.path(), &["-q", "-t", "ed25519", "-N", "", "-f", "key"], "");
    assert!(made.0, "{}", made.1);
    let (good, theirs) = ssh_keygen(dir.path(), &["-q", "-Y", "sign", "-n", NAMESPACE, "-f", "key"], &message(DIGEST));
    assert!(good, "{theirs}");
    let public = fs::read_to_string(dir.path().join("key.pub")).unwrap();
    let theirs = Signature { digest: DIGEST.to_owned(), sshsig: theirs };
    assert!(signer(&theirs, DIGEST, &allowed(&format!("bob {public}")), now()).is_ok());
}

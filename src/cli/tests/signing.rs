//! Plans that somebody signed, and those that nobody did.

use serde_json::Value;

use super::world::*;
use crate::{
    document,
    exit::Exit,
    sign::tests::{key_text, line},
};

const APPLY: &str = "apply @/p.json --yes --approve deletes-rows=altibase-sts/2";

/// A saved plan, keys `alice`, `bob` and `mallory`, and a file that allows the first two.
fn world() -> Lives {
    let world = Lives::new(fresh);
    for (name, seed) in [("alice", 1), ("bob", 2), ("mallory", 3)] {
        std::fs::write(world.path(name), key_text(seed)).unwrap();
    }
    std::fs::write(world.path("allowed"), line("alice@example.com", 1) + &line("bob@example.com", 2)).unwrap();
    assert_eq!(world.run("plan -o @/p.json").exit, Exit::Ok);
    world
}

fn read(world: &Lives) -> Value {
    serde_json::from_str(&std::fs::read_to_string(world.path("p.json")).unwrap()).unwrap()
}

#[test]
fn a_signed_plan_is_applied_and_no_other() {
    let world = world();
    let required = format!("{APPLY} --require-signature @/allowed");
    let unsigned = world.run(&required);
    assert_eq!((unsigned.exit, world.applied()), (Exit::Stale, 0), "{unsigned:#?}");
    assert!(unsigned.err.contains("error[plan-unsigned]"), "{unsigned:#?}");
    assert!(unsigned.err.contains("aku review @/p.json --sign KEY"), "{unsigned:#?}");
    let looks = world.fake.seen.borrow().looks;
    assert_eq!(world.run(&required).exit, Exit::Stale);
    assert_eq!(world.fake.seen.borrow().looks, looks, "a pod was asked");

    assert_eq!(world.run("review @/p.json --sign @/mallory").exit, Exit::Ok);
    let mallory = world.run(&required);
    assert!(mallory.exit == Exit::Stale && mallory.err.contains("error[signature-not-allowed]"), "{mallory:#?}");

    let signed = world.run("review @/p.json --sign @/alice");
    assert!(signed.exit == Exit::Ok && signed.err.contains("signed: @/p.json has 2 signatures"), "{signed:#?}");
    assert_eq!(world.run("review @/p.json --sign @/alice").exit, Exit::Ok);
    assert_eq!(read(&world)["signatures"].as_array().map(Vec::len), Some(2), "the same key signs once");
    let two = world.run(&format!("{required} --require-signatures 2"));
    assert!(two.exit == Exit::Stale && two.err.contains("error[plan-signatures]"), "{two:#?}");
    assert!(two.err.contains("alice@example.com"), "{two:#?}");
    let one = world.run(&required);
    assert_eq!((one.exit, world.applied()), (Exit::Ok, 1), "{one:#?}");
    assert!(one.err.contains("does not count"), "{one:#?}");
    assert_eq!(world.run("review @/p.json --sign @/bob").exit, Exit::Ok);
    assert_eq!(world.run(&format!("{required} --require-signatures 2")).exit, Exit::Ok);
    assert_eq!(world.run(&format!("{APPLY} --require-signatures 2")).exit, Exit::Usage);
}

#[test]
fn a_signature_holds_for_one_plan() {
    let world = world();
    let required = format!("{APPLY} --require-signature @/allowed");
    assert_eq!(world.run("plan end -o @/e.json --sign @/alice").exit, Exit::Ok);
    let end: Value = serde_json::from_str(&std::fs::read_to_string(world.path("e.json")).unwrap()).unwrap();
    let with = |signatures: Value| {
        let mut document = read(&world);
        document["signatures"] = signatures;
        std::fs::write(world.path("p.json"), document.to_string()).unwrap();
        world.run(&required)
    };
    let moved = with(end["signatures"].clone());
    assert!(moved.exit == Exit::BadData && moved.err.contains("error[signature-other-plan]"), "{moved:#?}");
    let mut relabelled = end["signatures"].clone();
    relabelled[0]["digest"] = read(&world)["digest"].clone();
    let relabelled = with(relabelled);
    assert!(relabelled.exit == Exit::BadData && relabelled.err.contains("error[signature-invalid]"), "{relabelled:#?}");
    let nonsense = with(serde_json::json!([{ "digest": "x", "sshsig": "y" }]));
    assert!(nonsense.exit == Exit::BadData && nonsense.err.contains("error[signature-invalid]"), "{nonsense:#?}");
    assert_eq!(with(serde_json::json!(["by alice"])).exit, Exit::BadData);
    with(serde_json::json!([]));
    assert_eq!(world.run("review @/p.json --sign @/alice").exit, Exit::Ok);
    // Whoever changes a signed plan and computes its digest anew has a plan that nobody signed.
    let mut document = read(&world);
    document["policy"] = serde_json::json!([]);
    document["digest"] = document::digest(&document).into();
    std::fs::write(world.path("p.json"), document.to_string()).unwrap();
    assert_eq!((world.run(&required).exit, world.applied()), (Exit::BadData, 0));
}

#[test]
fn where_signatures_are_required_nothing_is_made_and_applied_at_once() {
    let mut world = world();
    for line in
        ["apply start --yes --require-signature @/allowed", "apply reconcile --yes --require-signature @/allowed"]
    {
        let came = world.run(line);
        assert!(came.exit == Exit::Stale && came.err.contains("error[plan-unsigned]"), "{line}: {came:#?}");
    }
    let vars = [
        ("AKU_CONF", world.path("aku.conf")),
        ("AKU_MARKER", world.path("marker")),
        ("AKU_CLI_REQUIRE_SIGNATURE", world.path("allowed")),
    ];
    world.env = super::super::env::Env::fixed(vars);
    let from_env = world.run(APPLY);
    assert!(from_env.exit == Exit::Stale && from_env.err.contains("error[plan-unsigned]"), "{from_env:#?}");
    assert_eq!(world.run("review @/p.json --sign @/bob").exit, Exit::Ok);
    assert_eq!((world.run(APPLY).exit, world.applied()), (Exit::Ok, 1));
}

#[test]
fn files_around_signatures_that_are_not_as_they_should_be() {
    let world = world();
    std::fs::write(world.path("locked"), include_str!("../../sign/encrypted_key.txt")).unwrap();
    std::fs::write(world.path("bad"), "alice ssh-ed25519 AAAA\n").unwrap();
    let locked = world.run("review @/p.json --sign @/locked");
    assert!(locked.exit == Exit::BadData && locked.err.contains("passphrase"), "{locked:#?}");
    // As a shell reads it.
    let said = locked.err.replace(" \\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("aku show @/p.json --format digest | ssh-keygen -Y sign -n aku-plan -f @/locked"));
    let table = [
        ("review @/p.json --sign @/none".to_owned(), Exit::NoInput, "signing-key"),
        ("review @/p.json --sign @/p.json".to_owned(), Exit::BadData, "signing-key"),
        ("review @/p.json --add-signature @/none".to_owned(), Exit::NoInput, "signature"),
        ("review @/p.json --add-signature @/p.json".to_owned(), Exit::BadData, "signature-invalid"),
        (format!("{APPLY} --require-signature @/none"), Exit::NoInput, "allowed-signers"),
        (format!("{APPLY} --require-signature @/bad"), Exit::BadData, "allowed-signers"),
        ("plan --sign @/alice".to_owned(), Exit::Usage, ""),
    ];
    for (line, exit, code) in table {
        let came = world.run(&line);
        assert_eq!(came.exit, exit, "{line}: {came:#?}");
        assert!(came.err.contains(&format!("error[{code}]")) || code.is_empty(), "{line}: {came:#?}");
    }
    assert_eq!(read(&world)["signatures"], serde_json::json!([]));
    let digest = world.run("show @/p.json --format digest");
    assert_eq!(digest.out.trim_end(), read(&world)["digest"].as_str().unwrap());
}

#[test]
fn a_review_that_refuses_signs_nothing() {
    let world = world();
    std::fs::write(world.path("site.toml"), "[levels]\nP003 = \"deny\"\n").unwrap();
    let came = world.run("review @/p.json --sign @/alice --policy @/site.toml");
    assert!(came.exit == Exit::Refused && came.err.contains("not signed"), "{came:#?}");
    assert_eq!(read(&world)["signatures"], serde_json::json!([]));
}

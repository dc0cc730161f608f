//! Hooks of several pods at once: all start, all end, one comes while another goes.

use super::*;

/// Hooks of all pods at once, each with its exit code; `begin` says how many ms each waits before.
fn at_once(stage: &Stage, hooks: &[(u8, &str)], begin: &mut dyn FnMut() -> u64) -> Vec<(u8, Run, Duration)> {
    let children: Vec<_> = hooks
        .iter()
        .map(|(on, what)| {
            thread::sleep(Duration::from_millis(begin()));
            (*on, Instant::now(), piped(stage.command(*on, &format!("-p {what}"))))
        })
        .collect();
    let ended = |(on, began, child)| {
        thread::spawn(move || {
            let run = wait(child);
            (on, run, Instant::elapsed(&began))
        })
    };
    let waiting: Vec<_> = children.into_iter().map(ended).collect();
    waiting.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn all_well(stage: &Stage, ran: &[(u8, Run, Duration)], what: &str) {
    for (on, run, took) in ran {
        assert_eq!(run.code, Some(0), "{what}, pod {on} after {took:?}\n{}{}", run.out, run.err);
        assert!(*took < Duration::from_secs(60), "{what}, pod {on}: {took:?}");
    }
    let pods: Vec<u8> = ran.iter().map(|(on, ..)| *on).collect();
    assert!(pods.iter().all(|on| stage.marker(*on).exists()), "{what}");
    stage.equal(&pods);
}

#[test]
fn all_pods_that_start_at_once_are_joined() {
    let mut dice = Dice::new("all_at_once");
    // The pause between two looks is a person's, not a test's.
    let stage = Arc::new(Stage::new(4));
    let conf = stage.lab.dir().join("aku.conf");
    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, text.replace("AKU_QUERY_RETRY_DELAY_MSEC = 20", "AKU_QUERY_RETRY_DELAY_MSEC = 1000")).unwrap();
    let starts: Vec<(u8, &str)> = vec![(3, "start"), (0, "start"), (2, "start"), (1, "start")];
    // The first start of all, in parallel: no pod has a definition or a marker.
    all_well(&stage, &at_once(&stage, &starts, &mut || 0), "first start");
    fill(&stage, 0, 40);
    for case in 0..cases(2) {
        // Killed, as by a node that restarts; then ended in good order.
        for on in 0..4 {
            stage.lab.kill(pod(on)).unwrap();
        }
        for on in 0..4 {
            stage.restart(on);
        }
        let far = [0, 300][case % 2];
        all_well(&stage, &at_once(&stage, &starts, &mut || if far > 0 { dice.below(far) } else { 0 }), "killed");
        let ends: Vec<(u8, &str)> = vec![(1, "end"), (3, "end"), (0, "end"), (2, "end")];
        for (on, run, took) in at_once(&stage, &ends, &mut || 0) {
            assert_eq!(run.code, Some(0), "drain, pod {on} after {took:?}\n{}{}", run.out, run.err);
        }
        for on in 0..4 {
            stage.restart(on);
        }
        all_well(&stage, &at_once(&stage, &starts, &mut || 0), "ended");
    }
    // One comes while another goes.
    stage.restart(3);
    let both = at_once(&stage, &[(2, "end"), (3, "start")], &mut || 0);
    for (on, run, took) in &both {
        assert_eq!(run.code, Some(0), "start beside end, pod {on} after {took:?}\n{}{}", run.out, run.err);
    }
    stage.equal(&[0, 1, 3]);
}

/// A copy that takes long enough for something else to happen beside it.
fn slowly_copied() -> (Arc<Stage>, Child) {
    let stage = started(1, 3);
    stage.ok(2, "-p start");
    fill(&stage, 0, 40);
    slow(&stage, 1, 150);
    let start = piped(recorded(&stage, 1, "-p start", "start-1"));
    assert!(wait_until(PATIENCE, || intended(&stage, "ALTER SYSTEM SET REPLICATION_DDL_ENABLE = 1")));
    (stage, start)
}

#[test]
fn an_end_beside_another_run_shuts_out_and_delivers_first() {
    let (stage, start) = slowly_copied();
    let writer = Writer::new(&stage, 2, TABLES[0], 1_000_000, Style::Autocommit);
    thread::sleep(Duration::from_millis(100));
    let mut command = stage.command(2, "-p end");
    let run = Run::from(command.env("AKU_CLI_LOCK_TIMEOUT", "1ms").output().unwrap());
    // The rest waits for the lock, and nobody waits for that here.
    assert_eq!(run.code, Some(6), "{}{}", run.out, run.err);
    for words in ["Another run has the lock", "Pod 2 is CLOSED to users", "The next start of pod 2 catches up"] {
        assert!(run.out.contains(words), "{words} not in\n{}", run.out);
    }
    let written = writer.thrown_out();
    assert!(!stage.marker(2).exists());
    assert_eq!(stage.select(2, "SELECT VALUE1 FROM V$PROPERTY WHERE NAME = 'ADMIN_MODE'"), [[Cell::Text("1".into())]]);
    assert_eq!(written.missing(&stage.table(0, TABLES[0])), [0_i64; 0], "what was acknowledged is not on pod 0");
    // The other run goes on, and its pod is whole.
    let other = wait(start);
    assert_eq!(other.code, Some(0), "{}{}", other.out, other.err);
    stage.lab.clear_all(pod(1)).unwrap();
    stage.equal(&[0, 1]);
    // What was said is what happens.
    stage.restart(2);
    let again = stage.ok(2, "-p start");
    assert!(!again.out.contains("TRUNCATE"), "{}", again.out);
    stage.equal(&[0, 1, 2]);
}

#[test]
fn an_end_stops_the_start_of_its_own_pod_first() {
    let (stage, start) = slowly_copied();
    let run = stage.ok(1, "-p end");
    assert!(run.out.contains("it is stopped first, with SIGTERM"), "{}", run.out);
    let start = wait(start);
    assert_eq!(start.code, Some(8), "{}{}", start.out, start.err);
    stage.lab.clear_all(pod(1)).unwrap();
    let live = "SELECT REPLICATION_NAME FROM SYSTEM_.SYS_REPLICATIONS_ WHERE XSN <> -1 AND REPLICATION_NAME LIKE '%1%'";
    for on in 0..3 {
        assert_eq!(stage.select(on, live).len(), 0, "pod {on} keeps log for pod 1");
    }
    converge(&stage, 1);
    stage.equal(&[0, 1, 2]);
}

//! Every state with every input, and every path from the beginning.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    time::Duration,
};

use super::*;
use crate::rules::Budget;

fn rules() -> Rules {
    Rules {
        budget: Budget { grace: Duration::from_secs(436), server_stop: Duration::from_secs(120) },
        retry: Duration::from_secs(5),
        look: Duration::from_millis(100),
        remind: Duration::from_secs(60),
        beat: Some(Duration::from_secs(5)),
        creation: Creation::WhenEmpty,
    }
}

const STATES: [State; 13] = [
    State::Init(Init::Checking),
    State::Init(Init::Creating),
    State::Init(Init::Created),
    State::Boot,
    State::Join,
    State::Parked(Verdict::Later),
    State::Serve,
    State::End,
    State::Stop(Stopping::Creation),
    State::Stop(Stopping::Service),
    State::Stop(Stopping::PutBack),
    State::Stop(Stopping::Server),
    State::Stop(Stopping::Killed),
];

fn deaths(child: Child) -> Vec<Death> {
    let codes: &[u8] = match child {
        Child::Create | Child::Beat => &[0],
        Child::Server => &[0, 255],
        Child::Look => &[0, 69, 7],
        // Joined, later, refused, broken.
        Child::Start => &[0, 7, 3, 1],
        Child::End => &[0, 4],
    };
    codes.iter().map(|code| Death::Code(*code)).chain([Death::Signal(9)]).collect()
}

fn inputs() -> Vec<Input> {
    let found = [Inspection::Data, Inspection::Empty, Inspection::NotLooked, Inspection::Unfit(65)];
    let mut all: Vec<Input> = found.into_iter().map(Input::Inspected).collect();
    all.extend([Wish::Stop, Wish::Again].map(Input::Wished));
    for child in Child::ALL {
        all.extend(deaths(child).into_iter().map(|how| Input::Ended(child, how)));
        all.push(Input::NoChild(child));
    }
    all.extend([Death::Code(3), Death::Signal(9)].map(Input::Marked));
    all.extend(Timer::ALL.map(Input::Rang));
    all
}

/// Whether the world can bring this input: only what lives can end, and what is found is found when it is looked for.
fn possible(machine: &Machine, input: Input) -> bool {
    match input {
        Input::Inspected(_) => matches!(machine.state(), State::Init(Init::Checking | Init::Created)),
        // One that could not be started counts as started until that is known.
        Input::Ended(child, _) | Input::NoChild(child) => machine.alive().contains(&child),
        Input::Marked(_) => machine.alive().contains(&Child::Start),
        Input::Wished(_) | Input::Rang(_) => true,
    }
}

fn said(state: State) -> String {
    let inner = match state {
        State::Init(Init::Checking) => "checking",
        State::Init(Init::Creating) => "creating",
        State::Init(Init::Created) => "created",
        State::Stop(Stopping::Creation) => "waits for the creation",
        State::Stop(Stopping::Service) => "waits for SERVICE",
        State::Stop(Stopping::PutBack) => "waits for the start",
        State::Stop(Stopping::Server) => "waits for the server",
        State::Stop(Stopping::Killed) => "killed",
        State::Over(code) => return format!("EXIT {code}"),
        State::Boot | State::Join | State::Parked(_) | State::Serve | State::End => return state.word().to_owned(),
    };
    format!("{} ({inner})", state.word())
}

fn event(input: Input) -> String {
    match input {
        Input::Inspected(Inspection::Data) => "data files are found".to_owned(),
        Input::Inspected(Inspection::Empty) => "no data file is found".to_owned(),
        Input::Inspected(Inspection::NotLooked) => "data files are not looked for".to_owned(),
        Input::Inspected(Inspection::Unfit(code)) => format!("unfit, {code}"),
        Input::Wished(Wish::Stop) => "SIGTERM, SIGINT, SIGQUIT".to_owned(),
        Input::Wished(Wish::Again) => "SIGHUP".to_owned(),
        Input::Ended(child, Death::Code(code)) => format!("{} ends with {code}", child.word()),
        Input::Ended(child, Death::Signal(signal)) => format!("{} is killed by {signal}", child.word()),
        Input::Marked(how) => format!("start ends with {}, the marker is there", how.code()),
        Input::NoChild(child) => format!("{} cannot be started", child.word()),
        Input::Rang(timer) => format!("clock \"{}\"", timer.word()),
    }
}

fn done(effects: &[Effect]) -> String {
    let one = |effect: &Effect| match effect {
        Effect::DeleteMarker => Some("delete the marker".to_owned()),
        Effect::Inspect => Some("look for data files".to_owned()),
        Effect::Spawn(child) => Some(format!("start {}", child.word())),
        Effect::Send(child, Sent::Stop) => Some(format!("**stop signal to {}**", child.word())),
        Effect::Send(child, Sent::Term) => Some(format!("SIGTERM to {}", child.word())),
        Effect::Send(child, Sent::Kill) => Some(format!("SIGKILL to {}", child.word())),
        Effect::Arm(timer, time) => Some(format!("\"{}\" in {} s", timer.word(), time.as_secs_f64())),
        // The words are for people; the state says it all.
        Effect::Tell(_) | Effect::Exit(_) => None,
    };
    effects.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

/// What happens, where it leads, and what is done, with the states that do the same put together.
fn table() -> String {
    let mut rows: BTreeMap<(usize, String, String), Vec<String>> = BTreeMap::new();
    for (at, input) in inputs().into_iter().enumerate() {
        for state in STATES {
            let mut machine = Machine::in_state(state);
            if !possible(&machine, input) {
                continue;
            }
            let effects = machine.step(&rules(), input);
            if machine.state() == state && effects.iter().all(|e| matches!(e, Effect::Tell(_))) {
                continue;
            }
            let next = if machine.state() == state { "stays".to_owned() } else { said(machine.state()) };
            rows.entry((at, next, done(&effects))).or_default().push(said(state));
        }
    }
    let mut merged: BTreeMap<(String, String, String), Vec<usize>> = BTreeMap::new();
    for ((at, next, effects), states) in rows {
        merged.entry((states.join(", "), next, effects)).or_default().push(at);
    }
    let mut rows: Vec<_> = merged.into_iter().collect();
    rows.sort_by(|(_, a), (_, b)| a.cmp(b));
    let all = inputs();
    let mut text = "| what happens | in | then | what is done |\n|---|---|---|---|\n".to_owned();
    for ((states, next, effects), events) in rows {
        let events: Vec<String> = events.into_iter().map(|at| event(all[at])).collect();
        writeln!(text, "| {} | {states} | {next} | {effects} |", events.join(", ")).unwrap();
    }
    text
}

/// `docs/run.md` says what the code does. `AKU_WRITE_DOCS=1` writes it anew.
#[test]
fn the_table_in_the_document_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/run.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- table of states: written by a test -->\n", "<!-- end of the table -->");
    let (before, rest) = text.split_once(begin).expect("the table begins");
    let (there, after) = rest.split_once(end).expect("the table ends");
    let want = table();
    if std::env::var_os("AKU_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{begin}{want}{end}{after}")).unwrap();
    } else {
        assert_eq!(there, want, "AKU_WRITE_DOCS=1 cargo test -p aku-supervise table");
    }
}

/// What was sent to the server so far on a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Past {
    /// It said that it is in SERVICE.
    in_service: bool,
    stop_sent: bool,
    /// Somebody wants the container to end.
    wanted: bool,
    servers: u8,
}

/// Walks every path that the world can bring, to the end.
fn walk(rules: Rules, mut each: impl FnMut(&Machine, Past, Input, &[Effect], &Machine)) -> usize {
    let mut seen = BTreeSet::new();
    let mut todo = vec![(Machine::new(), Past::default())];
    while let Some((machine, past)) = todo.pop() {
        if !seen.insert((machine.clone(), past)) {
            continue;
        }
        for input in inputs().into_iter().filter(|input| possible(&machine, *input)) {
            let mut next = machine.clone();
            let effects = next.step(&rules, input);
            let mut now = past;
            now.in_service |= input == Input::Ended(Child::Look, Death::Code(0));
            now.wanted |= input == Input::Wished(Wish::Stop);
            each(&machine, now, input, &effects, &next);
            for effect in &effects {
                now.stop_sent |= *effect == Effect::Send(Child::Server, Sent::Stop);
                now.servers += u8::from(*effect == Effect::Spawn(Child::Server));
            }
            todo.push((next, now));
        }
    }
    seen.len()
}

#[test]
fn on_every_path_the_server_is_stopped_once_and_only_in_service() {
    let mut stops = 0;
    let seen = walk(rules(), |machine, past, input, effects, next| {
        let path = format!("{machine:?} {past:?} {input:?} {effects:?}");
        for effect in effects {
            match effect {
                Effect::Send(Child::Server, Sent::Stop) => {
                    assert!(past.in_service && !past.stop_sent && past.wanted, "{path}");
                    stops += 1;
                }
                Effect::Send(Child::Server, Sent::Term) => panic!("SIGTERM is a crash: {path}"),
                // Only when the grace is over.
                Effect::Send(Child::Server, Sent::Kill) => assert_eq!(input, Input::Rang(Timer::Kill), "{path}"),
                Effect::Send(child, Sent::Stop) => panic!("{child:?} has no stop signal: {path}"),
                Effect::Spawn(child) => assert!(!machine.alive().contains(child) || gone(input, *child), "{path}"),
                Effect::Send(child, Sent::Term | Sent::Kill) => assert!(machine.alive().contains(child), "{path}"),
                Effect::DeleteMarker | Effect::Inspect | Effect::Arm(..) | Effect::Tell(_) | Effect::Exit(_) => {}
            }
        }
        assert!(past.servers <= 1, "a dead server is never started again: {path}");
        // Unless it is over, somebody lives or something rings: nothing stands still for ever.
        if past.wanted && !matches!(next.state(), State::Over(_)) {
            assert!(!next.alive().is_empty(), "{path}");
        }
    });
    assert!(stops > 50 && seen > 100, "{stops} stops in {seen} situations: the walk is too short");
}

fn gone(input: Input, child: Child) -> bool {
    matches!(input, Input::Ended(c, _) | Input::NoChild(c) if c == child)
        || matches!(input, Input::Marked(_) if child == Child::Start)
}

#[test]
fn a_dead_server_ends_the_container_at_once_and_nobody_is_left() {
    for rules in [rules(), Rules { beat: None, creation: Creation::Forbidden, ..rules() }] {
        walk(rules, |machine, _, input, effects, next| {
            let Input::Ended(Child::Server, how) = input else { return };
            let State::Over(code) = next.state() else { panic!("{machine:?} goes on without a server: {next:?}") };
            assert_eq!(effects.last(), Some(&Effect::Exit(code)));
            for child in machine.alive().iter().filter(|c| **c != Child::Server) {
                assert!(effects.contains(&Effect::Send(*child, Sent::Kill)), "{child:?} is left: {machine:?}");
            }
            // Its code, but where it stopped in order and the pod did not.
            assert!(code == how.code() || (code == NOT_ENDED && how == Death::Code(0)), "{machine:?} {how:?} {code}");
        });
    }
}

#[test]
fn once_it_is_over_nothing_more_is_done() {
    for input in inputs() {
        assert_eq!(Machine::in_state(State::Over(3)).step(&rules(), input), [], "{input:?}");
    }
}

/// A story: inputs, and what was done in all.
fn story(inputs: &[Input]) -> (Machine, Vec<Effect>) {
    let mut machine = Machine::new();
    let mut all = machine.begin();
    for input in inputs {
        all.extend(machine.step(&rules(), *input));
    }
    (machine, all)
}

const FOUND: Input = Input::Inspected(Inspection::Data);
const LOOK: Input = Input::Rang(Timer::Look);
const ANSWERS: Input = Input::Ended(Child::Look, Death::Code(0));
const STOP: Input = Input::Wished(Wish::Stop);

fn ended(child: Child, code: u8) -> Input {
    Input::Ended(child, Death::Code(code))
}

fn exit(inputs: &[Input]) -> Option<u8> {
    match story(inputs).0.state() {
        State::Over(code) => Some(code),
        _ => None,
    }
}

#[test]
fn exit_codes() {
    let served = [FOUND, LOOK, ANSWERS, ended(Child::Start, 0)];
    let then = |more: &[Input]| exit(&[&served[..], more].concat());
    let stopped = [STOP, ended(Child::End, 0)];
    assert_eq!(then(&[&stopped[..], &[ended(Child::Server, 0)]].concat()), Some(0), "in order");
    assert_eq!(then(&[STOP, ended(Child::End, 4), ended(Child::Server, 0)]), Some(8), "end incomplete");
    assert_eq!(then(&[STOP, STOP, ended(Child::Server, 0)]), Some(8), "hurried");
    assert_eq!(then(&[STOP, Input::Rang(Timer::End), ended(Child::Server, 0)]), Some(8), "end too long");
    assert_eq!(then(&[&stopped[..], &[ended(Child::Server, 255)]].concat()), Some(255), "the server's own");
    let killed = Input::Ended(Child::Server, Death::Signal(9));
    assert_eq!(then(&[&stopped[..], &[Input::Rang(Timer::Kill), killed]].concat()), Some(137), "killed");
    assert_eq!(then(&[killed]), Some(137));
    assert_eq!(then(&[ended(Child::Server, 0)]), Some(0));
    assert_eq!(then(&[STOP, ended(Child::Server, 0)]), Some(8), "it ended before its pod did");
    assert_eq!(exit(&[FOUND, LOOK, STOP, ANSWERS, ended(Child::Server, 0)]), Some(0), "never opened");
    assert_eq!(exit(&[Input::Inspected(Inspection::Unfit(65))]), Some(65));
    assert_eq!(exit(&[FOUND, Input::NoChild(Child::Server)]), Some(70));
    assert_eq!(exit(&[STOP]), Some(0));
}

#[test]
fn a_start_that_was_over_before_it_was_stopped_is_ended() {
    let (machine, all) = story(&[FOUND, LOOK, ANSWERS, STOP, ended(Child::Start, 0)]);
    assert_eq!(machine.state(), State::End);
    assert!(all.contains(&Effect::Spawn(Child::End)) && !all.contains(&Effect::Send(Child::Server, Sent::Stop)));
}

#[test]
fn pauses_between_starts() {
    let pauses = |codes: &[u8]| -> Vec<u64> {
        let mut inputs = vec![FOUND, LOOK, ANSWERS];
        for code in codes {
            inputs.extend([ended(Child::Start, *code), Input::Rang(Timer::Retry)]);
        }
        let pause = |effect| match effect {
            Effect::Arm(Timer::Retry, pause) => Some(pause.as_secs()),
            _ => None,
        };
        story(&inputs).1.into_iter().filter_map(pause).collect()
    };
    assert_eq!(pauses(&[7, 6, 69, 4, 74, 7]), [5, 10, 20, 40, 60, 60]);
    assert_eq!(pauses(&[3, 3, 77]), [60, 60, 60]);
    assert_eq!(pauses(&[1, 101, 1, 1]), [5, 10, 60, 60], "twice, then it is left for a person");
    assert_eq!(pauses(&[7, 7, 3, 7]), [5, 10, 60, 5]);
}

#[test]
fn a_database_is_made_once_and_only_where_there_is_none() {
    let (machine, all) =
        story(&[Input::Inspected(Inspection::Empty), ended(Child::Create, 0), Input::Inspected(Inspection::Data)]);
    assert_eq!(machine.state(), State::Boot);
    assert_eq!(all.iter().filter(|e| **e == Effect::Spawn(Child::Create)).count(), 1);
    // `server create` says 0 whatever happened.
    let made = [Input::Inspected(Inspection::Empty), ended(Child::Create, 0), Input::Inspected(Inspection::Empty)];
    assert_eq!(exit(&made), Some(NO_PROGRAM));
    let forbidden = Rules { creation: Creation::Forbidden, ..rules() };
    let mut machine = Machine::new();
    machine.step(&forbidden, Input::Inspected(Inspection::Empty));
    assert_eq!(machine.state(), State::Over(NO_DATABASE));
    walk(rules(), |machine, _, input, effects, _| {
        if effects.contains(&Effect::Spawn(Child::Create)) {
            assert_eq!((machine.state(), input), (State::Init(Init::Checking), Input::Inspected(Inspection::Empty)));
        }
    });
}

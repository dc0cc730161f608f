//! Signals as messages: a thread of its own waits for them.

use std::{
    io,
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
};

use crate::model::Wish;

pub(super) enum Woken {
    Wished(Wish),
    Child,
}

/// Turns signals into messages. Handlers are there before anything is started.
pub(super) fn listen() -> io::Result<Receiver<Woken>> {
    let (send, inbox) = mpsc::channel();
    let signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD])?;
    thread::Builder::new().name("signals".to_owned()).stack_size(64 << 10).spawn(move || forward(signals, &send))?;
    Ok(inbox)
}

fn forward(mut signals: Signals, send: &Sender<Woken>) {
    for signal in signals.forever() {
        let woken = match signal {
            SIGCHLD => Woken::Child,
            SIGHUP => Woken::Wished(Wish::Again),
            _ => Woken::Wished(Wish::Stop),
        };
        if send.send(woken).is_err() {
            return;
        }
    }
}

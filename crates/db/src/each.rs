//! The same question to several pods at once, so that k unreachable pods cost one connect timeout, not k.

use std::{collections::BTreeMap, sync::mpsc, thread};

use aku_core::topology::Ordinal;

/// Asks each pod on a thread of its own and waits for all of them.
pub fn each_pod<T: Send>(
    pods: impl Iterator<Item = Ordinal>,
    ask: impl Fn(Ordinal) -> T + Sync,
) -> BTreeMap<Ordinal, T> {
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        for pod in pods {
            let (to, ask) = (send.clone(), &ask);
            // The receiver lives until the scope ends, so sending cannot fail.
            let spawned = thread::Builder::new().spawn_scoped(scope, move || {
                let _ = to.send((pod, ask(pod)));
            });
            // Without a thread for it a pod is asked here: later, not never.
            if spawned.is_err() {
                let _ = send.send((pod, ask(pod)));
            }
        }
        drop(send);
        receive.iter().collect()
    })
}

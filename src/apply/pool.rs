//! Threads of a run, used again: an action costs a wake-up instead of a new thread. One that hangs in a driver call is
//! never waited for; it comes back, or it does not.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

/// A job, and the way to give the thread another one.
struct Job {
    work: Box<dyn FnOnce() + Send>,
    thread: mpsc::Sender<Job>,
}

/// Threads without work. They end when the pool is dropped.
#[derive(Default)]
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<mpsc::Sender<Job>>>>,
}

impl Pool {
    /// Runs it on a thread that does nothing else meanwhile.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let rested = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let thread = match rested {
            Some(thread) => thread,
            None => self.spawn()?,
        };
        let job = Job { work: Box::new(work), thread: thread.clone() };
        thread.send(job).map_err(|_| io::Error::other("a thread ended by itself"))
    }

    fn spawn(&self) -> io::Result<mpsc::Sender<Job>> {
        let (send, jobs) = mpsc::channel::<Job>();
        let idle = Arc::downgrade(&self.idle);
        thread::Builder::new().name("action".to_owned()).spawn(move || {
            while let Ok(Job { work, thread }) = jobs.recv() {
                work();
                // Without a pool nobody has work any more.
                let Some(idle) = idle.upgrade() else { return };
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
            }
        })?;
        Ok(send)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;

    #[test]
    fn threads_are_used_again_and_never_for_two_things_at_once() {
        let pool = Pool::default();
        let (send, receive) = mpsc::channel();
        let once = |n: u32| {
            let send = send.clone();
            pool.run(move || send.send((n, thread::current().id())).unwrap()).unwrap();
            let (back, thread) = receive.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(back, n);
            // The thread reports before it rests.
            while pool.idle.lock().unwrap().is_empty() {
                thread::yield_now();
            }
            thread
        };
        let threads: BTreeSet<String> = (0..20).map(|n| format!("{:?}", once(n))).collect();
        assert_eq!(threads.len(), 1);
        // A job that waits for the next one does not keep it waiting.
        let (go, wait) = mpsc::channel::<()>();
        let done = send.clone();
        pool.run(move || {
            wait.recv().unwrap();
            done.send((100, thread::current().id())).unwrap();
        })
        .unwrap();
        pool.run(move || go.send(()).unwrap()).unwrap();
        assert_eq!(receive.recv_timeout(Duration::from_secs(20)).unwrap().0, 100);
    }
}

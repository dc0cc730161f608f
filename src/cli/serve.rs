//! `aku serve --metrics ADDR`: the series of `aku drift --metrics` for whoever scrapes, and two questions for the kubelet.
//!
//! One look after another, each with at most one session on each pod, whoever asks how often. A scrape gets the text of the
//! last look and waits for nothing. Sends nothing but SELECTs.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use oxhttp::{
    Server,
    model::{Body, Method, Request, Response, StatusCode, header::CONTENT_TYPE},
};
use signal_hook::{
    consts::{SIGINT, SIGQUIT, SIGTERM},
    iterator::Signals,
    low_level,
};

use super::{
    common::Common,
    drift::{self, DriftArgs, Memory},
    plan_args::Format,
    policy::PolicyArgs,
    size,
    stream::{OutputStyle, Streams, answer, fail},
    time,
    wiring::Platform,
};
use crate::{exit::Exit, outlet, render::Diagnostic};

/// Looks are never closer together, and never further apart.
const CLOSEST: Duration = Duration::from_secs(5);
const FURTHEST: Duration = Duration::from_secs(3600);
/// How long a client may take to ask and to be answered.
const CLIENT: Duration = Duration::from_secs(10);
/// Clients at once; the next one waits.
const CLIENTS: usize = 8;
/// Looks that may be missing before this process calls itself dead.
const MISSING: u32 = 5;
/// The text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Flags of `aku serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// Where to listen: [HOST]:PORT, e.g. :9399
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub metrics: SocketAddr,
    /// Time from one look to the next, 5s to 1h
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "30s")]
    pub every: Duration,
    /// How much log the disk of a pod holds, e.g. 50G: says when it is full at the present pace
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub log_disk: Option<u64>,
    /// Differences that do not count, as for aku drift
    #[arg(long, value_name = "FILE")]
    pub accept: Option<PathBuf>,
}

/// `:9399` is every address of this machine.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let own = |port: &str| port.parse().map(|port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    match text.strip_prefix(':').filter(|port| !port.contains(':')) {
        Some(port) => own(port).map_err(|e| format!("{e}: write [HOST]:PORT, e.g. :9399")),
        None => text.parse().map_err(|e| format!("{e}: write an address and a port, e.g. 127.0.0.1:9399 or :9399")),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = time::parse(text)?;
    if (CLOSEST..=FURTHEST).contains(&time) { Ok(time) } else { Err("between 5s and 1h".to_owned()) }
}

/// What the last look found.
#[derive(Debug)]
struct Last {
    /// `None` before the first look.
    text: Option<String>,
    at: Instant,
    exit: Exit,
}

/// The answers of this process.
#[derive(Clone)]
struct Shelf {
    last: Arc<Mutex<Last>>,
    /// After this time without a look the process is as good as dead.
    patience: Duration,
}

impl Shelf {
    fn new(every: Duration) -> Self {
        let last = Last { text: None, at: Instant::now(), exit: Exit::Unknown };
        Self { last: Arc::new(Mutex::new(last)), patience: every * MISSING + CLIENT }
    }

    fn put(&self, text: String, exit: Exit) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Last { text: Some(text), at: Instant::now(), exit };
    }

    fn answer(&self, method: &Method, path: &str) -> (StatusCode, &'static str, String) {
        let plain = "text/plain; charset=utf-8";
        if method != Method::GET && method != Method::HEAD {
            return (StatusCode::METHOD_NOT_ALLOWED, plain, "GET\n".to_owned());
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (age, alive) = (last.at.elapsed().as_secs(), last.at.elapsed() < self.patience);
        let said = format!("{}: the last look is {age} s old and ended with {}\n", word(alive), last.exit as u8);
        match (path, &last.text) {
            ("/metrics", Some(text)) => (StatusCode::OK, TEXT, text.clone()),
            ("/metrics" | "/readyz", None) => {
                (StatusCode::SERVICE_UNAVAILABLE, plain, "no: there was no look yet\n".to_owned())
            }
            ("/readyz", Some(_)) | ("/livez", _) if alive => (StatusCode::OK, plain, said),
            ("/readyz", Some(_)) | ("/livez", _) => (StatusCode::SERVICE_UNAVAILABLE, plain, said),
            (_, _) => (StatusCode::NOT_FOUND, plain, "/metrics, /livez, /readyz\n".to_owned()),
        }
    }
}

fn word(alive: bool) -> &'static str {
    if alive { "yes" } else { "no" }
}

/// Serves until it is told to end.
pub fn run(args: &ServeArgs, common: &Common, world: &dyn Platform, look: &OutputStyle, s: &mut Streams<'_>) -> Exit {
    let shelf = Shelf::new(args.every);
    if let Err(trouble) = opened(args, &shelf) {
        return fail(s, look, &trouble);
    }
    if let Err(exit) = answer(s, &format!("http://{}/metrics, a look every {} s\n", args.metrics, args.every.as_secs()))
    {
        return exit;
    }
    outlet::everything_is_a_log();
    let drift = DriftArgs {
        format: Format::default(),
        nagios: false,
        previous: None,
        output: None,
        accept: args.accept.clone(),
        deny: Vec::new(),
        policy: PolicyArgs::default(),
        since_ok: None,
        join_limit: Duration::from_secs(2 * 3600),
        gap_limit: None,
        log_limit: None,
        lag_limit: None,
        patience: None,
        metrics: None,
    };
    let mut memory = Memory::new(args.log_disk);
    loop {
        let began = Instant::now();
        let (text, exit) = drift::page(&drift, &mut memory, common, world, look, s);
        shelf.put(text, exit);
        world.sleep(args.every.saturating_sub(began.elapsed()).max(CLOSEST));
    }
}

fn opened(args: &ServeArgs, shelf: &Shelf) -> Result<(), Diagnostic> {
    let trouble = |e: io::Error| {
        Diagnostic::new(Exit::Output, "listen", format!("cannot listen on {}: {e}", args.metrics))
            .next("name another address: --metrics [HOST]:PORT")
    };
    leave_on_signals().map_err(trouble)?;
    let bound = listening(args.metrics, shelf.clone()).or_else(|e| {
        // A machine without IPv6.
        let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, args.metrics.port()));
        let all = args.metrics.ip() == Ipv6Addr::UNSPECIFIED;
        if all && e.kind() != io::ErrorKind::AddrInUse { listening(v4, shelf.clone()) } else { Err(e) }
    });
    bound.map_err(trouble)
}

fn listening(at: SocketAddr, shelf: Shelf) -> io::Result<()> {
    Server::new(move |request: &mut Request<Body>| {
        let (status, kind, text) = shelf.answer(request.method(), request.uri().path());
        let plain = || Response::new(Body::empty());
        Response::builder().status(status).header(CONTENT_TYPE, kind).body(Body::from(text)).unwrap_or_else(|_| plain())
    })
    .bind(at)
    .with_global_timeout(CLIENT)
    .with_max_concurrent_connections(CLIENTS)
    .spawn()
    .map(drop)
}

/// Nothing was changed and nobody waits, so a signal just ends the process: as the first one of a container, too, where
/// nothing ends by default.
fn leave_on_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGQUIT])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            low_level::exit(Exit::Ok as i32);
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_intervals() {
        assert_eq!(address(":9399"), Ok("[::]:9399".parse().unwrap()));
        assert_eq!(address("127.0.0.1:1"), Ok("127.0.0.1:1".parse().unwrap()));
        assert_eq!(address("[::1]:9"), Ok("[::1]:9".parse().unwrap()));
        for wrong in ["9399", ":x", "::9399", "host", ":99999"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert!(
            interval("30s").is_ok() && interval("1s").is_err() && interval("2h").is_err() && interval("30").is_err()
        );
    }

    #[test]
    fn answers() {
        let shelf = Shelf::new(CLOSEST);
        let get = |shelf: &Shelf, path: &str| shelf.answer(&Method::GET, path).0.as_u16();
        assert_eq!(["/metrics", "/readyz", "/livez", "/"].map(|p| get(&shelf, p)), [503, 503, 200, 404]);
        shelf.put("aku_exit_code 0\n".to_owned(), Exit::Ok);
        assert_eq!(["/metrics", "/readyz", "/livez", "/x"].map(|p| get(&shelf, p)), [200, 200, 200, 404]);
        let (status, kind, text) = shelf.answer(&Method::GET, "/metrics");
        assert_eq!((status.as_u16(), kind, text.as_str()), (200, TEXT, "aku_exit_code 0\n"));
        assert_eq!(shelf.answer(&Method::POST, "/metrics").0.as_u16(), 405);
        // A look that hangs: the text stays, and says when it was made.
        let hung = Shelf { patience: Duration::ZERO, ..shelf };
        assert_eq!(["/metrics", "/readyz", "/livez"].map(|p| get(&hung, p)), [200, 503, 503]);
    }
}

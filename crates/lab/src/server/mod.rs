//! A lab server as an engine: sessions, replication verbs, senders and receivers around a [`Database`].
//!
//! It decides everything an Altibase server decides that a client or a peer can see; it must never touch a socket, a
//! thread or a clock. What waits is state, looked at again when something changed: `Server::settle`.

mod alter;
mod apply;
mod catalog;
mod checkpoint;
mod config;
mod confirm;
mod control;
mod create;
mod ddl;
mod dictionary;
mod errors;
mod execute;
mod flush;
mod grants;
mod handshake;
mod host;
mod items;
mod latch;
mod login;
mod message;
mod meta;
mod object;
mod offline;
mod performance;
mod properties;
mod receiver;
mod replication_views;
mod seconds;
mod sender;
mod sessions;
mod settings;
mod stream;
mod sync_source;
mod sync_target;
mod userlock;
mod users;
mod waits;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use self::{
    latch::Latch,
    message::Message,
    object::Objects,
    properties::Properties,
    receiver::{Processed, Receiver},
    sender::Sender,
    sessions::Sessions,
    userlock::UserLocks,
};
use super::{
    data::Database,
    io::{Engine, Input, LinkId, Micros, Output},
    sql::{SqlError, statement::Since},
    store::Store,
};
pub use config::{Generation, PodConfig};

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Link {
    /// A sender of ours.
    Sender(String),
    /// A receiver of ours.
    Receiver(String),
    /// A peer connected and has not introduced itself.
    Accepted { local: String, peer: String },
    /// Ours, to wake up the peer of this replication.
    WakeUp(String),
}

/// Everything but the rows.
struct Core {
    config: PodConfig,
    properties: Properties,
    sessions: Sessions,
    latch: Latch,
    user_locks: UserLocks,
    objects: Objects,
    senders: BTreeMap<String, Sender>,
    receivers: BTreeMap<String, Receiver>,
    /// By replication; outlives a receiver, not the process (`measured.md` 9.2).
    processed: BTreeMap<String, Processed>,
    met: offline::Met,
    /// How START WITH OFFLINE went last.
    offline: BTreeMap<String, offline::Delivered>,
    links: BTreeMap<LinkId, Link>,
    last_link: u64,
    signature: String,
    started: Micros,
    now: Micros,
    next_checkpoint: Micros,
    heartbeat: sender::Heartbeat,
    /// Value of `Database::releases` when waiting requests were last made again.
    releases_seen: u64,
    /// A user lock was given back since waiting requests were last looked at.
    user_lock_freed: bool,
    out: Vec<Output>,
}

/// One lab server.
pub struct Server {
    db: Database,
    core: Core,
    booted: bool,
}

const SIGNATURE: &str = "signature";

impl Server {
    /// Opens a server on what the store holds; an empty store becomes a new database. Dials of senders that start by
    /// themselves come from the first [`Engine::handle`].
    ///
    /// # Errors
    /// The store; or a boot property that is unknown or out of range.
    pub fn open(config: PodConfig, store: impl Store + 'static, now: Micros) -> io::Result<Self> {
        let refused = |e: SqlError| io::Error::new(io::ErrorKind::InvalidInput, e.message);
        let mut properties = Properties::new(config.generation).with_log_dir(config.log_dir.clone());
        for (name, value) in [("PORT_NO", config.port), ("REPLICATION_PORT_NO", config.replication_port)] {
            properties.boot(name, &value.to_string()).map_err(refused)?;
        }
        for (name, value) in &config.boot_properties {
            properties.boot(name, value).map_err(refused)?;
        }
        let mut db = Database::open(Box::new(store))?;
        db.set_log_file_bytes(properties.get("LOG_FILE_SIZE"));
        let objects = Objects::load(&db);
        db.retain_from(objects.lowest_xsn().map(crate::data::Sn));
        let signature = signature(&mut db, &config, now);
        let next_checkpoint = now + properties.seconds("CHECKPOINT_INTERVAL_IN_SEC");
        let heartbeat = sender::Heartbeat::of(&properties);
        let core = Core {
            config,
            properties,
            sessions: Sessions::default(),
            latch: Latch::default(),
            user_locks: UserLocks::default(),
            objects,
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            processed: BTreeMap::new(),
            met: BTreeSet::new(),
            offline: BTreeMap::new(),
            links: BTreeMap::new(),
            last_link: 1,
            signature,
            started: now,
            now,
            next_checkpoint,
            heartbeat,
            releases_seen: 0,
            user_lock_freed: false,
            out: Vec::new(),
        };
        let mut server = Self { db, core, booted: false };
        server.note_replicated();
        Ok(server)
    }

    /// What the lab's own tests and faults may look at: the database.
    pub fn database(&self) -> &Database {
        &self.db
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Client { conn, peer, request } => self.client(conn, &peer, request),
            Input::ClientGone { conn } => self.client_gone(conn),
            Input::LinkUp { link, local, peer } => self.link_up(link, &local, &peer),
            Input::LinkFailed { link, why: _ } => self.link_failed(link),
            Input::LinkAccepted { link, local, peer } => {
                if self.core.properties.get("REPLICATION_PORT_NO") == 0 {
                    self.core.out.push(Output::Hangup { link });
                } else {
                    self.core.links.insert(link, Link::Accepted { local, peer });
                }
            }
            Input::LinkMessage { link, message } => self.link_message(link, &message),
            Input::LinkDown { link } => self.link_down(link),
            Input::Timer => {}
        }
    }

    /// Does whatever became possible, until nothing more is.
    fn settle(&mut self) {
        loop {
            let mut moved = false;
            if self.db.releases() != self.core.releases_seen {
                self.core.releases_seen = self.db.releases();
                self.retry_locks();
                moved = true;
            }
            if std::mem::take(&mut self.core.user_lock_freed) {
                self.retry_user_locks();
                moved = true;
            }
            while let Some(session) = self.core.latch.next() {
                self.resume(session);
                if self.core.latch.next() == Some(session) {
                    self.core.latch.leave(session);
                }
                moved = true;
            }
            moved |= self.pump_receivers();
            moved |= self.pump_senders();
            moved |= self.check_flushes();
            if !moved && self.db.releases() == self.core.releases_seen {
                return;
            }
        }
    }

    /// What is due.
    fn tick(&mut self) {
        self.expire_waits();
        self.sender_timers();
        self.receiver_timers();
        if self.core.now >= self.core.next_checkpoint {
            self.checkpoint();
        }
    }

    /// The first call after the start: senders that were running run again, peers are woken.
    fn boot(&mut self) {
        self.auto_start();
        self.wake_peers();
    }
}

/// DB_SIGNATURE: made with the database, kept by it.
fn signature(db: &mut Database, config: &PodConfig, now: Micros) -> String {
    use std::fmt::Write as _;

    use sha2::{Digest as _, Sha256};

    if let Some(text) = db.meta(SIGNATURE).and_then(|b| std::str::from_utf8(b).ok()) {
        return text.to_owned();
    }
    let hash = Sha256::digest(format!("{}:{}:{now}", config.ip, config.replication_port));
    let mut hex = String::new();
    for byte in hash.iter().take(10) {
        let _ = write!(hex, "{byte:02X}");
    }
    // As on a real server, the middle is the moment of creation: seconds and microseconds.
    let (seconds, micros) = (now / 1_000_000, now % 1_000_000);
    let text = format!("{}-{seconds:08X}:{micros:08X}-{}", &hex[..12], &hex[12..20]);
    db.put_meta(SIGNATURE, text.clone().into_bytes());
    text
}

impl Core {
    /// A number for a link of our own.
    fn new_link(&mut self, link: Link) -> LinkId {
        let id = LinkId(self.last_link);
        self.last_link += 2;
        self.links.insert(id, link);
        id
    }

    fn send(&mut self, link: LinkId, message: &Message) {
        self.out.push(Output::Send { link, message: message.encode() });
    }

    fn hang_up(&mut self, link: LinkId) {
        if self.links.remove(&link).is_some() {
            self.out.push(Output::Hangup { link });
        }
    }

    fn is_2018(&self) -> bool {
        match self.config.generation {
            Generation::V2018 => true,
            Generation::V7_2 => false,
        }
    }

    /// Which words this build knows.
    fn grammar(&self) -> Since {
        match self.config.generation {
            Generation::V2018 => Since::Always,
            Generation::V7_2 => Since::V72,
        }
    }

    /// REPL_PROTOCOL_VERSION.
    fn protocol(&self) -> &'static str {
        match self.config.generation {
            Generation::V2018 => "7.4.2",
            Generation::V7_2 => "7.4.8",
        }
    }
}

impl Engine for Server {
    fn handle(&mut self, now: Micros, input: Input, out: &mut Vec<Output>) {
        self.core.now = self.core.now.max(now);
        if !std::mem::replace(&mut self.booted, true) {
            self.boot();
        }
        self.input(input);
        self.tick();
        self.settle();
        out.append(&mut self.core.out);
    }

    fn next_deadline(&self) -> Option<Micros> {
        let waits = self.core.sessions.iter().filter_map(waits::next_deadline);
        let senders = self.core.senders.values().filter_map(|s| self.core.sender_deadline(s));
        let receivers = self.core.receivers.values().filter_map(Receiver::deadline);
        let boot = (!self.booted).then_some(self.core.now);
        waits.chain(senders).chain(receivers).chain([self.core.next_checkpoint]).chain(boot).min()
    }

    fn persist(&mut self) -> io::Result<()> {
        self.db.persist()
    }
}

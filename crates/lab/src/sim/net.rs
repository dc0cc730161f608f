//! The simulated network's rules: which way is cut, who refuses, how long a message takes.
//!
//! It decides the fate and the time of one message; it must never look into messages, and has no randomness beside
//! the seed's.

use std::collections::{BTreeMap, BTreeSet};

use crate::io::Micros;

/// A small, fast, repeatable generator (SplitMix64).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Every seed gives another sequence, the same every time.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// True `n` times out of 100.
    pub fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }
}

/// What the network does between pods (and, for black holes, between clients and pods).
#[derive(Clone, Debug, Default)]
pub struct Rules {
    cut: BTreeSet<(usize, usize)>,
    holes: BTreeSet<usize>,
    refusing: BTreeSet<usize>,
    unrouted: BTreeSet<usize>,
    latency: BTreeMap<(usize, usize), Micros>,
}

/// How long a connection is tried to where no route leads (`measured.md` 9.1), microseconds.
pub const NO_ROUTE: Micros = 3_080_000;

/// Latency of a link without a rule of its own, microseconds.
pub const DEFAULT_LATENCY: Micros = 150;

impl Rules {
    /// Messages from one pod to another stop, silently; other directions go on.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    /// Messages flow again; what was held arrives late, as TCP would have it.
    pub fn heal(&mut self, from: usize, to: usize) {
        self.cut.remove(&(from, to));
    }

    /// Nothing reaches the pod and nothing leaves it.
    pub fn black_hole(&mut self, pod: usize) {
        self.holes.insert(pod);
    }

    /// Ends a black hole.
    pub fn fill_hole(&mut self, pod: usize) {
        self.holes.remove(&pod);
    }

    /// The pod refuses new connections from other pods.
    pub fn refuse(&mut self, pod: usize) {
        self.refusing.insert(pod);
    }

    /// The pod takes connections again.
    pub fn accept(&mut self, pod: usize) {
        self.refusing.remove(&pod);
    }

    /// There is no route to the pod: new connections fail after some seconds (`measured.md` 9.1, 9.9).
    pub fn unroute(&mut self, pod: usize) {
        self.unrouted.insert(pod);
    }

    /// The route is back.
    pub fn route(&mut self, pod: usize) {
        self.unrouted.remove(&pod);
    }

    /// Whether there is no route to the pod.
    #[must_use]
    pub fn is_unrouted(&self, pod: usize) -> bool {
        self.unrouted.contains(&pod)
    }

    /// Sets the latency of one direction, microseconds.
    pub fn set_latency(&mut self, from: usize, to: usize, micros: Micros) {
        self.latency.insert((from, to), micros);
    }

    /// Ends every fault.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a message in that direction gets nowhere at the moment.
    #[must_use]
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        from != to && (self.cut.contains(&(from, to)) || self.holes.contains(&from) || self.holes.contains(&to))
    }

    /// Whether the pod is in a black hole, seen from a client.
    #[must_use]
    pub fn is_hole(&self, pod: usize) -> bool {
        self.holes.contains(&pod)
    }

    /// Whether the pod refuses connections.
    #[must_use]
    pub fn is_refusing(&self, pod: usize) -> bool {
        self.refusing.contains(&pod)
    }

    /// Time of one message, with up to a quarter of jitter.
    pub fn delay(&self, rng: &mut Rng, from: usize, to: usize) -> Micros {
        let base = self.latency.get(&(from, to)).copied().unwrap_or(DEFAULT_LATENCY);
        base + rng.below(base / 4 + 1)
    }
}

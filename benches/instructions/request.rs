//! A whole request natively: everything that the filter does between two host calls, over a host that does nothing.

use crate::requests::{API_KEY, CLAIMS, CONFIG, OWNER, Sent, THIEF};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use session_risk::{
    facts::Outcome,
    filter::Stream,
    host::{Effect, Host},
    root::Root,
    session::{
        local::LocalStore,
        table::{Cas, Store, StoreError, Written},
    },
    time::Timestamp,
};
use std::hint::black_box;

/// One bucket's worth of memory, and a clock that goes a minute a request.
struct Memory {
    now: u64,
    address: &'static str,
    store: LocalStore,
    replies: u64,
}

impl Store for Memory {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        self.store.read(key, into)
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        self.store.write(key, value, cas)
    }
}

impl Host for Memory {
    fn now(&mut self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        (path == ["source", "address"]).then(|| self.address.as_bytes().to_vec())
    }

    fn apply(&mut self, effect: Effect<'_>) {
        self.replies += u64::from(matches!(black_box(effect), Effect::Reply(_)));
    }
}

/// Warms a session with a hundred requests, then sends `rounds` more; a stolen one is the thief's from then on.
pub fn work(case: &str, rounds: u64) {
    let payload = URL_SAFE_NO_PAD.encode(CLAIMS);
    let token = ("x-jwt-payload", payload.as_str());
    let credential = if case == "warm" { API_KEY } else { token };
    let store = LocalStore::default();
    let mut memory = Memory { now: 1_767_600_000_000, address: OWNER.address, store, replies: 0 };
    let mut root = Root::configure(&mut memory, CONFIG.as_bytes()).unwrap();
    let (owner, thief) = (blob(OWNER, credential), blob(THIEF, credential));
    (0..100).for_each(|_| send(&mut root, &mut memory, &owner));
    assert_eq!(memory.replies, 0);
    if case == "stolen" {
        memory.address = THIEF.address;
        (0..rounds).for_each(|_| send(&mut root, &mut memory, &thief));
        assert_eq!(memory.replies, rounds);
    } else {
        (0..rounds).for_each(|_| send(&mut root, &mut memory, &owner));
        assert_eq!(memory.replies, 0);
    }
}

fn send(root: &mut Root, memory: &mut Memory, headers: &[u8]) {
    memory.now += 60_000;
    let (stream, _) = Stream::request_headers(root, memory, headers.to_vec(), true);
    drop(stream.response_headers(root, memory, Outcome { status: 200, ..Outcome::default() }));
}

/// Headers as the ABI serialises them.
fn blob(sent: Sent, credential: (&str, &str)) -> Vec<u8> {
    let fixed = [(":method", "GET"), (":path", sent.path), (":authority", "shop.example"), credential];
    let pairs = || fixed.iter().chain(sent.headers);
    let length = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut blob = u32::try_from(pairs().count()).unwrap().to_le_bytes().to_vec();
    pairs().for_each(|(name, value)| blob.extend([length(name), length(value)].concat()));
    pairs().for_each(|(name, value)| blob.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat()));
    blob
}

//! A whole request natively: everything that the filter does between two host calls, over a host that does nothing.
//! The same requests as in `tests/cost.rs`.

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

const CONFIG: &str = r#"{
    "secret": "0123456789abcdef",
    "session": {"key": [{"claims": ["sid"]}, {"header": "x-api-key"}], "payload": {"header": "x-jwt-payload"}},
    "device": {"posture": {"claim": "device.posture"}},
    "routes": [
        {"method": "GET", "path": "/v1/users/{id}/export", "tier": "sensitive", "access": "export"},
        {"path": "/v1/orders/{id}"},
        {"path": "/admin/**", "tier": "sensitive", "access": "admin"}
    ]
}"#;
const CLAIMS: &str = r#"{"iss":"https://id.example.com","sub":"u-1234","sid":"s-5678","auth_time":1767600000,"scope":"read write","device":{"posture":"compliant"}}"#;

/// One bucket's worth of memory, and a clock that goes a minute a request.
struct Memory {
    now: u64,
    address: &'static [u8],
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
        (path == ["source", "address"]).then(|| self.address.to_vec())
    }

    fn apply(&mut self, effect: Effect<'_>) {
        self.replies += u64::from(matches!(black_box(effect), Effect::Reply(_)));
    }
}

/// Warms a session with a hundred requests, then sends `rounds` more; a stolen one is the thief's from then on.
pub fn work(case: &str, rounds: u64) {
    let payload = URL_SAFE_NO_PAD.encode(CLAIMS);
    let token = ("x-jwt-payload", payload.as_str());
    let key = ("x-api-key", "live_0123456789abcdef0123456789abcdef");
    let store = LocalStore::default();
    let mut memory = Memory { now: 1_767_600_000_000, address: b"203.0.113.9:51423", store, replies: 0 };
    let mut root = Root::configure(&mut memory, CONFIG.as_bytes()).unwrap();
    let credential = if case == "warm" { key } else { token };
    let owner = blob(&[
        (":method", "GET"),
        (":path", "/v1/orders/8812?full=1"),
        (":authority", "shop.example"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"),
        ("accept", "application/json"),
        ("x-geo-asn", "3320"),
        ("x-geo-country", "DE"),
        ("x-geo-latitude", "52.52"),
        ("x-geo-longitude", "13.40"),
        ("x-ja4", "t13d1516h2_8daaf6152771_02713d6af862"),
        credential,
    ]);
    let thief = blob(&[
        (":method", "GET"),
        (":path", "/admin/users"),
        (":authority", "shop.example"),
        ("user-agent", "python-requests/2.32"),
        ("x-geo-asn", "64500"),
        ("x-geo-country", "BR"),
        ("x-geo-latitude", "-23.55"),
        ("x-geo-longitude", "-46.63"),
        ("x-ja4", "t13d1812h1_85036bcba153_b26ce05bbdd6"),
        credential,
    ]);
    (0..100).for_each(|_| send(&mut root, &mut memory, &owner));
    assert_eq!(memory.replies, 0);
    if case == "stolen" {
        memory.address = b"198.51.100.7:40000";
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
fn blob(pairs: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut blob = u32::try_from(pairs.len()).unwrap().to_le_bytes().to_vec();
    pairs.iter().for_each(|(name, value)| blob.extend([length(name), length(value)].concat()));
    pairs.iter().for_each(|(name, value)| blob.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat()));
    blob
}

//! What the core costs in memory: nothing. A counting allocator sees every allocation of the thread that asks.
//! Its own test binary, because an allocator is for a whole program; the only `unsafe` outside `src/wasm/abi.rs`.
#![cfg(not(target_family = "wasm"))]
#![allow(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use session_risk::bounds::SESSION_BYTES;
use session_risk::config::Config;
use session_risk::engine::{Assessment, Engine};
use session_risk::facts::device::{Posture, UserAgent};
use session_risk::facts::{
    Access, Action, Actor, Binding, Country, Device, Facts, Grant, IdentityFlaws, Location, Network, NetworkKind,
    Outcome, SessionKey, Tier,
};
use session_risk::session::bucket::{self, Bucket, Rank};
use session_risk::session::local::LocalStore;
use session_risk::session::table::{self, Geometry, Request, Step};
use session_risk::session::{Session, codec};
use session_risk::time::Timestamp;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // The thread may be on its way out; nobody asks then.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `run` gives, and how often it allocated.
fn counted<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let before = ALLOCATIONS.get();
    let result = run();
    (result, ALLOCATIONS.get() - before)
}

fn engine() -> Engine {
    Config::from_json(br#"{"secret":"0123456789abcdef"}"#).unwrap().engine
}

/// A person's request with everything that a gateway can tell.
fn request(minute: u32) -> Facts {
    Facts {
        now: Timestamp::from_seconds(1_767_225_600 + minute * 60),
        key: SessionKey([7; 16]),
        subject: 1,
        actor: Actor::Human,
        verified: true,
        flaws: IdentityFlaws::default(),
        network: Network {
            prefix: Some(11),
            asn: Some(3320),
            country: Some(Country(*b"DE")),
            location: Some(Location { latitude: 5252, longitude: 1340 }),
            kind: NetworkKind::Access,
        },
        device: Device {
            user_agent: UserAgent::parse(b"Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"),
            ja4: Some(13),
            posture: Some(Posture::Compliant),
            binding: Binding::Bound(17),
        },
        grant: Grant { scope: Some(19), scope_size: 2, ..Grant::default() },
        action: Action {
            endpoint: 23,
            tier: Tier::Standard,
            access: Access::Write,
            target: Some(minute),
            ..Action::default()
        },
        selected: u64::MAX,
        config: Default::default(),
    }
}

/// The same credential somewhere else: every detector has something to say.
fn stolen(minute: u32) -> Facts {
    let mut facts = request(minute);
    facts.network = Network {
        prefix: Some(99),
        asn: Some(64_500),
        country: Some(Country(*b"BR")),
        location: Some(Location { latitude: -2355, longitude: -4663 }),
        kind: NetworkKind::Access,
    };
    facts.device = Device {
        user_agent: UserAgent::parse(b"python-requests/2.32"),
        ja4: Some(98),
        posture: Some(Posture::NotCompliant),
        binding: Binding::Unproven,
    };
    facts.grant = Grant { scope: Some(97), scope_size: 9, tool_declared: Some(false), ..Grant::default() };
    facts.action.tier = Tier::Critical;
    facts.flaws = IdentityFlaws { duplicate: true, malformed: true };
    facts
}

/// One request as the filter runs it: read what is stored, assess, write what is to be stored.
fn step(engine: &Engine, stored: Option<&[u8; SESSION_BYTES]>, facts: &Facts) -> (Assessment, [u8; SESSION_BYTES]) {
    let session = stored.and_then(|bytes| codec::decode(bytes).ok());
    let assessment = engine.assess(facts, session);
    (assessment, codec::encode(&assessment.session))
}

#[test]
fn the_counter_counts() {
    assert!(counted(|| vec![1u8; 100]).1 > 0);
}

#[test]
fn a_session_is_assessed_without_an_allocation_from_its_first_request_on() {
    let engine = engine();
    let mut stored = None;
    for minute in 0..100 {
        let facts = request(minute);
        let ((assessment, bytes), allocations) = counted(|| step(&engine, stored.as_ref(), &facts));
        assert_eq!(allocations, 0, "in minute {minute}");
        assert_eq!(assessment.score.points(), 0);
        stored = Some(bytes);
    }
    assert_eq!(codec::decode(&stored.unwrap()).unwrap().requests, 100);
}

#[test]
fn nor_does_suspicion_allocate() {
    let engine = engine();
    let (_, bytes) = (0..50).fold((None, [0; SESSION_BYTES]), |(last, bytes), minute| {
        let (assessment, bytes) = step(&engine, last.map(|_: Assessment| &bytes), &request(minute));
        (Some(assessment), bytes)
    });
    let facts = stolen(50);
    let ((assessment, _), allocations) = counted(|| step(&engine, Some(&bytes), &facts));
    assert_eq!(allocations, 0);
    assert!(assessment.signals.iter().count() >= 8, "{:?}", assessment.signals);
    assert_eq!(assessment.score.points(), 100);
}

#[test]
fn nor_do_answers_and_merging() {
    let engine = engine();
    let mut session: Session = engine.assess(&request(0), None).session;
    let other = engine.assess(&stolen(1), Some(session)).session;
    let outcome = Outcome { status: 404, ..Outcome::default() };
    let facts = request(2);
    let (signalled, allocations) =
        counted(|| (0..10).filter(|_| engine.observe(&facts, &outcome, &mut session, facts.now).mask() != 0).count());
    assert_eq!(allocations, 0);
    assert!(signalled > 0);
    assert_eq!(counted(|| session.merge(other)).1, 0);
}

#[test]
fn a_bucket_is_edited_where_it_lies() {
    let geometry = Geometry::new(16, 8).unwrap();
    let rank =
        |body: &[u8; SESSION_BYTES]| Rank { expired: false, protected: false, level: 0, last_seen: u64::from(body[0]) };
    let mut store = LocalStore::default();
    table::seed(&mut store, "t", geometry).unwrap();
    let mut blob = Vec::new();
    let key = [3; 16];
    let request = Request { name: "t", geometry, key: &key };
    let mut update = |body: u8, store: &mut LocalStore| {
        let mut step = |_: Option<&[u8; SESSION_BYTES]>| Step::Write([body; SESSION_BYTES]);
        table::update(store, request, 3, &mut blob, &rank, &mut step).unwrap()
    };
    // The scratch and the store's own value grow to the size of a bucket once.
    let first = update(1, &mut store);
    assert!(first.inserted, "{first:?}");
    update(2, &mut store);
    let (_, allocations) = counted(|| update(3, &mut store));
    assert_eq!(allocations, 0);

    let mut blob = Vec::new();
    Bucket::empty(&mut blob, 1, 8, codec::VERSION).seal();
    let (put, allocations) = counted(|| {
        let mut bucket = Bucket::open(&mut blob, 1, 8, codec::VERSION, &rank).unwrap();
        let put = bucket.put(&key, &[5; SESSION_BYTES], &rank);
        bucket.seal();
        put
    });
    assert_eq!((put, allocations), (bucket::Put::Inserted, 0));
}

//! What the core costs on a native machine: one request's assessment, the codec, the session table, reading a request,
//! compiling a configuration. Every case asserts its result, so that nothing fast and wrong is measured.
//! What the gateway costs around it is measured elsewhere.
#![allow(missing_docs, clippy::unwrap_used, clippy::arithmetic_side_effects)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use session_risk::bounds::SESSION_BYTES;
use session_risk::config::Config;
use session_risk::engine::Engine;
use session_risk::facts::device::{Posture, UserAgent};
use session_risk::facts::{
    Action, Actor, Binding, Country, Device, Facts, Grant, IdentityFlaws, Location, Network, NetworkKind, SessionKey,
    Tier,
};
use session_risk::filter::pairs;
use session_risk::intake::{self, Cache, Target};
use session_risk::session::bucket::{Bucket, Rank};
use session_risk::session::codec;
use session_risk::session::local::LocalStore;
use session_risk::session::table::{self, Geometry, Request, Step};
use session_risk::time::Timestamp;
use std::hint::black_box;

const START: u32 = 1_767_600_000;

const CONFIG: &str = r#"{
    "secret": "0123456789abcdef",
    "session": {"key": [{"claims": ["sid"]}, {"header": "x-api-key"}], "payload": {"header": "x-jwt-payload"}},
    "routes": [
        {"method": "GET", "path": "/v1/users/{id}/export", "tier": "sensitive", "access": "export"},
        {"path": "/v1/orders/{id}"},
        {"path": "/admin/**", "tier": "sensitive", "access": "admin"}
    ]
}"#;

fn engine() -> Engine {
    Config::from_json(CONFIG.as_bytes()).unwrap().engine
}

fn request(minute: u32) -> Facts {
    Facts {
        now: Timestamp::from_seconds(START + minute * 60),
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
            binding: Binding::None,
        },
        grant: Grant { scope: Some(19), scope_size: 2, ..Grant::default() },
        action: Action { endpoint: 23, target: Some(minute % 9), ..Action::default() },
        selected: u64::MAX,
        config: Default::default(),
    }
}

fn stolen(minute: u32) -> Facts {
    let mut facts = request(minute);
    facts.network.prefix = Some(99);
    facts.network.asn = Some(64_500);
    facts.network.country = Some(Country(*b"BR"));
    facts.network.location = Some(Location { latitude: -2355, longitude: -4663 });
    facts.device.user_agent = UserAgent::parse(b"python-requests/2.32");
    facts.device.ja4 = Some(98);
    facts.action.tier = Tier::Sensitive;
    facts
}

/// A session that has been used for a while, as it is stored.
fn warm(engine: &Engine) -> [u8; SESSION_BYTES] {
    let session = (0..100).fold(None, |session, minute| Some(engine.assess(&request(minute), session).session));
    codec::encode(&session.unwrap())
}

/// One request as the filter runs it: decode, assess, encode.
fn step(engine: &Engine, stored: Option<&[u8; SESSION_BYTES]>, facts: &Facts) -> (u8, [u8; SESSION_BYTES]) {
    let session = stored.and_then(|bytes| codec::decode(bytes).ok());
    let assessment = engine.assess(facts, session);
    (assessment.score.points(), codec::encode(&assessment.session))
}

fn assess(criterion: &mut Criterion) {
    let engine = engine();
    let mut group = criterion.benchmark_group("assess");
    let facts = request(0);
    assert_eq!(step(&engine, None, &facts).0, 0);
    group.bench_function("cold", |b| b.iter(|| step(&engine, black_box(None), black_box(&facts))));

    let (bytes, facts) = (warm(&engine), request(101));
    assert_eq!(step(&engine, Some(&bytes), &facts).0, 0);
    group.bench_function("warm", |b| b.iter(|| step(&engine, black_box(Some(&bytes)), black_box(&facts))));

    // Everything new at once, trigonometry included.
    let facts = stolen(101);
    assert!(step(&engine, Some(&bytes), &facts).0 >= 50);
    group.bench_function("stolen", |b| b.iter(|| step(&engine, black_box(Some(&bytes)), black_box(&facts))));

    // Evidence from before, decaying.
    let (_, bytes) = step(&engine, Some(&bytes), &facts);
    let facts = request(130);
    assert!(step(&engine, Some(&bytes), &facts).0 > 0);
    group.bench_function("hot", |b| b.iter(|| step(&engine, black_box(Some(&bytes)), black_box(&facts))));
    group.finish();
}

fn codec(criterion: &mut Criterion) {
    let engine = engine();
    let bytes = step(&engine, Some(&warm(&engine)), &stolen(101)).1;
    let session = codec::decode(&bytes).unwrap();
    assert_eq!(codec::encode(&session), bytes);
    let mut group = criterion.benchmark_group("codec");
    group.bench_function("encode", |b| b.iter(|| codec::encode(black_box(&session))));
    group.bench_function("decode", |b| b.iter(|| codec::decode(black_box(&bytes))));
    let other = engine.assess(&request(120), Some(session)).session;
    assert_eq!(session.merge(other), other.merge(session));
    group.bench_function("merge", |b| b.iter(|| black_box(session).merge(black_box(other))));
    group.finish();
}

fn rank(body: &[u8; SESSION_BYTES]) -> Rank {
    match codec::decode(body) {
        Ok(session) => Rank {
            expired: false,
            protected: false,
            level: session.standing.level.number(),
            last_seen: session.seen.millis(),
        },
        Err(_) => Rank { expired: true, protected: false, level: 0, last_seen: 0 },
    }
}

fn table(criterion: &mut Criterion) {
    let engine = engine();
    let geometry = Geometry::new(4096, 8).unwrap();
    let body = warm(&engine);
    let mut store = LocalStore::default();
    table::seed(&mut store, "bench", geometry).unwrap();
    let key = |number: u32| {
        let [a, b, c, d] = number.to_le_bytes();
        [a, b, c, d, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    };
    let mut blob = Vec::new();
    // 4096 buckets, all full.
    for number in 0..4096 * 8u32 {
        let number = (number % 4096) | (number / 4096) << 16;
        let (key, mut step) = (key(number), |_: Option<&[u8; SESSION_BYTES]>| Step::Write(body));
        let request = Request { name: "bench", geometry, key: &key };
        assert!(table::update(&mut store, request, 3, &mut blob, &rank, &mut step).unwrap().inserted);
    }
    let mut group = criterion.benchmark_group("table");
    let facts = request(101);
    let mut number = 0u32;
    group.bench_function("assess_known", |b| {
        b.iter(|| {
            number = (number + 1) % 4096;
            let key = key(number);
            let request = Request { name: "bench", geometry, key: &key };
            let mut score = u8::MAX;
            let mut run = |stored: Option<&[u8; SESSION_BYTES]>| {
                let (points, bytes) = step(&engine, stored, &facts);
                score = points;
                Step::Write(bytes)
            };
            let update = table::update(&mut store, request, 3, &mut blob, &rank, &mut run).unwrap();
            assert!(!update.inserted && !update.conflict && score == 0);
        });
    });
    let mut number = 0u32;
    group.bench_function("insert_into_full", |b| {
        b.iter(|| {
            number += 1;
            let key = key((number % 4096) | ((16 + number / 4096) << 16));
            let request = Request { name: "bench", geometry, key: &key };
            let update = table::update(&mut store, request, 3, &mut blob, &rank, &mut |_| Step::Write(body)).unwrap();
            assert!(update.evicted);
        });
    });
    let mut blob = Vec::new();
    let mut bucket = Bucket::empty(&mut blob, 0, 8, codec::VERSION);
    (1..=8).for_each(|number| {
        bucket.put(&key(number), &body, &rank);
    });
    bucket.seal();
    group.bench_function("open_and_seal", |b| {
        b.iter(|| {
            let bucket = Bucket::open(black_box(&mut blob), 0, 8, codec::VERSION, &rank).unwrap();
            assert!(bucket.find(&key(8)).is_some());
            bucket.seal().len()
        });
    });
    group.finish();
}

/// Headers as a host serialises them.
fn serialise(headers: &[(&str, &str)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    let mut blob = number(headers.len()).to_vec();
    for (name, value) in headers {
        blob.extend(number(name.len()));
        blob.extend(number(value.len()));
    }
    for (name, value) in headers {
        blob.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    blob
}

fn intake(criterion: &mut Criterion) {
    let config = Config::from_json(CONFIG.as_bytes()).unwrap();
    // {"iss":"https://id.example.com","sub":"u-1234","sid":"s-5678","iat":1767600000,"exp":1767603600,"auth_time":1767600000,"scope":"read write"}
    let payload = "eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwic3ViIjoidS0xMjM0Iiwic2lkIjoicy01Njc4IiwiaWF0IjoxNzY3NjAwMDAwLCJleHAiOjE3Njc2MDM2MDAsImF1dGhfdGltZSI6MTc2NzYwMDAwMCwic2NvcGUiOiJyZWFkIHdyaXRlIn0";
    let common = [
        (":method", "GET"),
        (":path", "/v1/orders/8812?full=1"),
        (":authority", "api.example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br"),
        ("x-geo-asn", "3320"),
        ("x-geo-country", "DE"),
        ("x-geo-latitude", "52.52"),
        ("x-geo-longitude", "13.40"),
        ("x-request-id", "8d0a5f6e-3b0e-4f0c-9b45-0c8d6c1f8f52"),
    ];
    let with = |more: (&'static str, &'static str)| serialise(&[&common[..], &[more]].concat());
    let (jwt, api_key) =
        (with(("x-jwt-payload", payload)), with(("x-api-key", "live_0123456789abcdef0123456789abcdef")));
    let mut cache = Cache::default();
    let mut read = |blob: &[u8]| {
        let headers = config.names.pick(pairs(blob));
        let target = Target::find(&config, &headers);
        let mut property = |path: &[&str]| (path == ["source", "address"]).then(|| b"203.0.113.9:51423".to_vec());
        intake::read(&config, &mut cache, &headers, &target, None, &mut property, Timestamp::from_seconds(START)).facts
    };
    let facts = read(&jwt).unwrap();
    assert!(facts.verified && facts.grant.auth_time == Some(START) && facts.network.asn == Some(3320));
    assert_ne!(read(&api_key).unwrap().key, facts.key);
    let mut group = criterion.benchmark_group("intake");
    group.bench_function("jwt_payload", |b| b.iter(|| read(black_box(&jwt))));
    group.bench_function("api_key", |b| b.iter(|| read(black_box(&api_key))));
    group.finish();
}

fn config(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("config");
    assert_eq!(engine().rules.len(), session_risk::policy::default_rules().len());
    group.bench_function("compile", |b| {
        b.iter_batched(|| CONFIG.as_bytes(), |text| Config::from_json(black_box(text)).unwrap(), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, assess, codec, table, intake, config);
criterion_main!(benches);

//! Instructions of one assessment with the session's decode and encode, counted by callgrind and held against
//! `tests/cost.txt`. The program runs itself under valgrind twice; the difference is free of what starting costs.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects
)]
#![allow(clippy::print_stdout, clippy::cast_precision_loss)]

#[path = "../tests/cost/record.rs"]
mod record;
#[path = "instructions/request.rs"]
mod request;
#[path = "../tests/cost/requests.rs"]
mod requests;

use session_risk::bounds::SESSION_BYTES;
use session_risk::config::Config;
use session_risk::engine::Engine;
use session_risk::facts::device::{Posture, UserAgent};
use session_risk::facts::{
    Action, Actor, Binding, Country, Device, Facts, Grant, IdentityFlaws, Location, Network, NetworkKind, SessionKey,
    Tier,
};
use session_risk::session::codec;
use session_risk::time::Timestamp;
use std::{hint::black_box, process::Command, process::ExitCode};

/// Says to the program that it runs under valgrind, and what: `case rounds`.
const INNER: &str = "SESSION_RISK_INSTRUCTIONS";
const ROUNDS: u64 = 500;
const CASES: [&str; 6] =
    ["assess_cold", "assess_warm", "assess_stolen", "request_warm", "request_with_token", "request_stolen"];

fn main() -> ExitCode {
    if let Ok(job) = std::env::var(INNER) {
        let (case, rounds) = job.split_once(' ').expect("`case rounds`");
        work(case, rounds.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: no valgrind to count instructions with; on Debian or Ubuntu: apt-get install valgrind");
        return ExitCode::SUCCESS;
    }
    let figures = CASES.map(|case| {
        let (short, long) = (counted(case, ROUNDS), counted(case, 2 * ROUNDS));
        ("instructions", case, (long - short) / ROUNDS)
    });
    for (kind, of, number) in figures {
        println!("{kind} {of} {number}");
    }
    match record::settle(&figures) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            println!("{problems}");
            ExitCode::FAILURE
        }
    }
}

/// Instructions of the whole program with so many rounds.
fn counted(case: &str, rounds: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .env(INNER, format!("{case} {rounds}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let number = text.split("Collected : ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("callgrind said no count:\n{text}"))
}

fn work(case: &str, rounds: u64) {
    if let Some(case) = case.strip_prefix("request_") {
        return request::work(case, rounds);
    }
    let engine = Config::from_json(br#"{"secret":"0123456789abcdef"}"#).unwrap().engine;
    let session = (0..100).fold(None, |session, minute| Some(engine.assess(&request(minute), session).session));
    let warm = codec::encode(&session.unwrap());
    let (stored, facts) = match case {
        "assess_cold" => (None, request(0)),
        "assess_warm" => (Some(&warm), request(101)),
        _ => (Some(&warm), stolen(101)),
    };
    let points: u64 = (0..rounds).map(|_| u64::from(step(&engine, black_box(stored), black_box(&facts)))).sum();
    assert_eq!(points >= 50 * rounds, case == "assess_stolen");
}

/// One request as the filter runs it.
fn step(engine: &Engine, stored: Option<&[u8; SESSION_BYTES]>, facts: &Facts) -> u8 {
    let assessment = engine.assess(facts, stored.and_then(|bytes| codec::decode(bytes).ok()));
    black_box(codec::encode(&assessment.session));
    assessment.score.points()
}

fn request(minute: u32) -> Facts {
    Facts {
        now: Timestamp::from_seconds(1_767_600_000 + minute * 60),
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

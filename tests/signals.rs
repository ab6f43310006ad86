//! The youngest signals, each in a short story that raises it, beside an honest twin that does not.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use session_risk::config::Config;
use session_risk::facts::device::{Posture, UserAgent};
use session_risk::facts::{
    Access, Action, Actor, Binding, Device, Facts, Grant, IdentityFlaws, Network, NetworkKind, Outcome, SessionKey,
};
use session_risk::signal::{Decibans, Kind};
use session_risk::time::Timestamp;

/// 2026-01-05T08:00:00Z.
const START: u32 = 1_767_600_000;
const HOUR: u32 = 3_600;

fn at(second: u32, actor: Actor, program: &str) -> Facts {
    Facts {
        now: Timestamp::from_seconds(START + second),
        key: SessionKey(*b"a session's key."),
        subject: 1,
        actor,
        verified: true,
        flaws: IdentityFlaws::default(),
        network: Network { asn: Some(1), kind: NetworkKind::Hosting, ..Network::default() },
        device: Device {
            user_agent: UserAgent::parse(program.as_bytes()),
            binding: Binding::None,
            ..Device::default()
        },
        grant: Grant::default(),
        action: Action { endpoint: 1, resource: 1, target: Some(1), ..Action::default() },
        selected: u64::MAX,
    }
}

/// Whether the last request of a story raises `kind`, by default and with its weight at zero.
fn raises(kind: Kind, story: &[Facts]) -> bool {
    let budgets = r#"[{"actor":["agent"],"writes":2}]"#;
    let text = format!(r#"{{"secret":"0123456789abcdef","budgets":{budgets}}}"#);
    let mut engine = Config::from_json(text.as_bytes()).unwrap().engine;
    let mut last = |silent: bool| {
        if silent {
            engine.weights.set(kind, Decibans::ZERO);
        }
        let mut session = None;
        let mut mask = 0;
        for facts in story {
            let assessment = engine.assess(facts, session);
            (session, mask) = (Some(assessment.session), assessment.signals.mask());
        }
        mask & kind.bit() != 0
    };
    let raised = last(false);
    assert!(!last(true), "{kind:?} is raised with a weight of zero");
    raised
}

#[test]
fn a_machine_at_an_odd_hour_and_one_that_is_a_little_late() {
    let days =
        || (0..4u32).flat_map(|day| (0..60).map(move |n| at(day * 24 * HOUR + n * 30, Actor::Service, "curl/8.5")));
    let story = |hour| days().chain([at(72 * HOUR + hour * HOUR, Actor::Service, "curl/8.5")]).collect::<Vec<_>>();
    assert!(raises(Kind::CadenceShift, &story(12)));
    assert!(!raises(Kind::CadenceShift, &story(25)));
}

#[test]
fn a_browser_where_machines_were_and_where_a_browser_was() {
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0";
    let story = |program| {
        let past = (0..30).map(move |n| at(n * 60, Actor::ApiKey, program));
        past.chain([at(3_000, Actor::ApiKey, firefox)]).collect::<Vec<_>>()
    };
    assert!(raises(Kind::HumanUseOfService, &story("curl/8.5")));
    assert!(!raises(Kind::HumanUseOfService, &story(firefox)));
}

#[test]
fn posture_that_is_not_stated_any_more() {
    let told =
        Facts { device: Device { posture: Some(Posture::Compliant), ..Device::default() }, ..at(0, Actor::Human, "x") };
    assert!(raises(Kind::PostureStale, &[told, at(13 * HOUR, Actor::Human, "x")]));
    assert!(!raises(Kind::PostureStale, &[told, at(11 * HOUR, Actor::Human, "x")]));
    assert!(!raises(Kind::PostureStale, &[at(0, Actor::Human, "x"), at(13 * HOUR, Actor::Human, "x")]));
}

#[test]
fn a_key_that_takes_turns_between_clouds_and_one_that_moves_once() {
    let on = |second, asn| {
        let facts = at(second, Actor::ApiKey, "curl/8.5");
        Facts { network: Network { asn: Some(asn), ..facts.network }, ..facts }
    };
    // Taught that both are known, and moving slowly, before it takes turns.
    let moved = [on(0, 1), on(60, 2), on(120, 1), on(180, 2)];
    assert!(raises(Kind::ReuseAcrossNetworks, &moved));
    assert!(!raises(Kind::ReuseAcrossNetworks, &moved[..2]));
}

#[test]
fn writes_beyond_the_budget_and_outside_of_a_window() {
    let writes = |actor| {
        let write = |n: u32| Facts {
            action: Action { access: Access::Write, ..at(0, actor, "x").action },
            ..at(n * 60, actor, "x")
        };
        [write(0), write(1), write(2)]
    };
    assert!(raises(Kind::WriteBudget, &writes(Actor::Agent)));
    assert!(!raises(Kind::WriteBudget, &writes(Actor::Agent)[..2]));
    assert!(!raises(Kind::WriteBudget, &writes(Actor::Service)));
    let outside = Facts { grant: Grant { outside_window: true, ..Grant::default() }, ..at(0, Actor::Human, "x") };
    assert!(raises(Kind::OutsideGrant, &[outside]));
    assert!(!raises(Kind::OutsideGrant, &[at(0, Actor::Human, "x")]));
}

#[test]
fn what_the_upstream_reports_counts_from_the_next_request_on() {
    let config = Config::from_json(br#"{"secret":"0123456789abcdef","reported":{}}"#).unwrap();
    let reported = config.reported.unwrap();
    assert_eq!(reported.points(b"suspicious, fraud"), (25, true));
    assert_eq!(reported.points(b"nonsense"), (0, false));
    let facts = at(0, Actor::Human, "x");
    let score = |points| {
        let mut session = config.engine.assess(&facts, None).session;
        let outcome = Outcome { status: 200, bytes: 0, reported: points };
        config.engine.observe(&facts, &outcome, &mut session, facts.now);
        config.engine.assess(&facts, Some(session)).score.points()
    };
    assert_eq!([score(0), score(10), score(25)], [0, 10, 25]);
}

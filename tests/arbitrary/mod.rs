//! Strategies for what the core takes: facts, evidence, sessions. Values come from small pools as often as from the
//! whole range, so that things repeat, tie and contradict each other. The large ones are boxed: a session's tree of
//! values would not fit a test's stack.
#![allow(dead_code, reason = "every test binary uses a part of it")]
#![allow(unreachable_pub, clippy::unwrap_used, clippy::arithmetic_side_effects)]

use proptest::array::{uniform4, uniform6};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use session_risk::baseline::{Baseline, KnownNetwork, Mix};
use session_risk::bounds::LEDGER_LINES;
use session_risk::config::Config;
use session_risk::engine::Engine;
use session_risk::evidence::{Ledger, Line};
use session_risk::facts::device::{Family, Os, Posture, UserAgent};
use session_risk::facts::{
    ACCESSES, ACTORS, Access, Action, Actor, Allowance, Binding, Country, Device, Facts, Grant, IdentityFlaws,
    Location, Network, NetworkKind, SessionKey, TIERS, Tier,
};
use session_risk::score::LEVELS;
use session_risk::session::{Ignored, Sanction, Session, Standing};
use session_risk::signal::{CATALOGUE, Decibans, Kind};
use session_risk::time::Timestamp;

/// 2026-01-01T00:00:00Z, where most of these stories take place.
pub const START: u32 = 1_767_225_600;

/// The engine of a configuration that says nothing but its secret.
pub fn engine() -> Engine {
    Config::from_json(br#"{"secret":"0123456789abcdef"}"#).unwrap().engine
}

pub fn actor() -> impl Strategy<Value = Actor> {
    prop::sample::select(ACTORS.map(|(actor, _)| actor).to_vec())
}

pub fn tier() -> impl Strategy<Value = Tier> {
    prop::sample::select(TIERS.map(|(tier, _)| tier).to_vec())
}

pub fn access() -> impl Strategy<Value = Access> {
    prop::sample::select(ACCESSES.map(|(access, _)| access).to_vec())
}

pub fn posture() -> impl Strategy<Value = Posture> {
    prop::sample::select(vec![Posture::Unknown, Posture::Compliant, Posture::NotCompliant])
}

pub fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(CATALOGUE.iter().map(|row| row.kind).collect::<Vec<_>>())
}

pub fn decibans() -> impl Strategy<Value = Decibans> {
    (0..=Decibans::MAX.units()).prop_map(Decibans::raw)
}

/// A digest: one of a few, or any.
fn digest() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 1..5u32, 1 => any::<u32>()]
}

fn network_kind() -> impl Strategy<Value = NetworkKind> {
    prop::sample::select(vec![NetworkKind::Access, NetworkKind::Hosting, NetworkKind::Anonymizer])
}

fn country() -> impl Strategy<Value = Country> {
    prop::sample::select(vec![Country(*b"DE"), Country(*b"FR"), Country(*b"US"), Country(*b"ZZ")])
}

fn location() -> impl Strategy<Value = Location> {
    (-9000..=9000i16, -18000..=18000i16).prop_map(|(latitude, longitude)| Location { latitude, longitude })
}

fn network() -> BoxedStrategy<Network> {
    let prefix = prop_oneof![4 => 1..5u16, 1 => any::<u16>()];
    (option::of(prefix), option::of(digest()), option::of(country()), option::of(location()), network_kind())
        .prop_map(|(prefix, asn, country, location, kind)| Network { prefix, asn, country, location, kind })
        .boxed()
}

fn user_agent() -> BoxedStrategy<UserAgent> {
    let family = prop_oneof![4 => 1..4u16, 1 => any::<u16>()].prop_map(Family::from_code);
    let version = prop_oneof![4 => 100..103u16, 1 => any::<u16>()];
    (family, (0..=8u8).prop_map(Os::from_code), version)
        .prop_map(|(family, os, version)| UserAgent { family, os, version })
        .boxed()
}

fn binding() -> impl Strategy<Value = Binding> {
    prop_oneof![Just(Binding::None), digest().prop_map(Binding::Bound), Just(Binding::Unproven)]
}

fn device() -> BoxedStrategy<Device> {
    (option::of(user_agent()), option::of(digest()), option::of(posture()), binding())
        .prop_map(|(user_agent, ja4, posture, binding)| Device { user_agent, ja4, posture, binding })
        .boxed()
}

/// Seconds near the start of the stories, often the same ones, or anywhere.
fn seconds() -> impl Strategy<Value = u32> {
    prop_oneof![6 => START..START + 4, 3 => START..START + 4000, 1 => any::<u32>(), 1 => Just(0), 1 => Just(u32::MAX)]
}

fn grant() -> BoxedStrategy<Grant> {
    let flags = (any::<bool>(), option::of(any::<bool>()), any::<bool>(), any::<bool>());
    (option::of(seconds()), option::of(digest()), any::<u8>(), flags)
        .prop_map(|(auth_time, scope, scope_size, (acr_satisfied, tool_declared, outside_window, inside_window))| {
            Grant {
                auth_time,
                acr_satisfied,
                scope,
                scope_size,
                tool_declared,
                outside_window,
                window_until: inside_window.then_some(u32::MAX),
                most: Allowance::default(),
            }
        })
        .boxed()
}

fn action() -> BoxedStrategy<Action> {
    let place = (option::of(any::<u16>()), digest(), digest(), option::of(digest()));
    (place, tier(), access(), any::<[bool; 2]>())
        .prop_map(|((route, endpoint, resource, target), tier, access, [mcp, step_up])| Action {
            route,
            endpoint,
            resource,
            tier,
            access,
            target,
            mcp,
            step_up,
        })
        .boxed()
}

/// A time, mostly within an hour of the start, so that sequences go back and forth; also the ends of the range.
pub fn time() -> impl Strategy<Value = Timestamp> {
    let start = u64::from(START) * 1000;
    prop_oneof![
        12 => (start..start + 3_600_000).prop_map(Timestamp::from_millis),
        1 => any::<u64>().prop_map(Timestamp::from_millis),
        1 => Just(Timestamp::from_millis(0)),
        1 => Just(Timestamp::from_millis(u64::MAX)),
    ]
}

/// A time at which everything that is stored fits its field: 2020 to 2051.
pub fn storable_time() -> impl Strategy<Value = Timestamp> {
    let start = u64::from(START) * 1000;
    prop_oneof![
        2 => (start..start + 3_600_000).prop_map(Timestamp::from_millis),
        2 => (start..start + 5_000).prop_map(Timestamp::from_millis),
        1 => (1_577_836_900_000..2_556_144_000_000u64).prop_map(Timestamp::from_millis),
    ]
}

/// Any request at a time of `when`.
pub fn facts_at(when: impl Strategy<Value = Timestamp> + 'static) -> BoxedStrategy<Facts> {
    let identity = (any::<[u8; 16]>(), digest(), actor(), any::<bool>(), any::<[bool; 2]>());
    let selected = prop_oneof![4 => Just(u64::MAX), 1 => any::<u64>()];
    (when, identity, network(), device(), grant(), action(), selected)
        .prop_map(
            |(
                now,
                (key, subject, actor, verified, [duplicate, malformed]),
                network,
                device,
                grant,
                action,
                selected,
            )| {
                let flaws = IdentityFlaws { duplicate, malformed };
                let key = SessionKey(key);
                Facts {
                    now,
                    key,
                    subject,
                    actor,
                    verified,
                    flaws,
                    network,
                    device,
                    grant,
                    action,
                    selected,
                    config: Default::default(),
                }
            },
        )
        .boxed()
}

/// Any request.
pub fn facts() -> impl Strategy<Value = Facts> {
    facts_at(time())
}

/// A request without anything that is wrong by itself.
pub fn blameless_facts() -> impl Strategy<Value = Facts> {
    facts_at(storable_time()).prop_map(|mut facts| {
        facts.flaws = IdentityFlaws::default();
        if facts.device.binding == Binding::Unproven {
            facts.device.binding = Binding::None;
        }
        if facts.grant.tool_declared == Some(false) {
            facts.grant.tool_declared = Some(true);
        }
        facts.grant.outside_window = false;
        // An export without a target counts as one of something new.
        facts.action.target = facts.action.target.or(Some(7));
        facts
    })
}

/// One that comes from a session's own life: requests through the engine, stored and read back in between.
pub fn lived(engine: &Engine, life: &[Facts]) -> Option<Session> {
    life.iter().fold(None, |session, facts| Some(engine.assess(facts, session).session))
}

pub fn line(seconds: impl Strategy<Value = u32>) -> impl Strategy<Value = Line> {
    (kind(), decibans(), seconds).prop_map(|(kind, strength, at)| Line { kind, strength, at })
}

fn known_network() -> BoxedStrategy<KnownNetwork> {
    (network(), 26_297_281..43_000_000u32)
        .prop_map(|(network, seen)| KnownNetwork {
            prefix: network.prefix.unwrap_or(0),
            asn: network.asn.unwrap_or(0),
            country: network.country,
            kind: network.kind,
            seen,
        })
        .boxed()
}

fn baseline() -> BoxedStrategy<Baseline> {
    let counters = (0..0x0100_0000u32, storable_time(), any::<u8>(), 26_297_281..43_000_000u32, any::<[u16; 4]>());
    let places = (uniform4(option::of(known_network())), option::of(location()), any::<u8>());
    let clients = (option::of(user_agent()), option::of(user_agent()), any::<[u32; 2]>());
    let posture = (option::of(posture()), seconds(), 26_297_281..43_000_000u32);
    let continuity = (any::<u32>(), any::<[u8; 3]>(), any::<[u16; 2]>(), 26_297_281..43_000_000u32, 0..1u32 << 24);
    let grants = (digest(), digest(), any::<u8>(), tier(), any::<u32>());
    let habits = (any::<[u8; 6]>(), uniform6(any::<u16>()), any::<[u8; 20]>(), any::<[u16; 3]>());
    (counters, places, clients, posture, grants, habits, continuity)
        .prop_map(
            |(
                (requests, learned, switches, switched, [export_sum, error_sum, writes, exports]),
                (networks, location, moves),
                (first, second, ja4),
                (posture, posture_since, posture_heard),
                (binding, scope, scope_size, tier, endpoints),
                (recent, past, targets, [novelty, pace, target_sum]),
                (resources, [settled, strays, unbound], [endpoint, last_gap], stepped_up, hours),
            )| Baseline {
                requests,
                learned,
                networks,
                switches,
                switched,
                moves,
                location,
                user_agents: [first, second],
                ja4,
                posture,
                posture_since,
                posture_heard,
                binding,
                scope,
                scope_size,
                tier,
                endpoints,
                mix: Mix { recent, past },
                targets,
                novelty,
                pace,
                target_sum,
                export_sum,
                error_sum,
                writes,
                exports,
                resources,
                settled,
                strays: strays & 15,
                unbound: unbound & 15,
                endpoint,
                last_gap,
                stepped_up,
                hours,
            },
        )
        .boxed()
}

fn sanction() -> impl Strategy<Value = Sanction> {
    prop_oneof![
        Just(Sanction::None),
        seconds().prop_map(Sanction::Approved),
        seconds().prop_map(Sanction::Suspended),
        Just(Sanction::Revoked)
    ]
}

/// Any session that the layout can hold, lived or not.
pub fn session() -> BoxedStrategy<Session> {
    let lines = vec(line(seconds()), 0..=LEDGER_LINES).prop_map(|lines| Ledger::from_lines(lines.into_iter()));
    let level = prop::sample::select(LEVELS.map(|(level, _)| level).to_vec());
    let counts = (0..=5u8, 0..=7u8, 0..=7u8);
    let standing = (level, seconds(), sanction(), seconds(), seconds(), any::<bool>(), seconds(), counts).prop_map(
        |(level, level_since, sanction, sanctioned, auth_time, acr_satisfied, challenged, (relapses, count, slot))| {
            Standing {
                level,
                level_since,
                sanction,
                sanctioned,
                auth_time,
                acr_satisfied,
                challenged,
                relapses,
                ignored: Ignored { count, slot },
            }
        },
    );
    (actor(), seconds(), storable_time(), 0..0x0100_0000u32, baseline(), lines, standing)
        .prop_map(|(actor, created, seen, requests, baseline, evidence, standing)| Session {
            actor,
            created,
            seen,
            requests,
            baseline,
            evidence,
            standing,
        })
        .boxed()
}

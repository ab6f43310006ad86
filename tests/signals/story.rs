//! How a story of one session is told: its requests with their answers, and what the engine hears in it. The stories
//! themselves are in `catalogue.rs`.

use session_risk::config::Config;
use session_risk::engine::Engine;
use session_risk::facts::device::UserAgent;
use session_risk::facts::{
    Action, Actor, Binding, Country, Device, Facts, Grant, IdentityFlaws, Network, NetworkKind, Outcome, SessionKey,
};
use session_risk::session::Session;
use session_risk::signal::{Decibans, Kind, Signals};
use session_risk::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// 2026-01-05T08:00:00Z.
pub(crate) const START: u32 = 1_767_600_000;
pub(crate) const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0";
pub(crate) const OLDER_FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
pub(crate) const NEWER_FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0";
pub(crate) const CURL: &str = "curl/8.5.0";

/// One request, and how the upstream answered it, where that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) facts: Facts,
    pub(crate) answer: Option<Outcome>,
}

impl Step {
    /// With another answer.
    pub(crate) fn answered(self, status: u16) -> Self {
        Self { answer: Some(Outcome { status, bytes: 0, reported: 0 }), ..self }
    }

    /// With something else about the request.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    pub(crate) fn by(self, actor: Actor) -> Self {
        self.but(|facts| facts.actor = actor)
    }

    pub(crate) fn with(self, program: &str) -> Self {
        self.but(|facts| facts.device.user_agent = UserAgent::parse(program.as_bytes()))
    }

    pub(crate) fn bound(self, binding: Binding) -> Self {
        self.but(|facts| facts.device.binding = binding)
    }

    pub(crate) fn from(self, asn: u32, country: &[u8; 2], kind: NetworkKind) -> Self {
        self.but(|facts| facts.network = network(asn, country, kind))
    }

    pub(crate) fn doing(self, change: impl FnOnce(&mut Action)) -> Self {
        self.but(|facts| change(&mut facts.action))
    }
}

/// A network whose prefix is numbered like its system.
pub(crate) fn network(asn: u32, country: &[u8; 2], kind: NetworkKind) -> Network {
    let prefix = u16::try_from(asn).ok();
    Network { prefix, asn: Some(asn), country: Some(Country(*country)), location: None, kind }
}

/// A person at home in Germany with Firefox reads the one object that this session is about.
pub(crate) fn at(second: u32) -> Step {
    let facts = Facts {
        now: Timestamp::from_seconds(START + second),
        key: SessionKey(*b"a session's key."),
        subject: 1,
        actor: Actor::Human,
        verified: true,
        flaws: IdentityFlaws::default(),
        network: network(1, b"DE", NetworkKind::Access),
        device: Device {
            user_agent: UserAgent::parse(FIREFOX.as_bytes()),
            ja4: Some(0x0001_0001),
            posture: None,
            binding: Binding::None,
        },
        grant: Grant::default(),
        action: Action { route: Some(0), endpoint: 1, resource: 1, target: Some(object(0)), ..Action::default() },
        selected: u64::MAX,
        config: Default::default(),
    };
    Step { facts, answer: None }
}

/// `count` such requests, a minute apart.
pub(crate) fn past(count: u32) -> impl Iterator<Item = Step> {
    (0..count).map(|n| at(n * 60))
}

/// The digest of the object with this number, of 160 that the linear counter tells apart.
pub(crate) fn object(number: u32) -> u32 {
    (number % 20) | ((number / 20 % 8) << 8)
}

/// An engine that allows everything but the critical tier, for which it asks to authenticate: these are stories of signals,
/// and what was not allowed would teach nothing.
pub(crate) fn engine() -> Engine {
    let ask = r#"{"name":"ask","when":{"tier_at_least":"critical"},"then":"step_up"}"#;
    let budgets = r#"{"actor":["agent"],"writes":2,"exports":2}"#;
    let text = format!(r#"{{"secret":"0123456789abcdef","rules":[{ask}],"budgets":[{budgets}]}}"#);
    Config::from_json(text.as_bytes()).unwrap().engine
}

/// What one request and its answer came to.
pub(crate) struct Heard {
    /// The signals, with their weights.
    pub(crate) weights: BTreeMap<Kind, Decibans>,
    /// The session after it.
    pub(crate) session: Session,
}

/// Tells a story to the engine, request by request.
pub(crate) fn tell(engine: &Engine, steps: &[Step]) -> Vec<Heard> {
    let mut session = None;
    let hear = |step: &Step| {
        let assessment = engine.assess(&step.facts, session);
        let mut next = assessment.session;
        let mut weights = weights_of(&assessment.signals);
        if let Some(answer) = &step.answer {
            weights.extend(weights_of(&engine.observe(&step.facts, answer, &mut next, step.facts.now)));
        }
        session = Some(next);
        Heard { weights, session: next }
    };
    steps.iter().map(hear).collect()
}

fn weights_of(signals: &Signals) -> BTreeMap<Kind, Decibans> {
    signals.iter().map(|signal| (signal.kind, signal.weight)).collect()
}

/// The parts of requests and answers in which two stories of equal length differ.
pub(crate) fn differences(story: &[Step], twin: &[Step]) -> BTreeSet<&'static str> {
    assert_eq!(story.len(), twin.len(), "a story and its twin have the same number of requests");
    let differing = |(a, b): (&Step, &Step)| {
        let (one, other) = (&a.facts, &b.facts);
        let parts = [
            ("time", one.now != other.now),
            ("actor", one.actor != other.actor),
            ("flaws", one.flaws != other.flaws),
            ("network", one.network != other.network),
            ("device", one.device != other.device),
            ("grant", one.grant != other.grant),
            ("action", one.action != other.action),
            ("answer", a.answer != b.answer),
        ];
        parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part)
    };
    story.iter().zip(twin).flat_map(differing).collect()
}

//! What to do about a score: ordered rules, first match wins.
//! How a decision is worded to a client is `response.rs`; where its thresholds come from is `config.rs`.

use crate::{
    facts::{Access, Actor, Facts, SessionKey, Tier, device::Posture},
    score::{Level, Score},
    signal::{Kind, Signals},
    time::Span,
};

/// What happens to a request. Ordered by how much it takes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Action {
    /// Forward.
    #[default]
    Allow = 0,
    /// Forward reads, refuse the rest.
    Restrict = 1,
    /// Refuse until a fresh authentication.
    StepUp = 2,
    /// Refuse until an operator approves the session.
    Approval = 3,
    /// Refuse this request.
    Deny = 4,
    /// Refuse everything for a time.
    Suspend = 5,
    /// Refuse everything until a fresh authentication or a new session.
    Revoke = 6,
}

/// Every action with its word, by number.
pub const ACTIONS: [(Action, &str); 7] = [
    (Action::Allow, "allow"),
    (Action::Restrict, "restrict"),
    (Action::StepUp, "step_up"),
    (Action::Approval, "approval"),
    (Action::Deny, "deny"),
    (Action::Suspend, "suspend"),
    (Action::Revoke, "revoke"),
];

impl Action {
    /// The action's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Restrict => "restrict",
            Self::StepUp => "step_up",
            Self::Approval => "approval",
            Self::Deny => "deny",
            Self::Suspend => "suspend",
            Self::Revoke => "revoke",
        }
    }

    /// Whether a request that asks for `access` is forwarded under this action.
    pub const fn forwards(self, access: Access) -> bool {
        match self {
            Self::Allow => true,
            Self::Restrict => matches!(access, Access::Read),
            Self::StepUp | Self::Approval | Self::Deny | Self::Suspend | Self::Revoke => false,
        }
    }
}

/// How far a rule is rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Decided, counted, logged and enforced.
    #[default]
    Enforce,
    /// Decided, counted and logged, not enforced.
    Shadow,
    /// Enforced for this percentage of sessions, 0..=100, always the same ones; shadow for the others.
    Percent(u8),
}

impl Mode {
    /// Whether it is enforced for this session.
    pub fn enforced(self, key: SessionKey) -> bool {
        match self {
            Self::Enforce => true,
            Self::Shadow => false,
            Self::Percent(percent) => key.percentile() < percent,
        }
    }
}

/// A set of small enums, one bit a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set(u32);

impl Set {
    /// Everything.
    pub const ALL: Self = Self(u32::MAX);
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// With the value of this number (below 32) too.
    pub const fn with(self, number: u8) -> Self {
        Self(self.0 | 1u32.wrapping_shl(number as u32))
    }

    /// Whether the value of this number is in it.
    pub const fn has(self, number: u8) -> bool {
        self.0 & 1u32.wrapping_shl(number as u32) != 0
    }

    /// Whether any of these bits is in it.
    pub const fn meets(self, mask: u32) -> bool {
        self.0 & mask != 0
    }
}

/// When a rule matches: every part must hold. Hosts, routes and tools are decided with the facts (`Facts::selected`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// Actors, by number.
    pub actors: Set,
    /// Lowest level.
    pub level: Level,
    /// Lowest score.
    pub score: Score,
    /// Lowest tier. Public requests match no rule.
    pub tier: Tier,
    /// Accesses, by number.
    pub accesses: Set,
    /// At least one of these kinds raised by this request; `None` asks for none.
    pub signals: Option<Set>,
    /// Posture of the device, by number of [`Posture`]; `None` asks for none.
    pub postures: Option<Set>,
}

impl Default for When {
    fn default() -> Self {
        Self {
            actors: Set::ALL,
            level: Level::Low,
            score: Score::new(0),
            tier: Tier::Standard,
            accesses: Set::ALL,
            signals: None,
            postures: None,
        }
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in logs and audit lines.
    pub name: String,
    /// When it matches.
    pub when: When,
    /// What happens then.
    pub then: Action,
    /// How long a `suspend` lasts.
    pub duration: Span,
    /// Where an `approval` is given; `{session}` and `{tool}` in it are whose and for what.
    pub approval_url: Option<String>,
    /// How far it is rolled out.
    pub mode: Mode,
}

/// What the rules are asked about.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The request.
    pub facts: &'a Facts,
    /// Its signals.
    pub signals: &'a Signals,
    /// The session's score with them.
    pub score: Score,
    /// The session's level with them.
    pub level: Level,
    /// Posture last heard in this session.
    pub posture: Option<Posture>,
    /// The challenge that was put to this session has been answered: `step_up` rules have nothing left to ask.
    pub answered: bool,
    /// The session is approved, or its token's just-in-time window is open: `approval` rules have nothing left to ask.
    pub approved: bool,
}

/// The answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What the policy says.
    pub action: Action,
    /// Whether it is enforced; a decision that is not is shadow.
    pub enforced: bool,
    /// Index of the rule that said so; `None` when no rule matched, or when an earlier sanction still holds.
    pub rule: Option<u8>,
    /// How long a `suspend` or the rest of one lasts.
    pub duration: Span,
}

impl Decision {
    /// What is done: the action, or `allow` in shadow.
    pub const fn effective(&self) -> Action {
        if self.enforced { self.action } else { Action::Allow }
    }
}

impl When {
    fn matches(&self, question: &Question<'_>) -> bool {
        let facts = question.facts;
        facts.action.tier >= self.tier
            && question.score >= self.score
            && question.level >= self.level
            && self.actors.has(actor_number(facts.actor))
            && self.accesses.has(access_number(facts.action.access))
            && self.signals.is_none_or(|kinds| kinds.meets(question.signals.mask()))
            && self.postures.is_none_or(|set| question.posture.is_some_and(|posture| set.has(posture_number(posture))))
    }
}

/// The first rule that matches, or `allow`. `mode` is the whole configuration's: shadow there makes every rule shadow.
pub fn decide(rules: &[Rule], mode: Mode, question: &Question<'_>) -> Decision {
    // Public requests are how people come back: log in, authenticate again.
    if question.facts.action.tier == Tier::Public {
        return Decision { enforced: true, ..Decision::default() };
    }
    let found = (0u8..).zip(rules).find(|(index, rule)| {
        question.facts.selected & 1u64.wrapping_shl(u32::from(*index)) != 0
            && rule.when.matches(question)
            && !(rule.then == Action::StepUp && question.answered)
            && !(rule.then == Action::Approval && question.approved)
    });
    match found {
        Some((index, rule)) => {
            let key = question.facts.key;
            let enforced = mode.enforced(key) && rule.mode.enforced(key);
            Decision { action: rule.then, enforced, rule: Some(index), duration: rule.duration }
        }
        None => Decision { enforced: true, ..Decision::default() },
    }
}

/// The rules when the configuration names none. They cover every actor; each has its reason beside it.
pub fn default_rules() -> Vec<Rule> {
    use Action::{Deny, Restrict, StepUp, Suspend};
    let any = When::default();
    let only = |actor| When { actors: Set::NONE.with(actor_number(actor)), ..any };
    let raised = |kind: Kind, when| When { signals: Some(Set::NONE.with(kind.number())), ..when };
    let not_compliant = When { postures: Some(Set::NONE.with(posture_number(Posture::NotCompliant))), ..any };
    let (human, service) = (only(Actor::Human), only(Actor::Service));
    let (api_key, agent) = (only(Actor::ApiKey), only(Actor::Agent));
    let sensitive = |when| When { tier: Tier::Sensitive, score: Score::new(15), ..when };
    let level = |level, when| When { level, ..when };
    [
        // Hard criteria first: true whatever the score.
        ("out-of-scope", raised(Kind::OutOfScope, any), Deny),
        ("outside-grant", raised(Kind::OutsideGrant, any), Deny),
        ("over-budget", raised(Kind::WriteBudget, any), Deny),
        ("two-credentials", raised(Kind::DuplicateIdentity, any), Deny),
        ("device-not-compliant-sensitive", When { tier: Tier::Sensitive, ..not_compliant }, StepUp),
        ("device-not-compliant", not_compliant, Restrict),
        // An agent does in a minute what a person does in a day: stop it, then ask.
        ("agent-bulk-export", raised(Kind::BulkExport, agent), Suspend),
        ("agent-critical", level(Level::Critical, agent), Suspend),
        ("agent-sensitive", sensitive(agent), StepUp),
        ("agent-high", level(Level::High, agent), Restrict),
        // A key cannot answer a challenge, so it is narrowed, however high the score: what reads goes on working.
        ("api-key-sensitive", sensitive(api_key), Deny),
        ("api-key-high", level(Level::High, api_key), Restrict),
        // People and workloads can authenticate again. The sensitive tier asks for more trust.
        ("service-sensitive", sensitive(service), StepUp),
        ("service-high", level(Level::High, service), StepUp),
        ("human-sensitive", sensitive(human), StepUp),
        ("human-high", level(Level::High, human), StepUp),
    ]
    .into_iter()
    .map(|(name, when, then)| Rule {
        name: name.to_owned(),
        when,
        then,
        duration: Span::from_minutes(15),
        approval_url: None,
        mode: Mode::Enforce,
    })
    .collect()
}

/// The bit of an actor in a [`Set`].
pub const fn actor_number(actor: Actor) -> u8 {
    match actor {
        Actor::Human => 0,
        Actor::Service => 1,
        Actor::ApiKey => 2,
        Actor::Agent => 3,
    }
}

/// The bit of an access in a [`Set`].
pub const fn access_number(access: Access) -> u8 {
    match access {
        Access::Read => 0,
        Access::Write => 1,
        Access::Export => 2,
        Access::Admin => 3,
    }
}

/// The bit of a posture in a [`Set`].
pub const fn posture_number(posture: Posture) -> u8 {
    match posture {
        Posture::Compliant => 0,
        Posture::NotCompliant => 1,
        Posture::Unknown => 2,
    }
}

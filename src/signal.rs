//! What a detector can say: the kinds of signal, their catalogue, and one request's worth of them.
//! The detectors are in `signal/`, one file for one thing to look at. They read the baseline and change nothing.

pub mod binding;
pub mod cadence;
pub mod continuity;
pub mod device;
pub mod fanout;
pub mod identity;
pub mod mix;
pub mod network;
pub mod privilege;
pub mod probing;
pub mod reported;
pub mod travel;

use crate::{
    baseline::Baseline,
    bounds::SIGNALS,
    facts::{
        Actor, Allowance, Binding, Country, Facts,
        device::{Posture, UserAgent},
    },
    time::Span,
};

/// Evidence strength in 1/32 deciban. 10 decibans make the odds of wrong hands ten times worse.
/// `10 * log10(P(observation | wrong hands) / P(observation | right hands))` (Good, 1950).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decibans(u16);

impl Decibans {
    /// No evidence.
    pub const ZERO: Self = Self(0);
    /// The most one ledger line can hold: just under 64 decibans.
    pub const MAX: Self = Self(2047);

    /// `points` whole decibans, at most 63.
    pub const fn points(points: u8) -> Self {
        Self::raw((points as u16).saturating_mul(32))
    }

    /// From 1/32 decibans, clamped to [`Decibans::MAX`].
    pub const fn raw(units: u16) -> Self {
        if units > Self::MAX.0 { Self::MAX } else { Self(units) }
    }

    /// In 1/32 decibans.
    pub const fn units(self) -> u16 {
        self.0
    }

    /// `numerator / denominator` of this strength.
    pub fn scaled(self, numerator: u16, denominator: u16) -> Self {
        let product = u32::from(self.0).saturating_mul(u32::from(numerator));
        Self::raw(u16::try_from(product.checked_div(u32::from(denominator)).unwrap_or(0)).unwrap_or(u16::MAX))
    }

    /// The sum, clamped.
    pub const fn plus(self, other: Self) -> Self {
        Self::raw(self.0.saturating_add(other.0))
    }
}

/// What belongs together: evidence of one group says the same thing in several ways and must not be counted twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Group {
    /// Where requests come from.
    Network = 0,
    /// What sends them.
    Device = 1,
    /// What they reach for.
    Privilege = 2,
    /// How they are made.
    Behaviour = 3,
    /// How they identify themselves.
    Identity = 4,
    /// What others say of them.
    Reported = 5,
}

/// Number of groups.
pub const GROUPS: usize = 6;

/// Where a default weight comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A stated assumption, with its reason in the catalogue row.
    Assumed,
    /// Chosen below the likelihood ratio measured on the labelled traces, which are mostly synthetic and therefore too
    /// clean; its reason has the shares.
    Measured,
    /// A hard criterion: not a likelihood but a rule.
    Rule,
}

/// One row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The kind.
    pub kind: Kind,
    /// Its name in config, headers, metrics and docs.
    pub name: &'static str,
    /// The group it counts in.
    pub group: Group,
    /// Default weight in whole decibans (points).
    pub weight: u8,
    /// Time in which a contribution halves.
    pub half_life: Span,
    /// Where the weight comes from.
    pub basis: Basis,
    /// Why this weight. The module has no use for reasons and tags, and no room.
    #[cfg(not(target_os = "wasi"))]
    pub reason: &'static str,
    /// OWASP NHI 2025, OWASP Agentic 2026 and NIST tags.
    #[cfg(not(target_os = "wasi"))]
    pub tags: &'static [&'static str],
}

macro_rules! catalogue {
    ($($number:literal $kind:ident $name:literal $group:ident $weight:literal $minutes:literal min $basis:ident
        [$($tag:literal),*] $reason:literal;)*) => {
        /// A kind of signal. The number is what the session table stores: never reuse one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Kind { $(#[doc = $reason] $kind = $number,)* }

        /// Every kind, in the order of their numbers.
        pub const CATALOGUE: &[Row] = &[$(Row {
            kind: Kind::$kind, name: $name, group: Group::$group, weight: $weight,
            half_life: Span::from_minutes($minutes), basis: Basis::$basis,
            #[cfg(not(target_os = "wasi"))] reason: $reason,
            #[cfg(not(target_os = "wasi"))] tags: &[$($tag),*],
        },)*];

        // A table, not a match: the code of a match would be there once a use.
        static ROWS: &[Row] = CATALOGUE;

        impl Kind {
            /// The kind with this number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$kind),)* _ => None }
            }

            /// The number that the session table stores, 1..=31.
            pub const fn number(self) -> u8 {
                match self { $(Self::$kind => $number,)* }
            }
        }
    };
}

catalogue! {
    1 NewNetwork "new_network" Network 3 30 min Assumed ["PR.AA-05"]
        "a /24 or /48 never seen in this session; owners show it daily (DHCP, carrier NAT), so it is weak";
    2 NewAsn "new_asn" Network 15 30 min Assumed ["PR.AA-05", "NHI9"]
        "an autonomous system never seen: .97 of strangers against .03 of owners";
    3 NewCountry "new_country" Network 22 30 min Assumed ["PR.AA-05", "NHI2"]
        "a country never seen: .90 of strangers against .005 of owners";
    4 ImpossibleTravel "impossible_travel" Network 25 30 min Assumed ["PR.AA-05"]
        "faster than 1,000 km/h and farther than 500 km, not through a hosting provider or VPN";
    5 ConcurrentNetworks "concurrent_networks" Network 25 30 min Assumed ["PR.AA-05", "NHI9"]
        "two autonomous systems taking turns within minutes: two drivers";
    6 UserAgentChanged "user_agent_changed" Device 22 480 min Measured ["PR.AA-05"]
        "another browser family or operating system, or an older version: .35 of strangers against none of 3,466 owners";
    7 TlsFingerprintChanged "tls_fingerprint_changed" Device 20 480 min Measured ["PR.AA-05"]
        "another TLS library by its JA4 cipher suites: .33 of strangers against none of 3,466 owners; other extensions a sixteenth";
    8 PostureDegraded "posture_degraded" Device 20 480 min Rule ["PR.AA-05", "SP800-207-3.3"]
        "the device was compliant in this session and is not any more";
    9 BindingLost "binding_lost" Device 25 480 min Assumed ["NHI4", "PR.AA-05"]
        "a key-bound session (DPoP, mTLS) goes on without its key: owners keep theirs";
    10 BindingChanged "binding_changed" Device 12 480 min Assumed ["NHI4", "PR.AA-05"]
        "a key-bound session goes on with another key; owners rotate keys at times";
    11 SensitiveFirstUse "sensitive_first_use" Privilege 20 240 min Measured ["NHI5", "ASI03", "PR.AA-05"]
        "a tier never used: of people .5 of strangers against .02 of owners; no honest service in 545 sessions";
    12 ScopeWidened "scope_widened" Privilege 15 240 min Measured ["NHI5", "ASI03"]
        "the granted scope grew without a fresh authentication: .6 of those who widen a stolen session; no owner does";
    13 OutOfScope "out_of_scope" Privilege 3 240 min Rule ["ASI02", "ASI03", "NHI5"]
        "a tool that the token does not declare: a rule denies it, so little is left for the score";
    14 BulkExport "bulk_export" Behaviour 25 30 min Assumed ["ASI02", "NHI2", "DE.CM"]
        "new targets exported at a rate unlike this session until now (Bernoulli CUSUM)";
    15 MixDrift "mix_drift" Behaviour 8 30 min Assumed ["ASI01", "ASI10", "DE.CM"]
        "the mix of reads, writes, exports and administration left its own past (chi-square)";
    16 ErrorProbing "error_probing" Behaviour 25 10 min Measured ["DE.CM"]
        "a streak of refusals or repeats (Bernoulli CUSUM): all but one of 340 scanned sessions against 1 of 1,578 visits";
    17 DuplicateIdentity "duplicate_identity" Identity 30 240 min Rule ["NHI4"]
        "two credentials in one request: something between client and gateway is confused or hostile";
    18 MalformedIdentity "malformed_identity" Identity 10 240 min Rule ["NHI4"]
        "a credential that cannot be parsed beside one that can";
    19 UnfamiliarResource "unfamiliar_resource" Behaviour 5 30 min Measured ["PR.AA-05", "DE.CM"]
        "another client goes on with work that the session never did: .63 of strangers against .19 of owners who moved";
    20 PostureStale "posture_stale" Device 4 480 min Assumed ["PR.AA-05", "SP800-207-3.3"]
        "posture was stated in this session and has not been for long: mostly a gap in reporting, so it is weak";
    21 CadenceShift "cadence_shift" Behaviour 6 30 min Assumed ["NHI2", "DE.CM"]
        "a machine at an hour of the day at which it never worked in days: .2 of strangers against .05 of owners";
    22 HumanUseOfService "human_use_of_service" Identity 15 240 min Assumed ["NHI10", "DE.CM"]
        "a browser uses a machine's credential that only machines used: .3 of strangers against .01 of owners";
    23 ReuseAcrossNetworks "reuse_across_networks" Network 1 30 min Assumed ["NHI9"]
        "one machine's credential used from two hosting networks in turn: jobs across clouds do so all day";
    24 OutsideGrant "outside_grant" Privilege 3 240 min Rule ["NHI5", "ASI03", "PR.AA-05"]
        "privileged access outside its just-in-time window: a rule denies it, so little is left for the score";
    25 WriteBudget "write_budget" Privilege 10 240 min Rule ["NHI5", "ASI02", "ASI10"]
        "more writes, exports or objects than the session's budget: a rule denies them";
    26 Reported "reported" Reported 25 240 min Assumed ["DE.CM", "RS.AN"]
        "the application itself reports the session: it knows what happened there";
    27 ChallengeIgnored "challenge_ignored" Identity 5 60 min Assumed ["PR.AA-05", "DE.CM"]
        "refused again and again, and the challenge is not answered: owners answer it, but their tabs poll, so it is weak";
}

/// What changed, for the reasons: never an address, never a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing to show.
    None,
    /// Autonomous systems, old and new.
    Asn(u32, u32),
    /// Countries, old and new.
    Country(Country, Country),
    /// Posture, old and new.
    Posture(Posture, Posture),
    /// Clients, old and new.
    UserAgent(UserAgent, UserAgent),
    /// Tiers, highest until now and new.
    Tier(crate::facts::Tier, crate::facts::Tier),
    /// Sizes of the granted scope, old and new.
    Scope(u8, u8),
    /// Kilometres travelled and the minutes that it took.
    Travel(u32, u32),
    /// Exports counted over the session.
    Exports(u16),
    /// One target after the other that was never touched before.
    Targets,
    /// The access that the mix drifted to.
    Mix(crate::facts::Access),
}

/// One detector's output on one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What was seen.
    pub kind: Kind,
    /// How strong it is here.
    pub weight: Decibans,
    /// What changed.
    pub change: Change,
}

/// The signals of one request, the heaviest [`SIGNALS`] of them: at most one a kind, in the order they were raised.
#[derive(Clone, Copy, Debug)]
pub struct Signals {
    items: [Option<Signal>; SIGNALS],
    len: usize,
    /// One bit a kind raised, also where its signal had to make room.
    mask: u32,
}

impl Default for Signals {
    fn default() -> Self {
        Self { items: [None; SIGNALS], len: 0, mask: 0 }
    }
}

impl Signals {
    /// Adds a signal; one that says nothing (weight zero) is dropped.
    pub fn raise(&mut self, signal: Signal) {
        if signal.weight == Decibans::ZERO {
            return;
        }
        self.mask |= signal.kind.bit();
        if let Some(slot) = self.items.get_mut(self.len) {
            *slot = Some(signal);
            self.len = self.len.saturating_add(1);
            return;
        }
        // Many kinds exclude each other, so this is hard to come by. The ledger would drop the lightest too.
        let weight = |slot: &Option<Signal>| slot.map_or(Decibans::ZERO, |signal| signal.weight);
        if let Some(lightest) = self.items.iter_mut().min_by_key(|slot| weight(slot))
            && weight(lightest) < signal.weight
        {
            *lightest = Some(signal);
        }
    }

    /// The signals raised.
    pub fn iter(&self) -> impl Iterator<Item = &Signal> {
        self.items.iter().take(self.len).flatten()
    }

    /// The signal of this kind, if raised.
    pub fn find(&self, kind: Kind) -> Option<&Signal> {
        self.iter().find(|signal| signal.kind == kind)
    }

    /// One bit a kind raised, bit `n` for the kind with number `n`.
    pub fn mask(&self) -> u32 {
        self.mask
    }
}

/// Stands in for a row that is not there, which a test rules out.
#[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
static FIRST: &Row = &CATALOGUE[0];

impl Kind {
    /// The catalogue row.
    pub fn row(self) -> &'static Row {
        let place = usize::from(self.number()).saturating_sub(1);
        ROWS.get(place).unwrap_or(FIRST)
    }

    /// This kind's bit in a set of kinds.
    pub const fn bit(self) -> u32 {
        1u32.wrapping_shl(self.number() as u32)
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        CATALOGUE.iter().find(|row| row.name == name).map(|row| row.kind)
    }
}

/// The weight of each kind: the catalogue's, unless the configuration says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights([Decibans; 32]);

impl Default for Weights {
    fn default() -> Self {
        let mut weights = Self([Decibans::ZERO; 32]);
        CATALOGUE.iter().for_each(|row| weights.set(row.kind, Decibans::points(row.weight)));
        weights
    }
}

impl Weights {
    /// The weight of `kind`.
    pub fn of(&self, kind: Kind) -> Decibans {
        self.0.get(usize::from(kind.number())).copied().unwrap_or(Decibans::ZERO)
    }

    /// Sets the weight of `kind`; zero switches the detector off.
    pub fn set(&mut self, kind: Kind, weight: Decibans) {
        if let Some(slot) = self.0.get_mut(usize::from(kind.number())) {
            *slot = weight;
        }
    }
}

/// What the configuration limits, beside weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Silence on posture after which it is stale; zero: never.
    pub posture_stale: Span,
    /// What sessions may do in all; each holds.
    pub budgets: Vec<Budget>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { posture_stale: Span::from_minutes(720), budgets: Vec::new() }
    }
}

/// How much a session of an actor may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The actor.
    pub actor: Actor,
    /// The most that it may do.
    pub most: Allowance,
}

/// What every detector looks at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The request.
    pub facts: &'a Facts,
    /// What the session looked like until now.
    pub baseline: &'a Baseline,
    /// Configured weights.
    pub weights: &'a Weights,
    /// Configured limits.
    pub limits: &'a Limits,
    /// When the session was first seen, in seconds since the epoch.
    pub created: u32,
    /// The authentication is newer than everything in the ledger.
    pub fresh: bool,
}

impl Scene<'_> {
    /// The configured weight of `kind`.
    pub fn weight(&self, kind: Kind) -> Decibans {
        self.weights.of(kind)
    }

    /// Whether everything that can be seen of the client is as before: User-Agent with version, and TLS fingerprint.
    pub fn same_client(&self) -> bool {
        let ja4 = self.facts.device.ja4;
        self.same_user_agent() && ja4.is_none_or(|ja4| !self.baseline.new_tls_stack(ja4))
    }

    /// Whether the User-Agent is as before, version included.
    pub fn same_user_agent(&self) -> bool {
        let user_agent = self.facts.device.user_agent;
        user_agent.is_some() && self.baseline.user_agents.contains(&user_agent)
    }

    /// Whether the session has used this /24 or /48 before.
    pub fn known_prefix(&self, prefix: u16) -> bool {
        self.baseline.known_networks().any(|known| known.prefix == prefix)
    }

    /// Whether the request comes from a /24 or /48 that the session has used before.
    pub fn at_known_prefix(&self) -> bool {
        self.facts.network.prefix.is_some_and(|prefix| self.known_prefix(prefix))
    }

    /// Whether the request goes on with an object that the session has touched before.
    pub fn continues(&self) -> bool {
        self.facts.action.target.is_some_and(|target| self.baseline.knows_target(target))
    }

    /// Whether the credential is bound to a key, and the key is as before.
    pub fn same_key(&self) -> bool {
        matches!(self.facts.device.binding, Binding::Bound(key) if key == self.baseline.binding)
    }

    /// Whether the session has rested long enough for its owner to have gone elsewhere.
    pub fn rested(&self) -> bool {
        self.facts.now.since(self.baseline.learned) >= Span::from_minutes(60)
    }

    /// Whether the actor is a machine whose work repeats.
    pub fn repetitive(&self) -> bool {
        matches!(self.facts.actor, Actor::Service | Actor::ApiKey)
    }
}

/// Runs every detector, each on its own: none sees another's output.
pub fn detect(scene: Scene<'_>) -> Signals {
    let mut signals = Signals::default();
    network::detect(scene, &mut signals);
    travel::detect(scene, &mut signals);
    device::detect(scene, &mut signals);
    binding::detect(scene, &mut signals);
    continuity::detect(scene, &mut signals);
    privilege::detect(scene, &mut signals);
    fanout::detect(scene, &mut signals);
    mix::detect(scene, &mut signals);
    cadence::detect(scene, &mut signals);
    probing::detect(scene, &mut signals);
    identity::detect(scene, &mut signals);
    signals
}

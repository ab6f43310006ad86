//! A session: everything that is kept between two requests, at most 256 bytes of it.
//! How it is written down is `session/codec.rs`, where it is kept `session/table.rs`.

pub mod bucket;
pub mod codec;
pub mod local;
pub mod table;

use crate::{
    baseline::Baseline,
    bounds::{IGNORED, IGNORED_MOST, IGNORED_SECONDS, IGNORED_SLOTS},
    evidence::Ledger,
    facts::{Actor, Tier},
    score::Level,
    time::{Span, Timestamp},
};

/// A decision that outlives its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sanction {
    /// None.
    #[default]
    None,
    /// Not against the session but for it: an operator approved it until this second since the epoch.
    Approved(u32),
    /// Everything is refused until this second since the epoch.
    Suspended(u32),
    /// Everything is refused until a fresh authentication.
    Revoked,
}

/// What an operator can do to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Refuse everything until a fresh authentication.
    Revoke,
    /// Refuse everything for this long.
    Suspend(Span),
    /// Answer what `approval` rules ask for this long. It lifts no suspension and no revocation.
    Approve(Span),
    /// End every sanction, clear the evidence and the level. What the session looks like stays known.
    Release,
    /// Release it, and let it begin anew: what its next allowed request shows is what is known of it.
    Forget,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Level with hysteresis.
    pub level: Level,
    /// When that level was entered, in seconds since the epoch.
    pub level_since: u32,
    /// How often it rose to `high` or above from below, at most 5: each one doubles the time that a level is held.
    pub relapses: u8,
    /// Sanction in force.
    pub sanction: Sanction,
    /// When it was imposed, in seconds since the epoch.
    pub sanctioned: u32,
    /// Newest `auth_time` seen, in seconds since the epoch.
    pub auth_time: u32,
    /// The last token's `acr` satisfied the step-up configuration.
    pub acr_satisfied: bool,
    /// When a step-up challenge was last due, in seconds since the epoch; 0 when never or when answered.
    pub challenged: u32,
    /// What was refused since, while nobody answered it.
    pub ignored: Ignored,
}

/// Refusals that were counted since a challenge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ignored {
    /// How many, at most [`IGNORED_MOST`].
    pub count: u8,
    /// In which ten seconds after the challenge the last one came, modulo [`IGNORED_SLOTS`].
    pub slot: u8,
}

impl Standing {
    /// Takes note of a request that is refused `now` because a challenge is open; the one before it was `seen`. `true` when
    /// it counts, and so many have that the challenge is ignored.
    pub fn ignore(&mut self, seen: Timestamp, now: Timestamp) -> bool {
        if self.challenged == 0 || self.auth_time >= self.challenged {
            return false;
        }
        let slots = now.seconds().saturating_sub(self.challenged) / IGNORED_SECONDS;
        let slot = u8::try_from(slots % IGNORED_SLOTS).unwrap_or(0);
        // After silence it counts whatever its number, which comes around.
        if slot == self.ignored.slot && now.since(seen) < Span::from_seconds(IGNORED_SECONDS) {
            return false;
        }
        self.ignored = Ignored { count: self.ignored.count.saturating_add(1).min(IGNORED_MOST), slot };
        self.ignored.count >= IGNORED
    }

    /// Sets the level to `low` at once, where the evidence decides anew. Who is there already has been there since.
    pub fn lower(&mut self, now: Timestamp) {
        if self.level != Level::Low {
            (self.level, self.level_since) = (Level::Low, now.seconds());
        }
    }
}

/// What is kept of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// What drives it.
    pub actor: Actor,
    /// When it was first seen, in seconds since the epoch.
    pub created: u32,
    /// When it was last seen.
    pub seen: Timestamp,
    /// Requests seen, forwarded or not.
    pub requests: u32,
    /// What it looked like until now.
    pub baseline: Baseline,
    /// What is held against it.
    pub evidence: Ledger,
    /// Where it stands.
    pub standing: Standing,
}

impl Session {
    /// A session first seen `now`.
    pub fn new(actor: Actor, now: Timestamp) -> Self {
        Self { actor, created: now.seconds(), seen: now, ..Self::default() }
    }

    /// Whether a sanction is in force at `now`.
    pub fn sanctioned(&self, now: Timestamp) -> bool {
        match self.standing.sanction {
            Sanction::None | Sanction::Approved(_) => false,
            Sanction::Suspended(until) => now.seconds() < until,
            Sanction::Revoked => self.standing.auth_time <= self.standing.sanctioned,
        }
    }

    /// Whether an operator's approval holds at `now`.
    pub fn approved(&self, now: Timestamp) -> bool {
        matches!(self.standing.sanction, Sanction::Approved(until) if now.seconds() < until)
    }

    /// Whether it may be forgotten: silent for longer than `idle`, and not suspended. A revocation is forgotten with its
    /// session, which by then nobody has used for that long, or revoked sessions would fill the table for good.
    pub fn expired(&self, now: Timestamp, idle: Span) -> bool {
        let suspended = matches!(self.standing.sanction, Sanction::Suspended(until) if now.seconds() < until);
        now.since(self.seen) > idle && !suspended
    }

    /// Does what an operator orders.
    pub fn obey(&mut self, order: Order, now: Timestamp) {
        let sanction = match order {
            Order::Revoke => Sanction::Revoked,
            Order::Suspend(span) => Sanction::Suspended(now.after(span).seconds()),
            Order::Approve(_) if self.sanctioned(now) => return,
            Order::Approve(span) => Sanction::Approved(now.after(span).seconds()),
            Order::Release => Sanction::None,
            Order::Forget => {
                let auth_time = self.standing.auth_time;
                *self = Self::new(self.actor, now);
                self.standing.auth_time = auth_time;
                Sanction::None
            }
        };
        self.standing.sanction = sanction;
        self.standing.sanctioned = now.seconds();
        if sanction == Sanction::None {
            self.evidence.clear(|_| true);
            self.standing.lower(now);
            self.standing.challenged = 0;
            self.standing.ignored = Ignored::default();
            self.standing.relapses = 0;
            // What the detectors of behaviour had added up so far would raise the same evidence with the next request.
            self.baseline.export_sum = 0;
            self.baseline.target_sum = 0;
            self.baseline.error_sum = 0;
        }
    }

    /// The law of merging two copies that went apart: commutative, associative, idempotent.
    ///
    /// Times and counters take the larger value, marks the union, evidence the latest line of each kind; what has no
    /// natural join (networks, mix, level) comes whole from the copy seen last. A fresh authentication known to either
    /// clears the older evidence that it answers.
    pub fn merge(self, other: Self) -> Self {
        let (last, first) = if self.order() >= other.order() { (self, other) } else { (other, self) };
        let mut merged = last;
        merged.created = last.created.min(first.created);
        merged.requests = last.requests.max(first.requests);
        merged.evidence = last.evidence.merge(first.evidence);
        let (a, b) = (&last.standing, &first.standing);
        merged.standing.auth_time = a.auth_time.max(b.auth_time);
        // Of one challenge the larger count.
        (merged.standing.challenged, merged.standing.ignored) =
            (a.challenged, a.ignored).max((b.challenged, b.ignored));
        (merged.standing.sanctioned, merged.standing.sanction) =
            (a.sanctioned, a.sanction).max((b.sanctioned, b.sanction));
        let (a, b) = (&last.baseline, &first.baseline);
        let base = &mut merged.baseline;
        base.requests = a.requests.max(b.requests);
        base.tier = a.tier.max(b.tier);
        base.endpoints = a.endpoints | b.endpoints;
        base.targets.iter_mut().zip(b.targets).for_each(|(into, from)| *into |= from);
        (base.posture_since, base.posture) = (a.posture_since, a.posture).max((b.posture_since, b.posture));
        base.writes = a.writes.max(b.writes);
        base.exports = a.exports.max(b.exports);
        base.resources = a.resources | b.resources;
        base.hours = a.hours | b.hours;
        base.stepped_up = a.stepped_up.max(b.stepped_up);
        base.posture_heard = a.posture_heard.max(b.posture_heard);
        merged.answer();
        merged
    }

    /// Clears the evidence that the newest authentication answers: everything about who drives the session from where
    /// with what, up to that second. What it did, and what its device is, stay.
    pub fn answer(&mut self) {
        use crate::signal::{Group, Kind};
        let auth_time = self.standing.auth_time;
        self.evidence.clear(|line| {
            line.at <= auth_time
                && !matches!(line.kind, Kind::PostureDegraded | Kind::PostureStale)
                && (line.kind.row().group != Group::Behaviour || line.kind == Kind::UnfamiliarResource)
        });
    }

    /// Clears what a device's lost posture added, once the device is compliant again; the level may fall with it at once.
    pub fn restore_posture(&mut self, now: Timestamp) {
        use crate::signal::{Decibans, Kind};
        if self.evidence.line(Kind::PostureDegraded).is_some_and(|line| line.strength != Decibans::ZERO) {
            self.evidence.clear(|line| line.kind == Kind::PostureDegraded);
            self.standing.lower(now);
        }
    }

    /// A total order of copies by what is taken whole: later first, then by content, so that two never tie unless equal.
    fn order(&self) -> (Timestamp, [u8; crate::bounds::SESSION_BYTES]) {
        let level =
            Standing { level: self.standing.level, level_since: self.standing.level_since, ..Standing::default() };
        let standing =
            Standing { acr_satisfied: self.standing.acr_satisfied, relapses: self.standing.relapses, ..level };
        let habits = Baseline {
            requests: 0,
            tier: Tier::Public,
            endpoints: 0,
            targets: [0; crate::bounds::TARGET_BYTES],
            posture: None,
            posture_since: 0,
            writes: 0,
            exports: 0,
            resources: 0,
            hours: 0,
            stepped_up: 0,
            posture_heard: 0,
            ..self.baseline
        };
        let whole = Self { created: 0, requests: 0, evidence: Ledger::default(), standing, baseline: habits, ..*self };
        (self.seen, codec::encode(&whole))
    }
}

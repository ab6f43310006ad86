//! One request through the core: signals, evidence, score, decision, next session. The only composer.
//! It reads no clock, calls no host and allocates nothing, so an update that lost a race is simply run again.

use crate::{
    facts::{Facts, Outcome, Tier, device::Posture},
    policy::{self, Action, Decision, Mode, Question, Rule},
    score::{Contributions, Level, Score, Thresholds, heal, relapsed},
    session::{Ignored, Sanction, Session, Standing},
    signal::{self, Decibans, Group, Kind, Limits, Scene, Signal, Signals, Weights},
    time::{Span, Timestamp},
};

/// What the core needs of the configuration.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Weight of each kind of signal.
    pub weights: Weights,
    /// What sessions may do at most.
    pub limits: Limits,
    /// Where the levels begin.
    pub thresholds: Thresholds,
    /// The policy, first match wins.
    pub rules: Vec<Rule>,
    /// Mode of the whole configuration.
    pub mode: Mode,
    /// Age up to which an authentication counts as fresh.
    pub max_age: Span,
}

/// What one request came to.
#[derive(Clone, Copy, Debug)]
pub struct Assessment {
    /// The session's score with this request.
    pub score: Score,
    /// Its level with hysteresis.
    pub level: Level,
    /// Why, strongest first.
    pub contributions: Contributions,
    /// What this request raised.
    pub signals: Signals,
    /// What to do.
    pub decision: Decision,
    /// The session to keep.
    pub session: Session,
}

impl Engine {
    /// Assesses one request of a session; `None` is one never seen before.
    pub fn assess(&self, facts: &Facts, session: Option<Session>) -> Assessment {
        let mut session = session.unwrap_or_else(|| Session::new(facts.actor, facts.now));
        // A clock that went backwards must not make evidence younger than it is.
        let now = facts.now.max(session.seen);
        session.actor = facts.actor;
        let before = session.standing.level;
        self.take_authentication(&mut session, facts, now);
        end_suspension(&mut session, now);

        let fresh = self.authenticated_in_session(&session, now) || self.stepped_up(&session, now);
        let (baseline, created) = (&session.baseline, session.created);
        let scene = Scene { facts, baseline, weights: &self.weights, limits: &self.limits, created, fresh };
        let mut signals = signal::detect(scene);
        let dated = dated(&session, now);
        signals.iter().for_each(|signal| session.evidence.absorb(signal, dated));
        session.baseline.hear_posture(facts);
        if facts.device.posture.is_some() {
            session.evidence.clear(|line| line.kind == Kind::PostureStale);
        }
        if session.baseline.posture == Some(Posture::Compliant) {
            session.restore_posture(now);
        }

        let held = (session.standing.level, session.standing.level_since);
        let (mut score, mut decision) = self.judge(facts, &mut session, &signals, held, now);
        if decision.action == Action::StepUp
            && decision.enforced
            && session.standing.ignore(session.seen, now)
            && let Some(signal) = self.challenge_ignored(&session, now)
        {
            signals.raise(signal);
            session.evidence.absorb(&signal, dated);
            (score, decision) = self.judge(facts, &mut session, &signals, held, now);
        }
        count_relapse(&mut session.standing, before, now);
        let level = session.standing.level;
        let contributions = Contributions::of(&session.evidence, &signals, now);
        settle(&mut session, facts, &decision, now);
        Assessment { score, level, contributions, signals, decision, session }
    }

    /// Learns how the upstream answered a forwarded request. What that raises counts from the next request on.
    pub fn observe(&self, facts: &Facts, outcome: &Outcome, session: &mut Session, now: Timestamp) -> Signals {
        let now = now.max(session.seen);
        session.baseline.learn_outcome(outcome, &facts.action, now);
        let mut signals = Signals::default();
        if let Some(signal) = signal::probing::observe(&mut session.baseline, outcome, facts, &self.weights) {
            signals.raise(signal);
        }
        signals.raise(signal::reported::observe(outcome, &self.weights));
        let dated = dated(session, now);
        signals.iter().for_each(|signal| session.evidence.absorb(signal, dated));
        signals
    }

    /// Whether [`Engine::observe`] would change a session without suspicion: most answers need no write.
    pub fn worth_observing(facts: &Facts, outcome: &Outcome) -> bool {
        facts.action.step_up || outcome.reported > 0 || signal::probing::suspicious(outcome, facts)
    }

    /// The score, the level after the one `held`, and what the policy makes of them.
    fn judge(
        &self,
        facts: &Facts,
        session: &mut Session,
        signals: &Signals,
        (held, since): (Level, u32),
        now: Timestamp,
    ) -> (Score, Decision) {
        let score = Score::of(&session.evidence, now);
        let standing = &mut session.standing;
        (standing.level, standing.level_since) = self.thresholds.next(score, held, since, standing.relapses, now);
        (score, self.decide(facts, session, signals, score, now))
    }

    /// That the session ignores its challenge, which may keep it where it is and does not make it critical: a tab that polls
    /// looks the same.
    fn challenge_ignored(&self, session: &Session, now: Timestamp) -> Option<Signal> {
        let mut others = session.evidence;
        others.clear(|line| line.kind == Kind::ChallengeIgnored);
        let others = Score::of(&others, now).points();
        let room = self.thresholds.critical.points().saturating_sub(others).saturating_sub(1);
        Some(signal::identity::challenge_ignored(&self.weights, room)).filter(|signal| signal.weight != Decibans::ZERO)
    }

    fn decide(&self, facts: &Facts, session: &Session, signals: &Signals, score: Score, now: Timestamp) -> Decision {
        let standing = &session.standing;
        if session.sanctioned(now) && facts.action.tier != Tier::Public {
            let enforced = self.mode.enforced(facts.key);
            let (action, duration) = match standing.sanction {
                Sanction::Suspended(until) => {
                    (Action::Suspend, Span::from_seconds(until.saturating_sub(now.seconds())))
                }
                Sanction::None | Sanction::Approved(_) | Sanction::Revoked => (Action::Revoke, Span::default()),
            };
            return Decision { action, enforced, rule: None, duration };
        }
        let answered = standing.challenged != 0
            && standing.auth_time >= standing.challenged
            && self.recent(standing.auth_time, now);
        let approved = session.approved(now) || facts.grant.window_until.is_some();
        let posture = session.baseline.posture;
        let question = Question { facts, signals, score, level: standing.level, posture, answered, approved };
        policy::decide(&self.rules, self.mode, &question)
    }

    /// Takes note of an authentication newer than any seen, and clears the evidence that it answers.
    fn take_authentication(&self, session: &mut Session, facts: &Facts, now: Timestamp) {
        let standing = &mut session.standing;
        // An `acr` that satisfies the challenge and did not before is an authentication, whatever the token's times say.
        let raised = facts.grant.acr_satisfied && !standing.acr_satisfied && session.requests > 0;
        let stated = facts.grant.auth_time.unwrap_or(0).min(now.seconds());
        let auth_time = if raised { now.seconds() } else { stated };
        standing.acr_satisfied = facts.grant.acr_satisfied;
        if auth_time > standing.auth_time {
            standing.auth_time = auth_time;
            // The level is held for a while against flapping; an answer is no flapping.
            standing.lower(now);
            session.answer();
        }
    }

    /// Whether the owner authenticated again in this session, recently enough to count.
    fn authenticated_in_session(&self, session: &Session, now: Timestamp) -> bool {
        session.standing.auth_time > session.created && self.recent(session.standing.auth_time, now)
    }

    /// Whether the step-up route was answered with success, recently enough to count.
    fn stepped_up(&self, session: &Session, now: Timestamp) -> bool {
        let minutes = session.baseline.stepped_up;
        minutes != 0 && self.recent(minutes.saturating_mul(60), now)
    }

    fn recent(&self, auth_time: u32, now: Timestamp) -> bool {
        now.since(Timestamp::from_seconds(auth_time)) <= self.max_age
    }
}

/// Counts a rise to `high` or above from below. An answer or a served suspension lowers the level for a moment only when
/// the rest of the evidence lifts it again: that is no relapse, so `before` is the level with which the request came.
fn count_relapse(standing: &mut Standing, before: Level, now: Timestamp) {
    if before < Level::High && standing.level >= Level::High {
        standing.relapses = relapsed(standing.relapses);
    } else if standing.level == Level::Low && before == Level::Low {
        (standing.level_since, standing.relapses) = heal(standing.level_since, standing.relapses, now);
    }
}

/// The date of evidence raised `now`. An authentication answers everything up to its second, but not what its own request
/// and those after it show.
fn dated(session: &Session, now: Timestamp) -> Timestamp {
    now.max(Timestamp::from_seconds(session.standing.auth_time.saturating_add(1)))
}

/// Ends a suspension whose time has come. It has been served: the behaviour that led to it is not held against the
/// session again, or the first request after it would suspend the session anew.
fn end_suspension(session: &mut Session, now: Timestamp) {
    if let Sanction::Suspended(until) = session.standing.sanction
        && now.seconds() >= until
    {
        session.standing.sanction = Sanction::None;
        session.evidence.clear(|line| line.kind.row().group == Group::Behaviour);
        session.baseline.export_sum = 0;
        session.baseline.target_sum = 0;
        session.standing.lower(now);
    }
}

/// What a decision leaves behind. A request that was not simply allowed teaches nothing: who is challenged from a new
/// network must not make that network known by trying again.
fn settle(session: &mut Session, facts: &Facts, decision: &Decision, now: Timestamp) {
    let standing = &mut session.standing;
    match decision.action {
        Action::Allow => {
            let sum = signal::fanout::export_sum(&session.baseline, facts);
            session.baseline.export_sum = if sum >= signal::fanout::EXPORT_ALARM { 0 } else { sum };
            session.baseline.target_sum = signal::fanout::target_sum(&session.baseline, facts);
            session.baseline.error_sum =
                session.baseline.error_sum.saturating_add(signal::probing::repeat(&session.baseline, facts));
            session.baseline.learn(facts);
            if standing.level == Level::Low {
                standing.ignored = Ignored::default();
            }
        }
        // The first challenge stays the one to be answered, or a thief's retries would outdate the owner's answer.
        Action::StepUp if standing.challenged == 0 || standing.auth_time >= standing.challenged => {
            (standing.challenged, standing.ignored) = (now.seconds(), Ignored::default());
        }
        Action::Suspend if decision.enforced && decision.rule.is_some() => {
            standing.sanction = Sanction::Suspended(now.after(decision.duration).seconds());
            standing.sanctioned = now.seconds();
        }
        Action::Revoke if decision.enforced && decision.rule.is_some() => {
            standing.sanction = Sanction::Revoked;
            standing.sanctioned = now.seconds();
        }
        _ => {}
    }
    session.seen = now;
    session.requests = session.requests.saturating_add(1).min(0x00ff_ffff);
}

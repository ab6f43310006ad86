//! What came of one session: verdicts on its requests, folded into what is counted. Which sessions are counted together,
//! and what is said of them, is not known here.

use super::{
    Verdict,
    corpus::{Life, Request},
    stories, verdict_of,
};
use crate::{
    engine::Assessment,
    facts::{Access, Tier, device::Posture},
    policy::{Action, Rule},
    signal::Signals,
};

/// What came of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Flagged by inference before the onset; in a benign session, at all.
    pub early: bool,
    /// Flagged by policy there.
    pub policy: bool,
    /// Requests from the onset to the first flag, both included. A session that was flagged early too counts as found
    /// only if it is flagged from the onset on, and `early` is told beside it.
    pub delay: Option<u32>,
    /// The true cause is among the two strongest reasons of that flag.
    pub reason: bool,
    /// The attacker's sensitive requests before that flag.
    pub sensitive_through: u32,
    /// The attacker's sensitive requests that were forwarded, all in all.
    pub sensitive_forwarded: u32,
    /// The attacker's writes with tools that the scope does not declare, and how many of them were refused.
    pub undeclared_writes: (u32, u32),
    /// Requests from the onset to the first that says the device is not compliant.
    pub turned: Option<u32>,
    /// Kinds of signal raised, one bit each.
    pub raised: u32,
    /// The highest score.
    pub peak: u8,
    /// Whose work the sanction in force is.
    sanction: Verdict,
}

impl Fate {
    /// Takes the next request in.
    pub fn take(&mut self, life: &Life, request: &Request, assessment: &Assessment, rules: &[Rule]) {
        self.raised |= assessment.signals.mask();
        self.peak = self.peak.max(assessment.score.points());
        let verdict = self.judge(assessment, rules);
        let (facts, onset) = (&request.facts, request.since_onset);
        if onset == 0 {
            self.early |= verdict == Verdict::Flag;
            self.policy |= verdict == Verdict::Policy;
            return;
        }
        if facts.device.posture == Some(Posture::NotCompliant) {
            self.turned.get_or_insert(onset);
        }
        if verdict != Verdict::Pass && self.delay.is_none() {
            self.delay = Some(onset);
            let causes = stories::causes(&life.scenario);
            let mut top = assessment.contributions.iter().take(2);
            self.reason = top.any(|contribution| causes.contains(&contribution.kind.row().name));
        }
        if request.attack {
            let forwarded = assessment.decision.effective().forwards(facts.action.access);
            let count = |counter: &mut u32, yes: bool| *counter = counter.saturating_add(u32::from(yes));
            let sensitive =
                facts.action.tier >= Tier::Sensitive || matches!(facts.action.access, Access::Export | Access::Admin);
            count(&mut self.sensitive_through, sensitive && self.delay.is_none());
            count(&mut self.sensitive_forwarded, sensitive && forwarded);
            count(&mut self.undeclared_writes.0, request.undeclared_write);
            count(&mut self.undeclared_writes.1, request.undeclared_write && !forwarded);
        }
    }

    /// Takes note of a signal that an answer raised.
    pub fn heard(&mut self, signals: &Signals) {
        self.raised |= signals.mask();
    }

    /// Whether the session counts as flagged: an attack from its onset on, by inference or policy; any other by inference.
    pub fn flagged(&self, life: &Life) -> bool {
        if life.onset.is_some() { self.delay.is_some() } else { self.early }
    }

    /// A sanction outlives the request that earned it. What it refuses later was decided then, by policy or inference.
    fn judge(&mut self, assessment: &Assessment, rules: &[Rule]) -> Verdict {
        let decision = &assessment.decision;
        if decision.rule.is_none() && decision.action != Action::Allow && self.sanction != Verdict::Pass {
            return self.sanction;
        }
        let verdict = verdict_of(decision, rules);
        if matches!(decision.action, Action::Suspend | Action::Revoke) {
            self.sanction = verdict;
        }
        verdict
    }
}

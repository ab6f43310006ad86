//! What is configured of signals, compiled: weights, limits, the window of a just-in-time grant, words of reports.

use super::{Compiler, ROOT};
use crate::{
    config::{
        Given, Reported, Stated, Window, moment,
        raw::{ClaimName, Moment, RawBudget},
    },
    facts::{ACTORS, Actor, Allowance},
    signal::{Budget, Decibans, Limits, Weights},
    time::Span,
};

impl Compiler<'_> {
    pub(super) fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        self.raw.weights.0.iter().for_each(|(kind, weight)| weights.set(*kind, Decibans::points(weight.0)));
        weights
    }

    pub(super) fn limits(&self) -> Limits {
        let mut budgets = Vec::new();
        for raw in &self.raw.budgets {
            let most = Allowance {
                writes: raw.writes.map(|count| count.0),
                exports: raw.exports.map(|count| count.0),
                targets: raw.targets.map(|count| count.0),
            };
            budgets.extend(actors(raw).map(|actor| Budget { actor, most }));
        }
        Limits { posture_stale: Span::from_minutes(self.raw.device.posture_stale_minutes.0), budgets }
    }

    /// The claims in which tokens state budgets of their own.
    pub(super) fn stated(&mut self) -> Vec<Stated> {
        let mut stated = Vec::new();
        for (index, raw) in self.raw.budgets.iter().enumerate() {
            let at = ROOT.member("budgets");
            let at = at.item(index);
            let mut claims = [None; 3];
            for (slot, (name, claim)) in claims.iter_mut().zip(budget_claims(raw)) {
                *slot = claim.as_ref().and_then(|claim| self.claim(claim, &at.member(name)));
            }
            if claims != [None; 3] {
                stated.extend(actors(raw).map(|actor| Stated { actor, claims }));
            }
        }
        stated
    }

    /// The window of a grant; `Some(None)` when none is asked for.
    pub(super) fn grant(&mut self) -> Option<Option<Window>> {
        let Some(raw) = &self.raw.grant else { return Some(None) };
        let at = ROOT.member("grant");
        let from = match &raw.from {
            None => None,
            Some(name) => Some(self.claim(name, &at.member("from"))?),
        };
        let until = match &raw.until {
            None => None,
            Some(name) => Some(self.claim(name, &at.member("until"))?),
        };
        // Windows that could not be read are reported already.
        let none = raw.given.is_empty() && !self.problems.touch(&at.member("given"));
        if until.is_none() && (from.is_some() || none) {
            let message = "nobody can have a grant; state the claim `until`, or windows in `given`";
            self.problems.add(&at, message.to_owned());
            return None;
        }
        Some(Some(Window { from, until, tier: raw.tier }))
    }

    /// The windows that the configuration gives itself.
    pub(super) fn given(&mut self) -> Option<Vec<Given>> {
        let Some(raw) = &self.raw.grant else { return Some(Vec::new()) };
        let at = ROOT.member("grant");
        let at = at.member("given");
        let mut all = Vec::new();
        for (index, one) in raw.given.iter().enumerate() {
            let at = at.item(index);
            let seconds = |moment: &Moment| moment::seconds(&moment.0).unwrap_or(0);
            let (from, until) = (one.from.as_ref().map_or(0, seconds), seconds(&one.until));
            if until <= from {
                self.problems.add(&at.member("until"), "a window ends after it opens".to_owned());
            }
            all.push(Given {
                claim: self.claim(&one.claim, &at.member("claim"))?,
                value: one.is.0.clone(),
                from,
                until,
            });
        }
        Some(all)
    }

    pub(super) fn reported(&self) -> Option<Reported> {
        let raw = self.raw.reported.as_ref()?;
        Some(Reported { words: raw.words.0.iter().map(|(word, points)| (word.clone(), points.0)).collect() })
    }
}

/// Writes, exports, targets.
pub(super) fn budget_claims(raw: &RawBudget) -> [(&'static str, &Option<ClaimName>); 3] {
    [("writes_claim", &raw.writes_claim), ("exports_claim", &raw.exports_claim), ("targets_claim", &raw.targets_claim)]
}

fn actors(raw: &RawBudget) -> impl Iterator<Item = Actor> {
    let holds = |actor: &Actor| raw.actor.as_ref().is_none_or(|actors| actors.contains(actor));
    ACTORS.iter().map(|(actor, _)| *actor).filter(holds)
}

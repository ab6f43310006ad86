//! What is configured of signals, compiled: weights, limits, the window of a just-in-time grant, words of reports.

use super::{Compiler, ROOT};
use crate::{
    config::{Reported, Window},
    facts::{ACTORS, Actor},
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
            let (writes, exports) = (raw.writes.map(|count| count.0), raw.exports.map(|count| count.0));
            let holds = |actor: &Actor| raw.actor.as_ref().is_none_or(|actors| actors.contains(actor));
            let actors = ACTORS.iter().map(|(actor, _)| *actor).filter(holds);
            budgets.extend(actors.map(|actor| Budget { actor, writes, exports }));
        }
        Limits { posture_stale: Span::from_minutes(self.raw.device.posture_stale_minutes.0), budgets }
    }

    /// The window of a grant; `Some(None)` when none is asked for.
    pub(super) fn grant(&mut self) -> Option<Option<Window>> {
        let Some(raw) = &self.raw.grant else { return Some(None) };
        let at = ROOT.member("grant");
        let from = match &raw.from {
            None => None,
            Some(name) => Some(self.claim(name, &at.member("from"))?),
        };
        let until = self.claim(&raw.until, &at.member("until"))?;
        Some(Some(Window { from, until, tier: raw.tier }))
    }

    pub(super) fn reported(&self) -> Option<Reported> {
        let raw = self.raw.reported.as_ref()?;
        Some(Reported { words: raw.words.0.iter().map(|(word, points)| (word.clone(), points.0)).collect() })
    }
}

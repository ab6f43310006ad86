//! What a detector is worth, measured against labels: detection, delay and friction, with simple rules beside it.
//! Requests come one by one from a replay; the figures are made at the end. Labels never reach the scorer.
//!
//! A session is *flagged* by its first decision that is not `allow`, shadow counted as enforced. Flags before the attack's
//! first request are *early*: false, and told beside the detection. A session that is flagged early and from the onset on
//! counts as detected. Friction is benign sessions flagged by inference; what only a hard criterion held up is
//! `policy_restricts`. In an attack a flag by a hard criterion counts as detection like any other.

pub mod corpus;
pub mod curves;
pub mod fate;
mod figures;
pub mod pins;
mod stories;
pub mod tally;

use super::{Step, record::Record};
use crate::{
    policy::{Action, Decision, Rule, Set},
    signal::{Basis, CATALOGUE},
};
use corpus::{Corpus, Life, Scorer};
use fate::Fate;
use serde_json::Value;

pub use figures::wilson;

/// What one detector said of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    #[default]
    Pass,
    /// Flagged because a hard criterion says so: policy, not inference.
    Policy,
    /// Flagged by inference.
    Flag,
}

/// The verdict of an assessment: *flagged* is every decision but `allow`, shadow counted as enforced.
pub fn verdict(step: &Step, rules: &[Rule]) -> Verdict {
    verdict_of(&step.assessment.decision, rules)
}

/// The verdict of a decision. What a sanction refuses later names no rule, and counts as inference here.
pub fn verdict_of(decision: &Decision, rules: &[Rule]) -> Verdict {
    if decision.action == Action::Allow {
        return Verdict::Pass;
    }
    let rule = decision.rule.and_then(|index| rules.get(usize::from(index)));
    if rule.is_some_and(hard) { Verdict::Policy } else { Verdict::Flag }
}

/// Whether a rule acts on a hard criterion: what the posture is, or signals that are rules and no likelihoods.
pub fn hard(rule: &Rule) -> bool {
    let kinds = |set: Set| CATALOGUE.iter().filter(move |row| set.has(row.kind.number()));
    rule.when.postures.is_some() || rule.when.signals.is_some_and(|set| kinds(set).all(|row| row.basis == Basis::Rule))
}

/// Collects what a replay says of labelled requests, and tells what it is worth.
#[derive(Debug, Default)]
pub struct Evaluation {
    corpus: Corpus,
    fates: Vec<Fate>,
}

impl Evaluation {
    /// Takes one labelled request; one without label is left out. `step` is `None` where the gateway could not score it.
    pub fn take(&mut self, record: &Record, step: Option<&Step>, rules: &[Rule]) {
        if record.label.is_none() {
            return;
        }
        let at = self.corpus.take(record, step.map(|step| &step.facts));
        self.fates.resize(self.corpus.lives.len(), Fate::default());
        let Some(step) = step else { return };
        if let (Some(life), Some(fate)) = (self.corpus.lives.get(at), self.fates.get_mut(at))
            && let Some(request) = life.requests.last()
        {
            fate.take(life, request, &step.assessment, rules);
        }
    }

    /// Labelled sessions seen.
    pub fn sessions(&self) -> usize {
        self.corpus.lives.len()
    }

    /// The figures as JSON: `scenarios.<name>`, `friction`, `policy_restricts`, `macro_hijack`, `baselines.<name>`,
    /// `curves.<name>` and others. Those of the configuration come from the requests taken in; the curves run `scorer`,
    /// which is the same configuration, over them again.
    pub fn figures(&self, scorer: &Scorer) -> Value {
        figures::figures(self, scorer)
    }

    /// Friction and detection with the weight of one signal after the other set to 0.
    pub fn ablation(&self, scorer: &Scorer) -> Value {
        figures::ablation(self, scorer)
    }

    fn lived(&self) -> impl Iterator<Item = (&Life, &Fate)> {
        self.corpus.lives.iter().zip(&self.fates)
    }
}

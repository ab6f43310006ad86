//! Proposes levels, scores asked for by rules, and weights that keep friction within a budget. Searches on one half of the
//! sessions and measures on the other, so that nothing is tuned on what it is judged by. Hard criteria stay as they are.
//! It evaluates sessions one by one, without a table: see `eval/corpus.rs`.

pub mod knobs;
mod search;
pub mod split;

use super::eval::{
    corpus::{Corpus, Scorer, spread},
    tally::{Groups, Tally},
};
use knobs::Change;

/// Friction that is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget(f64);

/// An honest class of fewer sessions in the half has no limit of its own: one session would be too much of it.
pub const CLASS_SESSIONS: u32 = 50;
/// An honest class may have this many times the budget.
pub const CLASS_FACTOR: f64 = 6.0;

impl Budget {
    /// This share of honest sessions, 0..=1.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// Of so many sessions, how many may be flagged.
    fn of(self, sessions: u32, times: f64) -> f64 {
        (self.0 * times * f64::from(sessions) + 1e-9).floor()
    }
}

/// Where a configuration stands.
#[derive(Clone, Debug)]
pub struct Stand {
    /// Honest sessions flagged, of how many.
    pub friction: (u32, u32),
    /// Mean detection over all attack scenarios, each counting once; `None` where no attack is labelled.
    pub detection: Option<f64>,
    /// The same by source.
    pub by_source: Vec<(String, f64)>,
    /// The honest class of at least [`CLASS_SESSIONS`] sessions with the highest friction: its name, flagged, of how many.
    pub worst: Option<(String, u32, u32)>,
}

/// One step of the search, and where it led on the tuning half.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was changed; nothing in the first, which is where the search began.
    pub changes: Vec<Change>,
    /// Where it led.
    pub stand: Stand,
}

/// What came of it.
#[derive(Debug)]
pub struct Tuned {
    /// The configuration's, changed.
    pub scorer: Scorer,
    /// Everything that is different from the start.
    pub changes: Vec<Change>,
    /// The friction on the tuning half is within the budget, over all and in every class.
    pub within: bool,
}

/// Searches on the tuning half. `told` hears of every step.
pub fn tune(corpus: &Corpus, halves: &[bool], start: &Scorer, budget: Budget, told: &mut dyn FnMut(&Step)) -> Tuned {
    let groups = half(corpus, halves, true);
    search::Search::new(corpus, &groups, start, budget).run(told)
}

/// Measures a configuration on one half.
pub fn measure(corpus: &Corpus, halves: &[bool], tuning: bool, scorer: &Scorer) -> Stand {
    let groups = half(corpus, halves, tuning);
    let lives = &corpus.lives;
    let flagged = spread(lives.len(), &|at| {
        let counted = groups.of.get(at).copied().flatten();
        counted.and_then(|_| lives.get(at)).is_some_and(|life| life.run(scorer, false).flagged(life))
    });
    stand(&groups, &groups.tally(flagged.into_iter()))
}

fn half(corpus: &Corpus, halves: &[bool], tuning: bool) -> Groups {
    Groups::new(corpus, |at| halves.get(at) == Some(&tuning))
}

fn stand(groups: &Groups, tally: &Tally) -> Stand {
    let mut sources: Vec<&String> =
        groups.groups.iter().filter(|group| group.attack).map(|group| &group.source).collect();
    sources.sort();
    sources.dedup();
    let by_source = sources.into_iter().filter_map(|source| {
        let found = groups.detection(tally, |group| group.source == *source)?;
        Some((source.clone(), found))
    });
    let classes = groups.rows(tally).filter(|(group, _)| !group.attack && group.sessions >= CLASS_SESSIONS);
    let share = |flagged: u32, of: u32| f64::from(flagged) / f64::from(of.max(1));
    let worst = classes.max_by(|(a, x), (b, y)| share(*x, a.sessions).total_cmp(&share(*y, b.sessions)));
    Stand {
        friction: groups.friction(tally),
        detection: groups.detection(tally, |_| true),
        by_source: by_source.collect(),
        worst: worst.map(|(group, flagged)| (group.name.clone(), flagged, group.sessions)),
    }
}

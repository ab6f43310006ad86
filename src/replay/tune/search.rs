//! The search: greedy, one knob at a time, and two at once where one alone gains nothing. Deterministic, and bounded by a
//! number of steps, not by a clock. Only sessions that a change can reach are run again.

use super::{
    Budget, CLASS_FACTOR, CLASS_SESSIONS, Stand, Step, Tuned,
    knobs::{Change, Knob, Knobs},
};
use crate::{
    engine::Engine,
    replay::eval::{
        corpus::{Corpus, Scorer, spread},
        fate::Fate,
        tally::{Groups, Tally},
    },
};

/// Steps at most.
const STEPS: usize = 60;
/// How many of the best single changes are tried with a second one.
const PAIRED: usize = 6;
/// What a step must gain in detection: less is chance.
const GAIN: f64 = 0.001;

/// What a search works on.
pub(super) struct Search<'a> {
    corpus: &'a Corpus,
    groups: &'a Groups,
    start: &'a Scorer,
    budget: Budget,
    knobs: Knobs,
    /// There are attacks to be found. Else thresholds are made as low as the budget allows.
    attacks: bool,
}

/// A configuration, and what it comes to on the tuning half.
struct State {
    scorer: Scorer,
    /// One a session of the corpus; `None` in the other half.
    fates: Vec<Option<Fate>>,
    worth: Worth,
}

/// What is weighed.
#[derive(Clone, Debug)]
struct Worth {
    tally: Tally,
    /// Honest sessions flagged that should not be, over all and in classes.
    excess: f64,
    /// What is to be made large.
    gain: f64,
}

impl<'a> Search<'a> {
    pub(super) fn new(corpus: &'a Corpus, groups: &'a Groups, start: &'a Scorer, budget: Budget) -> Self {
        let attacks = groups.groups.iter().any(|group| group.attack);
        Self { corpus, groups, start, budget, knobs: Knobs::new(&start.engine, attacks), attacks }
    }

    pub(super) fn run(&self, told: &mut dyn FnMut(&Step)) -> Tuned {
        let mut state = self.begin();
        told(&Step { changes: Vec::new(), stand: self.stand(&state) });
        for _ in 0..STEPS {
            let Some(changes) = self.next(&state) else { break };
            self.apply(&mut state, &changes);
            told(&Step { changes, stand: self.stand(&state) });
        }
        let changes = self.knobs.between(&self.start.engine, &state.scorer.engine);
        Tuned { changes, within: state.worth.excess <= 0.0, scorer: state.scorer }
    }

    fn begin(&self) -> State {
        let fates = spread(self.corpus.lives.len(), &|at| {
            self.groups.of.get(at).copied().flatten()?;
            self.corpus.lives.get(at).map(|life| life.run(self.start, false))
        });
        let flagged = fates
            .iter()
            .zip(&self.corpus.lives)
            .map(|(fate, life)| fate.as_ref().is_some_and(|fate| fate.flagged(life)));
        let worth = self.worth(self.groups.tally(flagged), &self.start.engine);
        State { scorer: self.start.clone(), fates, worth }
    }

    fn stand(&self, state: &State) -> Stand {
        super::stand(self.groups, &state.worth.tally)
    }

    /// The next step from here; `None` when none is worth it. Each takes something off the excess, or adds to what is
    /// gained and nothing to the excess: so no configuration comes twice.
    fn next(&self, state: &State) -> Option<Vec<Change>> {
        let singles = self.knobs.moves(&state.scorer.engine);
        let worths = spread(singles.len(), &|job| singles.get(job).map(|changes| self.of(state, changes)));
        let tried: Vec<(&Vec<Change>, &Worth)> = singles.iter().zip(worths.iter().flatten()).collect();
        let here = &state.worth;
        // Out of budget: what takes most off the excess for the least loss.
        let price = |worth: &Worth| (here.excess - worth.excess) / ((here.gain - worth.gain).max(0.0) + 2.0 * GAIN);
        let less = tried.iter().filter(|(_, worth)| worth.excess < here.excess);
        if let Some((changes, _)) = first_max(less, |(_, worth)| price(worth)) {
            return Some((*changes).clone());
        }
        let allowed = tried.iter().filter(|(_, worth)| worth.excess <= here.excess && self.gains(worth, here));
        if let Some((changes, _)) = first_max(allowed, |(_, worth)| worth.gain) {
            return Some((*changes).clone());
        }
        self.pair(state, &tried, &singles)
    }

    /// A change that gains much and costs too much, with a second one that pays for it.
    fn pair(&self, state: &State, tried: &[(&Vec<Change>, &Worth)], singles: &[Vec<Change>]) -> Option<Vec<Change>> {
        let here = &state.worth;
        let mut dear: Vec<_> = tried.iter().filter(|(_, worth)| self.gains(worth, here)).collect();
        // What gains most for each session in excess.
        let price = |worth: &Worth| (worth.gain - here.gain) / (worth.excess - here.excess + 1.0);
        dear.sort_by(|(_, a), (_, b)| price(b).total_cmp(&price(a)));
        let apart = |a: &[Change], b: &[Change]| !a.iter().any(|a| b.iter().any(|b| one(a.knob, b.knob)));
        let mut pairs: Vec<Vec<Change>> = Vec::new();
        for (first, _) in dear.into_iter().take(PAIRED) {
            let seconds = singles.iter().filter(|second| apart(first, second));
            pairs.extend(seconds.map(|second| [first.as_slice(), second].concat()));
        }
        let worths = spread(pairs.len(), &|job| pairs.get(job).map(|pair| self.of(state, pair)));
        let tried = pairs.iter().zip(worths.iter().flatten());
        let allowed = tried.filter(|(_, worth)| worth.excess <= here.excess && self.gains(worth, here));
        first_max(allowed, |(_, worth)| worth.gain).map(|(pair, _)| pair.clone())
    }

    fn gains(&self, worth: &Worth, here: &Worth) -> bool {
        worth.gain - here.gain >= if self.attacks { GAIN } else { 1e-9 }
    }

    /// What these changes would come to.
    fn of(&self, state: &State, changes: &[Change]) -> Worth {
        let scorer = turned(&state.scorer, changes);
        let mut tally = state.worth.tally.clone();
        for (at, before) in self.reached(state, changes) {
            let (Some(life), Some(group)) = (self.corpus.lives.get(at), self.groups.of.get(at).copied().flatten())
            else {
                continue;
            };
            let (was, is) = (before.flagged(life), life.run(&scorer, false).flagged(life));
            if let Some(count) = tally.0.get_mut(group) {
                *count = count.saturating_add(u32::from(is)).saturating_sub(u32::from(was));
            }
        }
        self.worth(tally, &scorer.engine)
    }

    fn apply(&self, state: &mut State, changes: &[Change]) {
        let worth = self.of(state, changes);
        let scorer = turned(&state.scorer, changes);
        let reached: Vec<usize> = self.reached(state, changes).map(|(at, _)| at).collect();
        for at in reached {
            if let (Some(life), Some(fate)) = (self.corpus.lives.get(at), state.fates.get_mut(at)) {
                *fate = Some(life.run(&scorer, false));
            }
        }
        (state.scorer, state.worth) = (scorer, worth);
    }

    /// The sessions that changes can reach: those that raised the signal, or scored as high as the lower threshold. All
    /// others go the same way, request by request.
    fn reached<'s>(&self, state: &'s State, changes: &'s [Change]) -> impl Iterator<Item = (usize, &'s Fate)> {
        let fates = state.fates.iter().enumerate().filter_map(|(at, fate)| Some((at, fate.as_ref()?)));
        fates.filter(|(_, fate)| {
            changes.iter().any(|change| match change.knob {
                Knob::Weight(kind) => fate.raised & kind.bit() != 0,
                Knob::Level(_) | Knob::Rule(_) => fate.peak >= change.from.min(change.to),
            })
        })
    }

    fn worth(&self, tally: Tally, engine: &Engine) -> Worth {
        let over = |(flagged, of): (u32, u32), times| (f64::from(flagged) - self.budget.of(of, times)).max(0.0);
        let classes = self.groups.rows(&tally).filter(|(group, _)| !group.attack && group.sessions >= CLASS_SESSIONS);
        let classes: f64 = classes.map(|(group, flagged)| over((flagged, group.sessions), CLASS_FACTOR)).sum();
        let excess = over(self.groups.friction(&tally), 1.0) + classes;
        let gain = self.groups.detection(&tally, |_| true).unwrap_or_else(|| self.knobs.depth(engine));
        Worth { tally, excess, gain }
    }
}

/// Whether two knobs cannot be turned apart from each other: levels push each other.
fn one(a: Knob, b: Knob) -> bool {
    a == b || matches!((a, b), (Knob::Level(_), Knob::Level(_)))
}

fn turned(scorer: &Scorer, changes: &[Change]) -> Scorer {
    let mut scorer = scorer.clone();
    changes.iter().for_each(|change| change.knob.set(&mut scorer.engine, change.to));
    scorer
}

/// The first of those with the largest value.
fn first_max<T>(items: impl Iterator<Item = T>, value: impl Fn(&T) -> f64) -> Option<T> {
    items.reduce(|best, item| if value(&item) > value(&best) { item } else { best })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::replay::{Replay, eval::tally::Groups, record::Record};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    /// Sessions that change something half way: country, TLS fingerprint, browser, key, tier, or that begin to probe.
    fn corpus(config: &Value) -> Corpus {
        let (mut replay, mut corpus) = (Replay::new(config).unwrap(), Corpus::default());
        for (session, minute) in (0..28u64).flat_map(|session| (0..24u64).map(move |minute| (session, minute))) {
            let deed = |which: u64| minute >= 12 && session % 7 == which;
            let moved = deed(0) || deed(1) && minute % 2 == 0;
            let path = if deed(2) { "/admin".to_owned() } else { format!("/guess/{minute}") };
            let line = json!({ "ts": 1_770_000_000_000u64 + minute * 20_000, "session": format!("s{session}"),
                "subject": format!("s{session}"), "actor": if session % 2 == 0 { "human" } else { "service" },
                "method": "GET", "path": path, "status": if deed(3) { 404 } else { 200 },
                "ip": if moved { "128.199.64.9" } else { "84.128.1.1" }, "asn": if moved { 6_805 } else { 3_320 },
                "country": if moved { "SG" } else { "DE" }, "ja4": if deed(4) || moved { "t2" } else { "t1" },
                "ua": if deed(5) { "curl/8.5.0" } else { "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0" },
                "binding": if deed(6) { "none" } else { "dpop:key" },
                "label": { "attack": session % 3 == 0 && minute >= 12, "scenario": "any", "source": "synthetic" } });
            let record = Record::parse(line.to_string().as_bytes()).unwrap();
            corpus.take(&record, Some(&replay.step(&record).unwrap().facts));
        }
        corpus
    }

    #[test]
    fn running_only_what_a_change_can_reach_says_what_running_all_says() {
        let routes = json!([{ "path": "/admin", "tier": "sensitive" }]);
        let config = json!({ "secret": "an example secret of some length", "routes": routes });
        let (corpus, start) = (corpus(&config), Scorer::new(&config).unwrap());
        let groups = Groups::new(&corpus, |_| true);
        let search = Search::new(&corpus, &groups, &start, Budget(0.1));
        let state = search.begin();
        let mut differ = BTreeSet::new();
        for changes in search.knobs.moves(&start.engine) {
            let all = groups.tally(corpus.flagged(&turned(&start, &changes)));
            assert_eq!(search.of(&state, &changes).tally, all, "{changes:?}");
            if all != state.worth.tally {
                differ.insert(changes.first().unwrap().knob.place(&start.engine.rules));
            }
        }
        assert!(differ.len() >= 4, "too few changes matter here: {differ:?}");
        assert!(
            differ.iter().any(|place| place.starts_with("weights")) && differ.contains("levels.high"),
            "{differ:?}"
        );
    }
}

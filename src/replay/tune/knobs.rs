//! What may be tuned, and how far: levels that a rule asks for, scores that rules ask for, weights that are assumptions.
//! Hard criteria, and what is switched off, are no knobs.

use crate::{
    bounds::{LEVEL_MARGIN, SCORE_MAX},
    engine::Engine,
    policy::Rule,
    replay::eval,
    score::{Level, Score},
    signal::{Basis, CATALOGUE, Decibans, Kind},
};

/// One number of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// Where a level begins.
    Level(Level),
    /// The score that the rule with this index asks for.
    Rule(usize),
    /// The weight of a signal.
    Weight(Kind),
}

/// A knob turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub knob: Knob,
    /// Points before.
    pub from: u8,
    /// Points after.
    pub to: u8,
}

/// A knob with the values that it may take.
#[derive(Clone, Copy, Debug)]
struct Bounded {
    knob: Knob,
    low: u8,
    high: u8,
}

/// The knobs of a configuration, each from half to twice of what it was at the start, in whole points.
#[derive(Clone, Debug)]
pub(super) struct Knobs {
    /// Those that are turned.
    turned: Vec<Bounded>,
    /// The levels, which are pushed along where they would come too close.
    levels: [Bounded; 3],
}

/// The levels that begin somewhere, rising.
const LEVELS: [Level; 3] = [Level::Elevated, Level::High, Level::Critical];

/// Steps by which a knob is turned, up and down.
const STRIDES: [u8; 5] = [1, 2, 4, 8, 16];

impl Knob {
    /// Its points in `engine`.
    pub fn value(self, engine: &Engine) -> u8 {
        match self {
            Self::Level(Level::Critical) => engine.thresholds.critical.points(),
            Self::Level(Level::High) => engine.thresholds.high.points(),
            Self::Level(_) => engine.thresholds.elevated.points(),
            Self::Rule(at) => engine.rules.get(at).map_or(0, |rule| rule.when.score.points()),
            Self::Weight(kind) => u8::try_from(engine.weights.of(kind).units() / 32).unwrap_or(u8::MAX),
        }
    }

    /// Sets its points in `engine`.
    pub fn set(self, engine: &mut Engine, points: u8) {
        match self {
            Self::Level(Level::Critical) => engine.thresholds.critical = Score::new(points),
            Self::Level(Level::High) => engine.thresholds.high = Score::new(points),
            Self::Level(_) => engine.thresholds.elevated = Score::new(points),
            Self::Rule(at) => {
                if let Some(rule) = engine.rules.get_mut(at) {
                    rule.when.score = Score::new(points);
                }
            }
            Self::Weight(kind) => engine.weights.set(kind, Decibans::points(points)),
        }
    }

    /// Its place in a configuration, with rules by their names.
    pub fn place(self, rules: &[Rule]) -> String {
        match self {
            Self::Level(level) => format!("levels.{}", level.name()),
            Self::Rule(at) => {
                let name = rules.get(at).map_or("", |rule| rule.name.as_str());
                format!("rule {name}: score_at_least")
            }
            Self::Weight(kind) => format!("weights.{}", kind.row().name),
        }
    }
}

impl Knobs {
    /// The knobs of `engine`; without `weights`, its thresholds alone.
    pub(super) fn new(engine: &Engine, weights: bool) -> Self {
        let soft = |rule: &&Rule| !eval::hard(rule);
        let asked = |level: &Level| engine.rules.iter().filter(soft).any(|rule| rule.when.level == *level);
        let levels = LEVELS.into_iter().filter(asked).map(Knob::Level);
        let rules = engine.rules.iter().enumerate();
        let rules =
            rules.filter(|(_, rule)| soft(rule) && rule.when.score > Score::new(0)).map(|(at, _)| Knob::Rule(at));
        let assumed = CATALOGUE.iter().filter(|row| weights && row.basis == Basis::Assumed).map(|row| row.kind);
        let assumed = assumed.filter(|kind| engine.weights.of(*kind) != Decibans::ZERO).map(Knob::Weight);
        let bounded = |knob| Bounded::new(knob, engine);
        Self {
            turned: levels.chain(rules).chain(assumed).map(bounded).collect(),
            levels: LEVELS.map(|level| bounded(Knob::Level(level))),
        }
    }

    /// Every way to turn one knob from where it is in `engine`.
    pub(super) fn moves(&self, engine: &Engine) -> Vec<Vec<Change>> {
        let moves = self.turned.iter().flat_map(|bounded| {
            let values = bounded.values(engine).into_iter();
            values.filter_map(|to| self.changes(engine, bounded.knob, to))
        });
        moves.collect()
    }

    /// What is different in `engine` from `start`.
    pub(super) fn between(&self, start: &Engine, engine: &Engine) -> Vec<Change> {
        let others = self.turned.iter().filter(|bounded| !matches!(bounded.knob, Knob::Level(_)));
        let knobs = self.levels.iter().chain(others).map(|bounded| bounded.knob);
        let changes = knobs.map(|knob| Change { knob, from: knob.value(start), to: knob.value(engine) });
        changes.filter(|change| change.from != change.to).collect()
    }

    /// How low the thresholds are, 0..=1.
    pub(super) fn depth(&self, engine: &Engine) -> f64 {
        let depths = self.turned.iter().map(|bounded| {
            let left = f64::from(bounded.high.saturating_sub(bounded.knob.value(engine)));
            left / f64::from(bounded.high.saturating_sub(bounded.low).max(1))
        });
        depths.sum::<f64>() / f64::from(u32::try_from(self.turned.len().max(1)).unwrap_or(u32::MAX))
    }

    /// Setting one knob, and pushing levels along so that they stay as far apart as they are, up to the margin by which a
    /// level is left. `None` where there is no room.
    fn changes(&self, engine: &Engine, knob: Knob, to: u8) -> Option<Vec<Change>> {
        let mut next = engine.clone();
        knob.set(&mut next, to);
        if !matches!(knob, Knob::Level(_)) {
            return Some(vec![Change { knob, from: knob.value(engine), to }]);
        }
        let [low, middle, high] = &self.levels;
        let gap =
            |a: &Bounded, b: &Bounded| b.knob.value(engine).saturating_sub(a.knob.value(engine)).min(LEVEL_MARGIN);
        let up = to > knob.value(engine);
        let pairs = if up { [(low, middle), (middle, high)] } else { [(middle, high), (low, middle)] };
        for (below, above) in pairs {
            let (floor, ceiling) = (below.knob.value(&next), above.knob.value(&next));
            let gap = gap(below, above);
            if ceiling < floor.saturating_add(gap) {
                let (pushed, to) =
                    if up { (above, floor.saturating_add(gap)) } else { (below, ceiling.checked_sub(gap)?) };
                (pushed.low..=pushed.high).contains(&to).then(|| pushed.knob.set(&mut next, to))?;
            }
        }
        Some(self.between(engine, &next))
    }
}

impl Bounded {
    fn new(knob: Knob, engine: &Engine) -> Self {
        let most = if matches!(knob, Knob::Weight(_)) { 63 } else { SCORE_MAX };
        let value = knob.value(engine);
        Self { knob, low: value.div_ceil(2).max(1), high: value.saturating_mul(2).min(most) }
    }

    /// The values that it may be turned to from where it is in `engine`.
    fn values(self, engine: &Engine) -> Vec<u8> {
        let from = self.knob.value(engine);
        let up = STRIDES.map(|stride| from.saturating_add(stride).min(self.high));
        let down = STRIDES.map(|stride| from.saturating_sub(stride).max(self.low));
        let mut values: Vec<u8> = up.into_iter().chain(down).filter(|to| *to != from).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

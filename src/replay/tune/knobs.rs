//! What may be tuned, and how far: levels that a rule asks for, scores that rules ask for, weights that are assumptions.
//! Hard criteria, and what is switched off, are no knobs.

use crate::{
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
pub(super) struct Bounded {
    pub(super) knob: Knob,
    pub(super) low: u8,
    pub(super) high: u8,
}

/// Steps by which a knob is turned, up and down.
const STRIDES: [u8; 5] = [1, 2, 4, 8, 16];

impl Knob {
    /// Every knob of `engine`, from half to twice its value there, in whole points.
    pub(super) fn all(engine: &Engine, weights: bool) -> Vec<Bounded> {
        let soft = |rule: &&Rule| !eval::hard(rule);
        let asked = |level: Level| engine.rules.iter().filter(soft).any(|rule| rule.when.level == level);
        let levels = [Level::Elevated, Level::High, Level::Critical].into_iter().filter(|level| asked(*level));
        let rules = engine.rules.iter().enumerate();
        let rules = rules.filter(|(_, rule)| soft(rule) && rule.when.score > Score::new(0)).map(|(at, _)| Self::Rule(at));
        let assumed = CATALOGUE.iter().filter(|row| weights && row.basis == Basis::Assumed).map(|row| row.kind);
        let assumed = assumed.filter(|kind| engine.weights.of(*kind) != Decibans::ZERO);
        let knobs = levels.map(Self::Level).chain(rules).chain(assumed.map(Self::Weight));
        knobs
            .map(|knob| {
                let (value, most) = (knob.value(engine), if matches!(knob, Self::Weight(_)) { 63 } else { 100 });
                Bounded { knob, low: value.div_ceil(2).max(1), high: value.saturating_mul(2).min(most) }
            })
            .collect()
    }

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
    pub(super) fn set(self, engine: &mut Engine, points: u8) {
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

impl Bounded {
    /// The values that it may be turned to from where it is in `engine`, levels still rising.
    pub(super) fn moves(self, engine: &Engine) -> Vec<Change> {
        let from = self.knob.value(engine);
        let up = STRIDES.map(|stride| from.saturating_add(stride).min(self.high));
        let down = STRIDES.map(|stride| from.saturating_sub(stride).max(self.low));
        let mut values: Vec<u8> = up.into_iter().chain(down).filter(|to| *to != from).collect();
        values.sort_unstable();
        values.dedup();
        let rising = |to: &u8| {
            let mut engine = engine.clone();
            self.knob.set(&mut engine, *to);
            let levels = engine.thresholds;
            levels.elevated < levels.high && levels.high < levels.critical
        };
        values.retain(|to| !matches!(self.knob, Knob::Level(_)) || rising(to));
        values.into_iter().map(|to| Change { knob: self.knob, from, to }).collect()
    }
}

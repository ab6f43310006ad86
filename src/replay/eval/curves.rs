//! One curve a detector: friction against detection while its one knob turns. What is compared is compared at equal
//! friction, the simple rules' best setting against ours.

use super::{
    corpus::{Corpus, Scorer, spread},
    pins::{FAMILIES, RATE_LIMITS},
    tally::{Groups, Tally, per_1000, rounded},
};
use crate::{
    engine::Engine,
    score::{Score, Thresholds},
};
use serde_json::{Map, Value, json};

/// Friction that is allowed, in sessions per 1,000.
pub const BUDGETS: [u32; 3] = [1, 5, 10];

/// The name of our own curve.
pub const OURS: &str = "session_risk";

/// One setting of a detector, and what it flags.
struct Point {
    setting: Value,
    friction: f64,
    tally: Tally,
}

/// Every detector's curve over one corpus.
pub struct Curves<'a> {
    groups: &'a Groups,
    ours: Vec<Point>,
    others: Vec<Vec<Point>>,
}

impl<'a> Curves<'a> {
    /// Runs `corpus` under `scorer` with all levels and all scores asked for by rules scaled together, which is what an
    /// operator turns who is asked too often, and under each simple rule.
    pub fn new(corpus: &Corpus, groups: &'a Groups, scorer: &Scorer) -> Self {
        let point = |setting, tally: Tally| Point { setting, friction: per_1000(groups.friction(&tally)), tally };
        let percents: Vec<u32> = (50..=100).step_by(5).chain((110..=300).step_by(10)).collect();
        let ours = spread(percents.len(), &|job| {
            let percent = percents.get(job).copied().unwrap_or(100);
            let scorer = Scorer { engine: scaled(&scorer.engine, percent), ..scorer.clone() };
            point(json!(f64::from(percent) / 100.0), groups.tally(corpus.flagged(&scorer)))
        });
        let others = FAMILIES.iter().enumerate().map(|(at, family)| {
            let settings = family.settings.iter();
            settings.map(|setting| point(json!(setting), simple(corpus, groups, at, *setting))).collect()
        });
        let others = others.collect();
        Self { groups, ours, others }
    }

    /// `curves.<name>`: settings, friction and detection.
    pub fn points(&self) -> Value {
        let row = |point: &Point| {
            json!({ "setting": point.setting, "friction_per_1000": rounded(point.friction),
                    "macro_hijack": self.groups.macro_hijack(&point.tally).map(rounded) })
        };
        let curve = |points: &[Point]| points.iter().map(row).collect::<Value>();
        let ours = std::iter::once((OURS.to_owned(), curve(&self.ours)));
        let others = FAMILIES.iter().zip(&self.others).map(|(family, points)| (family.name.to_owned(), curve(points)));
        Value::Object(ours.chain(others).collect())
    }

    /// Our own best detection at each friction that is allowed.
    pub fn ours_at_budgets(&self) -> Value {
        self.at_budgets(&self.ours)
    }

    /// The detection of one scenario at our best setting for each friction that is allowed.
    pub fn scenario_at_budgets(&self, name: &str) -> Value {
        let of = |budget: &u32| {
            let best = self.best(&self.ours, f64::from(*budget))?;
            self.groups.detection(&best.tally, |group| group.name == name)
        };
        keyed(|budget| json!(of(&budget).map(rounded)))
    }

    /// `baselines.<name>`: each simple rule at its usual setting, and its best at each friction that is allowed and at
    /// `friction`, which is ours.
    pub fn baselines(&self, corpus: &Corpus, friction: f64) -> Map<String, Value> {
        let mut rows = Map::new();
        for ((at, family), points) in FAMILIES.iter().enumerate().zip(&self.others) {
            let mut row = self.row(corpus, at, family.usual);
            if let Value::Object(members) = &mut row {
                members.insert("knob".to_owned(), json!(family.knob));
                members.insert("at_friction".to_owned(), self.at_budgets(points));
                members.insert("at_our_friction".to_owned(), json!(self.found(points, friction)));
            }
            rows.insert(family.name.to_owned(), row);
        }
        let rate = FAMILIES.iter().position(|family| family.name == "rate_limit").unwrap_or(FAMILIES.len());
        rows.extend(RATE_LIMITS.map(|(name, limit)| (name.to_owned(), self.row(corpus, rate, limit))));
        rows
    }

    fn row(&self, corpus: &Corpus, family: usize, setting: u32) -> Value {
        let tally = simple(corpus, self.groups, family, setting);
        json!({ "setting": setting, "friction_per_1000": rounded(per_1000(self.groups.friction(&tally))),
                "macro_hijack": self.groups.macro_hijack(&tally).map(rounded) })
    }

    fn at_budgets(&self, points: &[Point]) -> Value {
        keyed(|budget| json!(self.found(points, f64::from(budget))))
    }

    fn found(&self, points: &[Point], friction: f64) -> Option<f64> {
        self.best(points, friction).and_then(|point| self.groups.macro_hijack(&point.tally)).map(rounded)
    }

    /// The setting that finds most hijacked sessions at no more than this friction, or where there are none most attacks;
    /// of several the one with the least friction.
    fn best<'p>(&self, points: &'p [Point], friction: f64) -> Option<&'p Point> {
        let any = |point: &Point| self.groups.detection(&point.tally, |_| true);
        let found = |point: &Point| self.groups.macro_hijack(&point.tally).or_else(|| any(point)).unwrap_or(0.0);
        let allowed = points.iter().filter(|point| point.friction <= friction + 1e-9);
        allowed.reduce(|best, point| {
            let better = found(point).total_cmp(&found(best)).then(best.friction.total_cmp(&point.friction));
            if better.is_gt() { point } else { best }
        })
    }
}

fn keyed(of: impl Fn(u32) -> Value) -> Value {
    Value::Object(BUDGETS.iter().map(|budget| (budget.to_string(), of(*budget))).collect())
}

/// What a simple rule flags at one setting.
fn simple(corpus: &Corpus, groups: &Groups, family: usize, setting: u32) -> Tally {
    groups.tally(corpus.lives.iter().map(|life| {
        let (before, after) = life.peaks.get(family).copied().unwrap_or_default();
        let peak = if life.onset.is_some() { after } else { before };
        peak > setting
    }))
}

/// `engine` with every level and every score that a rule asks for at `percent` of what they are, in whole points.
pub fn scaled(engine: &Engine, percent: u32) -> Engine {
    let scale = |score: Score| {
        let points = u32::from(score.points()).saturating_mul(percent).saturating_add(50) / 100;
        Score::new(u8::try_from(points).unwrap_or(u8::MAX))
    };
    let mut engine = engine.clone();
    let Thresholds { elevated, high, critical } = engine.thresholds;
    engine.thresholds = Thresholds { elevated: scale(elevated), high: scale(high), critical: scale(critical) };
    engine.rules.iter_mut().for_each(|rule| rule.when.score = scale(rule.when.score));
    engine
}

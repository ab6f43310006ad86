//! How a session acts: exports at a rate unlike before, a mix of actions that left its own past.

use crate::{
    baseline::{Baseline, MATURE, category},
    facts::{Access, Facts},
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Raises `bulk_export` and `mix_drift`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let (facts, past) = (scene.facts, scene.baseline);
    if export_sum(past, facts) >= EXPORT_ALARM {
        let change = Change::Exports(past.exports.saturating_add(1));
        signals.raise(Signal { kind: Kind::BulkExport, weight: scene.weight(Kind::BulkExport), change });
    }
    if past.requests >= MATURE.saturating_mul(2) && facts.action.access != Access::Read {
        let mut next = past.mix;
        next.learn(category(facts.action.access, facts.action.tier), past.requests);
        if past.mix.drift() < DRIFT && next.drift() >= DRIFT {
            let change = Change::Mix(facts.action.access);
            signals.raise(Signal { kind: Kind::MixDrift, weight: scene.weight(Kind::MixDrift), change });
        }
    }
}

/// Alarm threshold of the export CUSUM, 7 nats in 1/1024: by `ARL0 >= e^h` (Lorden, 1971) one false alarm in more than
/// a thousand requests of a session that exports as it always did.
pub const EXPORT_ALARM: u16 = 7 * 1024;

/// Drift at which the recent mix no longer belongs to the past, in 1/256: half of the recent actions are of a kind that
/// made up less than one in a hundred. Chi-square with 5 degrees of freedom at 15 effective samples is far above .999.
const DRIFT: u32 = 4 * 256;

/// Steps of the export CUSUM in 1/1024 nat for past export shares up to a bound (in 1/65536):
/// `ln(p1 / p0)` for an export to a new target, `-ln((1 - p1) / (1 - p0))` for anything else.
const EXPORT_STEPS: [(u16, u16, u16); 5] = [
    // From the last row on: who always exports is asked about little.
    (1_966, 2_881, 679),    // p0 0.03, p1 0.5
    (5_243, 1_877, 624),    // p0 0.08, p1 0.5
    (13_107, 1_125, 710),   // p0 0.2, p1 0.6
    (26_214, 710, 1_125),   // p0 0.4, p1 0.8
    (u16::MAX, 313, 1_835), // p0 0.7, p1 0.95
];

/// The export CUSUM after this request (Page, 1954): up for an export to a target never touched, down for anything else.
pub fn export_sum(past: &Baseline, facts: &Facts) -> u16 {
    let action = &facts.action;
    let export = action.access == Access::Export;
    // A session without a past is taken for one that exports now and then.
    let share = past.mix.past_exports().max(if past.requests < MATURE { 5_244 } else { 0 });
    let (up, down) =
        EXPORT_STEPS.into_iter().find(|(bound, ..)| share <= *bound).map_or((0, 0), |(_, up, down)| (up, down));
    let new_target = action.target.is_none_or(|target| !past.knows_target(target));
    if export && new_target {
        past.export_sum.saturating_add(up)
    } else if export {
        past.export_sum
    } else {
        past.export_sum.saturating_sub(down)
    }
}

//! How a session acts: exports at a rate unlike before, a mix of actions that left its own past.

use crate::{
    baseline::{Baseline, MATURE, category},
    facts::{Access, Actor, Facts},
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Raises `bulk_export` and `mix_drift`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let (facts, past) = (scene.facts, scene.baseline);
    let full = scene.weight(Kind::BulkExport);
    let exports = Change::Exports(past.exports.saturating_add(1));
    if export_sum(past, facts) >= EXPORT_ALARM {
        signals.raise(Signal { kind: Kind::BulkExport, weight: full, change: exports });
    } else if target_sum(past, facts) >= TARGET_ALARM {
        // People work through lists at the end of a month; an agent that does has left its task.
        let weight = if facts.actor == Actor::Agent { full } else { full.scaled(1, 4) };
        signals.raise(Signal { kind: Kind::BulkExport, weight, change: Change::Targets });
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

/// Alarm threshold of the target CUSUM: 5 nats in 1/1024.
pub const TARGET_ALARM: u16 = 5_120;

/// Steps of the target CUSUM in 1/1024 nat for past shares of new targets up to a bound (in 1/65536), p1 .95.
const TARGET_STEPS: [(u16, u16, u16); 6] = [
    (24_576, 1_180, 2_702), // p0 .30
    (34_406, 765, 2_455),   // p0 .45
    (44_237, 471, 2_129),   // p0 .60
    (54_067, 242, 1_648),   // p0 .75
    (59_966, 55, 710),      // p0 .90
    (u16::MAX, 0, 400),     // whose targets are always new is asked about nothing
];

/// The target CUSUM after this request: up for a target never touched, more so when it follows in haste; down
/// for anything else. It finds bulk reading that no route calls an export.
pub fn target_sum(past: &Baseline, facts: &Facts) -> u16 {
    let steps = TARGET_STEPS.into_iter().find(|(bound, ..)| past.novelty <= *bound);
    let (up, down) = steps.map_or((0, 0), |(_, up, down)| (up, down));
    // The first things that a session looks at are all new; what agents usually do is known from others.
    if past.requests < if facts.actor == Actor::Agent { 2 } else { 12 } {
        return 0;
    }
    if !past.is_new_target(facts) {
        return past.target_sum.saturating_sub(down);
    }
    past.target_sum.saturating_add(up).saturating_add(hurry(past, facts))
}

/// What haste adds to a new target, in 1/1024 nat. Gaps of honest sessions scatter by a factor of 1.7 around their pace;
/// more than that counts 1.8 nats a halving (a shift of about two standard deviations), at most 1.4.
/// A pace that rests on fewer than three gaps is none.
fn hurry(past: &Baseline, facts: &Facts) -> u16 {
    if past.requests < 4 {
        return 0;
    }
    let beyond = past.pace.saturating_sub(past.gap(facts)).saturating_sub(768);
    beyond.saturating_mul(2).saturating_sub(beyond / 5).min(1_434)
}

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

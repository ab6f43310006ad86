//! How many objects a session reaches for: exports and bulk reading at a rate unlike before, each in a CUSUM.
//! What kinds of action it mixes is in `mix.rs`.

use crate::{
    baseline::{Baseline, MATURE},
    facts::{Access, Actor, Facts},
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Raises `bulk_export`. People work through lists at the end of a month, machines every day; an agent that does has left
/// its task. So only an agent's streak says enough by itself, and a list that somebody reads with the beat of a clock.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let (facts, past) = (scene.facts, scene.baseline);
    let full = scene.weight(Kind::BulkExport);
    let by_actor = match facts.actor {
        Actor::Agent => full,
        Actor::Human => full.scaled(1, 2),
        Actor::Service | Actor::ApiKey => full.scaled(1, 4),
    };
    let targets = target_sum(past, facts);
    let (weight, change) = if export_sum(past, facts) >= EXPORT_ALARM {
        (by_actor, Change::Exports(past.exports.saturating_add(1)))
    } else if targets >= CLOCKWORK_ALARM && is_slow(past, facts) {
        (by_actor.max(full.scaled(7, 8)), Change::Targets)
    } else if targets >= TARGET_ALARM {
        (by_actor, Change::Targets)
    } else {
        return;
    };
    signals.raise(Signal { kind: Kind::BulkExport, weight, change });
}

/// Alarm threshold of the export CUSUM, 7 nats in 1/1024: by `ARL0 >= e^h` (Lorden, 1971) one false alarm in more than
/// a thousand requests of a session that exports as it always did.
pub const EXPORT_ALARM: u16 = 7 * 1024;

/// Alarm threshold of the target CUSUM: 5 nats in 1/1024.
pub const TARGET_ALARM: u16 = 5_120;

/// The same for reading with the beat of a clock, which people who poll a list also do for a while: 11 in a row. Of 160
/// honest pollers in the synthetic traces 3 are flagged with it, of 156 slow thieves 110.
const CLOCKWORK_ALARM: u16 = 11 * BEAT;

/// What an agent's new object adds, in 1/1024 nat: of undisturbed real agents one in 200 reads ten in a row.
const AGENT_NEW: u16 = 512;
/// What another person's or machine's new object adds when it follows within 600 ms, or with the beat of a clock after more
/// than half a minute: `ln(.72 / .32)`.
const BEAT: u16 = 819;
/// What one takes away that follows neither in haste nor on the beat.
const BETWEEN: u16 = 205;
/// What one takes away that comes late and off the beat.
const OFF_BEAT: u16 = 1_229;

/// The target CUSUM after this request: up for an object read that was never touched, more so when it follows in haste or
/// with the beat of a clock; down for anything else. It finds bulk reading that no route calls an export.
pub fn target_sum(past: &Baseline, facts: &Facts) -> u16 {
    let agent = facts.actor == Actor::Agent;
    // The first things that a session looks at are all new; what agents usually do is known from others.
    if past.requests < if agent { 2 } else { 3 } {
        return 0;
    }
    let new = facts.action.access == Access::Read && past.is_new_target(facts);
    let sum = past.target_sum;
    let next = if agent {
        match (new, facts.action.access) {
            (true, _) => sum.saturating_add(AGENT_NEW).saturating_add(hurry(past, facts)),
            // An object touched before, or one that the linear counter takes for it.
            (false, Access::Read) => sum,
            (false, _) => sum.saturating_sub(AGENT_NEW / 2),
        }
    } else if !new && facts.action.access == Access::Read && facts.action.target.is_some() {
        // An object touched before, or one that the linear counter takes for it.
        sum.saturating_sub(BEAT.saturating_mul(2))
    } else if !new {
        // A script does nothing but read objects.
        0
    } else if facts.now.since(past.learned).millis() < 600 {
        sum.saturating_add(BEAT)
    } else if !is_slow(past, facts) {
        sum.saturating_sub(BETWEEN)
    } else if past.gap(facts).abs_diff(past.last_gap) < 768 {
        sum.saturating_add(BEAT)
    } else {
        sum.saturating_sub(OFF_BEAT)
    };
    // Bounded, so that it ends soon after what raised it.
    next.min(CLOCKWORK_ALARM.saturating_add(BEAT))
}

fn is_slow(past: &Baseline, facts: &Facts) -> bool {
    facts.now.since(past.learned).millis() > 30_000
}

/// What haste adds to an agent's new target, in 1/1024 nat. Gaps of honest sessions scatter by a factor of 2.4 around
/// their pace; more than that counts 1.8 nats a halving (a shift of about two standard deviations), at most 1.4.
fn hurry(past: &Baseline, facts: &Facts) -> u16 {
    let beyond = past.pace.saturating_sub(past.gap(facts)).saturating_sub(1_280);
    beyond.saturating_mul(2).saturating_sub(beyond / 5).min(1_434)
}

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

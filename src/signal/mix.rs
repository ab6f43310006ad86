//! The mix of reads, writes, exports and administration: whether the last handful of requests left the past.
//! How many objects they touch is in `fanout.rs`.

use crate::{
    baseline::{MATURE, category},
    facts::Access,
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Drift at which the recent mix no longer belongs to the past, in 1/256: a reader who has only written for the last handful
/// of requests. The past learns each of them too, only slower, so that no session gets much beyond 2.4.
const DRIFT: u32 = 448;

/// Raises `mix_drift` on the request that crosses the line, unless it only reads.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let (facts, past) = (scene.facts, scene.baseline);
    if past.requests < MATURE.saturating_mul(2) || facts.action.access == Access::Read {
        return;
    }
    let mut next = past.mix;
    next.learn(category(facts.action.access, facts.action.tier), past.requests);
    if past.mix.drift() < DRIFT && next.drift() >= DRIFT {
        let change = Change::Mix(facts.action.access);
        signals.raise(Signal { kind: Kind::MixDrift, weight: scene.weight(Kind::MixDrift), change });
    }
}

//! Whether the work goes on when the client changes: a thief does not know what the owner was at.
//! That the client changed is said in `network.rs`, `device.rs` and `binding.rs`.

use crate::{
    facts::{Actor, Tier},
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Requests since the client changed during which its work is looked at.
const WINDOW: u8 = 10;
/// Requests from which a session has work to go on with.
const BEGUN: u32 = 3;

/// Raises `unfamiliar_resource`: a collection never used before, by a client that is not the one known or took over a
/// few requests ago. Silent for agents, whose tasks take them anywhere, and for public requests.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let (facts, past) = (scene.facts, scene.baseline);
    let changed = past.changes(facts);
    let new = facts.action.tier > Tier::Public && !past.knows_resource(facts.action.resource);
    // Machines do the same work every day, so what they do next says more, and what they do later less.
    let watched = changed || past.settled < WINDOW && !scene.repetitive();
    if !new || facts.actor == Actor::Agent || past.requests < BEGUN || !watched {
        return;
    }
    let full = scene.weight(Kind::UnfamiliarResource);
    let strays = if changed { 0 } else { u16::from(past.strays.min(1)) };
    let by_actor = if scene.repetitive() { full.scaled(3, 2) } else { full };
    let weight = by_actor.scaled(strays.saturating_add(2), 2);
    signals.raise(Signal { kind: Kind::UnfamiliarResource, weight, change: Change::None });
}

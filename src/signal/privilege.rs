//! Reach: tiers never used before, a scope that grew, tools that were never declared.

use crate::{
    facts::{Actor, Tier},
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Raises `sensitive_first_use`, `scope_widened` and `out_of_scope`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    first_use(scene, signals);
    let (grant, past) = (&scene.facts.grant, scene.baseline);
    if let Some(scope) = grant.scope
        && past.scope != 0
        && past.scope != scope
        && grant.scope_size > past.scope_size
        && !scene.fresh
    {
        let change = Change::Scope(past.scope_size, grant.scope_size);
        signals.raise(Signal { kind: Kind::ScopeWidened, weight: scene.weight(Kind::ScopeWidened), change });
    }
    if grant.tool_declared == Some(false) {
        let weight = scene.weight(Kind::OutOfScope);
        signals.raise(Signal { kind: Kind::OutOfScope, weight, change: Change::None });
    }
}

/// Requests after which a session's reach is taken for settled.
const SETTLED: u32 = 5;

fn first_use(scene: Scene<'_>, signals: &mut Signals) {
    let (action, past) = (&scene.facts.action, scene.baseline);
    let new_tier = action.tier > past.tier;
    let new_endpoint = !past.knows_endpoint(action.endpoint);
    // Whoever has just authenticated again has answered the question that this signal asks.
    if action.tier < Tier::Sensitive || scene.fresh || !(new_tier || new_endpoint) {
        return;
    }
    let full = scene.weight(Kind::SensitiveFirstUse);
    let by_actor = match scene.facts.actor {
        Actor::Service => full,
        Actor::Agent | Actor::ApiKey => full.scaled(4, 5),
        // People explore.
        Actor::Human => full.scaled(2, 5),
    };
    // Another endpoint of a tier in use says less, and a session without a past says little.
    let by_reach = if new_tier { by_actor } else { by_actor.scaled(2, 5) };
    let past_requests = u16::try_from(past.requests.min(SETTLED)).unwrap_or(0);
    let weight = by_reach.scaled(past_requests, u16::try_from(SETTLED).unwrap_or(1));
    let change = Change::Tier(past.tier, action.tier);
    signals.raise(Signal { kind: Kind::SensitiveFirstUse, weight, change });
}

//! Reach: tiers never used before, a scope that grew, tools that were never declared, privileged access outside its
//! window, and more than the session may do in all. How fast it does so is in `fanout.rs`.

use crate::{
    facts::{Access, Actor, Allowance, Tier},
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Raises `sensitive_first_use`, `scope_widened`, `out_of_scope`, `outside_grant` and `write_budget`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    first_use(scene, signals);
    let (grant, past) = (&scene.facts.grant, scene.baseline);
    if let Some(scope) = grant.scope
        && past.scope != 0
        && past.scope != scope
        && grant.scope_size > past.scope_size
        && !scene.fresh
        && !scene.facts.action.step_up
    {
        let change = Change::Scope(past.scope_size, grant.scope_size);
        signals.raise(Signal { kind: Kind::ScopeWidened, weight: scene.weight(Kind::ScopeWidened), change });
    }
    let rules = [
        (grant.tool_declared == Some(false), Kind::OutOfScope),
        (grant.outside_window, Kind::OutsideGrant),
        (over_budget(scene), Kind::WriteBudget),
    ];
    for (_, kind) in rules.into_iter().filter(|(broken, _)| *broken) {
        signals.raise(Signal { kind, weight: scene.weight(kind), change: Change::None });
    }
}

/// Whether what was let through has used up a budget that this request would draw on: one of its actor's, or its token's.
fn over_budget(scene: Scene<'_>) -> bool {
    let facts = scene.facts;
    let own = scene.limits.budgets.iter().filter(|budget| budget.actor == facts.actor);
    own.map(|budget| budget.most).chain([facts.grant.most]).any(|most| is_spent(scene, most))
}

fn is_spent(scene: Scene<'_>, most: Allowance) -> bool {
    let (facts, past) = (scene.facts, scene.baseline);
    let (used, limit) = match facts.action.access {
        Access::Read => (0, None),
        Access::Write | Access::Admin => (past.writes, most.writes),
        Access::Export => (past.exports, most.exports),
    };
    limit.is_some_and(|limit| used >= limit)
        || most.targets.is_some_and(|limit| past.is_new_target(facts) && past.targets_touched() >= limit)
}

/// Requests after which a session's reach is taken for settled. A machine's first ones say what it is for.
const SETTLED: u16 = 5;
const SETTLED_MACHINE: u16 = 2;

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
        Actor::Human => full.scaled(13, 20),
    };
    // A session without a past says little.
    let settled = if scene.repetitive() { SETTLED_MACHINE } else { SETTLED };
    let requests = u16::try_from(past.requests).unwrap_or(u16::MAX).min(settled);
    let weight = by_actor.scaled(requests, settled);
    let change = Change::Tier(past.tier, action.tier);
    let signal = Signal { kind: Kind::SensitiveFirstUse, weight, change };
    // Another endpoint of a tier in use says less: one more is work, several are a search.
    signals.raise(if new_tier { signal } else { Signal { weight: weight.scaled(1, 13), ..signal } });
}

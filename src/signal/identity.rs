//! Who a request says it comes from: credentials that contradict themselves, whatever the past, a person's browser where a
//! machine's credential was used by machines, and challenges that nobody answers. When those are, `session.rs` knows.

use crate::signal::{Change, Decibans, Kind, Scene, Signal, Signals, Weights};

/// Raises `duplicate_identity`, `malformed_identity` and `human_use_of_service`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let flaws = scene.facts.flaws;
    for (seen, kind) in [(flaws.duplicate, Kind::DuplicateIdentity), (flaws.malformed, Kind::MalformedIdentity)] {
        if seen {
            signals.raise(Signal { kind, weight: scene.weight(kind), change: Change::None });
        }
    }
    human_use(scene, signals);
}

/// `challenge_ignored`, of no more than `room` points.
pub fn challenge_ignored(weights: &Weights, room: u8) -> Signal {
    let kind = Kind::ChallengeIgnored;
    Signal { kind, weight: weights.of(kind).min(Decibans::points(room)), change: Change::None }
}

/// Silent for a credential that a browser used first, and while there is too little past to tell.
fn human_use(scene: Scene<'_>, signals: &mut Signals) {
    let [Some(old), other] = scene.baseline.user_agents else { return };
    let Some(new) = scene.facts.device.user_agent.filter(|client| client.family.is_browser()) else { return };
    let browsed = [Some(old), other].into_iter().flatten().any(|known| known.family.is_browser());
    if scene.repetitive() && scene.baseline.mature() && !browsed {
        let kind = Kind::HumanUseOfService;
        signals.raise(Signal { kind, weight: scene.weight(kind), change: Change::UserAgent(old, new) });
    }
}

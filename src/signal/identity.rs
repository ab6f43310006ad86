//! Who a request says it comes from: credentials that contradict themselves, whatever the past, and a person's browser
//! where a machine's credential was used by machines.

use crate::signal::{Change, Kind, Scene, Signal, Signals};

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

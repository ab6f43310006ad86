//! Credentials that contradict themselves: hard rules, true of one request whatever the past.

use crate::signal::{Change, Kind, Scene, Signal, Signals};

/// Raises `duplicate_identity` and `malformed_identity`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let flaws = scene.facts.flaws;
    for (seen, kind) in [(flaws.duplicate, Kind::DuplicateIdentity), (flaws.malformed, Kind::MalformedIdentity)] {
        if seen {
            signals.raise(Signal { kind, weight: scene.weight(kind), change: Change::None });
        }
    }
}

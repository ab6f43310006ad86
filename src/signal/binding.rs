//! Keys: a credential that was bound to one (DPoP, RFC 9449; mTLS, RFC 8705) goes on without it or with another.

use crate::{
    facts::Binding,
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Raises `binding_lost` and `binding_changed`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let kind = match (scene.baseline.binding, scene.facts.device.binding) {
        // A token that names a key but comes without proof is lost even on its first request.
        (_, Binding::Unproven) => Kind::BindingLost,
        (0, _) => return,
        (_, Binding::None) => Kind::BindingLost,
        (old, Binding::Bound(new)) if old != new => Kind::BindingChanged,
        _ => return,
    };
    // Who has just authenticated again may bring a new key.
    let weight = scene.weight(kind);
    let weight = if kind == Kind::BindingChanged && scene.fresh { weight.scaled(1, 4) } else { weight };
    signals.raise(Signal { kind, weight, change: Change::None });
}

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
    let at_home = scene.same_client() && scene.at_known_prefix();
    let strange = !scene.baseline.knows_resource(scene.facts.action.resource);
    let weight = match kind {
        Kind::BindingChanged if scene.fresh => weight.scaled(1, 4),
        // The same client in the same place: a key store that was reset, more often than a thief.
        Kind::BindingChanged if at_home => weight.scaled(3, 5),
        // That is over after a request or two.
        Kind::BindingLost if at_home && !strange && scene.baseline.unbound < 2 => weight.scaled(2, 5),
        _ => weight,
    };
    signals.raise(Signal { kind, weight, change: Change::None });
}

//! The client: User-Agent, TLS fingerprint and device posture that do not fit this session's past.
//! Keys that credentials are bound to are in `binding.rs`.

use crate::{
    facts::device::Posture,
    signal::{Change, Kind, Scene, Signal, Signals},
    time::{Span, Timestamp},
};

/// Raises `user_agent_changed`, `tls_fingerprint_changed`, `posture_degraded` and `posture_stale`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    user_agent(scene, signals);
    let ja4 = scene.facts.device.ja4.filter(|ja4| *ja4 != 0);
    let [latest, _] = scene.baseline.ja4;
    if let Some(ja4) = ja4
        && latest != 0
        && !scene.baseline.ja4.contains(&ja4)
    {
        let full = scene.weight(Kind::TlsFingerprintChanged);
        // Resumption and QUIC change the extensions every day; the cipher suites are the TLS library's.
        let weight = if scene.baseline.new_tls_stack(ja4) { full } else { full.scaled(1, 16) };
        signals.raise(Signal { kind: Kind::TlsFingerprintChanged, weight, change: Change::None });
    }
    posture(scene, signals);
    stale(scene, signals);
}

fn user_agent(scene: Scene<'_>, signals: &mut Signals) {
    let [Some(old), other] = scene.baseline.user_agents else { return };
    let Some(new) = scene.facts.device.user_agent else { return };
    let full = scene.weight(Kind::UserAgentChanged);
    let same = [Some(old), other].into_iter().flatten().find(|known| (known.family, known.os) == (new.family, new.os));
    let weight = match same {
        // Software is upgraded all the time and downgraded by hardly anybody.
        Some(known) if new.version < known.version => full.scaled(1, 2),
        Some(_) => return,
        // Where the session has always been, somebody else's client is less likely than another tool of the owner's.
        None if scene.repetitive() && scene.at_known_prefix() => full.scaled(1, 2),
        None => full,
    };
    signals.raise(Signal { kind: Kind::UserAgentChanged, weight, change: Change::UserAgent(old, new) });
}

fn posture(scene: Scene<'_>, signals: &mut Signals) {
    let (Some(Posture::Compliant), Some(new)) = (scene.baseline.posture, scene.facts.device.posture) else { return };
    let full = scene.weight(Kind::PostureDegraded);
    let weight = match new {
        Posture::Compliant => return,
        Posture::NotCompliant => full,
        // From another network, program or key it is another device's.
        Posture::Unknown if scene.baseline.changes(scene.facts) => full.scaled(4, 5),
        // Not heard of is not the same as known to be bad.
        Posture::Unknown => full.scaled(2, 5),
    };
    let change = Change::Posture(Posture::Compliant, new);
    signals.raise(Signal { kind: Kind::PostureDegraded, weight, change });
}

/// A state, like a lost key: as long as requests go on without posture, each of them says so.
fn stale(scene: Scene<'_>, signals: &mut Signals) {
    let (heard, after) = (scene.baseline.posture_heard, scene.limits.posture_stale);
    let silent = scene.facts.now.since(Timestamp::from_seconds(heard.saturating_mul(60)));
    if heard != 0 && scene.facts.device.posture.is_none() && after != Span::default() && silent > after {
        let weight = scene.weight(Kind::PostureStale);
        signals.raise(Signal { kind: Kind::PostureStale, weight, change: Change::None });
    }
}

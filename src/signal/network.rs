//! Networks: a prefix, autonomous system or country that this session never used, and two networks taking turns.
//! Distance and speed are in `travel.rs`.

use crate::{
    baseline::{Baseline, KnownNetwork},
    facts::{Actor, NetworkKind},
    signal::{Change, Decibans, Kind, Scene, Signal, Signals},
};

/// Raises `new_network`, `new_asn`, `new_country` and `concurrent_networks`. Silent while no network is known.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let Some(usual) = usual(scene.baseline) else { return };
    let network = &scene.facts.network;
    let familiar = familiar(scene, usual.kind);
    // Carriers move people between prefixes, systems and address pools all day, but not across borders.
    let at_home = network.kind == NetworkKind::Access
        && usual.kind == NetworkKind::Access
        && network.country.is_some()
        && network.country == usual.country;
    if let Some(prefix) = network.prefix
        && !scene.baseline.known_networks().any(|known| known.prefix == prefix)
    {
        let weight = scene.weight(Kind::NewNetwork);
        // Cloud workloads get an address a job.
        let weight = if at_home || scene.repetitive() { weight.scaled(1, 3) } else { weight };
        signals.raise(Signal { kind: Kind::NewNetwork, weight, change: Change::None });
    }
    if let Some(asn) = network.asn
        && usual.asn != 0
        && !scene.baseline.knows_asn(asn)
    {
        let full = scene.weight(Kind::NewAsn);
        let weight = if at_home {
            full.scaled(1, 3)
        } else if network.kind != usual.kind && machines(network.kind) {
            // From people to machines: what a replayed token looks like.
            full.scaled(5, 4)
        } else {
            full
        };
        let weight = familiar(weight);
        signals.raise(Signal { kind: Kind::NewAsn, weight, change: Change::Asn(usual.asn, asn) });
    }
    if let (Some(country), Some(old)) = (network.country, usual.country)
        && !scene.baseline.known_networks().any(|known| known.country == Some(country))
    {
        let change = Change::Country(old, country);
        let weight = familiar(scene.weight(Kind::NewCountry));
        signals.raise(Signal { kind: Kind::NewCountry, weight, change });
    }
    if scene.baseline.is_switch(scene.facts) && scene.baseline.switches_with(scene.facts) >= TURNS {
        let full = scene.weight(Kind::ConcurrentNetworks);
        // A phone at the edge of its Wi-Fi takes turns too, inside one country, and so do a relay's exits and a cloud's.
        let machines = machines(network.kind) && machines(usual.kind);
        let weight = familiar(if at_home || machines { full.scaled(1, 5) } else { full });
        let change = Change::Asn(usual.asn, network.asn.unwrap_or(0));
        signals.raise(Signal { kind: Kind::ConcurrentNetworks, weight, change });
    }
}

/// How much of a move's weight is left by what did not move with it. A thief brings a client of his own and no key.
fn familiar(scene: Scene<'_>, usual: NetworkKind) -> impl Fn(Decibans) -> Decibans {
    let now = scene.facts.network.kind;
    let person = matches!(scene.facts.actor, Actor::Human | Actor::Agent);
    let (numerator, denominator) = if scene.same_key() {
        (1, 4)
    } else if person && scene.same_user_agent() && scene.rested() {
        // A traveller: hours later, somewhere else, with the same device. Another network may change its JA4.
        if scene.same_client() { (1, 3) } else { (2, 5) }
    } else if person && scene.same_user_agent() && machines(now) && machines(usual) {
        // A relay's exits: traffic that already came from one comes from another.
        (1, 2)
    } else if !scene.same_client() {
        (1, 1)
    } else if person {
        // A VPN or relay switched on. Of strangers hardly one in ten brings the very same client.
        (1, 2)
    } else if scene.baseline.restless() && (scene.baseline.moves >= 2 || machines(now) && machines(usual)) {
        // Jobs that are scheduled across clouds: the session has always moved like this.
        (1, 4)
    } else if scene.facts.actor == Actor::Service && now == NetworkKind::Hosting && usual == NetworkKind::Hosting {
        // A workload that is scheduled onto another cloud or region. Not so a key: whoever has it may copy the client too.
        (1, 2)
    } else {
        (1, 1)
    };
    move |weight| weight.scaled(numerator, denominator)
}

fn machines(kind: NetworkKind) -> bool {
    kind != NetworkKind::Access
}

/// Switches back and forth from which two networks are said to take turns: A, B, A, B.
const TURNS: u8 = 2;

/// The network used last: what the session is compared with.
fn usual(baseline: &Baseline) -> Option<&KnownNetwork> {
    baseline.known_networks().next()
}

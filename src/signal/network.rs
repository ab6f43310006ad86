//! Networks: a prefix, autonomous system or country that this session never used, and two networks taking turns.
//! Distance and speed are in `travel.rs`.

use crate::{
    baseline::{Baseline, KnownNetwork},
    facts::{Actor, NetworkKind},
    signal::{Change, Decibans, Kind, Scene, Signal, Signals},
};

/// Raises `new_network`, `new_asn`, `new_country`, `concurrent_networks` and `reuse_across_networks`. Silent while no
/// network is known.
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
        && !scene.known_prefix(prefix)
    {
        let weight = scene.weight(Kind::NewNetwork);
        // Cloud workloads get an address a job.
        let weight = if scene.repetitive() {
            weight.scaled(1, 3)
        } else if at_home {
            weight.scaled(2, 3)
        } else {
            weight
        };
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
        let full = scene.weight(Kind::NewCountry);
        // Which country a VPN's exit stands in says little about who uses it.
        let person = matches!(scene.facts.actor, Actor::Human | Actor::Agent);
        let weight = if person && machines(network.kind) && scene.same_client() { full.scaled(2, 3) } else { full };
        signals.raise(Signal { kind: Kind::NewCountry, weight: familiar(weight), change });
    }
    if scene.baseline.is_switch(scene.facts) {
        concurrent(scene, usual, at_home, signals);
    }
}

/// How much of a move's weight is left by what did not move with it. A thief brings a client of his own and no key, and
/// does not know what the owner was at.
fn familiar(scene: Scene<'_>, usual: NetworkKind) -> impl Fn(Decibans) -> Decibans {
    let now = scene.facts.network.kind;
    let person = matches!(scene.facts.actor, Actor::Human | Actor::Agent);
    let both_machines = machines(now) && machines(usual);
    let (numerator, denominator) = if scene.same_key() {
        (1, 4)
    } else if person && scene.same_user_agent() && scene.rested() {
        // A traveller: hours later, somewhere else, with the same device. Another network may change its JA4.
        (1, 3)
    } else if !scene.same_client() {
        (1, 1)
    } else if person && scene.continues() {
        // The very object that was worked on before.
        (1, 4)
    } else if person && both_machines {
        // A relay's exits: traffic that already came from one comes from another.
        (1, 4)
    } else if person && now == NetworkKind::Access {
        // The same device in another access network, within minutes: a phone leaves the Wi-Fi.
        (3, 4)
    } else if person {
        // A VPN or relay switched on. Of strangers hardly one in three brings the very same client.
        (2, 5)
    } else if scene.baseline.restless() && scene.baseline.moves >= 1 {
        // Jobs that are scheduled across clouds: the session has always moved like this.
        (1, 4)
    } else if both_machines {
        // A workload that is scheduled onto another cloud or region.
        (9, 20)
    } else {
        (1, 1)
    };
    move |weight| weight.scaled(numerator, denominator)
}

/// Two networks taking turns: A, B, A, B.
fn concurrent(scene: Scene<'_>, usual: &KnownNetwork, at_home: bool, signals: &mut Signals) {
    let network = &scene.facts.network;
    let full = scene.weight(Kind::ConcurrentNetworks);
    let turns = scene.baseline.switches_with(scene.facts);
    let change = Change::Asn(usual.asn, network.asn.unwrap_or(0));
    if machines(network.kind) && machines(usual.kind) {
        // A relay's exits and a cloud's take turns all day: worth knowing of a machine, and hardly evidence.
        let hosting = [network.kind, usual.kind] == [NetworkKind::Hosting; 2];
        // Once a run of turns: what goes on is no news.
        if hosting && scene.repetitive() && turns == TURNS {
            let weight = scene.weight(Kind::ReuseAcrossNetworks);
            signals.raise(Signal { kind: Kind::ReuseAcrossNetworks, weight, change });
        }
        return;
    }
    let weight = if scene.same_key() {
        // One key cannot be in two hands.
        full.scaled(1, 5)
    } else if at_home {
        // A phone at the edge of its Wi-Fi takes turns too, inside one country, but not for long.
        match turns {
            0..=2 => full.scaled(1, 5),
            3 => full.scaled(2, 5),
            _ => full.scaled(4, 5),
        }
    } else {
        full
    };
    if turns >= TURNS {
        signals.raise(Signal { kind: Kind::ConcurrentNetworks, weight, change });
    }
}

fn machines(kind: NetworkKind) -> bool {
    kind != NetworkKind::Access
}

/// Switches back and forth from which two networks are said to take turns: A, B, A, B. A VPN that is switched on and off
/// again switches once.
const TURNS: u8 = 2;

/// The network used last: what the session is compared with.
fn usual(baseline: &Baseline) -> Option<&KnownNetwork> {
    baseline.known_networks().next()
}

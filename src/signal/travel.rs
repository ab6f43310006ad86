//! Travel that no person can make: farther than 500 km, faster than 1,000 km/h.
//! Silent where the address says little about the person: hosting providers, VPNs, relays.

use crate::{
    facts::{Location, NetworkKind},
    signal::{Change, Kind, Scene, Signal, Signals},
};

/// Shortest distance that counts, in km: geolocation of addresses is wrong by less.
const FAR: u32 = 500;
/// Fastest plausible speed, in km/h: an airliner with a tail wind.
const FAST: u32 = 1_000;

/// Raises `impossible_travel`.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let network = &scene.facts.network;
    let was_access = scene.baseline.known_networks().next().is_some_and(|known| known.kind == NetworkKind::Access);
    let (Some(from), Some(to)) = (scene.baseline.location, network.location) else { return };
    // Positions in one degree cell are near: no trigonometry for the common request.
    if network.kind != NetworkKind::Access || !was_access || near(from, to) {
        return;
    }
    let kilometres = distance(from, to);
    let elapsed = scene.facts.now.since(scene.baseline.learned).millis();
    let minutes = u32::try_from(elapsed / 60_000).unwrap_or(u32::MAX);
    // km * 60 / minutes > FAST, without dividing by zero minutes.
    let too_fast = kilometres.saturating_mul(60) > FAST.saturating_mul(minutes);
    if kilometres > FAR && too_fast {
        let full = scene.weight(Kind::ImpossibleTravel);
        // Within a country it is mostly the database that travels: carriers' addresses are placed at their offices.
        let country = scene.baseline.known_networks().next().and_then(|known| known.country);
        let abroad = country.is_none() || network.country.is_none() || country != network.country;
        let weight = match (abroad, scene.same_client()) {
            (false, _) => full.scaled(1, 5),
            // Whoever has the key may have the owner's machine, and send through it or from behind it.
            _ if scene.same_key() => full.scaled(3, 5),
            // A VPN that no list knows travels as fast, and brings the same client.
            (true, true) if scene.continues() => full.scaled(1, 4),
            (true, true) => full.scaled(4, 5),
            (true, false) => full,
        };
        signals.raise(Signal { kind: Kind::ImpossibleTravel, weight, change: Change::Travel(kilometres, minutes) });
    }
}

fn near(a: Location, b: Location) -> bool {
    a.latitude.abs_diff(b.latitude) < 100 && a.longitude.abs_diff(b.longitude) < 100
}

/// Great-circle distance in whole kilometres (haversine, mean Earth radius 6,371 km).
///
/// Uses `libm`, whose results are the same on every target, unlike the platform's own functions.
pub fn distance(a: Location, b: Location) -> u32 {
    let radians = |hundredths: i16| f64::from(hundredths) * (core::f64::consts::PI / 18_000.0);
    let (lat_a, lat_b) = (radians(a.latitude), radians(b.latitude));
    let half_lat = libm::sin((lat_b - lat_a) / 2.0);
    let half_lon = libm::sin((radians(b.longitude) - radians(a.longitude)) / 2.0);
    let h = half_lat * half_lat + libm::cos(lat_a) * libm::cos(lat_b) * half_lon * half_lon;
    let kilometres = libm::floor(2.0 * 6371.0 * libm::asin(libm::sqrt(h.clamp(0.0, 1.0))));
    // Half the circumference is 20,015 km, so this is exact.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=20_015 by the clamp above")]
    let kilometres = kilometres as u32;
    kilometres
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_known_cities() {
        let at = |latitude, longitude| Location { latitude, longitude };
        let (paris, london, sydney) = (at(4886, 235), at(5151, -13), at(-3387, 15121));
        assert_eq!(distance(paris, paris), 0);
        assert!((340..348).contains(&distance(paris, london)));
        assert!((16_900..17_000).contains(&distance(paris, sydney)));
        assert!((20_014..=20_015).contains(&distance(at(0, 0), at(0, 18_000))));
    }
}

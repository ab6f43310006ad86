//! Simple rules to compare with, each with one knob. They keep a little of each session, refuse nothing and learn nothing.

use crate::replay::record::Record;
use std::{collections::VecDeque, net::Ipv6Addr};

/// A simple rule: it flags a request on which what it counts is above the setting of its knob.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What the knob says.
    pub knob: &'static str,
    /// The setting by which it is usually known.
    pub usual: u32,
    /// Settings that are tried.
    pub settings: &'static [u32],
}

const VALUES: &str = "distinct values let in, as they come; any other is flagged";
const PINS: &[u32] = &[1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32];
const RATES: &[u32] = &[5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 100, 120, 140, 160, 200, 240, 320, 480, 640];

/// Every simple rule.
pub const FAMILIES: [Family; 8] = [
    Family { name: "login_only", knob: "no check after the login", usual: 0, settings: &[0] },
    Family { name: "ip_pin", knob: VALUES, usual: 1, settings: PINS },
    Family { name: "net24_pin", knob: VALUES, usual: 1, settings: PINS },
    Family { name: "asn_pin", knob: VALUES, usual: 1, settings: PINS },
    Family { name: "ua_pin", knob: VALUES, usual: 1, settings: PINS },
    Family { name: "ip_ua_pin", knob: VALUES, usual: 1, settings: PINS },
    Family {
        name: "rule_hits",
        knob: "points let pass; unlike the first request: country 3, ASN 2, User-Agent 2, /24 1, JA4 1",
        usual: 2,
        settings: &[0, 1, 2, 3, 4, 5, 6, 7, 8],
    },
    Family { name: "rate_limit", knob: "requests in 60 seconds", usual: 40, settings: RATES },
];

/// Rate limits told one by one, under names of their own.
pub const RATE_LIMITS: [(&str, u32); 5] =
    [("rate_10", 10), ("rate_20", 20), ("rate_40", 40), ("rate_80", 80), ("rate_160", 160)];

/// One more than the largest setting of a pin: what comes after is not told apart.
const MOST_VALUES: usize = 33;

/// The values of one field in the order in which they first came.
#[derive(Debug, Default)]
struct Ranks(Vec<Option<String>>);

impl Ranks {
    /// The place of `value` among them, from 1.
    fn rank(&mut self, value: Option<&str>) -> u32 {
        let known = self.0.iter().position(|seen| seen.as_deref() == value);
        let place = known.unwrap_or_else(|| {
            if self.0.len() < MOST_VALUES {
                self.0.push(value.map(str::to_owned));
            }
            self.0.len().saturating_sub(1)
        });
        u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// What the simple rules remember of one session.
#[derive(Debug, Default)]
pub(super) struct Pins {
    ip: Ranks,
    net24: Ranks,
    asn: Ranks,
    ua: Ranks,
    country: Ranks,
    ja4: Ranks,
    /// Of the requests of the last minute.
    times: VecDeque<u64>,
}

impl Pins {
    /// What each family counts on this request, in the order of [`FAMILIES`].
    pub(super) fn take(&mut self, record: &Record) -> [u32; FAMILIES.len()] {
        let ip = record.ip.as_deref();
        let asn = record.asn.map(|asn| asn.to_string());
        let net24 = self.net24.rank(ip.map(network).as_deref());
        let (ip, asn) = (self.ip.rank(ip), self.asn.rank(asn.as_deref()));
        let ua = self.ua.rank(record.ua.as_deref());
        let (country, ja4) = (self.country.rank(record.country.as_deref()), self.ja4.rank(record.ja4.as_deref()));
        let hits = [(country, 3), (asn, 2), (ua, 2), (net24, 1), (ja4, 1)];
        let hits = hits.iter().filter(|(rank, _)| *rank > 1).map(|(_, points)| points).sum();
        self.times.push_back(record.ts);
        while self.times.front().is_some_and(|oldest| record.ts.saturating_sub(*oldest) > 60_000) {
            self.times.pop_front();
        }
        let rate = u32::try_from(self.times.len()).unwrap_or(u32::MAX);
        [0, ip, net24, asn, ua, ip.max(ua), hits, rate]
    }
}

/// The /24 or /48 of an address.
fn network(ip: &str) -> String {
    match ip.parse::<Ipv6Addr>().map(|ip| ip.segments()) {
        Ok([a, b, c, ..]) => format!("{a:x}:{b:x}:{c:x}"),
        Err(_) => ip.rsplit_once('.').map_or(ip, |(net, _)| net).to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_counts_the_place_of_a_value_among_those_that_came_before() {
        let mut ranks = Ranks::default();
        let seen = ["a", "a", "b", "a", "c", "b"].map(|value| ranks.rank(Some(value)));
        assert_eq!(seen, [1, 1, 2, 1, 3, 2]);
        assert_eq!(ranks.rank(None), 4, "a value that is absent is one more");
    }

    #[test]
    fn hits_are_weighted_and_a_minute_is_counted() {
        let mut pins = Pins::default();
        let at = |ts, country: &str, ja4: &str| Record {
            ts,
            country: Some(country.to_owned()),
            ja4: Some(ja4.to_owned()),
            ..Record::default()
        };
        assert_eq!(pins.take(&at(0, "DE", "x"))[6..], [0, 1]);
        assert_eq!(pins.take(&at(60_000, "DE", "y"))[6..], [1, 2]);
        assert_eq!(pins.take(&at(60_001, "FR", "y"))[6..], [4, 2]);
    }
}

//! Probing: streaks of 403 and 404 from the upstream. Looks at answers, not at requests.

use crate::{
    baseline::Baseline,
    facts::Outcome,
    signal::{Change, Kind, Signal, Weights},
};

/// Alarm threshold of the error CUSUM: 6.9 nats in 1/1024, one false alarm in a thousand requests (`ARL0 >= e^h`) where
/// 3 of 100 fail. Three refusals in a row reach it, so that the fourth request meets the answer.
const ALARM: u16 = 7_065;
/// `ln(.30 / .03)` in 1/1024 nat: a refused request.
const UP: u16 = 2_358;
/// `ln(.30 / .10)` in 1/1024 nat.
const UP_ROUTED: u16 = 1_125;
/// `-ln(.70 / .97)` in 1/1024 nat: any other.
const DOWN: u16 = 334;

/// The error CUSUM after this answer (Page, 1954; Bernoulli, p0 .03, p1 .30).
///
/// A 401 says that the credential has run out, not that somebody is searching: it counts neither way.
/// A 404 at a route of the application is an object that is gone, more often than a search: it counts as where 10 of 100
/// fail.
fn error_sum(past: u16, outcome: &Outcome, routed: bool) -> u16 {
    match outcome.status {
        401 => past,
        404 if routed => past.saturating_add(UP_ROUTED),
        403 | 404 => past.saturating_add(UP),
        _ => past.saturating_sub(DOWN),
    }
}

/// Learns one answer; `error_probing` when it completes a streak, which then starts anew.
pub fn observe(baseline: &mut Baseline, outcome: &Outcome, routed: bool, weights: &Weights) -> Option<Signal> {
    baseline.error_sum = error_sum(baseline.error_sum, outcome, routed);
    if baseline.error_sum < ALARM {
        return None;
    }
    baseline.error_sum = 0;
    Some(Signal { kind: Kind::ErrorProbing, weight: weights.of(Kind::ErrorProbing), change: Change::None })
}

//! Probing: streaks of 401, 403 and 404 from the upstream. Looks at answers, not at requests.

use crate::{
    baseline::Baseline,
    facts::Outcome,
    signal::{Change, Kind, Signal, Weights},
};

/// Alarm threshold of the error CUSUM: 9.2 nats in 1/1024, one false alarm in ten thousand requests (`ARL0 >= e^h`).
const ALARM: u16 = 9_421;
/// `ln(.30 / .03)` in 1/1024 nat: a refused request.
const UP: u16 = 2_358;
/// `-ln(.70 / .97)` in 1/1024 nat: any other.
const DOWN: u16 = 334;

/// The error CUSUM after this answer (Page, 1954; Bernoulli, p0 .03, p1 .30).
fn error_sum(past: u16, outcome: &Outcome) -> u16 {
    if matches!(outcome.status, 401 | 403 | 404) { past.saturating_add(UP) } else { past.saturating_sub(DOWN) }
}

/// Learns one answer; `error_probing` when it completes a streak, which then starts anew.
pub fn observe(baseline: &mut Baseline, outcome: &Outcome, weights: &Weights) -> Option<Signal> {
    baseline.error_sum = error_sum(baseline.error_sum, outcome);
    if baseline.error_sum < ALARM {
        return None;
    }
    baseline.error_sum = 0;
    Some(Signal { kind: Kind::ErrorProbing, weight: weights.of(Kind::ErrorProbing), change: Change::None })
}

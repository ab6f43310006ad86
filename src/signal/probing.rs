//! Probing: streaks of refusals, and one request again and again. Looks at answers more than at requests.

use crate::{
    baseline::Baseline,
    facts::{Access, Actor, Facts, Outcome},
    signal::{Change, Kind, Scene, Signal, Signals, Weights},
};

/// Alarm threshold of the CUSUM, 5.8 nats in 1/1024: one false alarm in 330 requests where 3 of 100 fail
/// (`ARL0 >= e^h`), and far fewer in sessions, which are shorter. Three refusals in a row reach it.
const ALARM: u16 = 5_939;
/// `ln(.30 / .03)` in 1/1024 nat: a refused request.
const REFUSED: u16 = 2_358;
/// `ln(.18 / .03)`: a page that is not there, in real scans and real visits to web pages.
const NOT_THERE: u16 = 1_843;
/// `ln(.12 / .006)`: a request that broke the application, at a path that no route names. Measured as above: .12 of the
/// requests of scanners, .001 of visitors.
const BROKEN: u16 = 3_072;
/// `ln(.25 / .06)`: an object that a person asks for and that is not there: .009 of the requests of quiet people.
const NO_OBJECT: u16 = 1_434;
/// `ln(.30 / .10)`: the same for a machine, whose objects come and go.
const GONE: u16 = 1_125;
/// `ln(.08 / .02)`: a request that the application could not read.
const UNREADABLE: u16 = 1_420;
/// `ln(.15 / .03)`: a redirect behind a write to a path that no route names: a form that was not taken.
const REDIRECTED: u16 = 1_648;
/// `ln(.54 / .04)`: the same write again within a second and a half: a double click, if not a program. Real scanners do so in
/// .49 of their requests; in the synthetic human traces nobody ever does, which is too good to be true.
const WRITE_AGAIN: u16 = 2_662;
/// `ln(.13 / .017)`: the same read again, at a path that no route names; visitors do so in .004 of their requests. At a
/// route it is a retry.
const READ_AGAIN: u16 = 2_048;
/// `-ln(.70 / .97)`: any other.
const DOWN: u16 = 334;

/// What one answer adds to the CUSUM (Page, 1954), or takes away.
enum Step {
    Up(u16),
    Stay,
    Down(u16),
}

/// A 401 says that the credential has run out, not that somebody is searching: it counts neither way, nor does a server's
/// own failure at a route of the application.
fn step(outcome: &Outcome, facts: &Facts) -> Step {
    let action = &facts.action;
    let routed = action.route.is_some();
    match outcome.status {
        401 | 429 => Step::Stay,
        404 if routed && facts.actor == Actor::Human => Step::Up(NO_OBJECT),
        404 if routed => Step::Up(GONE),
        404 => Step::Up(NOT_THERE),
        403 | 405 | 501 => Step::Up(REFUSED),
        400 | 422 => Step::Up(UNREADABLE),
        500.. if routed => Step::Stay,
        500.. => Step::Up(BROKEN),
        301 | 308 => Step::Stay,
        302 | 303 | 307 if !routed && action.access == Access::Read => Step::Up(REDIRECTED / 3),
        302 | 303 | 307 if !routed => Step::Up(REDIRECTED),
        _ => Step::Down(DOWN),
    }
}

/// Whether an answer is one that adds up: others need no write as long as nothing is held.
pub fn suspicious(outcome: &Outcome, facts: &Facts) -> bool {
    matches!(step(outcome, facts), Step::Up(_))
}

/// What a request adds by being the one before again. Machines repeat themselves by trade.
pub fn repeat(past: &Baseline, facts: &Facts) -> u16 {
    match (facts.actor, facts.action.access) {
        (Actor::Human, _) if !past.repeats(facts) => 0,
        (Actor::Human, Access::Read) if facts.action.route.is_some() => 0,
        (Actor::Human, Access::Read) => READ_AGAIN,
        (Actor::Human, _) => WRITE_AGAIN,
        _ => 0,
    }
}

/// Raises `error_probing` on the request that completes a streak.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let again = repeat(scene.baseline, scene.facts);
    if again > 0 && scene.baseline.error_sum.saturating_add(again) >= ALARM {
        let weight = scene.weight(Kind::ErrorProbing);
        signals.raise(Signal { kind: Kind::ErrorProbing, weight, change: Change::None });
    }
}

/// Learns one answer; `error_probing` when it completes a streak, which then starts anew. It counts from the next request.
pub fn observe(baseline: &mut Baseline, outcome: &Outcome, facts: &Facts, weights: &Weights) -> Option<Signal> {
    let mixed = baseline.error_sum >= REFUSED.saturating_mul(2);
    baseline.error_sum = match step(outcome, facts) {
        // Among other refusals it is one of them.
        Step::Stay if mixed && outcome.status == 401 => baseline.error_sum.saturating_add(UNREADABLE),
        Step::Up(up) => baseline.error_sum.saturating_add(up),
        Step::Stay => baseline.error_sum,
        Step::Down(down) => baseline.error_sum.saturating_sub(down),
    };
    if baseline.error_sum < ALARM {
        return None;
    }
    baseline.error_sum = 0;
    Some(Signal { kind: Kind::ErrorProbing, weight: weights.of(Kind::ErrorProbing), change: Change::None })
}

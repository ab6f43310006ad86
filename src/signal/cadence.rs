//! The hours at which a machine works: services and API keys keep to those of their schedule. Not for people, who work
//! when they like, nor for how fast requests follow each other: what reads in haste is in `fanout.rs`.

use crate::{
    baseline::hour_bit,
    facts::Facts,
    signal::{Change, Kind, Scene, Signal, Signals},
    time::{Span, Timestamp},
};

/// Allowed requests, and age of the session, from which its hours are known: three days hold every daily job.
const LEARNED: u32 = 200;
const DAYS: Span = Span::from_minutes(3 * 24 * 60);

/// Raises `cadence_shift`: an hour of the day (UTC) that the session never used, nor the hours beside it.
pub fn detect(scene: Scene<'_>, signals: &mut Signals) {
    let age = scene.facts.now.since(Timestamp::from_seconds(scene.created));
    if scene.repetitive()
        && scene.baseline.requests >= LEARNED
        && age >= DAYS
        && is_odd(scene.facts, scene.baseline.hours)
    {
        let weight = scene.weight(Kind::CadenceShift);
        signals.raise(Signal { kind: Kind::CadenceShift, weight, change: Change::None });
    }
}

/// A job that starts a little early or runs a little late is still the same job.
fn is_odd(facts: &Facts, hours: u32) -> bool {
    let hour = Span::from_minutes(60);
    let day = Span::from_minutes(24 * 60);
    let before = Timestamp::from_millis(facts.now.millis().saturating_add(day.millis()).saturating_sub(hour.millis()));
    let near = hour_bit(facts.now) | hour_bit(before) | hour_bit(facts.now.after(hour));
    hours & near == 0
}

//! Every kind of signal in short stories: one that raises it with its last request, beside honest twins that differ in
//! one thing and do not; and laws of all such stories. What the policy makes of them is in `scenarios/`.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod arbitrary;
#[path = "signals/catalogue.rs"]
mod catalogue;
#[path = "signals/laws.rs"]
mod laws;
#[path = "signals/story.rs"]
mod story;

use catalogue::{Story, stories};
use session_risk::signal::{CATALOGUE, Decibans, Kind};
use std::collections::{BTreeMap, BTreeSet};
use story::{Heard, differences, engine, tell};

/// What the catalogue's weight comes to at this share.
fn weight(kind: Kind, (numerator, denominator): (u16, u16)) -> Decibans {
    Decibans::points(kind.row().weight).scaled(numerator, denominator)
}

fn last(heard: &[Heard], kind: Kind) -> Decibans {
    heard.last().and_then(|heard| heard.weights.get(&kind)).copied().unwrap_or(Decibans::ZERO)
}

/// The kinds heard with each request.
fn kinds(heard: &[Heard]) -> Vec<BTreeSet<Kind>> {
    heard.iter().map(|heard| heard.weights.keys().copied().collect()).collect()
}

#[test]
fn every_kind_has_a_story_with_a_silent_twin() {
    let told: BTreeMap<Kind, bool> = stories().iter().fold(BTreeMap::new(), |mut told, story| {
        let silent = story.twins.iter().any(|twin| twin.share.0 == 0);
        *told.entry(story.kind).or_default() |= silent;
        told
    });
    let untold = |kind: &Kind| told.get(kind) != Some(&true);
    let missing: Vec<_> = CATALOGUE.iter().map(|row| row.kind).filter(untold).collect();
    assert_eq!(missing, [], "without a story that has a silent twin; tell one in tests/signals/catalogue.rs");
}

#[test]
fn a_story_raises_its_signal_with_its_last_request_and_not_before() {
    for Story { kind, what, steps, share, .. } in stories() {
        let heard = tell(&engine(), &steps);
        assert_eq!(last(&heard, kind), weight(kind, share), "{what}");
        assert!(last(&heard, kind) > Decibans::ZERO, "{what}");
        let (_, before) = heard.split_last().unwrap();
        let early = before.iter().position(|heard| heard.weights.contains_key(&kind));
        assert_eq!(early, None, "{what}: raised too early, of {} requests", steps.len());
        let line = heard.last().unwrap().session.evidence.line(kind).map(|line| line.strength);
        assert_eq!(line, Some(weight(kind, share)), "{what}: what was said is held against the session");
    }
}

#[test]
fn an_honest_twin_differs_in_one_thing_and_does_not_raise_it_or_weighs_less() {
    for Story { kind, what, steps, share, twins } in stories() {
        assert!(!twins.is_empty(), "{what}");
        for twin in twins {
            let differs = differences(&steps, &twin.steps);
            assert_eq!(differs.len(), 1, "{what}; {}: {differs:?}", twin.but);
            let heard = tell(&engine(), &twin.steps);
            assert_eq!(last(&heard, kind), weight(kind, twin.share), "{what}; {}", twin.but);
            assert!(weight(kind, twin.share) < weight(kind, share), "{what}; {}", twin.but);
            let (_, before) = heard.split_last().unwrap();
            assert!(!before.iter().any(|heard| heard.weights.contains_key(&kind)), "{what}; {}: before", twin.but);
        }
    }
}

#[test]
fn a_weight_of_zero_silences_its_kind_and_no_other() {
    for Story { kind, what, steps, .. } in stories() {
        let mut silent = engine();
        silent.weights.set(kind, Decibans::ZERO);
        let mut expected = kinds(&tell(&engine(), &steps));
        expected.iter_mut().for_each(|kinds| _ = kinds.remove(&kind));
        let heard = tell(&silent, &steps);
        assert_eq!(kinds(&heard), expected, "{what}");
        assert!(heard.iter().all(|heard| heard.session.evidence.line(kind).is_none()), "{what}");
    }
}

#[test]
fn a_weight_scales_its_own_signal() {
    for Story { kind, what, steps, share, .. } in stories() {
        let mut other = engine();
        let half = Decibans::raw(Decibans::points(kind.row().weight).units() / 2);
        other.weights.set(kind, half);
        let expected = half.scaled(share.0, share.1);
        // Shares of shares are rounded down one after the other.
        assert!(last(&tell(&other, &steps), kind).units().abs_diff(expected.units()) <= 1, "{what}");
    }
}

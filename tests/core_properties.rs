//! Laws of the core: what holds for every request and every session, not only for those that somebody thought of.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod arbitrary;

use arbitrary::{
    START, blameless_facts, decibans, engine, facts, facts_at, kind, line, lived, session, storable_time, time,
};
use proptest::collection::vec;
use proptest::prelude::*;
use session_risk::bounds::{LEDGER_LINES, LEVEL_MARGIN, RELAPSE_HEALS_SECONDS, RELAPSES, SCORE_MAX, SESSION_BYTES};
use session_risk::engine::Engine;
use session_risk::evidence::{Ledger, Line, decay};
use session_risk::facts::{Facts, Grant, Outcome, Tier, device::Posture};
use session_risk::score::{Level, Score, Thresholds, heal, hold};
use session_risk::session::{Order, Session, Standing, codec};
use session_risk::signal::{Decibans, Kind};
use session_risk::time::{Span, Timestamp};
use std::sync::OnceLock;

fn core() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(engine)
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// Three copies of one session that went apart: a common life, then each its own, with answers of the upstream.
fn copies() -> impl Strategy<Value = [Session; 3]> {
    let request = || (facts_at(storable_time()), prop::sample::select(vec![200u16, 401, 403, 404]), any::<bool>());
    let life = |sizes: std::ops::Range<usize>| vec(request(), sizes);
    (life(1..12), life(0..12), life(0..12), life(0..12)).prop_map(|(common, a, b, c)| {
        [a, b, c].map(|own| {
            let mut session = None;
            for (facts, status, answered) in common.iter().chain(&own) {
                let mut next = core().assess(facts, session).session;
                if *answered {
                    core().observe(
                        facts,
                        &Outcome { status: *status, bytes: 1 << 22, reported: 0 },
                        &mut next,
                        facts.now,
                    );
                }
                session = Some(next);
            }
            session.unwrap()
        })
    })
}

/// A session as it is after its newest authentication has answered what it answers, which is how the engine leaves one.
fn answered(mut session: Session) -> Session {
    session.answer();
    session
}

mod evidence {
    use super::*;

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn fades_with_time(strength in decibans(), early in any::<u64>(), more in any::<u64>(), minutes in 1..2000u32) {
            let half_life = Span::from_minutes(minutes);
            let bound = half_life.millis() * 14;
            let (early, late) = (early % bound, early % bound + more % bound);
            let left = |elapsed| decay(strength, Span::from_millis(elapsed), half_life);
            prop_assert!(left(late) <= left(early));
            prop_assert!(left(early) <= strength);
            prop_assert!(left(early) <= left(early.saturating_sub(1)));
        }

        #[test]
        fn keeps_its_order_while_it_fades(a in decibans(), b in decibans(), elapsed in any::<u64>(), minutes in 1..2000u32) {
            let half_life = Span::from_minutes(minutes);
            let elapsed = Span::from_millis(elapsed % (half_life.millis() * 14));
            prop_assert_eq!(a.min(b), if decay(a, elapsed, half_life) <= decay(b, elapsed, half_life) { a.min(b) } else { b });
            prop_assert!(decay(a.min(b), elapsed, half_life) <= decay(a.max(b), elapsed, half_life));
        }

        #[test]
        fn is_halved_exactly_every_half_life(strength in decibans(), minutes in 1..2000u32, times in 0..20u32) {
            let half_life = Span::from_minutes(minutes);
            let elapsed = Span::from_millis(half_life.millis() * u64::from(times));
            prop_assert_eq!(decay(strength, elapsed, half_life).units(), strength.units() >> times.min(15));
        }

        #[test]
        fn more_of_it_never_lowers_the_score(
            lines in vec(line(START..START + 4000), 1..LEDGER_LINES), which in any::<prop::sample::Index>(), by in decibans(),
            minutes in 0..3000u32,
        ) {
            let now = Timestamp::from_seconds(START + 4000).after(Span::from_minutes(minutes));
            let less = Ledger::from_lines(lines.iter().copied());
            let score = Score::of(&less, now);
            let raised = *which.get(&lines);
            let more = less.lines().map(|line| Line {
                strength: if line.kind == raised.kind { line.strength.plus(by) } else { line.strength }, ..*line
            });
            prop_assert!(Score::of(&Ledger::from_lines(more), now) >= score);
            // One more kind, too: there is room for it.
            let added = less.lines().copied().chain([Line { strength: by, at: START, ..raised }]).collect::<Vec<_>>();
            let added = added.into_iter().rev().take(LEDGER_LINES);
            prop_assert!(Score::of(&Ledger::from_lines(added), now) >= score);
            prop_assert!(score.points() <= SCORE_MAX);
        }

        #[test]
        fn a_signal_never_lowers_the_score_of_its_moment(
            lines in vec(line(START..START + 4000), 0..LEDGER_LINES), kind in kind(), weight in decibans(),
        ) {
            let now = Timestamp::from_seconds(START + 4000);
            let before = Ledger::from_lines(lines.into_iter());
            let mut after = before;
            after.absorb(&session_risk::signal::Signal { kind, weight, change: session_risk::signal::Change::None }, now);
            prop_assert!(Score::of(&after, now) >= Score::of(&before, now));
            prop_assert!(after.line(kind).unwrap().value(now) >= weight.min(Decibans::MAX));
        }
    }
}

mod level {
    use super::*;

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn never_falls_within_the_hold_nor_within_the_margin(
            thresholds in vec(1..=100u8, 3), steps in vec((0..=100u8, 0..4000u32, 0..=RELAPSES), 1..60),
        ) {
            let mut sorted = thresholds;
            sorted.sort_unstable();
            let [elevated, high, critical] = [0, 1, 2].map(|index: usize| Score::new(sorted[index]));
            let thresholds = Thresholds { elevated, high, critical };
            let (mut level, mut since, mut now) = (Level::Low, START, START);
            for (points, pause, relapses) in steps {
                now += pause;
                let score = Score::new(points);
                let (next, entered) = thresholds.next(score, level, since, relapses, Timestamp::from_seconds(now));
                prop_assert!(next >= thresholds.level(score), "a level is never below what the score says");
                if next < level {
                    prop_assert!(now - since >= hold(relapses));
                    prop_assert!(thresholds.level(Score::new(points + LEVEL_MARGIN)) < level);
                }
                prop_assert_eq!(entered, if next == level { since } else { now });
                if let Some(more) = Some(relapses + 1).filter(|more| *more <= RELAPSES) {
                    let (longer, _) = thresholds.next(score, level, since, more, Timestamp::from_seconds(now));
                    prop_assert!(longer >= next, "who relapsed more often is never let go sooner");
                    prop_assert_eq!(longer > level, next > level, "nor stopped later");
                }
                (level, since) = (next, entered);
            }
        }

        #[test]
        fn heals_the_same_in_one_step_and_in_many(
            relapses in 0..=RELAPSES, since in START..START + 9, pauses in vec(0..3 * RELAPSE_HEALS_SECONDS, 1..8),
        ) {
            let (mut step, mut now) = ((since, relapses), since);
            for pause in pauses {
                now += pause;
                let (healed_at, left) = heal(step.0, step.1, Timestamp::from_seconds(now));
                prop_assert!(left <= step.1 && healed_at >= step.0 && healed_at <= now);
                step = (healed_at, left);
            }
            prop_assert_eq!(step, heal(since, relapses, Timestamp::from_seconds(now)));
            let weeks = (now - since) / RELAPSE_HEALS_SECONDS;
            prop_assert_eq!(u32::from(step.1), u32::from(relapses).saturating_sub(weeks));
        }

        #[test]
        fn of_a_released_session_starts_anew(mut session in session(), forget in any::<bool>(), now in storable_time()) {
            session.obey(if forget { Order::Forget } else { Order::Release }, now);
            prop_assert_eq!((session.standing.level, session.standing.relapses), (Level::Low, 0));
        }

        #[test]
        fn of_an_approved_session_stays_and_no_sanction_is_lifted(
            session in session(),
            seconds in 1..1000u32,
            now in storable_time(),
        ) {
            let mut approved = session;
            approved.obey(Order::Approve(Span::from_seconds(seconds)), now);
            prop_assert_eq!(approved.sanctioned(now), session.sanctioned(now));
            prop_assert_eq!(approved.approved(now), !session.sanctioned(now));
            prop_assert!(!approved.approved(now.after(Span::from_seconds(seconds))));
            let bare = |mut session: Session| {
                (session.standing.sanction, session.standing.sanctioned) = Default::default();
                session
            };
            prop_assert_eq!(bare(approved), bare(session), "nothing else changes");
        }

        #[test]
        fn relapses_are_rises_to_high_from_below(life in vec(facts_at(storable_time()), 2..40)) {
            let mut session: Option<Session> = None;
            for facts in life {
                let next = core().assess(&facts, session).session.standing;
                let (before, was) = session.map_or((Level::Low, 0), |held| (held.standing.level, held.standing.relapses));
                if before < Level::High && next.level >= Level::High {
                    prop_assert_eq!(next.relapses, (was + 1).min(RELAPSES));
                } else {
                    prop_assert!(next.relapses == was || (next.relapses < was && before == Level::Low));
                }
                session = Some(Session { standing: next, ..core().assess(&facts, session).session });
            }
        }

        #[test]
        fn of_a_session_falls_within_the_hold_only_by_an_authentication_or_a_restored_device(
            life in vec(facts_at(storable_time()), 2..30),
        ) {
            let mut session: Option<Session> = None;
            for mut facts in life {
                facts.grant = Grant { auth_time: None, acr_satisfied: false, ..facts.grant };
                facts.device.posture = None;
                let assessment = core().assess(&facts, session);
                if let Some(before) = session {
                    let now = facts.now.max(before.seen).seconds();
                    let served = before.sanctioned(before.seen) && !assessment.session.sanctioned(before.seen.max(facts.now));
                    if assessment.level < before.standing.level && !served {
                        prop_assert!(now - before.standing.level_since >= hold(before.standing.relapses));
                    }
                }
                session = Some(assessment.session);
            }
        }
    }
}

mod merge {
    use super::*;

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn keeps_the_larger_count_of_the_newer_challenge(a in session(), b in session(), same in any::<bool>()) {
            let mut b = b;
            if same {
                b.standing.challenged = a.standing.challenged;
            }
            // Copies that are alike but for what was ignored are told apart too.
            for b in [b, Session { standing: Standing { ignored: b.standing.ignored, ..a.standing }, ..a }] {
                let [one, other] = [a, b].map(|copy| (copy.standing.challenged, copy.standing.ignored));
                for merged in [a.merge(b), b.merge(a)] {
                    prop_assert_eq!((merged.standing.challenged, merged.standing.ignored), one.max(other));
                }
            }
        }

        #[test]
        fn of_copies_that_went_apart_is_commutative([a, b, _] in copies()) {
            prop_assert_eq!(a.merge(b), b.merge(a));
        }

        #[test]
        fn of_copies_that_went_apart_is_associative([a, b, c] in copies()) {
            prop_assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)));
        }

        #[test]
        fn of_copies_that_went_apart_is_idempotent([a, b, _] in copies()) {
            prop_assert_eq!(a.merge(a), a);
            prop_assert_eq!(a.merge(b).merge(b), a.merge(b));
        }

        #[test]
        fn of_any_two_sessions_is_commutative(a in session(), b in session()) {
            prop_assert_eq!(a.merge(b), b.merge(a));
        }

        #[test]
        fn of_any_three_sessions_is_associative(a in session(), b in session(), c in session()) {
            let [a, b, c] = [a, b, c].map(answered);
            prop_assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)));
        }

        #[test]
        fn of_any_session_with_itself_is_the_session(a in session(), b in session()) {
            let a = answered(a);
            prop_assert_eq!(a.merge(a), a);
            prop_assert_eq!(a.merge(b).merge(b), a.merge(b));
        }

        #[test]
        fn is_storable(a in session(), b in session()) {
            let merged = a.merge(b);
            prop_assert_eq!(codec::decode(&codec::encode(&merged)), Ok(merged));
        }

        #[test]
        fn of_two_ledgers_is_a_law(a in ledger(), b in ledger(), c in ledger()) {
            prop_assert_eq!(a.merge(b), b.merge(a));
            prop_assert_eq!(a.merge(b).merge(c), a.merge(b.merge(c)));
            prop_assert_eq!(a.merge(a), a);
        }
    }

    fn ledger() -> impl Strategy<Value = Ledger> {
        vec(line(START..START + 5), 0..=LEDGER_LINES).prop_map(|lines| Ledger::from_lines(lines.into_iter()))
    }
}

mod stored {
    use super::*;

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn a_lived_session_is_read_back_as_it_was(life in vec(facts_at(storable_time()), 1..40)) {
            let session = lived(core(), &life).unwrap();
            prop_assert_eq!(codec::decode(&codec::encode(&session)), Ok(session));
        }

        #[test]
        fn any_session_is_read_back_as_it_was(session in session()) {
            prop_assert_eq!(codec::decode(&codec::encode(&session)), Ok(session));
        }

        #[test]
        fn no_part_of_a_session_is_one(session in session(), more in any::<u8>()) {
            let bytes = codec::encode(&session);
            for length in 0..bytes.len() {
                prop_assert_eq!(codec::decode(&bytes[..length]), Err(codec::CodecError::Length));
            }
            prop_assert_eq!(codec::decode(&[&bytes[..], &[more]].concat()), Err(codec::CodecError::Length));
        }

        #[test]
        fn bytes_are_a_session_only_if_they_are_its_bytes(bytes in vec(any::<u8>(), SESSION_BYTES)) {
            if let Ok(session) = codec::decode(&bytes) {
                prop_assert_eq!(&codec::encode(&session)[..], &bytes[..]);
            }
        }

        #[test]
        fn a_damaged_session_is_another_one_or_none(session in session(), at in 0..SESSION_BYTES, bits in 1..=255u8) {
            let mut bytes = codec::encode(&session);
            bytes[at] ^= bits;
            if let Ok(read) = codec::decode(&bytes) {
                prop_assert_eq!(codec::encode(&read), bytes);
                prop_assert_ne!(read, session);
            }
        }

        #[test]
        fn storing_a_session_in_between_changes_nothing(life in vec(facts_at(storable_time()), 1..30)) {
            let (mut kept, mut stored): (Option<Session>, Option<Session>) = (None, None);
            for facts in &life {
                let (a, b) = (core().assess(facts, kept), core().assess(facts, stored));
                prop_assert_eq!(format!("{a:?}"), format!("{b:?}"));
                kept = Some(a.session);
                stored = Some(codec::decode(&codec::encode(&b.session)).unwrap());
            }
        }
    }
}

mod assess {
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, ..config() })]

        #[test]
        fn gives_the_same_answer_and_the_same_bytes_again(life in vec(facts(), 1..30)) {
            let mut stored: Option<[u8; SESSION_BYTES]> = None;
            for facts in &life {
                let run = || core().assess(facts, stored.map(|bytes| codec::decode(&bytes).unwrap()));
                let (first, again) = (run(), run());
                prop_assert_eq!(format!("{first:?}"), format!("{again:?}"));
                let bytes = codec::encode(&first.session);
                prop_assert_eq!(bytes, codec::encode(&again.session));
                // What is written, at the ends of time too, reads back as what was written.
                prop_assert_eq!(codec::encode(&codec::decode(&bytes).unwrap()), bytes);
                stored = Some(bytes);
            }
        }

        #[test]
        fn takes_any_request_of_any_session(session in session(), facts in facts(), when in time(), status in 0..700u16, bytes in any::<u64>(), reported in any::<u8>()) {
            let mut assessment = core().assess(&facts, Some(session));
            prop_assert!(assessment.score.points() <= SCORE_MAX);
            prop_assert!(assessment.session.seen >= session.seen, "a clock that went backwards takes nothing back");
            prop_assert!(assessment.level >= core().thresholds.level(assessment.score));
            core().observe(&facts, &Outcome { status, bytes, reported }, &mut assessment.session, when);
            let stored = codec::encode(&assessment.session);
            prop_assert!(codec::decode(&stored).is_ok());
        }

        #[test]
        fn evidence_never_grows_younger_when_the_clock_goes_back(session in session(), facts in facts_at(storable_time())) {
            let assessment = core().assess(&facts, Some(session));
            let raised = assessment.signals.mask();
            for line in assessment.session.evidence.lines().filter(|line| line.kind.bit() & raised == 0) {
                prop_assert_eq!(session.evidence.line(line.kind).map(|old| old.at), Some(line.at));
            }
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn holds_nothing_against_a_session_that_stays_as_it_is(
            honest in blameless_facts(), pauses in vec(-60_000..900_000i64, 1..120),
        ) {
            let mut facts: Facts = honest;
            let mut session = None;
            // Rules ask such a device to authenticate, which it does not; that is all that may be said.
            let asked = facts.device.posture == Some(Posture::NotCompliant) && facts.action.tier >= Tier::Sensitive;
            let most = if asked { Kind::ChallengeIgnored.row().weight } else { 0 };
            for pause in pauses {
                facts.now = Timestamp::from_millis(facts.now.millis().saturating_add_signed(pause));
                let assessment = core().assess(&facts, session);
                prop_assert!(assessment.score <= Score::new(most), "{:?}", assessment.signals);
                prop_assert_eq!(assessment.level, Level::Low);
                session = Some(assessment.session);
            }
        }
    }
}

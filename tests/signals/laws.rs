//! What holds for all stories of a sort: longer streaks never weigh less, first requests say nothing but what is wrong
//! by itself, and reports weigh what the configuration says of their words. Single stories are in `catalogue.rs`.

use crate::arbitrary::facts_at;
use crate::story::{Heard, Step, at, engine, network, object, past, tell};
use proptest::collection::vec;
use proptest::prelude::*;
use session_risk::bounds::SIGNALS;
use session_risk::config::Config;
use session_risk::facts::{Access, Actor, Binding, Facts, NetworkKind, Outcome};
use session_risk::score::{Level, Score};
use session_risk::signal::{CATALOGUE, Change, Decibans, Kind, Signal, Signals};
use session_risk::time::{Span, Timestamp};
use std::collections::BTreeMap;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() }
}

/// The weight of `kind` with each request; zero where it is not raised.
fn weights(heard: &[Heard], kind: Kind) -> Vec<Decibans> {
    heard.iter().map(|heard| heard.weights.get(&kind).copied().unwrap_or(Decibans::ZERO)).collect()
}

/// What `kind` comes to when the story stops after each of its requests, all looked at together after the last.
fn left(heard: &[Heard], kind: Kind) -> Vec<Decibans> {
    let now = heard.last().map_or(Timestamp::default(), |heard| heard.session.seen);
    let line = |heard: &Heard| heard.session.evidence.line(kind).map_or(Decibans::ZERO, |line| line.value(now));
    heard.iter().map(line).collect()
}

/// The score of the session when the story stops after each of its requests, all looked at together after the last.
fn scores(heard: &[Heard]) -> Vec<Score> {
    let now = heard.last().map_or(Timestamp::default(), |heard| heard.session.seen);
    heard.iter().map(|heard| Score::of(&heard.session.evidence, now)).collect()
}

/// These steps with these pauses before them, in milliseconds, after one at the start.
fn paced(steps: impl Iterator<Item = Step>, pauses: &[u64]) -> Vec<Step> {
    let mut now = at(0).facts.now;
    let step = |(step, pause): (Step, &u64)| {
        now = now.after(Span::from_millis(*pause));
        step.but(|facts| facts.now = now)
    };
    steps.zip(pauses).map(step).collect()
}

fn actor() -> impl Strategy<Value = Actor> {
    prop::sample::select(vec![Actor::Human, Actor::Service, Actor::ApiKey, Actor::Agent])
}

/// Answers that refuse, each of which adds to the sum of refusals.
fn refusal() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![400u16, 403, 404, 405, 422, 501])
}

fn hard(facts: &Facts) -> BTreeMap<Kind, Decibans> {
    let spends = facts.actor == Actor::Agent && facts.action.access != Access::Read;
    let criteria = [
        (Kind::OutOfScope, facts.grant.tool_declared == Some(false)),
        (Kind::OutsideGrant, facts.grant.outside_window),
        (Kind::WriteBudget, spends),
        (Kind::DuplicateIdentity, facts.flaws.duplicate),
        (Kind::MalformedIdentity, facts.flaws.malformed),
        (Kind::BindingLost, facts.device.binding == Binding::Unproven),
    ];
    let holds = criteria.into_iter().filter(|(_, holds)| *holds);
    holds.map(|(kind, _)| (kind, Decibans::points(kind.row().weight))).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_agent_that_reads_more_new_objects_never_weighs_less(
        before in 0..8usize, pauses in vec(prop_oneof![50..2_000u64, 2_000..120_000u64], 24..60),
    ) {
        let known = past(u32::try_from(before).unwrap());
        let reads = (1..160).map(|number| at(0).doing(|action| action.target = Some(object(number))));
        let steps = paced(known.chain(reads).map(|step| step.by(Actor::Agent)), &pauses);
        let heard = tell(&engine(), &steps);
        let weights = weights(&heard, Kind::BulkExport);
        prop_assert!(weights.is_sorted(), "{weights:?}");
        prop_assert_eq!(weights.last(), Some(&Decibans::points(Kind::BulkExport.row().weight)));
        prop_assert!(scores(&heard).is_sorted());
    }

    #[test]
    fn who_reads_more_new_objects_with_the_beat_of_a_clock_never_weighs_less(
        actor in actor(), beat in prop_oneof![50..600u64, 31_000..600_000u64], count in 8..40usize,
    ) {
        let steps = (0..160).map(|number| at(0).by(actor).doing(|action| action.target = Some(object(number))));
        let steps = paced(steps, &vec![beat; count + 4]);
        let heard = tell(&engine(), &steps);
        let weights = weights(&heard, Kind::BulkExport);
        prop_assert!(weights.is_sorted(), "{weights:?}");
        prop_assert!(actor == Actor::Agent || weights.last() > Some(&Decibans::ZERO));
    }

    #[test]
    fn more_refusals_never_weigh_less(
        actor in actor(), statuses in vec(refusal(), 6..30), pauses in vec(0..120_000u64, 30), routed in any::<bool>(),
    ) {
        let refused = statuses.iter().map(|status| {
            at(0).by(actor).doing(|action| action.route = routed.then_some(0)).answered(*status)
        });
        let heard = tell(&engine(), &paced(refused, &pauses));
        let left = left(&heard, Kind::ErrorProbing);
        prop_assert!(left.is_sorted(), "{left:?}");
        prop_assert!(scores(&heard).is_sorted());
        // However they mix, six are a streak.
        prop_assert!(heard.iter().take(6).any(|heard| heard.weights.contains_key(&Kind::ErrorProbing)));
    }

    #[test]
    fn more_turns_between_two_access_networks_never_weigh_less(
        country in prop::sample::select(vec![b"DE", b"FR"]), actor in actor(), pauses in vec(1_000..270_000u64, 4..40),
    ) {
        let networks = [network(1, b"DE", NetworkKind::Access), network(2, country, NetworkKind::Access)];
        let turns = networks.iter().cycle().map(|there| at(0).by(actor).but(|facts| facts.network = *there));
        let heard = tell(&engine(), &paced(turns, &pauses));
        let weights = weights(&heard, Kind::ConcurrentNetworks);
        prop_assert!(weights.is_sorted(), "{weights:?}");
        prop_assert!(weights.last() > Some(&Decibans::ZERO));
        let left = left(&heard, Kind::ConcurrentNetworks);
        prop_assert!(left.is_sorted(), "{left:?}");
    }

    #[test]
    fn more_requests_without_the_key_never_weigh_less(
        actor in actor(), known in 1..8u32, resource in prop::sample::select(vec![1u32, 0x0302]),
        pauses in vec(0..600_000u64, 12..20), lost in prop::sample::select(vec![Binding::None, Binding::Unproven]),
    ) {
        let bound = past(known).map(|step| step.bound(Binding::Bound(7)).doing(|action| action.resource = resource));
        let without = (0..).map(|_| at(0).bound(lost).doing(|action| action.resource = resource));
        let heard = tell(&engine(), &paced(bound.chain(without).map(|step| step.by(actor)), &pauses));
        let weights = weights(&heard, Kind::BindingLost);
        prop_assert!(weights.is_sorted(), "{weights:?}");
        prop_assert_eq!(weights.last(), Some(&Decibans::points(Kind::BindingLost.row().weight)));
        let silent = weights.iter().take_while(|weight| **weight == Decibans::ZERO).count();
        prop_assert_eq!(u32::try_from(silent).unwrap(), known);
    }

    #[test]
    fn a_session_that_polls_under_a_challenge_stays_where_it_is(
        points in 20..=34u8, weight in 1..=63u8, beat in 1..120u64, count in 100..200usize,
    ) {
        let rule = serde_json::json!({"name": "ask", "when": {"level_at_least": "high"}, "then": "step_up"});
        let json = serde_json::json!({
            "secret": "0123456789abcdef", "weights": {"challenge_ignored": weight}, "rules": [rule],
        });
        let engine = Config::from_json(json.to_string().as_bytes()).unwrap().engine;
        let reported = Step { answer: Some(Outcome { status: 200, bytes: 0, reported: points }), ..at(0) };
        let polls = (0..count).map(|_| at(0));
        let heard = tell(&engine, &paced([reported].into_iter().chain(polls), &vec![beat * 1_000; count + 1]));
        let highest = heard.iter().map(|heard| heard.session.standing.level).max();
        prop_assert_eq!(highest, Some(Level::High));
        let said = weights(&heard, Kind::ChallengeIgnored).into_iter().max().unwrap_or_default();
        prop_assert!(said <= Decibans::points(weight), "{:?}", said);
        prop_assert!(said > Decibans::ZERO || points == 34, "it is said as far as there is room");
    }

    #[test]
    fn a_first_request_says_nothing_but_what_is_wrong_by_itself(
        facts in facts_at(crate::arbitrary::time()), status in 100..600u16,
    ) {
        let budgets = r#"[{"actor":["agent"],"writes":0,"exports":0}]"#;
        let text = format!(r#"{{"secret":"0123456789abcdef","budgets":{budgets}}}"#);
        let engine = Config::from_json(text.as_bytes()).unwrap().engine;
        let heard = tell(&engine, &[Step { facts, answer: None }.answered(status)]);
        prop_assert_eq!(&heard[0].weights, &hard(&facts));
    }

    #[test]
    fn a_report_weighs_as_much_as_its_strongest_word_and_unknown_words_nothing(
        words in prop::collection::btree_map("[a-m]{1,8}", 0..=63u8, 1..6),
        said in vec(any::<prop::sample::Index>(), 0..4), unknown in vec("[n-z]{1,8}", 0..4),
        weight in prop_oneof![Just(Kind::Reported.row().weight), 0..=63u8],
    ) {
        let json = serde_json::json!({
            "secret": "0123456789abcdef", "reported": {"words": words}, "weights": {"reported": weight},
        });
        let config = Config::from_json(json.to_string().as_bytes()).unwrap();
        let said: Vec<_> = said.iter().map(|index| words.iter().nth(index.index(words.len())).unwrap()).collect();
        let header = said.iter().map(|(word, _)| word.as_str()).chain(unknown.iter().map(String::as_str));
        let header = header.collect::<Vec<_>>().join(", ");
        let strongest = said.iter().map(|(_, points)| **points).max().unwrap_or(0);
        let (points, all_known) = config.reported.unwrap().points(header.as_bytes());
        prop_assert_eq!(points, strongest);
        prop_assert_eq!(all_known, unknown.is_empty() && !said.is_empty());

        let answer = Outcome { status: 200, bytes: 0, reported: points };
        let heard = tell(&config.engine, &[Step { answer: Some(answer), ..at(0) }]);
        let scaled = Decibans::points(weight).scaled(u16::from(strongest), u16::from(Kind::Reported.row().weight));
        let expected = Some(scaled).filter(|weight| *weight != Decibans::ZERO);
        prop_assert_eq!(heard[0].weights.get(&Kind::Reported).copied(), expected);
        if weight == Kind::Reported.row().weight {
            prop_assert_eq!(expected.unwrap_or_default(), Decibans::points(strongest));
        }
        // It counts from the next request on.
        prop_assert_eq!(heard[0].session.evidence.line(Kind::Reported).map(|line| line.strength), expected);
    }
}

#[test]
fn more_signals_than_are_kept_whole_leave_the_heaviest_and_none_is_forgotten() {
    let mut signals = Signals::default();
    for (number, row) in CATALOGUE.iter().enumerate() {
        // Light and heavy in turns, so that neither the first nor the last are the heaviest.
        let weight = Decibans::points(if number % 2 == 0 { 1 } else { 10 + u8::try_from(number).unwrap() });
        signals.raise(Signal { kind: row.kind, weight, change: Change::None });
    }
    let mut kept: Vec<Decibans> = signals.iter().map(|signal| signal.weight).collect();
    kept.sort();
    assert_eq!(kept.len(), SIGNALS);
    let heavy = CATALOGUE.len() / 2;
    assert!(heavy < SIGNALS && kept[SIGNALS - heavy] >= Decibans::points(10) && kept[0] == Decibans::points(1));
    assert_eq!(signals.mask(), CATALOGUE.iter().fold(0, |mask, row| mask | row.kind.bit()));
}

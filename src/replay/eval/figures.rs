//! The figures as JSON: shares are 0..=1, friction is sessions per 1,000, and a session that is never flagged counts as an
//! infinite wait (`null`).

use super::{
    Evaluation,
    corpus::{Life, Scorer, spread},
    curves::Curves,
    fate::Fate,
    stories,
    tally::{Groups, Tally, count, per_1000, rounded, share},
};
use crate::signal::{CATALOGUE, Decibans, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

type Lived<'a> = (&'a Life, &'a Fate);

/// Everything but the ablation.
pub(super) fn figures(evaluation: &Evaluation, scorer: &Scorer) -> Value {
    let corpus = &evaluation.corpus;
    let groups = Groups::new(corpus, |_| true);
    let tally = groups.tally(evaluation.lived().map(|(life, fate)| fate.flagged(life)));
    let curves = Curves::new(corpus, &groups, scorer);
    let mut figures = json!({
        "scenarios": scenarios(evaluation, &groups, &tally, &curves),
        "friction": friction(evaluation, &groups, &tally),
        "policy_restricts": policy(evaluation).values().sum::<u32>(),
        "policy_restricts_by_class": policy(evaluation),
        "macro_hijack": groups.macro_hijack(&tally).map(rounded),
        "at_friction": curves.ours_at_budgets(),
    });
    let baselines = curves.baselines(corpus, per_1000(groups.friction(&tally)));
    let at_ours = |row: &Value| row.get("at_our_friction").and_then(Value::as_f64);
    let found = baselines.iter().filter_map(|(name, row)| Some((name, at_ours(row)?)));
    let best = found.reduce(|best, other| if other.1 > best.1 { other } else { best });
    let ratio = best
        .filter(|(_, found)| *found > 0.0)
        .and_then(|(name, found)| Some((name.clone(), rounded(groups.macro_hijack(&tally)? / found))));
    if let Value::Object(members) = &mut figures {
        members.insert("best_baseline".to_owned(), json!(ratio.as_ref().map(|(name, _)| name)));
        members.insert("ratio_over_best_baseline".to_owned(), json!(ratio.as_ref().map(|(_, ratio)| ratio)));
        members.insert("baselines".to_owned(), Value::Object(baselines));
        members.insert("curves".to_owned(), curves.points());
    }
    figures
}

fn scenarios(evaluation: &Evaluation, groups: &Groups, tally: &Tally, curves: &Curves<'_>) -> Map<String, Value> {
    let mut scenarios: BTreeMap<&str, Vec<Lived<'_>>> = BTreeMap::new();
    for lived in evaluation.lived().filter(|(life, _)| life.onset.is_some()) {
        scenarios.entry(lived.0.class()).or_default().push(lived);
    }
    let twins = |name: &str| {
        let honest = |twin: &str| groups.rows(tally).find(|(group, _)| !group.attack && group.name == twin);
        let of = stories::twins(name).iter().filter_map(|twin| {
            let (group, flagged) = honest(twin)?;
            Some(((*twin).to_owned(), json!(rounded(per_1000((flagged, group.sessions))))))
        });
        Value::Object(of.collect())
    };
    let rows = scenarios.iter().map(|(name, lived)| {
        let mut row = scenario(lived);
        row.insert("at_friction".to_owned(), curves.scenario_at_budgets(name));
        row.insert("twins".to_owned(), twins(name));
        ((*name).to_owned(), Value::Object(row))
    });
    rows.collect()
}

fn scenario(lived: &[Lived<'_>]) -> Map<String, Value> {
    let n = count(lived.len());
    let number = |of: &dyn Fn(&Fate) -> bool| count(lived.iter().filter(|(_, fate)| of(fate)).count());
    let found = number(&|fate| fate.delay.is_some());
    let (low, high) = wilson(found, n);
    let ranked = |of: &dyn Fn(&Fate) -> u32| {
        let mut values: Vec<u32> = lived.iter().map(|(_, fate)| of(fate)).collect();
        values.sort_unstable();
        values
    };
    let delays = ranked(&|fate| fate.delay.unwrap_or(u32::MAX));
    let finite = |delay: Option<u32>| delay.filter(|delay| *delay != u32::MAX);
    let mut row = Map::new();
    let mut put = |name: &str, value: Value| row.insert(name.to_owned(), value);
    put("source", json!(lived.first().map(|(life, _)| &life.source)));
    put("sessions", json!(n));
    put("detected", json!(found));
    put("detection", json!(rounded(share(found, n))));
    put("wilson_low", json!(rounded(low)));
    put("wilson_high", json!(rounded(high)));
    put("flagged_at_onset", json!(rounded(share(number(&|fate| fate.delay == Some(1)), n))));
    put("flagged_before_onset", json!(rounded(share(number(&|fate| fate.early), n))));
    put("requests_to_flag_median", json!(finite(quantile(&delays, 50))));
    put("requests_to_flag_p95", json!(finite(quantile(&delays, 95))));
    put("sensitive_through_median", json!(quantile(&ranked(&|fate| fate.sensitive_through), 50)));
    put("sensitive_forwarded_median", json!(quantile(&ranked(&|fate| fate.sensitive_forwarded), 50)));
    put("top_reason_correct", json!(rounded(share(number(&|fate| fate.reason), found))));
    let sum = |of: &dyn Fn(&Fate) -> u32| lived.iter().fold(0u32, |sum, (_, fate)| sum.saturating_add(of(fate)));
    let writes = sum(&|fate| fate.undeclared_writes.0);
    if writes > 0 {
        let refused = sum(&|fate| fate.undeclared_writes.1);
        put("out_of_scope_writes", json!({ "requests": writes, "refused": refused }));
    }
    let turned = number(&|fate| fate.turned.is_some());
    if turned > 0 {
        let flagged = number(&|fate| fate.turned.is_some() && fate.delay.is_some());
        let at_onset = number(&|fate| fate.turned.is_some() && fate.delay == Some(1));
        put("turned_not_compliant", json!({ "sessions": turned, "flagged": flagged, "at_onset": at_onset }));
    }
    row
}

fn friction(evaluation: &Evaluation, groups: &Groups, tally: &Tally) -> Value {
    let by = |key: &dyn Fn(&Life) -> String| {
        let mut groups: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for (life, fate) in evaluation.lived().filter(|(life, _)| life.onset.is_none()) {
            let (flagged, all) = groups.entry(key(life)).or_default();
            *flagged = flagged.saturating_add(u32::from(fate.early));
            *all = all.saturating_add(1);
        }
        let rows = groups.into_iter().map(|(name, counts)| (name, json!(rounded(per_1000(counts)))));
        rows.collect::<Map<_, _>>()
    };
    let all = groups.friction(tally);
    json!({
        "sessions": all.1,
        "per_1000_sessions": rounded(per_1000(all)),
        "by_class": by(&|life| life.class().to_owned()),
        "by_actor": by(&|life| life.actor.clone()),
        "by_source": by(&|life| life.source.clone()),
    })
}

/// Benign sessions that only a hard criterion held up, by class.
fn policy(evaluation: &Evaluation) -> BTreeMap<&str, u32> {
    let mut classes = BTreeMap::new();
    let held = |fate: &Fate| fate.policy && !fate.early;
    for (life, _) in evaluation.lived().filter(|(life, fate)| life.onset.is_none() && held(fate)) {
        let sessions: &mut u32 = classes.entry(life.class()).or_default();
        *sessions = sessions.saturating_add(1);
    }
    classes
}

/// What each signal is worth: friction and detection with its weight at 0, and the scenario that suffers most.
pub(super) fn ablation(evaluation: &Evaluation, scorer: &Scorer) -> Value {
    let corpus = &evaluation.corpus;
    let groups = Groups::new(corpus, |_| true);
    let without = |kind: Option<Kind>| {
        let mut scorer = scorer.clone();
        if let Some(kind) = kind {
            scorer.engine.weights.set(kind, Decibans::ZERO);
        }
        groups.tally(corpus.flagged(&scorer))
    };
    // The first one leaves nothing out: what the others are measured against.
    let tallies = spread(CATALOGUE.len().saturating_add(1), &|job| {
        without(job.checked_sub(1).and_then(|at| CATALOGUE.get(at)).map(|row| row.kind))
    });
    let Some((whole, left)) = tallies.split_first() else { return Value::Null };
    let rows = CATALOGUE.iter().zip(left).map(|(row, tally)| {
        let pairs = groups.rows(whole).zip(groups.rows(tally)).filter(|((group, _), _)| group.attack);
        let losses = pairs.map(|((group, with), (_, left))| {
            let (with, left) = (share(with, group.sessions), share(left, group.sessions));
            (with - left, &group.name, with, left)
        });
        let worst = losses.reduce(|worst, other| if other.0 > worst.0 { other } else { worst });
        let worst = worst.filter(|worst| worst.0 > 0.0).map(|(_, name, with, left)| {
            json!({ "scenario": name, "detection": rounded(with), "detection_without": rounded(left) })
        });
        let friction = rounded(per_1000(groups.friction(tally)));
        let found = groups.macro_hijack(tally).map(rounded);
        let figures = json!({ "macro_hijack": found, "friction_per_1000": friction, "worst": worst });
        (row.name.to_owned(), figures)
    });
    Value::Object(rows.collect())
}

/// The Wilson score interval of a share at 95% (Wilson, 1927).
pub fn wilson(found: u32, of: u32) -> (f64, f64) {
    if of == 0 {
        return (0.0, 1.0);
    }
    let (n, p, z) = (f64::from(of), share(found, of), 1.959_964);
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let reach = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((middle - reach).max(0.0), (middle + reach).min(1.0))
}

/// The smallest value that at least `percent` of them do not exceed (nearest rank).
fn quantile(sorted: &[u32], percent: usize) -> Option<u32> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wilson_interval_of_textbook_values() {
        let near = |(low, high): (f64, f64), (l, h): (f64, f64)| (low - l).abs() < 5e-4 && (high - h).abs() < 5e-4;
        assert!(near(wilson(0, 10), (0.0, 0.2775)));
        assert!(near(wilson(5, 10), (0.2366, 0.7634)));
        assert!(near(wilson(10, 10), (0.7225, 1.0)));
    }

    #[test]
    fn quantiles_go_by_the_nearest_rank() {
        let ten: Vec<u32> = (1..=10).collect();
        assert_eq!((quantile(&ten, 50), quantile(&ten, 95)), (Some(5), Some(10)));
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!((quantile(&hundred, 50), quantile(&hundred, 95)), (Some(50), Some(95)));
        assert_eq!((quantile(&[7], 50), quantile(&[7], 95), quantile(&[], 50)), (Some(7), Some(7), None));
    }
}

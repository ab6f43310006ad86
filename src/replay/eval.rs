//! What a detector is worth, measured against labels: detection, delay and friction, with simple rules beside it.

use super::{Step, record::Record};
use crate::{
    facts::{Access, Tier},
    policy::{Action, Rule},
    signal::{Basis, CATALOGUE},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// What one detector said of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    #[default]
    Pass,
    /// Flagged because a hard criterion says so: policy, not inference.
    Policy,
    /// Flagged by inference.
    Flag,
}

/// The verdict of an assessment: *flagged* is every decision but `allow`, shadow counted as enforced.
pub fn verdict(step: &Step, rules: &[Rule]) -> Verdict {
    let decision = &step.assessment.decision;
    if decision.action == Action::Allow {
        return Verdict::Pass;
    }
    let hard = decision.rule.and_then(|index| rules.get(usize::from(index))).is_some_and(|rule| {
        let kinds = |set: crate::policy::Set| CATALOGUE.iter().filter(move |row| set.has(row.kind.number()));
        let of_rule = rule.when.signals.is_some_and(|set| kinds(set).all(|row| row.basis == Basis::Rule));
        rule.when.postures.is_some() || of_rule
    });
    if hard { Verdict::Policy } else { Verdict::Flag }
}

/// Simple rules to compare with, by name.
pub const BASELINES: [&str; 12] = [
    "login_only",
    "ip_pin",
    "net24_pin",
    "asn_pin",
    "ua_pin",
    "ip_ua_pin",
    "rule_hits_2",
    "rate_10",
    "rate_20",
    "rate_40",
    "rate_80",
    "rate_160",
];

/// What the simple rules remember of one session: the values of its first request, and the times of the last ones.
#[derive(Debug, Default)]
struct Pins {
    first: Option<[Option<String>; 6]>,
    times: VecDeque<u64>,
}

impl Pins {
    fn verdicts(&mut self, record: &Record) -> [Verdict; BASELINES.len()] {
        let net24 = record.ip.as_ref().map(|ip| ip.rsplit_once('.').map_or(ip.as_str(), |(net, _)| net).to_owned());
        let asn = record.asn.map(|asn| asn.to_string());
        let now = [record.ip.clone(), net24, asn, record.ua.clone(), record.country.clone(), record.ja4.clone()];
        let first = self.first.get_or_insert_with(|| now.clone());
        let [ip, net, asn, ua, country, ja4] = std::array::from_fn(|at| first.get(at) != now.get(at));
        let hits = [asn, ua, country, ja4].into_iter().filter(|hit| *hit).count();
        self.times.push_back(record.ts);
        while self.times.front().is_some_and(|oldest| record.ts.saturating_sub(*oldest) > 60_000) {
            self.times.pop_front();
        }
        let faster = |limit: usize| self.times.len() > limit;
        [false, ip, net, asn, ua, ip || ua, hits >= 2, faster(10), faster(20), faster(40), faster(80), faster(160)]
            .map(|flag| if flag { Verdict::Flag } else { Verdict::Pass })
    }
}

/// What came of one session under one detector.
#[derive(Clone, Debug, Default)]
struct Fate {
    /// Flagged by inference before the onset; in a benign session, at all.
    early: bool,
    /// Flagged by policy there.
    policy: bool,
    /// Requests from the onset to the first flag, that one included.
    delay: Option<usize>,
    /// The true cause is among the two strongest reasons.
    reason: bool,
}

#[derive(Debug, Default)]
struct Life {
    requests: usize,
    onset: Option<usize>,
    actor: String,
    source: String,
    ours: Fate,
    sensitive_through: u32,
    others: Vec<Fate>,
    pins: Pins,
}

impl Fate {
    fn take(&mut self, verdict: Verdict, since_onset: Option<usize>) {
        match (verdict, since_onset) {
            (Verdict::Pass, _) => {}
            (_, Some(since)) => {
                self.delay.get_or_insert(since);
            }
            (Verdict::Policy, None) => self.policy = true,
            (Verdict::Flag, None) => self.early = true,
        }
    }
}

/// Kinds of signal that name the true cause of a scenario.
const CAUSES: &[(&str, &[&str])] = &[
    ("token_replay", &["new_network", "new_asn", "new_country", "user_agent_changed", "tls_fingerprint_changed"]),
    ("cloned_ua", &["tls_fingerprint_changed", "new_network", "new_asn"]),
    ("concurrent", &["concurrent_networks", "new_asn", "new_country", "user_agent_changed"]),
    ("impossible_travel", &["impossible_travel", "new_country", "new_asn"]),
    ("stolen_api_key", &["new_country", "new_asn"]),
    ("posture", &["posture_degraded"]),
    ("binding", &["binding_lost", "binding_changed"]),
    ("service_account", &["sensitive_first_use", "mix_drift"]),
    ("scope_escalation", &["scope_widened", "sensitive_first_use"]),
    ("export", &["bulk_export", "mix_drift"]),
    ("probing", &["error_probing"]),
    ("dojo", &["out_of_scope"]),
    ("cloned_context", &["new_network", "tls_fingerprint_changed", "bulk_export", "sensitive_first_use"]),
    ("poisoning", &["bulk_export", "mix_drift", "sensitive_first_use", "new_asn"]),
];

/// Collects verdicts and tells what they are worth.
#[derive(Debug, Default)]
pub struct Evaluation {
    lives: HashMap<(String, String), Life>,
}

impl Evaluation {
    /// Takes one labelled request. `step` is `None` where the gateway could not score it.
    pub fn take(&mut self, record: &Record, step: Option<&Step>, rules: &[Rule]) {
        let Some(label) = &record.label else { return };
        let life = self.lives.entry((label.scenario.clone(), record.session.clone())).or_default();
        life.requests = life.requests.saturating_add(1);
        if life.requests == 1 {
            life.actor.clone_from(&record.actor);
            life.source.clone_from(&label.source);
            life.others = vec![Fate::default(); BASELINES.len()];
        }
        if label.attack {
            life.onset.get_or_insert(life.requests);
        }
        let since = life.onset.map(|onset| life.requests.saturating_sub(onset).saturating_add(1));
        let pins = life.pins.verdicts(record);
        life.others.iter_mut().zip(pins).for_each(|(fate, verdict)| fate.take(verdict, since));
        let Some(step) = step else { return };
        let verdict = verdict(step, rules);
        let undetected = life.ours.delay.is_none();
        life.ours.take(verdict, since);
        if since.is_some() && undetected && verdict != Verdict::Pass {
            let names =
                CAUSES.iter().find(|(part, _)| label.scenario.contains(part)).map_or(&[][..], |(_, kinds)| kinds);
            let mut top = step.assessment.contributions.iter().take(2);
            life.ours.reason = top.any(|contribution| names.contains(&contribution.kind.row().name));
        }
        let action = &step.facts.action;
        let sensitive = action.tier >= Tier::Sensitive || matches!(action.access, Access::Export | Access::Admin);
        if label.attack && sensitive && life.ours.delay.is_none() {
            life.sensitive_through = life.sensitive_through.saturating_add(1);
        }
    }

    /// Labelled sessions seen.
    pub fn sessions(&self) -> usize {
        self.lives.len()
    }

    /// The figures as JSON. Shapes: `scenarios.<name>`, `friction`, `policy_restricts`, `macro_hijack`, `baselines.<name>`.
    /// Rates are 0..=1, friction is in sessions per 1,000, a median over sessions that miss counts them as infinite
    /// (`null`).
    pub fn figures(&self) -> Value {
        let mut scenarios: BTreeMap<&str, Vec<&Life>> = BTreeMap::new();
        for ((scenario, _), life) in self.lives.iter().filter(|(_, life)| life.onset.is_some()) {
            scenarios.entry(scenario).or_default().push(life);
        }
        let rows = scenarios.iter().map(|(name, lives)| ((*name).to_owned(), scenario(lives)));
        let rows: serde_json::Map<String, Value> = rows.collect();
        let benign: Vec<(&str, &Life)> = self
            .lives
            .iter()
            .filter(|(_, life)| life.onset.is_none())
            .map(|((scenario, _), life)| (scenario.as_str(), life))
            .collect();
        let group = |key: &dyn Fn(&(&str, &Life)) -> String| {
            let mut groups: BTreeMap<String, (u32, u32)> = BTreeMap::new();
            for item in &benign {
                let (flagged, all) = groups.entry(key(item)).or_default();
                *flagged = flagged.saturating_add(u32::from(item.1.ours.early));
                *all = all.saturating_add(1);
            }
            groups
                .into_iter()
                .map(|(name, (flagged, all))| (name, json!(rounded(1000.0 * share(flagged, all)))))
                .collect::<serde_json::Map<_, _>>()
        };
        let fates = |of: &dyn Fn(&Life) -> Fate| {
            let flagged = count(benign.iter().filter(|(_, life)| of(life).early).count());
            let hijack: Vec<f64> = scenarios
                .iter()
                .filter(|(_, lives)| lives.iter().all(|life| life.source == "synthetic"))
                .map(|(_, lives)| {
                    let found = lives.iter().filter(|life| of(life).delay.is_some()).count();
                    share(count(found), count(lives.len()))
                })
                .collect();
            let mean = hijack.iter().sum::<f64>() / f64::from(count(hijack.len()).max(1));
            (rounded(1000.0 * share(flagged, count(benign.len()))), rounded(mean))
        };
        let (per_1000, macro_hijack) = fates(&|life| life.ours.clone());
        let baselines = BASELINES.iter().enumerate().map(|(at, name)| {
            let (friction, detection) = fates(&|life| life.others.get(at).cloned().unwrap_or_default());
            ((*name).to_owned(), json!({ "friction_per_1000": friction, "macro_hijack": detection }))
        });
        let policy = benign.iter().filter(|(_, life)| life.ours.policy && !life.ours.early).count();
        json!({
            "scenarios": rows,
            "friction": {
                "sessions": benign.len(),
                "per_1000_sessions": per_1000,
                "by_class": group(&|(scenario, _)| (*scenario).to_owned()),
                "by_actor": group(&|(_, life)| life.actor.clone()),
                "by_source": group(&|(_, life)| life.source.clone()),
            },
            "policy_restricts": policy,
            "macro_hijack": macro_hijack,
            "baselines": baselines.collect::<serde_json::Map<_, _>>(),
        })
    }
}

fn scenario(lives: &[&Life]) -> Value {
    let n = count(lives.len());
    let found = count(lives.iter().filter(|life| life.ours.delay.is_some()).count());
    let onset = count(lives.iter().filter(|life| life.ours.delay == Some(1)).count());
    let reason = count(lives.iter().filter(|life| life.ours.reason).count());
    let early = count(lives.iter().filter(|life| life.ours.early).count());
    let mut delays: Vec<usize> = lives.iter().map(|life| life.ours.delay.unwrap_or(usize::MAX)).collect();
    delays.sort_unstable();
    let mut through: Vec<u32> = lives.iter().map(|life| life.sensitive_through).collect();
    through.sort_unstable();
    let finite = |delay: Option<usize>| delay.filter(|delay| *delay != usize::MAX);
    let (low, high) = wilson(found, n);
    json!({
        "source": lives.first().map(|life| life.source.as_str()),
        "sessions": n,
        "detected": found,
        "detection": rounded(share(found, n)),
        "wilson_low": rounded(low),
        "wilson_high": rounded(high),
        "flagged_at_onset": rounded(share(onset, n)),
        "flagged_before_onset": rounded(share(early, n)),
        "requests_to_flag_median": finite(quantile(&delays, 1, 2)),
        "requests_to_flag_p95": finite(quantile(&delays, 19, 20)),
        "sensitive_through_median": quantile(&through, 1, 2),
        "top_reason_correct": rounded(share(reason, found)),
    })
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

fn quantile<T: Copy>(sorted: &[T], numerator: usize, denominator: usize) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last.saturating_mul(numerator).checked_div(denominator)?).copied()
}

fn share(part: u32, of: u32) -> f64 {
    if of == 0 { 0.0 } else { f64::from(part) / f64::from(of) }
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
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
}

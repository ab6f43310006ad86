//! `session-risk replay`: what the gateway would have decided on a log.

use crate::trace::{Failure, Inputs};
use serde_json::json;
use session_risk::{audit, policy::Action, replay::eval};
use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
};

#[derive(Default)]
struct Sessions {
    count: u64,
    flagged: u64,
    policy: u64,
}

/// Replays; decisions as JSON lines if asked for, else a summary.
pub(crate) fn run(inputs: &Inputs, jsonl: bool) -> Result<(), Failure> {
    let config = inputs.configuration()?;
    let mut out = io::stdout().lock();
    let mut actions: BTreeMap<&str, u64> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    let mut sessions: HashMap<[u8; 16], (String, bool, bool)> = HashMap::new();
    let mut unscored = 0u64;
    let lines = inputs.run(&config, &mut |replay, record| {
        let Some(step) = replay.step(record) else {
            unscored = unscored.saturating_add(1);
            return Ok(());
        };
        let (assessment, decision) = (&step.assessment, &step.assessment.decision);
        let session = sessions.entry(step.facts.key.0).or_insert_with(|| (record.actor.clone(), false, false));
        match eval::verdict(&step, replay.rules()) {
            eval::Verdict::Pass => {}
            eval::Verdict::Policy => session.2 = true,
            eval::Verdict::Flag => session.1 = true,
        }
        add(&mut actions, decision.action.name());
        if decision.action != Action::Allow {
            for contribution in assessment.contributions.iter().take(2) {
                add(&mut reasons, contribution.kind.row().name);
            }
        }
        if jsonl {
            let rule = decision.rule.and_then(|at| replay.rules().get(usize::from(at))).map(|rule| rule.name.as_str());
            let why = assessment.contributions.iter().map(|contribution| {
                json!({ "kind": contribution.kind.row().name, "points": f64::from(contribution.strength.units()) / 32.0,
                        "change": audit::change(&contribution.change) })
            });
            let line = json!({ "ts": record.ts, "session": record.session, "score": assessment.score.points(),
                "level": assessment.level.name(), "action": decision.action.name(), "enforced": decision.enforced,
                "rule": rule, "reasons": why.collect::<Vec<_>>() });
            writeln!(out, "{line}")?;
        }
        Ok(())
    })?;
    let mut text: Box<dyn Write> = if jsonl { Box::new(io::stderr().lock()) } else { Box::new(out) };
    let mut by_actor: BTreeMap<&str, Sessions> = BTreeMap::new();
    for (actor, flagged, policy) in sessions.values() {
        let row = by_actor.entry(actor).or_default();
        row.count = row.count.saturating_add(1);
        row.flagged = row.flagged.saturating_add(u64::from(*flagged));
        row.policy = row.policy.saturating_add(u64::from(*policy && !*flagged));
    }
    let mut print = || -> io::Result<()> {
        writeln!(text, "{} requests, {} malformed lines, {unscored} without a score", lines.good, lines.malformed)?;
        writeln!(text, "\n{:<12} {:>10} {:>10} {:>14}", "ACTOR", "SESSIONS", "FLAGGED", "BY POLICY ONLY")?;
        for (actor, row) in &by_actor {
            writeln!(text, "{actor:<12} {:>10} {:>10} {:>14}", row.count, row.flagged, row.policy)?;
        }
        table(&mut text, "DECISION", &actions)?;
        table(&mut text, "TOP REASON", &reasons)
    };
    Ok(print()?)
}

fn table(out: &mut dyn Write, title: &str, rows: &BTreeMap<&str, u64>) -> io::Result<()> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    writeln!(out, "\n{title:<26} {:>10}", "REQUESTS")?;
    rows.into_iter().try_for_each(|(name, count)| writeln!(out, "{name:<26} {count:>10}"))
}

fn add<'a>(counts: &mut BTreeMap<&'a str, u64>, name: &'a str) {
    let count = counts.entry(name).or_default();
    *count = count.saturating_add(1);
}

//! `session-risk explain`: one session's life, in words that fit into a ticket.

use crate::trace::{Failure, Inputs};
use session_risk::{audit, policy::Action, time::Timestamp};
use std::io::{self, Write};

/// Prints every request of `session` that held something against it or was not simply allowed, with what raised it.
pub(crate) fn run(inputs: &Inputs, session: &str) -> Result<(), Failure> {
    let config = inputs.configuration()?;
    let mut out = io::stdout().lock();
    let (mut requests, mut quiet, mut start) = (0u64, 0u64, None);
    inputs.run(&config, &mut |replay, record| {
        // Other sessions share the table, and may push this one out of it.
        let Some(step) = replay.step(record).filter(|_| record.session == session) else { return Ok(()) };
        requests = requests.saturating_add(1);
        let began = *start.get_or_insert(record.ts);
        let (assessment, decision) = (&step.assessment, &step.assessment.decision);
        if decision.action == Action::Allow && assessment.contributions.iter().next().is_none() {
            quiet = quiet.saturating_add(1);
            return Ok(());
        }
        if quiet > 0 {
            writeln!(out, "({quiet} requests with nothing held against the session)")?;
            quiet = 0;
        }
        let seconds = record.ts.saturating_sub(began) / 1000;
        let rule = decision.rule.and_then(|at| replay.rules().get(usize::from(at)));
        writeln!(
            out,
            "+{}:{:02}:{:02}  request {requests}: {} {}{}  score {}, {}: {}{}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            record.method,
            record.path,
            record.tool.as_ref().map_or(String::new(), |tool| format!(" ({tool})")),
            assessment.score.points(),
            assessment.level.name(),
            decision.action.name(),
            rule.map_or(String::new(), |rule| format!(", by rule `{}`", rule.name)),
        )?;
        for item in assessment.contributions.iter() {
            let row = item.kind.row();
            let minutes = row.half_life.millis() / 60_000;
            let age = step.facts.now.since(Timestamp::from_seconds(item.at)).millis() / 60_000;
            let when = if item.fresh { "now".to_owned() } else { format!("{age} min ago") };
            let change = audit::change(&item.change);
            let change = if change.is_empty() { String::new() } else { format!(" ({change})") };
            let points = f64::from(item.strength.units()) / 32.0;
            writeln!(
                out,
                "    {points:>5.1} points  {}{change}, raised {when}, halves every {minutes} min: {}",
                row.name, row.reason
            )?;
        }
        Ok(())
    })?;
    if requests == 0 {
        return Err(format!(
            "no request of session `{session}` is in the trace; `session` is compared as it is written"
        )
        .into());
    }
    let last = if quiet > 0 { format!(", the last {quiet} with nothing held against it") } else { String::new() };
    Ok(writeln!(out, "{requests} requests in all{last}")?)
}

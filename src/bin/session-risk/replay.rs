//! `session-risk replay`: what the gateway would have decided on a log.
//! One pass in bounded memory; what it came to is told as text, and as an HTML report if asked for.

#[path = "replay/census.rs"]
pub(crate) mod census;
#[path = "replay/clock.rs"]
pub(crate) mod clock;
#[path = "replay/lead_in.rs"]
mod lead_in;
#[path = "replay/over_time.rs"]
pub(crate) mod over_time;
#[path = "replay/summary.rs"]
pub(crate) mod summary;
#[path = "replay/suspects.rs"]
pub(crate) mod suspects;
#[path = "replay/text.rs"]
pub(crate) mod text;
#[path = "replay/timeline.rs"]
pub(crate) mod timeline;

use crate::{
    report,
    trace::{Failure, Inputs},
};
use serde_json::{Value, json};
use session_risk::{
    audit,
    replay::{Step, record::Record},
};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};
use summary::{Settings, Summary};

/// What is asked for beside the summary.
pub(crate) struct Wanted<'a> {
    /// Every decision as a JSON line.
    pub(crate) jsonl: bool,
    /// A report in this file.
    pub(crate) report: Option<&'a Path>,
    /// How many of the worst sessions are told of.
    pub(crate) worst: u16,
}

/// Replays; decisions as JSON lines if asked for, and a summary.
pub(crate) fn run(inputs: &Inputs, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let config = inputs.configuration()?;
    let settings = Settings::of(&config)?;
    if let Some(file) = wanted.report {
        writable(file)?;
    }
    let mut out = io::stdout().lock();
    let mut summary = Summary::new(settings, usize::from(wanted.worst), wanted.report.is_some());
    summary.lines = inputs.run(&config, &mut |replay, record| {
        let step = replay.step(record);
        summary.take(record, step.as_ref());
        match step.filter(|_| wanted.jsonl) {
            Some(step) => writeln!(out, "{}", decision(&summary.settings, record, &step)),
            None => Ok(()),
        }
    })?;
    // Before the summary: whoever reads that may have closed it.
    if let Some(file) = wanted.report {
        let page = report::log::page(&summary);
        std::fs::write(file, page).map_err(|error| unwritable(file, &error))?;
    }
    let mut text: Box<dyn Write> = if wanted.jsonl { Box::new(io::stderr().lock()) } else { Box::new(out) };
    Ok(text::print(&mut text, &summary)?)
}

/// Says before a long replay, not after it, that a file cannot be written.
fn writable(file: &Path) -> Result<(), String> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(file);
    opened.map(drop).map_err(|error| unwritable(file, &error))
}

fn unwritable(file: &Path, error: &io::Error) -> String {
    format!(
        "the report `{}` cannot be written: {error}; name a file in a directory that you may write to",
        file.display()
    )
}

fn decision(settings: &Settings, record: &Record, step: &Step) -> Value {
    let (assessment, decision) = (&step.assessment, &step.assessment.decision);
    let why = assessment.contributions.iter().map(|contribution| {
        json!({ "kind": contribution.kind.row().name, "points": f64::from(contribution.strength.units()) / 32.0,
                "change": audit::change(&contribution.change) })
    });
    json!({ "ts": record.ts, "session": record.session, "score": assessment.score.points(),
        "level": assessment.level.name(), "action": decision.action.name(), "enforced": decision.enforced,
        "forwarded": decision.effective().forwards(step.facts.action.access),
        "rule": settings.rule(step.rule()), "reasons": why.collect::<Vec<_>>() })
}

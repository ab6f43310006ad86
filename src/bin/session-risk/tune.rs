//! `session-risk tune`: a configuration with less friction, or with more found at the same, and what it rests on.
//! The search is the library's; here it is told, and its result written.

use crate::{
    check,
    trace::{Failure, Inputs},
};
use serde_json::{Value, json};
use session_risk::{
    config::Config,
    replay::{
        eval::{
            corpus::{Corpus, Scorer},
            tally::per_1000,
        },
        tune::{self, Budget, CLASS_FACTOR, CLASS_SESSIONS, Stand, Step, Tuned, knobs::Change, knobs::Knob, split},
    },
};
use std::{
    io::{self, Write},
    path::Path,
};

/// Reads `5/1000`, `0.5%` or `0.005`.
pub(crate) fn budget(text: &str) -> Result<Budget, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let share = match (text.split_once('/'), text.strip_suffix('%')) {
        (Some((part, of)), _) => number(part).zip(number(of)).filter(|(_, of)| *of > 0.0).map(|(part, of)| part / of),
        (None, Some(percent)) => number(percent).map(|percent| percent / 100.0),
        (None, None) => number(text),
    };
    share
        .and_then(Budget::new)
        .ok_or_else(|| "expected a share of honest sessions such as `5/1000` or `0.5%`".to_owned())
}

/// Tunes, tells, and writes the configuration to `file` if asked for.
pub(crate) fn run(inputs: &Inputs, budget: Budget, file: Option<&Path>) -> Result<(), Failure> {
    let config = inputs.configuration()?;
    let start = crate::eval::scorer(&config)?;
    let (mut corpus, mut labelled, mut requests) = (Corpus::default(), false, 0u64);
    inputs.run(&config, &mut |replay, record| {
        let step = replay.step(record);
        labelled |= record.label.is_some();
        requests = requests.saturating_add(1);
        corpus.take(record, step.as_ref().map(|step| &step.facts));
        Ok(())
    })?;
    let halves = split::halves(&corpus);
    let honest = |tuning: bool| tune::measure(&corpus, &halves, tuning, &start).friction.1;
    if honest(true) == 0 || honest(false) == 0 {
        let message = "one half has no honest session: tuning needs sessions of several subjects, best a week of them";
        return Err(message.to_owned().into());
    }
    let attacks = corpus.lives.iter().any(|life| life.onset.is_some());
    let mut out = io::stdout().lock();
    opening(&mut out, &corpus, &halves, labelled, attacks)?;
    let mut number = 0u32;
    let mut steps: Vec<Step> = Vec::new();
    let tuned = tune::tune(&corpus, &halves, &start, budget, &mut |step| {
        // Nobody minds if standard error is closed.
        let _ = writeln!(io::stderr().lock(), "step {number}: {:.1} per 1,000", per_1000(step.stand.friction));
        number = number.saturating_add(1);
        steps.push(step.clone());
    });
    told(&mut out, &steps, &start)?;
    let written = written(&config, &tuned);
    Config::from_json(written.to_string().as_bytes()).map_err(|error| {
        format!("the tuned configuration cannot be used, which is a defect of this command\n{error}")
    })?;
    compared(&mut out, &corpus, &halves, &start, &tuned)?;
    closing(&mut out, &tuned, &start)?;
    if let Some(file) = file {
        std::fs::write(file, format!("{written:#}\n"))
            .map_err(|error| format!("`{}` cannot be written: {error}", file.display()))?;
        writeln!(out, "\n{}: the configuration that was evaluated, with these changes", file.display())?;
    }
    Ok(())
}

fn opening(out: &mut dyn Write, corpus: &Corpus, halves: &[bool], labelled: bool, attacks: bool) -> io::Result<()> {
    let tuning = halves.iter().filter(|tuning| **tuning).count();
    writeln!(
        out,
        "{} sessions, split by subject: tuned on {tuning}, reported on the other {}",
        corpus.lives.len(),
        halves.len().saturating_sub(tuning)
    )?;
    if !labelled {
        writeln!(out, "no labels: every session is taken for honest; a theft among them counts as friction")?;
    }
    if !attacks {
        writeln!(out, "no attack is labelled: thresholds are made as low as the budget allows, weights stay")?;
    }
    writeln!(
        out,
        "a friction budget is for all honest sessions; a class of {CLASS_SESSIONS} or more may have {CLASS_FACTOR} times of it\n"
    )
}

fn told(out: &mut dyn Write, steps: &[Step], start: &Scorer) -> io::Result<()> {
    writeln!(out, "{:<72}{:>10}{:>10}", "on the tuning half", "PER 1,000", "FOUND")?;
    for step in steps {
        let changes: Vec<String> = step.changes.iter().map(|change| shown(change, start)).collect();
        let what = if changes.is_empty() { "as it is".to_owned() } else { changes.join("; ") };
        let found = step.stand.detection.map_or(String::new(), |found| format!("{found:.3}"));
        writeln!(out, "{what:<72}{:>10.1}{found:>10}", per_1000(step.stand.friction))?;
    }
    Ok(())
}

fn shown(change: &Change, start: &Scorer) -> String {
    format!("{} {} -> {}", change.knob.place(&start.engine.rules), change.from, change.to)
}

fn compared(out: &mut dyn Write, corpus: &Corpus, halves: &[bool], start: &Scorer, tuned: &Tuned) -> io::Result<()> {
    let rows = [("tuned on", true), ("reported on", false)];
    writeln!(out, "\n{:<24}{:>10}{:>10}{:>10}   WORST HONEST CLASS", "half", "HONEST", "PER 1,000", "FOUND")?;
    for (half, tuning) in rows {
        for (when, scorer) in [("before", start), ("after", &tuned.scorer)] {
            let stand = tune::measure(corpus, halves, tuning, scorer);
            let found = stand.detection.map_or(String::new(), |found| format!("{found:.3}"));
            let name = format!("{half}, {when}");
            write!(out, "{name:<24}{:>10}{:>10.1}{found:>10}", stand.friction.1, per_1000(stand.friction))?;
            writeln!(out, "   {}", beside(&stand))?;
        }
    }
    writeln!(out, "the figures to believe are those of the half that was reported on")
}

/// What else is to be said of a configuration on a half, in a few words.
fn beside(stand: &Stand) -> String {
    let worst = stand.worst.as_ref().filter(|(_, flagged, _)| *flagged > 0);
    let worst = worst.map_or("none".to_owned(), |(name, flagged, of)| format!("{name} {flagged} of {of}"));
    let found: Vec<String> = stand.by_source.iter().map(|(source, found)| format!("{source} {found:.3}")).collect();
    if found.is_empty() { worst } else { format!("{worst}; found in {}", found.join(", ")) }
}

fn closing(out: &mut dyn Write, tuned: &Tuned, start: &Scorer) -> io::Result<()> {
    if tuned.changes.is_empty() {
        writeln!(out, "\nnothing to change")?;
    } else {
        writeln!(out, "\nchanges, within half to twice of what was configured, hard criteria as they were:")?;
    }
    for change in &tuned.changes {
        writeln!(out, "  {}", shown(change, start))?;
    }
    if !tuned.within {
        let why = "the budget is not reached within these bounds, over all or in one class: see which rules act \
                   (`session-risk replay`), and narrow those or put them into shadow";
        writeln!(out, "\n{why}")?;
    }
    Ok(())
}

/// The configuration with the changes in their places. Where it names no rules, the default ones are written out as soon
/// as one of them changes.
fn written(config: &Value, tuned: &Tuned) -> Value {
    let mut config = config.clone();
    let Value::Object(members) = &mut config else { return config };
    for change in &tuned.changes {
        match change.knob {
            Knob::Level(level) => section(members, "levels", level.name(), change.to),
            Knob::Weight(kind) => section(members, "weights", kind.row().name, change.to),
            Knob::Rule(at) => {
                let rules = members.entry("rules").or_insert(Value::Null);
                if rules.is_null() {
                    *rules = session_risk::policy::default_rules().iter().map(check::rule).collect();
                }
                if let Some(Value::Object(rule)) = rules.get_mut(at) {
                    let when = rule.entry("when").or_insert_with(|| json!({}));
                    if let Value::Object(when) = when {
                        when.insert("score_at_least".to_owned(), json!(change.to));
                    }
                }
            }
        }
    }
    config
}

fn section(members: &mut serde_json::Map<String, Value>, section: &str, name: &str, points: u8) {
    if let Value::Object(entries) = members.entry(section).or_insert_with(|| json!({})) {
        entries.insert(name.to_owned(), json!(points));
    }
}

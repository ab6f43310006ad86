//! `session-risk eval`: the figures of labelled traces, with simple rules beside them.

use crate::trace::{Failure, Inputs, Lines};
use serde_json::{Value, json};
use session_risk::{replay::eval::Evaluation, signal::CATALOGUE};
use sha2::{Digest, Sha256};
use std::{
    io::{self, Write},
    path::Path,
};

/// Evaluates and prints; writes the figures to `file` too if asked for.
pub(crate) fn run(inputs: &Inputs, file: Option<&Path>, ablation: bool) -> Result<(), Failure> {
    let config = inputs.configuration()?;
    if ablation && inputs.standard_input() {
        return Err("`--ablation` reads the traces many times: name files, not `-`".to_owned().into());
    }
    let (evaluation, lines) = evaluate(inputs, &config)?;
    if evaluation.sessions() == 0 {
        return Err("no line has a `label`: evaluate labelled traces, or use `session-risk replay`".to_owned().into());
    }
    let mut figures = evaluation.figures();
    if let Value::Object(members) = &mut figures {
        let digest = Sha256::digest(config.to_string().as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        members.insert("config_sha256".to_owned(), json!(hex));
        members.insert("malformed_lines".to_owned(), json!(lines.malformed));
    }
    if ablation {
        let without = ablate(inputs, &config)?;
        if let Value::Object(members) = &mut figures {
            members.insert("ablation".to_owned(), without);
        }
    }
    if let Some(file) = file {
        std::fs::write(file, format!("{figures:#}\n"))
            .map_err(|error| format!("`{}` cannot be written: {error}", file.display()))?;
    }
    Ok(print(&figures)?)
}

fn evaluate(inputs: &Inputs, config: &Value) -> Result<(Evaluation, Lines), Failure> {
    let mut evaluation = Evaluation::default();
    let lines = inputs.run(config, &mut |replay, record| {
        let step = replay.step(record);
        evaluation.take(record, step.as_ref(), replay.rules());
        Ok(())
    })?;
    Ok((evaluation, lines))
}

/// `macro_hijack` and friction with the weight of one signal after the other set to 0.
fn ablate(inputs: &Inputs, config: &Value) -> Result<Value, Failure> {
    let mut rows = serde_json::Map::new();
    for (number, row) in CATALOGUE.iter().enumerate() {
        // Nobody minds if standard error is closed.
        let _ = writeln!(
            io::stderr().lock(),
            "ablation {}/{}: without {}",
            number.saturating_add(1),
            CATALOGUE.len(),
            row.name
        );
        let mut config = config.clone();
        if let Value::Object(members) = &mut config {
            let weights = members.entry("weights").or_insert_with(|| json!({}));
            if let Value::Object(weights) = weights {
                weights.insert(row.name.to_owned(), json!(0));
            }
        }
        let figures = evaluate(inputs, &config)?.0.figures();
        let friction = figures.get("friction").and_then(|friction| friction.get("per_1000_sessions"));
        rows.insert(
            row.name.to_owned(),
            json!({ "macro_hijack": figures.get("macro_hijack"), "friction_per_1000": friction }),
        );
    }
    Ok(Value::Object(rows))
}

fn print(figures: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let object = |name: &str| figures.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    for source in ["real", "real+splice", "synthetic"] {
        let scenarios = object("scenarios");
        let mut rows = scenarios.iter().filter(|(_, row)| row.get("source") == Some(&json!(source))).peekable();
        if rows.peek().is_some() {
            let heads = ["SESSIONS", "DETECTED", "95% FROM", "TO", "AT ONSET", "EARLY", "MEDIAN", "P95", "REASON"];
            write!(out, "{:<42}", format!("attacks, {source}"))?;
            heads.iter().try_for_each(|head| write!(out, "{head:>9}"))?;
            writeln!(out)?;
        }
        for (name, row) in rows {
            write!(out, "{name:<42}")?;
            for field in [
                "sessions",
                "detection",
                "wilson_low",
                "wilson_high",
                "flagged_at_onset",
                "flagged_before_onset",
                "requests_to_flag_median",
                "requests_to_flag_p95",
                "top_reason_correct",
            ] {
                write!(out, "{:>9}", row.get(field).map_or(String::new(), shown))?;
            }
            writeln!(out)?;
        }
    }
    let friction = object("friction");
    let field = |name: &str| figures.get(name).map_or(String::new(), shown);
    let overall = friction.get("per_1000_sessions").map_or(String::new(), shown);
    writeln!(
        out,
        "\nmacro_hijack {}   friction {overall} per 1,000 benign sessions   policy_restricts {}",
        field("macro_hijack"),
        field("policy_restricts")
    )?;
    for name in ["by_source", "by_actor", "by_class"] {
        writeln!(out, "\n{:<42}{:>9}", format!("friction {name}"), "PER 1,000")?;
        for (class, value) in friction.get(name).and_then(Value::as_object).into_iter().flatten() {
            writeln!(out, "{class:<42}{:>9}", shown(value))?;
        }
    }
    for (title, section) in [("simple rules", "baselines"), ("without the signal", "ablation")] {
        let rows = object(section);
        if !rows.is_empty() {
            writeln!(out, "\n{title:<42}{:>9}{:>9}", "FRICTION", "HIJACK")?;
        }
        for (name, row) in rows {
            let of = |field: &str| row.get(field).map_or(String::new(), shown);
            writeln!(out, "{name:<42}{:>9}{:>9}", of("friction_per_1000"), of("macro_hijack"))?;
        }
    }
    Ok(())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "never".to_owned(),
        Value::Number(number) if number.is_f64() => format!("{:.3}", number.as_f64().unwrap_or(0.0)),
        other => other.to_string(),
    }
}

//! `session-risk eval`: the figures of labelled traces, with simple rules beside them.
//! What is measured is said by the library; how it looks as text is in `eval/table.rs`.

#[path = "eval/table.rs"]
mod table;

use crate::{
    report,
    trace::{Failure, Inputs},
};
use serde_json::{Value, json};
use session_risk::replay::eval::{Evaluation, corpus::Scorer};
use sha2::{Digest, Sha256};
use std::{io, path::Path};

/// What is wanted beside the tables.
pub(crate) struct Wanted<'a> {
    /// The figures as JSON in this file.
    pub(crate) json: Option<&'a Path>,
    /// The figures as a page in this file.
    pub(crate) report: Option<&'a Path>,
    /// Each signal left out in turn.
    pub(crate) ablation: bool,
}

/// Evaluates and prints; writes the figures to files too if asked for.
pub(crate) fn run(inputs: &Inputs, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let config = inputs.configuration()?;
    let scorer = scorer(&config)?;
    let mut evaluation = Evaluation::default();
    let lines = inputs.run(&config, &mut |replay, record| {
        let step = replay.step(record);
        let rules = step.as_ref().map_or(replay.rules(), |step| replay.rules_of(step));
        evaluation.take(record, step.as_ref(), rules);
        Ok(())
    })?;
    if evaluation.sessions() == 0 {
        return Err("no line has a `label`: evaluate labelled traces, or use `session-risk replay`".to_owned().into());
    }
    let mut figures = evaluation.figures(&scorer);
    let mut put = |name: &str, value: Value| {
        if let Value::Object(members) = &mut figures {
            members.insert(name.to_owned(), value);
        }
    };
    let digest = Sha256::digest(config.to_string().as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    put("config_sha256", json!(hex));
    put("malformed_lines", json!(lines.malformed));
    if wanted.ablation {
        put("ablation", evaluation.ablation(&scorer));
    }
    if let Some(file) = wanted.json {
        write(file, &format!("{figures:#}\n"))?;
    }
    if let Some(file) = wanted.report {
        write(file, &report::evaluation(&figures))?;
    }
    Ok(table::print(&mut io::stdout().lock(), &figures)?)
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("`{}` cannot be written: {error}", file.display()))
}

/// The part of a configuration that traces in memory are run with.
pub(crate) fn scorer(config: &Value) -> Result<Scorer, String> {
    Scorer::new(config).map_err(|error| format!("the configuration cannot be used\n{error}"))
}

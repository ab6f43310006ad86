//! The figures of an evaluation as text, 120 columns wide. It computes nothing.

use serde_json::{Map, Value, json};
use std::io::{self, Write};

const NAME: usize = 38;

/// A column: its head, its width, and where its value is in a row, as a JSON pointer.
type Column = (&'static str, usize, &'static str);

const ATTACKS: [Column; 10] = [
    ("SESSIONS", 9, "/sessions"),
    ("FOUND", 7, "/detection"),
    ("95% FROM", 9, "/wilson_low"),
    ("TO", 7, "/wilson_high"),
    ("ONSET", 7, "/flagged_at_onset"),
    ("EARLY", 7, "/flagged_before_onset"),
    ("MEDIAN", 8, "/requests_to_flag_median"),
    ("P95", 7, "/requests_to_flag_p95"),
    ("THROUGH", 9, "/sensitive_through_median"),
    ("REASON", 8, "/top_reason_correct"),
];

const DETECTORS: [Column; 7] = [
    ("SETTING", 9, "/setting"),
    ("FRICTION", 10, "/friction_per_1000"),
    ("HIJACK", 8, "/macro_hijack"),
    ("AT 1", 8, "/at_friction/1"),
    ("AT 5", 8, "/at_friction/5"),
    ("AT 10", 8, "/at_friction/10"),
    ("AT OURS", 9, "/at_our_friction"),
];

const BUDGETS: [Column; 3] =
    [("AT 1", 7, "/at_friction/1"), ("AT 5", 7, "/at_friction/5"), ("AT 10", 7, "/at_friction/10")];

const KEY: &str = "\
FOUND, its interval, ONSET, EARLY, REASON are shares of the sessions: found from the onset on; at the attacker's first
request; flagged before it, which is false; the true cause among the two strongest reasons. MEDIAN and P95 count
requests up to the flag, THROUGH (median) sensitive ones of the attacker before it. BEST AT FRICTION: at the setting of
the levels that finds most at no more than so many per 1,000; -: no setting asks so little.";

/// Prints all tables.
pub(super) fn print(out: &mut dyn Write, figures: &Value) -> io::Result<()> {
    let rows = |name: &str| figures.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let scenarios = rows("scenarios");
    for source in sources(&scenarios) {
        let rows: Vec<_> = scenarios.iter().filter(|(_, row)| row.get("source") == Some(&source)).collect();
        attacks(out, source.as_str().unwrap_or_default(), &rows)?;
    }
    if !scenarios.is_empty() {
        writeln!(out, "{KEY}")?;
    }
    friction(out, figures)?;
    detectors(out, figures, &rows("baselines"))?;
    ablation(out, &rows("ablation"))
}

/// The sources of the scenarios, the known ones first; each has tables of its own.
fn sources(scenarios: &Map<String, Value>) -> Vec<Value> {
    let mut sources = vec![json!("real"), json!("real+splice"), json!("synthetic")];
    for source in scenarios.values().filter_map(|row| row.get("source")) {
        if !sources.contains(source) {
            sources.push(source.clone());
        }
    }
    sources
}

fn attacks(out: &mut dyn Write, source: &str, rows: &[(&String, &Value)]) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    head(out, &format!("attacks, {source}"), &ATTACKS)?;
    writeln!(out)?;
    for (name, row) in rows {
        cells(out, name, row, &ATTACKS)?;
        writeln!(out)?;
    }
    head(out, &format!("best at friction, {source}"), &BUDGETS)?;
    writeln!(out, "   ITS HONEST TWIN, PER 1,000")?;
    for (name, row) in rows {
        cells(out, name, row, &BUDGETS)?;
        let twins = row.get("twins").and_then(Value::as_object).into_iter().flatten();
        let twins: Vec<String> = twins.map(|(twin, friction)| format!("{twin} {}", tenth(friction))).collect();
        writeln!(out, "   {}", twins.join(", "))?;
    }
    let of = |row: &Value, pointer: &str| row.pointer(pointer).map_or(String::new(), ToString::to_string);
    for (name, row) in rows {
        // A few sessions turn in every story; where most do, that is the story.
        let most = |turned: &&Value| twice(turned.get("sessions")) > row.get("sessions").and_then(Value::as_u64);
        if let Some(turned) = row.get("turned_not_compliant").filter(most) {
            let [sessions, flagged, onset] = ["/sessions", "/flagged", "/at_onset"].map(|pointer| of(turned, pointer));
            writeln!(out, "{name}: {sessions} turn not compliant, {flagged} of them flagged, {onset} at the onset")?;
        }
        if let Some(writes) = row.get("out_of_scope_writes") {
            let [requests, refused] = ["/requests", "/refused"].map(|pointer| of(writes, pointer));
            writeln!(out, "{name}: {refused} of {requests} writes out of scope refused before they were forwarded")?;
        }
    }
    writeln!(out)
}

fn friction(out: &mut dyn Write, figures: &Value) -> io::Result<()> {
    let friction = figures.get("friction").unwrap_or(&Value::Null);
    let of = |pointer: &str| figures.pointer(pointer).map_or(String::new(), shown);
    writeln!(
        out,
        "\nfriction {} per 1,000 of {} benign sessions; held up only by a hard criterion (policy_restricts): {}",
        friction.get("per_1000_sessions").map_or(String::new(), tenth),
        of("/friction/sessions"),
        of("/policy_restricts")
    )?;
    for name in ["by_source", "by_actor", "by_class"] {
        writeln!(out, "\n{:<NAME$}{:>10}", format!("friction {name}"), "PER 1,000")?;
        for (class, value) in friction.get(name).and_then(Value::as_object).into_iter().flatten() {
            writeln!(out, "{class:<NAME$}{:>10}", tenth(value))?;
        }
    }
    Ok(())
}

fn detectors(out: &mut dyn Write, figures: &Value, baselines: &Map<String, Value>) -> io::Result<()> {
    let hijack = figures.get("macro_hijack").cloned().unwrap_or_default();
    let ours = json!({
        "setting": "as is",
        "friction_per_1000": figures.pointer("/friction/per_1000_sessions"),
        "macro_hijack": hijack, "at_our_friction": hijack,
        "at_friction": figures.get("at_friction"),
    });
    head(out, "\ndetectors (HIJACK: mean over scenarios)", &DETECTORS)?;
    writeln!(out)?;
    cells(out, "session_risk", &ours, &DETECTORS)?;
    writeln!(out)?;
    // Single rate limits are points of one curve.
    for (name, row) in baselines.iter().filter(|(_, row)| row.get("knob").is_some()) {
        cells(out, name, row, &DETECTORS)?;
        writeln!(out)?;
    }
    writeln!(
        out,
        "AT n: most that any setting of its knob finds at a friction of no more than n; -: none is that low."
    )?;
    for (name, row) in baselines {
        if let Some(knob) = row.get("knob").and_then(Value::as_str) {
            writeln!(out, "  {name:<12} {knob}")?;
        }
    }
    writeln!(out, "  {:<12} levels and the scores that rules ask for, times a factor from 0.5 to 3", "session_risk")?;
    if let Some(best) = figures.get("best_baseline").and_then(Value::as_str) {
        let ratio = figures.get("ratio_over_best_baseline").map_or(String::new(), shown);
        writeln!(out, "at our friction session_risk finds {ratio} times what the best of them finds, {best}")?;
    }
    Ok(())
}

fn ablation(out: &mut dyn Write, rows: &Map<String, Value>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:<NAME$}{:>10}{:>8}   SUFFERS MOST", "without the signal", "FRICTION", "HIJACK")?;
    for (name, row) in rows {
        let of = |pointer: &str| row.pointer(pointer).map_or(String::new(), shown);
        write!(out, "{name:<NAME$}{:>10}{:>8}", of("/friction_per_1000"), of("/macro_hijack"))?;
        if row.pointer("/worst/scenario").is_some() {
            let scenario = row.pointer("/worst/scenario").and_then(Value::as_str).unwrap_or_default();
            write!(out, "   {scenario} {} to {}", of("/worst/detection"), of("/worst/detection_without"))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn head(out: &mut dyn Write, title: &str, columns: &[Column]) -> io::Result<()> {
    write!(out, "{title:<NAME$}")?;
    columns.iter().try_for_each(|(head, width, _)| write!(out, "{head:>width$}"))
}

fn cells(out: &mut dyn Write, name: &str, row: &Value, columns: &[Column]) -> io::Result<()> {
    write!(out, "{name:<NAME$}")?;
    columns.iter().try_for_each(|(_, width, pointer)| {
        let value = row.pointer(pointer);
        let text = match value {
            Some(Value::Null) if pointer.contains("requests_to_flag") => "never".to_owned(),
            _ => value.map_or(String::new(), shown),
        };
        write!(out, "{text:>width$}")
    })
}

fn twice(value: Option<&Value>) -> Option<u64> {
    value.and_then(Value::as_u64).map(|number| number.saturating_mul(2))
}

fn tenth(value: &Value) -> String {
    value.as_f64().map_or_else(|| shown(value), |number| format!("{number:.1}"))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.3}", number.as_f64().unwrap_or(0.0)),
        other => other.to_string(),
    }
}

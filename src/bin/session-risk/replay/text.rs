//! The summary of a replay for a terminal, at most 120 columns wide.

use super::{
    census::{Group, Row},
    clock::{counted, grouped, moment},
    summary::Summary,
    suspects::Suspect,
};
use crate::report::html::visible;
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

pub(crate) fn print(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let lines = &summary.lines;
    let unscored = summary.unscored;
    writeln!(out, "{} requests, {} malformed lines, {unscored} without a score", lines.good, lines.malformed)?;
    if let Some((first, last)) = summary.range {
        writeln!(out, "{} to {} UTC", moment(first), moment(last))?;
    }
    writeln!(out, "configuration {}, mode {}", summary.settings.digest, summary.settings.mode())?;
    if summary.census.one_in() > 1 {
        let one_in = grouped(summary.census.one_in());
        writeln!(
            out,
            "figures of sessions are estimates: one session in {one_in} is counted, and stands for the others"
        )?;
    }
    friction(out, "ACTOR", summary, &|group| Some(join(group.actor, &group.source)))?;
    if summary.labelled {
        friction(out, "STRESS CLASS", summary, &|group| Some(join(&group.class, &group.source)))?;
        attacked(out, summary)?;
    }
    decisions(out, summary)?;
    worst(out, summary)
}

/// A name, and where the lines say it, the source of the label: real and synthetic are never put together.
pub(crate) fn join(name: &str, source: &str) -> String {
    if source.is_empty() { name.to_owned() } else { format!("{name}, {source}") }
}

fn friction(
    out: &mut dyn Write,
    title: &str,
    summary: &Summary,
    name: &dyn Fn(&Group) -> Option<String>,
) -> io::Result<()> {
    let rows = summary.census.rows(name);
    let heads = ["SESSIONS", "FLAGGED", "PER 1,000", "BY POLICY ONLY"];
    let [sessions, flagged, friction, policy] = heads;
    writeln!(out, "\n{title:<50} {sessions:>12} {flagged:>10} {friction:>10} {policy:>15}")?;
    for (name, row) in rows.iter().filter(|(_, row)| row.honest > 0) {
        let Row { honest, flagged, policy, .. } = row;
        let friction = row.friction();
        writeln!(out, "{:<50} {honest:>12} {flagged:>10} {friction:>10.1} {policy:>15}", plain(name, 50))?;
    }
    Ok(())
}

fn attacked(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let rows: BTreeMap<String, Row> = summary.census.rows(|group| Some(join(&group.class, &group.source)));
    let mut rows = rows.iter().filter(|(_, row)| row.attacked > 0).peekable();
    if rows.peek().is_some() {
        writeln!(out, "\n{:<50} {:>12} {:>10}", "ATTACKED (not counted above)", "SESSIONS", "FLAGGED")?;
    }
    rows.try_for_each(|(name, row)| writeln!(out, "{:<50} {:>12} {:>10}", plain(name, 50), row.attacked, row.caught))
}

fn decisions(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    writeln!(out, "\n{:<12} {:>12} {:>12}  TOP REASONS", "DECISION", "ENFORCED", "SHADOW")?;
    for (action, decided) in summary.decisions() {
        let reasons = summary.reasons(action);
        let reasons: Vec<_> = reasons.iter().take(3).map(|(name, count)| format!("{name} {count}")).collect();
        let reasons = reasons.join(", ");
        let line = format!("{:<12} {:>12} {:>12}  {reasons}", action.name(), decided.enforced, decided.shadow);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn worst(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let worst = summary.suspects.worst(summary.worst);
    let mut stopped = worst.iter().filter(|(suspect, _)| suspect.stop.is_some()).peekable();
    if stopped.peek().is_none() {
        return if summary.worst == 0 { Ok(()) } else { writeln!(out, "\nno session would have been stopped") };
    }
    let (session, actor, score, first, through) =
        ("SESSION", "ACTOR", "SCORE", "FIRST STOPPED, UTC", "LET THROUGH SINCE");
    writeln!(out, "\n{session:<40} {actor:<8} {score:>5}  {first:<20} {through}")?;
    stopped.try_for_each(|(suspect, _)| one(out, summary, suspect))
}

fn one(out: &mut dyn Write, summary: &Summary, suspect: &Suspect) -> io::Result<()> {
    let Some(stop) = &suspect.stop else { return Ok(()) };
    let beside = stop.through.beside_reads();
    let beside = if beside.is_empty() { String::new() } else { format!(" ({beside})") };
    writeln!(
        out,
        "{:<40} {:<8} {:>5}  {:<20} {} of {}{beside}",
        plain(&suspect.session, 40),
        suspect.actor,
        suspect.peak,
        moment(stop.ts),
        stop.through.all,
        stop.requests,
    )?;
    let rule = summary.settings.rule(stop.rule).unwrap_or("an earlier sanction");
    let late = if suspect.late { "; stopped before, too" } else { "" };
    writeln!(out, "    {} by {}: {}{late}", stop.action.name(), plain(rule, 40), stop.reasons.join(", "))
}

/// Text of a log on a terminal: nothing in it steers the terminal or breaks the table.
fn plain(text: &str, letters: usize) -> String {
    let long = text.chars().count() > letters;
    let shown: String = text.chars().take(letters.saturating_sub(usize::from(long))).map(visible).collect();
    if long { format!("{shown}\u{2026}") } else { shown }
}

/// One line that says how many sessions were stopped.
pub(crate) fn headline(summary: &Summary) -> String {
    let Row { honest, flagged, policy, attacked, caught } = summary.census.total();
    let all = honest.saturating_add(attacked);
    let stopped = flagged.saturating_add(policy).saturating_add(caught);
    let about = if summary.census.one_in() > 1 { "about " } else { "" };
    format!("{about}{} of {}", grouped(stopped), counted(all, "session"))
}

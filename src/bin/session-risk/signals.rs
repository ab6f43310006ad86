//! The catalogue of signals as a table.

use session_risk::signal::{Basis, CATALOGUE, Group, Row};
use std::io::{self, Write};

/// Prints the catalogue.
pub(crate) fn print() -> io::Result<()> {
    let mut out = io::stdout().lock();
    line(&mut out, ["KIND", "GROUP", "WEIGHT", "HALF-LIFE", "BASIS", "TAGS"], "REASON")?;
    for row in CATALOGUE {
        let (weight, half_life, tags) = (row.weight.to_string(), half_life(row), row.tags.join(","));
        line(&mut out, [row.name, group(row.group), &weight, &half_life, basis(row.basis), &tags], row.reason)?;
    }
    Ok(())
}

fn line(out: &mut impl Write, columns: [&str; 6], reason: &str) -> io::Result<()> {
    let [kind, group, weight, half_life, basis, tags] = columns;
    writeln!(out, "{kind:<24} {group:<10} {weight:>6}  {half_life:<10} {basis:<8} {tags:<23} {reason}")
}

fn half_life(row: &Row) -> String {
    let minutes = row.half_life.millis() / 60_000;
    if minutes.is_multiple_of(60) { format!("{} h", minutes / 60) } else { format!("{minutes} min") }
}

fn group(group: Group) -> &'static str {
    match group {
        Group::Network => "network",
        Group::Device => "device",
        Group::Privilege => "privilege",
        Group::Behaviour => "behaviour",
        Group::Identity => "identity",
        Group::Reported => "reported",
    }
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Assumed => "assumed",
        Basis::Measured => "measured",
        Basis::Rule => "rule",
    }
}

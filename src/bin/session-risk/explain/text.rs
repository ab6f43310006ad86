//! A story as text for a ticket: a head, the requests that mattered, a conclusion. Plain characters, no colours.

use super::{
    story::{Moment, Reason, Story, Stretch},
    words,
};
use session_risk::score::Thresholds;
use std::io::{self, Write};

/// Writes the whole.
pub(crate) fn write(out: &mut dyn Write, story: &Story, thresholds: &Thresholds) -> io::Result<()> {
    head(out, story)?;
    writeln!(out, "\nStory (times in UTC)")?;
    for stretch in &story.stretches {
        write_stretch(out, stretch, thresholds)?;
    }
    if story.untold > 0 {
        writeln!(out, "({} later requests are counted with the last one: the story is full)", story.untold)?;
    }
    got_through(out, story)?;
    writeln!(out, "\nIn short")?;
    words::conclusion(story, thresholds).iter().try_for_each(|sentence| writeln!(out, "  {sentence}"))?;
    writeln!(
        out,
        "\nTen points: ten times the odds that somebody else drives the session than when it was issued. Reasons of one\n\
         group count once: the strongest whole, the others a quarter."
    )
}

fn head(out: &mut dyn Write, story: &Story) -> io::Result<()> {
    let mut row = |name: &str, value: &str| {
        if value.is_empty() { Ok(()) } else { writeln!(out, "  {name:<12}{value}") }
    };
    let seen = format!(
        "{} to {} ({})",
        words::time(story.first),
        words::time(story.last),
        words::span(story.last.saturating_sub(story.first))
    );
    let places = |places: &[(String, u64)]| {
        places.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(", ")
    };
    row("session", &story.session)?;
    row("subject", &story.subject)?;
    row("actor", &story.actor)?;
    row("seen", &seen)?;
    row("requests", &format!("{}: {}", story.requests, words::fate(&story.fate)))?;
    row("networks", &places(&story.networks))?;
    row("clients", &places(&story.clients))?;
    match &story.flag {
        None => row("flagged", "never"),
        Some(flag) => {
            let moment = &flag.moment;
            let when = format!("request {}, {}: ", moment.number, words::time(moment.time));
            row("flagged", &format!("{when}{}", words::decision(moment)))?;
            row("since then", &format!("{}: {}", flag.after.requests(), words::fate(&flag.after)))
        }
    }
}

fn write_stretch(out: &mut dyn Write, stretch: &Stretch, thresholds: &Thresholds) -> io::Result<()> {
    let first = &stretch.first;
    let requests = stretch.fate.requests();
    if first.quiet() {
        let what = words::number(requests, "request");
        return writeln!(out, "{}  ({what} with nothing held against the session)", words::time(first.time));
    }
    let status = first.status.map_or(String::new(), |status| format!(", {status} in the log"));
    let (time, place) = (words::time(first.time), &first.place);
    writeln!(out, "{time}  request {}: {} from {place}{status}", first.number, words::request(first))?;
    let crossing = words::crossing(first, thresholds);
    let crossing = if crossing.is_empty() { crossing } else { format!(", {crossing}") };
    writeln!(out, "    score {} -> {}{crossing}", first.score.0, first.score.1)?;
    if first.signed_in {
        writeln!(
            out,
            "    a newer authentication came with it, which answers what was held against the session before"
        )?;
    }
    first.reasons.iter().try_for_each(|reason| write_reason(out, reason))?;
    writeln!(out, "    {}: {}", words::decision(first), became(first))?;
    if requests > 1 {
        let more = words::number(requests.saturating_sub(1), "more request");
        let (until, score) = (words::time(stretch.until), stretch.score);
        writeln!(
            out,
            "    {more} like it until {until}, score {score}; with the first: {}",
            words::fate(&stretch.fate)
        )?;
    }
    Ok(())
}

fn write_reason(out: &mut dyn Write, reason: &Reason) -> io::Result<()> {
    let row = reason.kind.row();
    let change = if reason.change.is_empty() { String::new() } else { format!("  {}", reason.change) };
    let when = reason.age.map_or(String::new(), |minutes| format!("raised {minutes} min ago, "));
    let halves = words::span(row.half_life.millis());
    writeln!(out, "    {:>6.1}  {}{change}  ({when}halves every {halves})", reason.points, row.name)
}

fn became(moment: &Moment) -> String {
    let access = session_risk::facts::ACCESSES.iter().find(|(access, _)| *access == moment.access);
    let word = access.map_or("", |(_, word)| *word);
    format!("{word} {}", if moment.let_through { "let through" } else { "refused" })
}

fn got_through(out: &mut dyn Write, story: &Story) -> io::Result<()> {
    let Some(flag) = story.flag.as_ref().filter(|flag| flag.got_through_count > 0) else { return Ok(()) };
    writeln!(out, "\nGot through after the first flag, reads of the everyday tier left out")?;
    for moment in &flag.got_through {
        let (time, what) = (words::time(moment.time), words::request(moment));
        writeln!(out, "{time}  request {}: {what}, {}", moment.number, became(moment))?;
    }
    let named = u64::try_from(flag.got_through.len()).unwrap_or(u64::MAX);
    match flag.got_through_count.saturating_sub(named) {
        0 => Ok(()),
        more => writeln!(out, "({more} more)"),
    }
}

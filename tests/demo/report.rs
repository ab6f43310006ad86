//! The demo's report: one self-contained HTML page, a card with a plot for each session.

use crate::{
    html::escaped,
    plot::{Chapter, Dot, Drawing, mark},
    timeline::{Event, Timeline},
};
use std::fmt::Write as _;

const STYLE: &str = include_str!("../../src/bin/session-risk/report/style.css");

/// Levels of the default configuration.
const LEVELS: [(f64, &str); 3] = [(10.0, "elevated"), (20.0, "high"), (35.0, "critical")];

pub(crate) fn html(timelines: &[Timeline], envoy: &str) -> String {
    let requests: usize = timelines.iter().map(|timeline| timeline.events.len()).sum();
    let overview: String = timelines.iter().map(overview).collect();
    let sections: String = timelines.iter().map(section).collect();
    let key: String = [
        ("allow", false, "allowed"),
        ("restrict", false, "read-only"),
        ("step_up", false, "asked to authenticate"),
        ("suspend", false, "suspended or denied"),
        ("allow", true, "hollow: the application never saw it"),
    ]
    .iter()
    .map(|(action, held, words)| format!("<span>{}{words}</span>", mark(action, *held)))
    .collect();
    format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Session Risk: {count} sessions through Envoy</title>
<style>
{STYLE}</style></head><body><main>
<header><h1>{count} sessions, {requests} requests, one Envoy</h1>
<p>Each session was issued to the right person or machine. What a gateway that only checks tokens would have
forwarded, Envoy {envoy} with the Session Risk filter scored on every request, before the application saw it.</p>
<p>Ten points mean: the odds that the session is in the wrong hands are ten times what they were when it was issued.</p>
</header>
<ul class="overview">{overview}</ul>
<p class="key">{key}</p>
{sections}</main></body></html>
"#,
        count = timelines.len(),
    )
}

fn overview(timeline: &Timeline) -> String {
    let refused = timeline.events.iter().filter(|event| !event.forwarded).count();
    let highest = timeline.events.iter().filter_map(|event| event.score).max().unwrap_or(0);
    let first = timeline.turning_points().next();
    let became = first.map_or("never interrupted".to_owned(), |event| {
        format!("{} at {:.1} s; {refused} requests held back", escaped(&event.action), event.seconds())
    });
    format!(
        "<li><a href=\"#{name}\"><code>{name}</code></a><span class=\"soft\">{became}, at most {highest} points</span>{}</li>",
        verdict(timeline),
        name = escaped(timeline.name),
    )
}

fn verdict(timeline: &Timeline) -> &'static str {
    if timeline.problem.is_none() { "<span class=\"pass\">PASS</span>" } else { "<span class=\"fail\">FAIL</span>" }
}

fn section(timeline: &Timeline) -> String {
    let mut turns = String::new();
    for event in timeline.turning_points() {
        let _ = write!(turns, "<li class=\"{}\">{}</li>", escaped(&event.action), turn(event));
    }
    for note in &timeline.notes {
        let _ = write!(turns, "<li class=\"note\">{}</li>", escaped(note));
    }
    if let Some(problem) = &timeline.problem {
        let _ = write!(turns, "<li class=\"problem\">{}</li>", escaped(problem));
    }
    let rows: String = timeline.events.iter().map(row).collect();
    format!(
        "<section id=\"{name}\"><div class=\"head\"><h2>{story}</h2><code class=\"soft\">{name}</code></div>{plot}\
         <ul class=\"turns\">{turns}</ul><details><summary>all {count} requests</summary><div class=\"scroll\"><table>\
         <tr><th class=\"number\">time<th>request<th>from<th>status<th class=\"number\">score<th>level<th>action\
         <th>reasons</tr>{rows}</table></div></details></section>\n",
        name = escaped(timeline.name),
        story = escaped(&capitalised(timeline.story)),
        plot = drawing(timeline).svg(),
        count = timeline.events.len(),
    )
}

/// The timeline as a plot over seconds.
fn drawing(timeline: &Timeline) -> Drawing {
    let events = &timeline.events;
    // The last request holds for a while too.
    let end = events.last().map_or(1.0, Event::seconds).max(0.5) * 1.03;
    let chapters = timeline.chapters.iter().filter_map(|(first, name)| {
        Some(Chapter { at: events.get(*first)?.seconds(), name: (*name).to_owned(), short: String::new() })
    });
    Drawing {
        label: format!("score of {} over time", timeline.name),
        levels: LEVELS,
        dots: events.iter().map(dot).collect(),
        chapters: chapters.collect(),
        end: (end, format!("{end:.0} s")),
    }
}

fn dot(event: &Event) -> Dot {
    let reasons = if event.reasons.is_empty() { "no reasons" } else { &event.reasons.replace(',', ", ") };
    let score = event.score.unwrap_or(0);
    Dot {
        at: event.seconds(),
        score: f64::from(score),
        action: event.action.clone(),
        held: !event.forwarded,
        title: format!(
            "{:.2} s: {} from {}\n{}: {} {}, score {score}\n{reasons}",
            event.seconds(),
            event.label,
            event.network,
            if event.forwarded { "forwarded" } else { "not forwarded" },
            event.status,
            event.action,
        ),
    }
}

fn turn(event: &Event) -> String {
    let reasons = match event.reasons.as_str() {
        "" => String::new(),
        reasons => format!(" <span class=\"soft\">{}</span>", escaped(&reasons.replace(',', ", "))),
    };
    format!(
        "{}<b>{}</b> at {:.1} s: <code>{}</code>, answered {}{reasons}",
        mark(&event.action, !event.forwarded),
        escaped(&event.action),
        event.seconds(),
        escaped(&event.label),
        event.status,
    )
}

fn row(event: &Event) -> String {
    let score = event.score.map_or("-".to_owned(), |score| score.to_string());
    format!(
        "<tr><td class=\"number\">{:.2} s<td>{}<td>{}<td>{}<td class=\"number\">{score}<td>{}<td class=\"{action}\">{} \
         <b>{action}</b><td>{}</tr>",
        event.seconds(),
        escaped(&event.label),
        escaped(&event.network),
        event.status,
        escaped(&event.level),
        mark(&event.action, !event.forwarded),
        escaped(&event.reasons.replace(',', ", ")),
        action = escaped(&event.action),
    )
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

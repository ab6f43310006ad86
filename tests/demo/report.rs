//! The demo's report: one self-contained HTML page with a plot of the score over time for each session.

use crate::timeline::{Event, Timeline};
use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;
/// Levels of the default configuration, for the bands behind the plots.
const LEVELS: [(f64, &str); 3] = [(10.0, "elevated"), (20.0, "high"), (35.0, "critical")];

pub(crate) fn html(timelines: &[Timeline], envoy: &str) -> String {
    let passed = timelines.iter().filter(|timeline| timeline.problem.is_none()).count();
    let requests: usize = timelines.iter().map(|timeline| timeline.events.len()).sum();
    let sections: String = timelines.iter().map(section).collect();
    format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Session Risk: five sessions through Envoy</title>
<style>{STYLE}</style></head><body><main>
<header><h1>Five sessions through Envoy</h1>
<p>{requests} requests through Envoy {envoy} with the Session Risk filter. {passed} of {all} sessions went as they should.
Ten points mean that the odds of the session being in the wrong hands have grown tenfold since it was issued.</p>
<p class="legend"><span class="dot allow"></span>allowed <span class="dot restrict"></span>read-only
<span class="dot step_up"></span>asked to authenticate <span class="dot suspend"></span>suspended or denied
<span class="dot hollow"></span>not forwarded</p></header>
{sections}</main></body></html>
"#,
        all = timelines.len(),
    )
}

const STYLE: &str = "
:root{--bg:#fbfaf8;--card:#fff;--ink:#1d1f23;--soft:#6b7078;--line:#e4e2dd;--score:#33445c;
--allow:#2f8f5b;--restrict:#c98a12;--step_up:#d0562b;--suspend:#b3263a;--band:rgba(190,60,40,.045)}
@media(prefers-color-scheme:dark){:root{--bg:#14161a;--card:#1c1f25;--ink:#e8e6e1;--soft:#9aa0a9;--line:#30343c;
--score:#9fb4d4;--allow:#58c48a;--restrict:#e7b04a;--step_up:#f08a5d;--suspend:#f0677c;--band:rgba(240,110,90,.07)}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main{max-width:820px;margin:0 auto;padding:2rem 1rem 4rem}h1{font-size:1.7rem;margin:0 0 .4rem;letter-spacing:-.01em}
h2{font-size:1.15rem;margin:0}header p{color:var(--soft);margin:.3rem 0}
section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.1rem 1.1rem .6rem;margin:1.2rem 0}
.head{display:flex;gap:.7rem;align-items:baseline;justify-content:space-between;flex-wrap:wrap}
.story{color:var(--soft);margin:.15rem 0 .6rem}.verdict{font-size:.8rem;font-weight:600;border-radius:99px;padding:.1rem .6rem;
color:var(--card);background:var(--allow)}.verdict.fail{background:var(--suspend)}
svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font-size:11px}
.grid{stroke:var(--line);stroke-width:1}.score{fill:none;stroke:var(--score);stroke-width:2;stroke-linejoin:round}
.area{fill:var(--score);opacity:.09}.band{fill:var(--band)}.turn{stroke:var(--soft);stroke-dasharray:2 3}
circle{stroke-width:2}.p-allow{fill:var(--allow);stroke:var(--allow)}.p-restrict{fill:var(--restrict);stroke:var(--restrict)}
.p-step_up{fill:var(--step_up);stroke:var(--step_up)}.p-suspend,.p-deny,.p-revoke{fill:var(--suspend);stroke:var(--suspend)}
.held{fill:var(--card)!important}.legend{font-size:.85rem}.dot{display:inline-block;width:.65rem;height:.65rem;
border-radius:50%;margin:0 .3rem 0 .8rem}.dot:first-child{margin-left:0}.dot.allow{background:var(--allow)}
.dot.restrict{background:var(--restrict)}.dot.step_up{background:var(--step_up)}.dot.suspend{background:var(--suspend)}
.dot.hollow{border:2px solid var(--soft)}
details{margin:.5rem 0;font-size:.88rem}summary{cursor:pointer;color:var(--soft)}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{text-align:left;padding:.2rem .6rem .2rem 0;
border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--soft);font-weight:500}
ol{list-style:none;margin:.4rem 0;padding:0;font-size:.9rem}ol li{padding:.12rem 0}ol b{font-weight:600}
";

fn section(timeline: &Timeline) -> String {
    let verdict = if timeline.problem.is_none() { ("", "as it should") } else { (" fail", "not as it should") };
    let mut turns = String::new();
    for event in turning_points(&timeline.events) {
        let reasons = if event.reasons.is_empty() { String::new() } else { format!(" ({})", escaped(&event.reasons)) };
        let _ = write!(
            turns,
            "<li><span class=\"dot {}\"></span><b>{}</b> at {:.1} s: {}{reasons}, {}</li>",
            class(&event.action),
            escaped(&event.action),
            seconds(event),
            escaped(&event.label),
            if event.forwarded { "forwarded" } else { "not forwarded" },
        );
    }
    for note in timeline.notes.iter().chain(&timeline.problem) {
        let _ = write!(turns, "<li>{}</li>", escaped(note));
    }
    let rows: String = timeline.events.iter().map(row).collect();
    format!(
        "<section><div class=\"head\"><h2>{}</h2><span class=\"verdict{}\">{}</span></div><p class=\"story\">{}</p>{}\
         <ol>{turns}</ol><details><summary>all {} requests</summary><div class=\"scroll\"><table><tr><th>time<th>request\
         <th>status<th>score<th>level<th>action<th>reasons</tr>{rows}</table></div></details></section>\n",
        escaped(timeline.name),
        verdict.0,
        verdict.1,
        escaped(timeline.story),
        plot(&timeline.events),
        timeline.events.len(),
    )
}

/// The requests at which the action changed.
fn turning_points(events: &[Event]) -> impl Iterator<Item = &Event> {
    let mut last = "allow";
    events.iter().filter(move |event| std::mem::replace(&mut last, event.action.as_str()) != event.action)
}

fn plot(events: &[Event]) -> String {
    let end = events.last().map_or(1.0, seconds).max(1.0);
    let top = events.iter().map(score).fold(40.0, f64::max) * 1.12;
    let x = |seconds: f64| LEFT + seconds / end * (WIDTH - LEFT - RIGHT);
    let y = |points: f64| HEIGHT - BOTTOM - points / top * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"score over time\">");
    for (points, name) in LEVELS {
        let (line, right) = (y(points), WIDTH - RIGHT);
        let (width, height) = (right - LEFT, (line - TOP).max(0.0));
        let _ = write!(
            svg,
            "<rect class=\"band\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{width}\" height=\"{height:.1}\"/>\
             <line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{line:.1}\" y2=\"{line:.1}\"/>\
             <text x=\"{LEFT}\" dx=\"-6\" y=\"{line:.1}\" dy=\"4\" text-anchor=\"end\">{points}</text>\
             <text x=\"{LEFT}\" dx=\"6\" y=\"{line:.1}\" dy=\"-3\">{name}</text>"
        );
    }
    let _ = write!(
        svg,
        "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/><text x=\"{LEFT}\" y=\"{2}\">0 s</text>\
         <text x=\"{0}\" y=\"{2}\" text-anchor=\"end\">{end:.0} s</text>",
        WIDTH - RIGHT,
        y(0.0),
        HEIGHT - 8.0,
    );
    for event in turning_points(events) {
        let at = x(seconds(event));
        let _ = write!(svg, "<line class=\"turn\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>", y(0.0));
    }
    let points: String =
        events.iter().map(|event| format!("{:.1},{:.1} ", x(seconds(event)), y(score(event)))).collect();
    let (first, last) = (x(0.0), x(end));
    let floor = y(0.0);
    let _ = write!(
        svg,
        "<polygon class=\"area\" points=\"{first:.1},{floor:.1} {points}{last:.1},{floor:.1}\"/>\
         <polyline class=\"score\" points=\"{points}\"/>"
    );
    for event in events {
        let held = if event.forwarded { "" } else { " held" };
        let reasons = if event.reasons.is_empty() { "no reasons" } else { &event.reasons };
        let _ = write!(
            svg,
            "<circle class=\"p-{}{held}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.6\"><title>{:.2} s: {}, {}, score {:.0} ({})\
             </title></circle>",
            escaped(&event.action),
            x(seconds(event)),
            y(score(event)),
            seconds(event),
            escaped(&event.label),
            escaped(&event.action),
            score(event),
            escaped(reasons),
        );
    }
    svg.push_str("</svg>");
    svg
}

fn row(event: &Event) -> String {
    format!(
        "<tr><td>{:.2} s<td>{}<td>{}<td>{:.0}<td>{}<td>{}<td>{}</tr>",
        seconds(event),
        escaped(&event.label),
        event.status,
        score(event),
        escaped(&event.level),
        escaped(&event.action),
        escaped(&event.reasons),
    )
}

fn class(action: &str) -> &str {
    match action {
        "allow" | "restrict" | "step_up" => action,
        _ => "suspend",
    }
}

fn seconds(event: &Event) -> f64 {
    f64::from(u32::try_from(event.at_ms).unwrap_or(u32::MAX)) / 1000.0
}

fn score(event: &Event) -> f64 {
    f64::from(event.score.unwrap_or(0))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

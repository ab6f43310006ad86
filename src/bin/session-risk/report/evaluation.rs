//! The report of an evaluation, drawn from its figures as JSON alone. What a figures file does not have is left out.
//! How the figures come about is the evaluation's.

use super::{
    curves::{Curve, Curves},
    html::escaped,
    shell::{Bar, FRICTION_END, bars, card, friction_scale, page, percent},
};
use serde_json::Value;
use std::fmt::Write as _;

/// The name of our own curve.
const OURS: &str = "session_risk";
/// Friction per 1,000 that a class is measured against.
const BUDGET: f64 = 5.0;
/// Sources, never put together.
const SOURCES: [&str; 3] = ["real", "real+splice", "synthetic"];

/// The page.
pub(crate) fn evaluation(figures: &Value) -> String {
    let friction = number(figures, "/friction/per_1000_sessions");
    let found = number(figures, "/macro_hijack");
    let headline = match (found, friction) {
        (Some(found), Some(friction)) => {
            format!("{found:.2} of the hijacked found, {friction:.1} of 1,000 others asked")
        }
        _ => "An evaluation of Session Risk".to_owned(),
    };
    let mut body = format!("<header><h1>{}</h1>{}</header>\n", escaped(&headline), about(figures));
    body += &curves(figures);
    body += &scenarios(figures);
    body += &friction_cards(figures);
    body += &rules(figures);
    body += &ablation(figures);
    page("Session Risk: an evaluation", &body)
}

fn number(value: &Value, pointer: &str) -> Option<f64> {
    value.pointer(pointer).and_then(Value::as_f64)
}

fn members<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn about(figures: &Value) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(found) = number(figures, "/macro_hijack") {
        rows.push(("detection", format!("{found:.3}, the mean over the synthetic hijack scenarios")));
    }
    if let (Some(friction), Some(sessions)) =
        (number(figures, "/friction/per_1000_sessions"), number(figures, "/friction/sessions"))
    {
        rows.push(("friction", format!("{friction:.1} per 1,000 of {sessions} benign sessions, flagged by inference")));
    }
    if let Some(policy) = number(figures, "/policy_restricts") {
        rows.push((
            "by policy",
            format!("{policy} benign sessions that only a hard criterion held up, not counted above"),
        ));
    }
    if let (Some(best), Some(ratio)) = (text(figures, "/best_baseline"), number(figures, "/ratio_over_best_baseline")) {
        rows.push(("simple rules", format!("at the same friction {ratio:.2} times what the best one finds ({best})")));
    }
    if let Some(digest) = text(figures, "/config_sha256") {
        rows.push(("configuration", format!("SHA-256 {digest}")));
    }
    if let Some(malformed) = number(figures, "/malformed_lines").filter(|lines| *lines > 0.0) {
        rows.push(("left out", format!("{malformed} malformed lines")));
    }
    let rows = rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(value)));
    format!("<dl class=\"about\">{}</dl>", rows.collect::<String>())
}

/// The curves, or where there are none the single points of the simple rules.
fn curves(figures: &Value) -> String {
    let mut curves: Vec<Curve> = members(figures, "/curves").map(|(name, points)| curve(name, points)).collect();
    if curves.is_empty() {
        let spots = members(figures, "/baselines")
            .map(|(name, row)| Curve { points: point(row).into_iter().collect(), ..curve(name, row) });
        curves.extend(spots);
    }
    curves.retain(|curve| !curve.points.is_empty());
    let here = number(figures, "/friction/per_1000_sessions").zip(number(figures, "/macro_hijack"));
    if curves.is_empty() && here.is_none() {
        return String::new();
    }
    let mut rows = String::new();
    for curve in &curves {
        for (friction, found) in &curve.points {
            let _ = write!(
                rows,
                "<tr><td>{}<td class=\"number\">{friction:.1}<td class=\"number\">{found:.3}</tr>",
                escaped(&curve.name)
            );
        }
    }
    let plot = Curves { curves, here, budgets: vec![1.0, 5.0, 10.0] }.svg();
    card(
        "Detection against friction",
        &format!(
            "<p>Upwards: the share of hijacked sessions that are flagged, the mean over scenarios. To the right: \
             benign sessions flagged by inference, in 1,000, logarithmic. Each line is one detector as its one \
             knob turns. The \
             dashed lines are budgets of 1, 5 and 10; what is beyond {FRICTION_END} is not drawn.</p>{plot}\
             <details><summary>the figures</summary><div class=\"scroll\"><table><tr><th>detector<th \
             class=\"number\">friction\
             <th class=\"number\">detection</tr>{rows}</table></div></details>"
        ),
    )
}

fn curve(name: &str, points: &Value) -> Curve {
    let mut points: Vec<(f64, f64)> = points.as_array().into_iter().flatten().filter_map(point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    Curve { name: name.to_owned(), ours: name == OURS, points }
}

fn point(row: &Value) -> Option<(f64, f64)> {
    number(row, "/friction_per_1000").zip(number(row, "/macro_hijack"))
}

fn scenarios(figures: &Value) -> String {
    let mut html = String::new();
    let of = |row: &Value| text(row, "/source").unwrap_or("unknown").to_owned();
    let mut sources: Vec<String> = SOURCES.iter().map(|source| (*source).to_owned()).collect();
    sources.extend(members(figures, "/scenarios").map(|(_, row)| of(row)));
    let mut seen = Vec::new();
    for source in sources {
        let rows: Vec<_> = members(figures, "/scenarios").filter(|(_, row)| of(row) == source).collect();
        if rows.is_empty() || seen.contains(&source) {
            continue;
        }
        let rows: String = rows.into_iter().map(|(name, row)| scenario(name, row)).collect();
        let _ = write!(
            html,
            "<h3>{}</h3><ul class=\"dots\">{rows}{}</ul>",
            escaped(&source),
            axis(&[0.0, 0.25, 0.5, 0.75, 1.0])
        );
        seen.push(source);
    }
    if html.is_empty() {
        return html;
    }
    let sample = |tag: &str| format!("<span class=\"track sample\"><{tag} style=\"left:50%\"></{tag}></span>");
    let key = format!(
        "<p class=\"key dots\"><span>{}flagged, with its 95% interval (Wilson)</span><span>{}flagged at the \
         attack's first request</span></p>",
        sample("em"),
        sample("u")
    );
    let text = "<p>Attacked sessions that are flagged at or after the attack's first request. The median says how \
                many of the attacker's requests it takes. Honest twins look alike; theirs is the friction per \
                1,000.</p>";
    card("Detection by scenario", &format!("{text}{key}{html}"))
}

fn scenario(name: &str, row: &Value) -> String {
    let Some(found) = number(row, "/detection") else { return String::new() };
    let mut marks = String::new();
    if let (Some(low), Some(high)) = (number(row, "/wilson_low"), number(row, "/wilson_high")) {
        let _ = write!(marks, "<i style=\"left:{};width:{}\"></i>", percent(low), percent(high - low));
    }
    if let Some(onset) = number(row, "/flagged_at_onset") {
        let _ = write!(marks, "<u style=\"left:{}\"></u>", percent(onset));
    }
    let _ = write!(marks, "<em style=\"left:{}\"></em>", percent(found));
    let median = match row.get("requests_to_flag_median") {
        Some(Value::Number(median)) => format!(", median {median}"),
        Some(_) => ", median never".to_owned(),
        None => String::new(),
    };
    let sessions = match (number(row, "/detected"), number(row, "/sessions")) {
        (Some(found), Some(sessions)) => format!("({found} of {sessions}{median})"),
        _ => median,
    };
    let twins = members(row, "/twins").filter_map(|(name, friction)| Some(format!("{name} {:.1}", friction.as_f64()?)));
    let twins = twins.collect::<Vec<_>>().join(", ");
    let twins = if twins.is_empty() { twins } else { format!("<br><small>twin: {}</small>", escaped(&twins)) };
    let onset = number(row, "/flagged_at_onset").map_or(String::new(), |onset| format!(", {onset:.2} at once"));
    format!(
        "<li><span>{}{twins}</span><span class=\"track\">{marks}</span>\
         <span class=\"figures\">{found:.2}{onset}<br><small>{}</small></span></li>",
        escaped(name),
        escaped(&sessions)
    )
}

/// A scale below dots or bars; places are 0..=1 and are what they say.
fn axis(places: &[f64]) -> String {
    let marks = places.iter().map(|place| format!("<span style=\"left:{}\">{place}</span>", percent(*place)));
    format!(
        "<li class=\"axis\" aria-hidden=\"true\"><span></span><span class=\"scale\">{}</span></li>",
        marks.collect::<String>()
    )
}

fn friction_cards(figures: &Value) -> String {
    let mut html = String::new();
    for (heading, pointer) in [
        ("Friction by class", "/friction/by_class"),
        ("Friction by actor, all sources", "/friction/by_actor"),
        ("Friction by source", "/friction/by_source"),
    ] {
        let mut rows: Vec<(&String, f64)> =
            members(figures, pointer).filter_map(|(name, value)| Some((name, value.as_f64()?))).collect();
        if rows.is_empty() {
            continue;
        }
        rows.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let rows: Vec<Bar> = rows
            .iter()
            .map(|(name, friction)| Bar {
                name: (*name).clone(),
                length: friction_scale(*friction),
                figures: format!("{friction:.1}"),
                soft: if *friction > BUDGET { "over the line".to_owned() } else { String::new() },
            })
            .collect();
        let text = format!(
            "<p>Benign sessions flagged by inference, in 1,000. The bars are logarithmic and end at {FRICTION_END}; \
             the dashed line is {BUDGET}.</p>"
        );
        html += &card(heading, &format!("{text}{}", bars(&rows, Some(friction_scale(BUDGET)))));
    }
    html
}

fn rules(figures: &Value) -> String {
    let ours = number(figures, "/macro_hijack");
    let best = |row: &Value| number(row, "/at_our_friction");
    let mut rows: Vec<(&String, f64)> =
        members(figures, "/baselines").filter_map(|(name, row)| Some((name, best(row)?))).collect();
    if rows.is_empty() {
        return String::new();
    }
    rows.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let name = OURS.to_owned();
    let rows: Vec<Bar> = ours
        .map(|ours| (&name, ours))
        .into_iter()
        .chain(rows)
        .map(|(name, found)| Bar {
            name: name.clone(),
            length: found,
            figures: format!("{found:.2}"),
            soft: String::new(),
        })
        .collect();
    let text = "<p>The share of hijacked sessions that each finds at its best setting that costs no more friction \
                than this configuration.</p>";
    card("Simple rules at the same friction", &format!("{text}{}", bars(&rows, None)))
}

fn ablation(figures: &Value) -> String {
    let whole = number(figures, "/macro_hijack").zip(number(figures, "/friction/per_1000_sessions"));
    let mut rows: Vec<(&String, &Value, f64, f64)> = members(figures, "/ablation")
        .filter_map(|(name, row)| Some((name, row, number(row, "/macro_hijack")?, number(row, "/friction_per_1000")?)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    rows.sort_by(|a, b| a.2.total_cmp(&b.2));
    let mut html = String::new();
    for (name, row, found, friction) in rows {
        let changes = whole.map_or_else(Default::default, |(all, cost)| {
            (format!(" ({:+.3})", found - all), format!(" ({:+.1})", friction - cost))
        });
        let worst = text(row, "/worst/scenario").map_or(String::new(), |scenario| {
            let of = |pointer| number(row, pointer).map_or("?".to_owned(), |found| format!("{found:.2}"));
            format!("{}: {} \u{2192} {}", escaped(scenario), of("/worst/detection"), of("/worst/detection_without"))
        });
        let _ = write!(
            html,
            "<tr><td>{}<td class=\"number\">{found:.3}{}<td class=\"number\">{friction:.1}{}<td>{worst}</tr>",
            escaped(name),
            changes.0,
            changes.1,
        );
    }
    card(
        "Each signal left out",
        &format!(
            "<p>Detection and friction without the signal, with the change, and the scenario that suffers most.</p>\
             <div class=\"scroll\"><table><tr><th>without<th class=\"number\">detection<th class=\"number\">friction\
             <th>suffers most</tr>{html}</table></div>"
        ),
    )
}

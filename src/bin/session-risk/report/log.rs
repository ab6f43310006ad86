//! The report of a replay: what would have been decided, when, why, and the life of the sessions that look worst.
//! The figures are the summary's; here they become a page.

use super::{
    html::escaped,
    plot::mark,
    shell::{Bar, bars, card, friction_scale, page as whole},
    story,
};
use crate::replay::{
    census::{Group, Row},
    clock::{counted, grouped, length, moment},
    summary::{Summary, number},
    suspects::Suspect,
    text::{headline, join},
    timeline::Timeline,
};
use session_risk::{policy::Action, score::LEVELS};
use std::fmt::Write as _;

/// A session to tell of, with what is kept of its requests.
type Told<'a> = (&'a Suspect, Option<&'a Timeline>);

/// The page.
pub(crate) fn page(summary: &Summary) -> String {
    let worst = summary.suspects.worst(summary.worst);
    let headline = format!("{} would have been stopped", headline(summary));
    let mut body = format!("<header><h1>{}</h1>{}</header>\n", escaped(&capitalised(&headline)), about(summary));
    body += &card("Decisions", &decisions(summary));
    body += &card("Over time", &over_time(summary));
    body += &friction(summary);
    body += &card("What the score means", &levels(summary));
    body += &card("The sessions that look worst", &list(summary, &worst));
    for (at, (suspect, timeline)) in (1usize..).zip(&worst) {
        body += &timeline.map_or(String::new(), |timeline| story::section(summary, suspect, timeline, at));
    }
    whole("Session Risk: a replay", &body)
}

fn about(summary: &Summary) -> String {
    let lines = &summary.lines;
    let mut rows = vec![("requests", grouped(lines.good))];
    if lines.malformed > 0 || summary.unscored > 0 {
        let (malformed, unscored) = (grouped(lines.malformed), grouped(summary.unscored));
        rows.push(("left out", format!("{malformed} malformed lines, {unscored} requests without a score")));
    }
    if let Some((first, last)) = summary.range {
        rows.push(("from, to", format!("{} to {} UTC", moment(first), moment(last))));
    }
    rows.push(("mode", summary.settings.mode()));
    rows.push(("configuration", format!("SHA-256 {}", summary.settings.digest)));
    if summary.census.one_in() > 1 {
        let one_in = grouped(summary.census.one_in());
        let text = format!("estimates: one in {one_in} is counted, and stands for the others");
        rows.push(("figures of sessions", text));
    }
    let rows = rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>", escaped(value)));
    format!("<dl class=\"about\">{}</dl>", rows.collect::<String>())
}

fn decisions(summary: &Summary) -> String {
    let mut rows = String::new();
    for (action, decided) in summary.decisions() {
        let reasons = summary.reasons(action);
        let reasons = reasons.iter().take(4).map(|(name, count)| format!("{name} {}", grouped(*count)));
        let shadow = decided.shadow > 0 && action != Action::Allow;
        let all = decided.enforced.saturating_add(decided.shadow);
        let _ = write!(
            rows,
            "<li class=\"{name}\"><span>{}{name}</span><span>{}{}</span><span class=\"soft\">{}</span></li>",
            mark(action.name(), false),
            grouped(all),
            if shadow { format!(" ({} in shadow)", grouped(decided.shadow)) } else { String::new() },
            reasons.collect::<Vec<_>>().join(", "),
            name = action.name(),
        );
    }
    format!(
        "<p>Requests by what was decided, with the signals that weighed most. In shadow: decided and not enforced.</p>\
         <ul class=\"rows\">{rows}</ul>"
    )
}

/// One row of bars an action, so that nobody has to tell colours apart.
fn over_time(summary: &Summary) -> String {
    let Some(((first, _), (last, _))) = summary.over_time.bars().next().zip(summary.over_time.bars().last()) else {
        return "<p>Nothing was scored.</p>".to_owned();
    };
    let width = summary.over_time.width();
    let span = fraction(last.saturating_sub(first).saturating_add(width));
    let mut rows = String::new();
    let all = |bar: &[u64; 6]| bar.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
    let mut row = |name: &str, class: &str, of: &dyn Fn(&[u64; 6]) -> u64| {
        let top = summary.over_time.bars().map(|(_, bar)| of(bar)).max().unwrap_or(0);
        if top == 0 {
            return;
        }
        let mut path = String::new();
        let mut titles = String::new();
        for (at, bar) in summary.over_time.bars().filter(|(_, bar)| of(bar) > 0) {
            let x = fraction(at.saturating_sub(first)) / span * 1000.0;
            let height = (fraction(of(bar)) / fraction(top) * 100.0).max(4.0);
            let wide = (fraction(width) / span * 1000.0).max(2.0) * 0.86;
            let _ = write!(path, "M{x:.1} 100v-{height:.1}h{wide:.1}V100z");
            let _ = write!(titles, "{} {}\n", moment(at), of(bar));
        }
        let _ = write!(
            rows,
            "<span class=\"{class}\">{name}</span><svg class=\"{class}\" viewBox=\"0 0 1000 100\" \
             preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{name} over time, at most {top}\"><path d=\"{path}\">\
             <title>{}</title></path></svg><span class=\"soft\">at most {}</span>",
            titles.trim_end(),
            grouped(top)
        );
    };
    row("requests", "", &all);
    for (action, _) in summary.decisions().filter(|(action, _)| *action != Action::Allow) {
        let at = usize::from(number(action));
        row(action.name(), action.name(), &|bar| bar.get(at).copied().unwrap_or(0));
    }
    format!(
        "<p>A bar is {}; each row has a scale of its own.</p><div class=\"times\">{rows}\
         <span class=\"ends\"><span>{}</span><span>{}</span></span></div>",
        length(width),
        moment(first),
        moment(last.saturating_add(width)),
    )
}

fn friction(summary: &Summary) -> String {
    let listed = |name: &dyn Fn(&Group) -> Option<String>| {
        let rows = summary.census.rows(name);
        let mut rows: Vec<(&String, &Row)> = rows.iter().filter(|(_, row)| row.honest > 0).collect();
        rows.sort_by(|(_, a), (_, b)| b.friction().total_cmp(&a.friction()));
        let rows: Vec<Bar> = rows.into_iter().map(|(name, row)| bar(name, row)).collect();
        bars(&rows, None)
    };
    let honest = if summary.labelled { "sessions without an attack" } else { "sessions" };
    let mut cards = card(
        "Friction by actor",
        &format!(
            "<p>Of 1,000 {honest}, how many were not simply allowed because of their score. Sessions that only a hard \
             criterion stopped (posture, declared scope) are named and not counted. The bars are logarithmic.</p>{}",
            listed(&|group| Some(join(group.actor, &group.source)))
        ),
    );
    if summary.labelled {
        cards += &card("Friction by stress class", &listed(&|group| Some(join(&group.class, &group.source))));
        let rows = summary.census.rows(|group| Some(join(&group.class, &group.source)));
        let rows: Vec<Bar> =
            rows.iter().filter(|(_, row)| row.attacked > 0).map(|(name, row)| caught(name, row)).collect();
        if !rows.is_empty() {
            let text = "<p>Sessions in which a label names an attack: how many were not simply allowed at or after its \
                        first request. <code>session-risk eval</code> measures this properly.</p>";
            cards += &card("Attacked sessions", &format!("{text}{}", bars(&rows, None)));
        }
    }
    cards
}

fn bar(name: &str, row: &Row) -> Bar {
    let policy = if row.policy > 0 { format!("; {} by policy", grouped(row.policy)) } else { String::new() };
    Bar {
        name: name.to_owned(),
        length: friction_scale(row.friction()),
        figures: format!("{:.1}", row.friction()),
        soft: format!("({} of {}{policy})", grouped(row.flagged), grouped(row.honest)),
    }
}

fn caught(name: &str, row: &Row) -> Bar {
    let share = fraction(row.caught) / fraction(row.attacked.max(1));
    let soft = format!("({} of {})", grouped(row.caught), grouped(row.attacked));
    Bar { name: name.to_owned(), length: share, figures: format!("{share:.2}"), soft }
}

fn levels(summary: &Summary) -> String {
    let thresholds = &summary.settings.thresholds;
    let from = [0, thresholds.elevated.points(), thresholds.high.points(), thresholds.critical.points()];
    let meaning = ["nothing to see", "worth a look", "worth a question", "worth a stop"];
    let rows = LEVELS.iter().zip(from).zip(meaning).map(|(((_, name), from), meaning)| {
        format!("<li><span>{name}</span><span>from {from} points</span><span class=\"soft\">{meaning}</span></li>")
    });
    let key = [
        ("allow", false, "allow: forwarded"),
        ("restrict", false, "restrict: reads only"),
        ("step_up", false, "step_up: refused until a fresh authentication"),
        ("suspend", false, "deny, suspend, revoke: refused"),
        ("allow", true, "hollow: not forwarded"),
    ];
    let key = key.iter().map(|(action, held, words)| format!("<span>{}{words}</span>", mark(action, *held)));
    format!(
        "<p>Ten points mean: the odds that the session is in the wrong hands are ten times what they were when it was \
         issued. Evidence fades; a level is left five points below where it began, after five minutes at the earliest.</p>\
         <ul class=\"rows\">{}</ul><p class=\"key\">{}</p>",
        rows.collect::<String>(),
        key.collect::<String>()
    )
}

fn list(summary: &Summary, worst: &[Told<'_>]) -> String {
    let mut rows = String::new();
    for (at, (suspect, _)) in (1usize..).zip(worst) {
        let what = match &suspect.stop {
            Some(stop) => format!(
                "{} at {} by <code>{}</code>: {}; then {} of {} let through",
                stop.action.name(),
                moment(stop.ts),
                escaped(summary.settings.rule(stop.rule).unwrap_or("an earlier sanction")),
                stop.reasons.join(", "),
                grouped(stop.through.all),
                counted(stop.requests, "request"),
            ),
            None => "never stopped".to_owned(),
        };
        let _ = write!(
            rows,
            "<li><a href=\"#s{at}\"><code>{}</code></a><span class=\"soft\">{}: {what}</span><span>{} points</span></li>",
            escaped(&suspect.session),
            suspect.actor,
            suspect.peak
        );
    }
    if rows.is_empty() {
        return "<p>No session came near a level that is worth a look.</p>".to_owned();
    }
    format!(
        "<p>By their highest score. No address, no token and no query is shown; path segments that may be one are \
         <code>*</code>. <code>session-risk explain</code> tells more of a session.</p><ul class=\"worst\">{rows}</ul>"
    )
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// A count for arithmetic with fractions.
fn fraction(count: u64) -> f64 {
    crate::replay::census::float(count)
}

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
    clock::{grouped, length, moment},
    over_time,
    summary::{Summary, number},
    suspects::Suspect,
    text::headline,
    timeline::Timeline,
};
use session_risk::{policy::Action, score::LEVELS};
use std::{cmp::Ordering, collections::BTreeSet, fmt::Write as _};

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
    let width = summary.over_time.width();
    let places = places(summary);
    let Some(((first, ..), (last, _, end))) = places.first().zip(places.last()) else {
        return "<p>Nothing was scored.</p>".to_owned();
    };
    let mut rows =
        row("requests", "", &places, end + 1.0, &|bar| bar.iter().fold(0, |sum, count| sum.saturating_add(*count)));
    for (action, _) in summary.decisions().filter(|(action, _)| *action != Action::Allow) {
        let at = usize::from(number(action));
        rows += &row(action.name(), action.name(), &places, end + 1.0, &|bar| bar.get(at).copied().unwrap_or(0));
    }
    let true_end = fraction(last.saturating_sub(*first)) / fraction(width);
    let gaps = if true_end > end + 0.5 { " Stretches without a request are shortened." } else { "" };
    format!(
        "<p>A bar is {}; each row has a scale of its own.{gaps}</p><div class=\"times\">{rows}\
         <div><span class=\"ends\"><span>{}</span><span>{}</span></span></div></div>",
        length(width),
        moment(*first),
        moment(last.saturating_add(width)),
    )
}

/// The bars with their places, in widths of a bar; long stretches without one are shortened.
fn places(summary: &Summary) -> Vec<(u64, &over_time::Bar, f64)> {
    let width = fraction(summary.over_time.width());
    let mut places: Vec<(u64, &over_time::Bar, f64)> = Vec::new();
    for (at, bar) in summary.over_time.bars() {
        let place = places.last().map_or(0.0, |(before, _, place)| {
            let step = fraction(at.saturating_sub(*before)) / width;
            place + if step > LONGEST_GAP { SHORT_GAP } else { step }
        });
        places.push((at, bar, place));
    }
    places
}

/// Widths of a bar from which a stretch without one is shortened, and to how many.
const LONGEST_GAP: f64 = 60.0;
const SHORT_GAP: f64 = 8.0;

fn row(
    name: &str,
    class: &str,
    places: &[(u64, &over_time::Bar, f64)],
    end: f64,
    of: &dyn Fn(&over_time::Bar) -> u64,
) -> String {
    let top = places.iter().map(|(_, bar, _)| of(bar)).max().unwrap_or(0);
    let (mut path, mut title) = (String::new(), String::new());
    for (at, bar, place) in places.iter().filter(|(_, bar, _)| of(bar) > 0) {
        let (x, wide) = (place / end * 1000.0, (880.0 / end).max(1.5));
        let height = (fraction(of(bar)) / fraction(top) * 100.0).max(4.0);
        let _ = write!(path, "M{x:.1} 100v-{height:.1}h{wide:.1}V100z");
        let _ = writeln!(title, "{}: {}", moment(*at), grouped(of(bar)));
    }
    format!(
        "<div><span>{name}</span><svg class=\"{class}\" viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" \
         role=\"img\" aria-label=\"{name} over time\"><path d=\"{path}\"><title>{}</title></path></svg>\
         <span class=\"soft\">at most {}</span></div>",
        title.trim_end(),
        grouped(top)
    )
}

fn friction(summary: &Summary) -> String {
    let honest = if summary.labelled { "sessions without an attack" } else { "sessions" };
    let text = format!(
        "<p>Of 1,000 {honest}, how many were not simply allowed because of their score. Sessions that only a hard \
         criterion stopped (posture, declared scope) are named and not counted. The bars are logarithmic.</p>"
    );
    let listed = |name: &dyn Fn(&Group) -> String| {
        by_source(summary, name, |row| row.honest > 0, bar, |a, b| b.friction().total_cmp(&a.friction()))
    };
    let mut cards = card("Friction by actor", &format!("{text}{}", listed(&|group| group.actor.to_owned())));
    if summary.labelled {
        cards += &card("Friction by stress class", &listed(&|group| group.class.clone()));
        let class = |group: &Group| group.class.clone();
        let rows = by_source(summary, &class, |row| row.attacked > 0, caught, |_, _| Ordering::Equal);
        if !rows.is_empty() {
            let text = "<p>Sessions in which a label names an attack: the share that was not simply allowed at or \
                        after its first request. <code>session-risk eval</code> measures this properly.</p>";
            cards += &card("Attacked sessions", &format!("{text}{rows}"));
        }
    }
    cards
}

/// Bars of sessions, those of one source below each other: real and synthetic are never put together.
fn by_source(
    summary: &Summary,
    name: &dyn Fn(&Group) -> String,
    listed: impl Fn(&Row) -> bool,
    bar: impl Fn(&str, &Row) -> Bar,
    order: impl Fn(&Row, &Row) -> Ordering,
) -> String {
    let sources: BTreeSet<String> = summary.census.rows(|group| Some(group.source.clone())).into_keys().collect();
    let mut html = String::new();
    for source in sources {
        let rows = summary.census.rows(|group| (group.source == source).then(|| name(group)));
        let mut rows: Vec<_> = rows.iter().filter(|(_, row)| listed(row)).collect();
        rows.sort_by(|(_, a), (_, b)| order(a, b));
        if rows.is_empty() {
            continue;
        }
        if !source.is_empty() {
            let _ = write!(html, "<h3>{}</h3>", escaped(&source));
        }
        html += &bars(&rows.into_iter().map(|(name, row)| bar(name, row)).collect::<Vec<_>>(), None);
    }
    html
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
        ("suspend", false, "approval, deny, suspend, revoke: refused"),
        ("allow", true, "hollow: not forwarded"),
    ];
    let key = key.iter().map(|(action, held, words)| format!("<span>{}{words}</span>", mark(action, *held)));
    format!(
        "<p>Ten points mean: the odds that the session is in the wrong hands are ten times what they were when it was \
         issued. Evidence fades; a level is left five points below where it began, after five minutes at the \
         earliest.</p>\
         <ul class=\"rows\">{}</ul><p class=\"key\">{}</p>",
        rows.collect::<String>(),
        key.collect::<String>()
    )
}

fn list(summary: &Summary, worst: &[Told<'_>]) -> String {
    let mut rows = String::new();
    for (at, (suspect, _)) in (1usize..).zip(worst) {
        let what = match &suspect.stop {
            Some(stop) => {
                let rule = summary.settings.rule(stop.rule).unwrap_or("an earlier sanction");
                let through = format!("then {} of {} let through", grouped(stop.through.all), grouped(stop.requests));
                format!("{} by {}, {through}", stop.action.name(), escaped(rule))
            }
            None => "never stopped".to_owned(),
        };
        let _ = write!(
            rows,
            "<li><a href=\"#s{at}\"><code>{}</code></a><span class=\"soft\">{}: {what}</span><span>{} \
             points</span></li>",
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

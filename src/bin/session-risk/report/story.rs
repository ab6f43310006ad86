//! One session of a replay's report: its score request by request, and a table of what changed and what was decided.
//! Which sessions, and what is kept of them, is decided elsewhere.

use super::{
    html::escaped,
    plot::{Chapter, Dot, Drawing, mark},
};
use crate::replay::{
    census::float,
    clock::{counted, grouped, moment, since},
    summary::Summary,
    suspects::Suspect,
    timeline::{Point, Reason, Timeline},
};
use session_risk::policy::Action;
use std::fmt::Write as _;

/// Rows of the table at most.
const ROWS: usize = 24;
/// The part of the plot that requests from before the recording may take, whatever their number.
const BEFORE: f64 = 0.15;

/// The card of a session, the `at`th worst.
pub(crate) fn section(summary: &Summary, suspect: &Suspect, timeline: &Timeline, at: usize) -> String {
    let class = suspect.class.as_ref().map_or(String::new(), |class| format!(", labelled {class}"));
    format!(
        "<section id=\"s{at}\"><div class=\"head\"><h2><code>{session}</code></h2><span class=\"soft\">{actor}{class}, \
         up to {peak} points</span></div><p>{fate}</p>{plot}{table}</section>\n",
        session = escaped(&suspect.session),
        actor = suspect.actor,
        class = escaped(&class),
        peak = suspect.peak,
        fate = escaped(&fate(summary, suspect)),
        plot = drawing(summary, suspect, timeline).svg(),
        table = table(summary, suspect, timeline),
    )
}

/// What came of the session, in words.
fn fate(summary: &Summary, suspect: &Suspect) -> String {
    let began = moment(suspect.began);
    let mut text = format!("Since {began} UTC. ");
    let Some(stop) = &suspect.stop else { return text + "Its score never led to more than a look." };
    let done = if stop.enforced { "Stopped first" } else { "Would have been stopped first, in shadow," };
    let rule =
        summary.settings.rule(stop.rule).map_or("by an earlier sanction".to_owned(), |rule| format!("by rule {rule}"));
    let _ = write!(text, "{done} at {} with {} {rule}. ", moment(stop.ts), stop.action.name());
    let (through, beside) = (grouped(stop.through.all), stop.through.beside_reads());
    let beside = if beside.is_empty() { String::new() } else { format!(", of which {beside}") };
    let _ = write!(text, "From then on {through} of {} got through{beside}.", counted(stop.requests, "request"));
    if suspect.late {
        text += " It had been stopped before too; that part was not kept.";
    }
    text
}

/// Places on the axis are requests; those from before the recording share a part of it.
struct Axis {
    /// Number of the first request that is not among them.
    first: f64,
    before: f64,
    end: f64,
}

impl Axis {
    fn new(timeline: &Timeline) -> Self {
        let recorded = float(timeline.requests()).max(1.0);
        let before = float(timeline.before()).min(recorded * BEFORE / (1.0 - BEFORE));
        Self { first: float(timeline.before()) + 1.0, before, end: (before + recorded) * 1.02 }
    }

    fn at(&self, point: &Point) -> f64 {
        self.before + float(point.number) - self.first
    }
}

fn drawing(summary: &Summary, suspect: &Suspect, timeline: &Timeline) -> Drawing {
    let axis = Axis::new(timeline);
    let thresholds = &summary.settings.thresholds;
    let before = timeline.before();
    let all = before.saturating_add(timeline.requests());
    let mut chapters = Vec::new();
    if before > 0 {
        let name = format!("{} before, not drawn", counted(before, "request"));
        chapters.push(Chapter { at: 0.0, name, short: "\u{2026}".to_owned() });
    }
    for (row, point) in (1u32..).zip(turns(timeline)) {
        let name = point.changes().next().map_or(String::new(), |change| format!(" {}", arrows(&change.words())));
        chapters.push(Chapter { at: axis.at(point), name: format!("{row}{name}"), short: row.to_string() });
    }
    let first = timeline.points().find(|point| point.action != Action::Allow);
    let stop = first
        .map_or("always allowed".to_owned(), |point| format!("{} from request {}", point.action.name(), point.number));
    Drawing {
        label: format!(
            "Score over {}, at most {}; {stop}. The table below says the same.",
            counted(all, "request"),
            suspect.peak
        ),
        levels: [
            (f64::from(thresholds.elevated.points()), "elevated"),
            (f64::from(thresholds.high.points()), "high"),
            (f64::from(thresholds.critical.points()), "critical"),
        ],
        dots: timeline.points().map(|point| dot(summary, &axis, point)).collect(),
        chapters,
        end: (axis.end, counted(all, "request")),
    }
}

fn dot(summary: &Summary, axis: &Axis, point: &Point) -> Dot {
    let rule = summary.settings.rule(point.rule).map_or(String::new(), |rule| format!(" by {rule}"));
    let changes: String = point.changes().map(|change| format!("\n{}", arrows(&change.words()))).collect();
    Dot {
        at: axis.at(point),
        score: f64::from(point.score),
        action: point.action.name().to_owned(),
        held: !point.forwarded,
        title: format!(
            "request {}, {}: {}\nscore {}, {}{}{rule}{changes}",
            point.number,
            moment(point.ts),
            point.what,
            point.score,
            point.action.name(),
            if point.shadow { " in shadow" } else { "" },
        ),
    }
}

/// The points that the table tells of, in order.
fn turns(timeline: &Timeline) -> impl Iterator<Item = &Point> {
    timeline.points().filter(|point| point.told).take(ROWS)
}

fn table(summary: &Summary, suspect: &Suspect, timeline: &Timeline) -> String {
    let mut rows = String::new();
    for (number, point) in (1u32..).zip(turns(timeline)) {
        let rule = summary.settings.rule(point.rule).map_or(String::new(), |rule| format!(" by {rule}"));
        let (new, old): (Vec<&Reason>, Vec<&Reason>) = point.reasons.iter().partition(|reason| reason.new);
        let new = new.iter().map(|reason| format!("<b>{}</b> {:.0}", escaped(&arrows(&reason.words())), reason.points));
        let old = old.iter().map(|reason| format!("{} {:.0}", reason.kind.row().name, reason.points));
        let (new, old) = (new.collect::<Vec<_>>().join(", "), old.collect::<Vec<_>>().join(", "));
        let old = if old.is_empty() { old } else { format!(" <span class=\"soft\">still counting: {old}</span>") };
        let _ = write!(
            rows,
            "<tr><td class=\"number\">{number}<td class=\"when\">+{}<td class=\"{action}\"><code>{}</code><br>score \
             {}, {}\
             <b>{action}</b>{}{}<td>{new}{old}</tr>",
            since(point.ts.saturating_sub(suspect.began)),
            escaped(&point.what),
            point.score,
            mark(point.action.name(), !point.forwarded),
            if point.shadow { " in shadow" } else { "" },
            escaped(&rule),
            action = point.action.name(),
        );
    }
    let (drawn, all) = (timeline.points().count(), timeline.requests());
    let mut notes = String::new();
    if timeline.points().filter(|point| point.told).count() > ROWS {
        notes += "The table ends where there is too much of it. ";
    }
    if u64::try_from(drawn).unwrap_or(u64::MAX) < all {
        let _ = write!(
            notes,
            "Drawn are {drawn} of {}: where something changed, and a few of the others.",
            counted(all, "request")
        );
    }
    let notes = if notes.is_empty() { notes } else { format!("<p class=\"soft\">{notes}</p>") };
    format!(
        "<table class=\"story\"><tr><th class=\"number\">#<th>after<th>request, decision<th>what is new, what \
         counts, in points</tr>\
         {rows}</table>{notes}"
    )
}

/// Arrows as people write them where they can.
fn arrows(text: &str) -> String {
    text.replace("->", "\u{2192}")
}

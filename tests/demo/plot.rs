//! A session's score over time as inline SVG: levels behind, one mark a request, the action as a ribbon below.

use crate::timeline::{Event, Timeline};
use std::fmt::Write as _;

/// Levels of the default configuration.
const LEVELS: [(f64, &str); 3] = [(10.0, "elevated"), (20.0, "high"), (35.0, "critical")];
/// The same scale in every plot, so that they can be compared; higher scores stretch it.
const TOP_SCORE: f64 = 42.0;

const LEFT: f64 = 26.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 44.0;
/// How wide a letter is at the plot's font size, roughly.
const LETTER: f64 = 5.9;

/// The plot twice, for wide and for narrow screens: text that shrinks with its picture cannot be read on a phone.
pub(crate) fn svg(timeline: &Timeline) -> String {
    let wide = Plot::new(timeline, "wide", 800.0, 250.0);
    let narrow = Plot::new(timeline, "narrow", 360.0, 230.0);
    wide.svg() + &narrow.svg()
}

/// The mark of an action; its shape differs too, for those who see its colour otherwise. Hollow: not forwarded.
pub(crate) fn mark(action: &str, held: bool) -> String {
    let shape = shape(action, 7.0, 7.0);
    format!(
        "<svg class=\"mark\" viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path class=\"{}\" d=\"{shape}\"/></svg>",
        class(action, held)
    )
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn class(action: &str, held: bool) -> String {
    format!("dot {}{}", escaped(action), if held { " held" } else { "" })
}

/// A path around a point: a disc, a diamond, a triangle, a square.
fn shape(action: &str, x: f64, y: f64) -> String {
    match action {
        "allow" => format!("M{:.1} {y:.1}a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z", x - 3.2),
        "restrict" => format!("M{x:.1} {:.1}l4.6 4.6l-4.6 4.6l-4.6 -4.6z", y - 4.6),
        "step_up" => format!("M{x:.1} {:.1}l4.8 8.2h-9.6z", y - 5.2),
        _ => format!("M{:.1} {:.1}h7.4v7.4h-7.4z", x - 3.7, y - 3.7),
    }
}

struct Plot<'a> {
    timeline: &'a Timeline,
    class: &'static str,
    width: f64,
    height: f64,
    /// Seconds and points at the far ends of the axes.
    end: f64,
    top: f64,
}

impl<'a> Plot<'a> {
    fn new(timeline: &'a Timeline, class: &'static str, width: f64, height: f64) -> Self {
        let events = &timeline.events;
        // The last request holds for a while too.
        let end = events.last().map_or(1.0, Event::seconds).max(0.5) * 1.03;
        let top = events.iter().map(score).fold(TOP_SCORE, |top, score| top.max(score * 1.1));
        Self { timeline, class, width, height, end, top }
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + seconds / self.end * (self.right() - LEFT)
    }

    fn y(&self, points: f64) -> f64 {
        self.floor() - points / self.top * (self.floor() - TOP)
    }

    fn right(&self) -> f64 {
        self.width - RIGHT
    }

    fn floor(&self) -> f64 {
        self.height - BOTTOM
    }

    fn svg(&self) -> String {
        format!(
            "<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"score of {} over time\">{}{}{}{}{}{}</svg>",
            self.class,
            self.width,
            self.height,
            escaped(self.timeline.name),
            self.levels(),
            self.chapters(),
            self.line(),
            self.ribbon(),
            self.turns(),
            self.marks(),
        )
    }

    fn levels(&self) -> String {
        let mut svg = String::new();
        let (left, right) = (LEFT, self.right());
        for (index, (points, name)) in LEVELS.into_iter().enumerate() {
            let upper = LEVELS.get(index + 1).map_or(TOP, |(points, _)| self.y(*points));
            let (y, height, width) = (self.y(points), self.y(points) - upper, right - left);
            let _ = write!(
                svg,
                "<rect class=\"{name}\" x=\"{left}\" y=\"{upper:.1}\" width=\"{width}\" height=\"{height:.1}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{points}</text>\
                 <text x=\"{}\" y=\"{:.1}\">{name}</text>",
                left - 6.0,
                y + 4.0,
                left + 6.0,
                y - 5.0,
            );
        }
        let floor = self.floor();
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{left} {floor}H{right}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">0</text>\
             <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{:.0} s</text>",
            left - 6.0,
            floor + 4.0,
            TOP - 8.0,
            self.end,
        );
        svg
    }

    /// Where parts of the story begin, named where there is room.
    fn chapters(&self) -> String {
        let mut svg = String::new();
        let events = &self.timeline.events;
        let begins: Vec<(f64, &str)> = self
            .timeline
            .chapters
            .iter()
            .filter_map(|(first, name)| Some((self.x(events.get(*first)?.seconds()), *name)))
            .collect();
        let (floor, y) = (self.floor(), self.height - 8.0);
        for (index, (x, name)) in begins.iter().enumerate() {
            let next = begins.get(index + 1).map_or(self.right(), |(x, _)| *x);
            let _ = write!(
                svg,
                "<path class=\"cut\" d=\"M{x:.1} {TOP}V{:.1}\"><title>{}</title></path>",
                floor + 34.0,
                escaped(name)
            );
            if width(name) < next - x {
                let _ = write!(svg, "<text x=\"{:.1}\" y=\"{y}\">{}</text>", x + 4.0, escaped(name));
            } else if index + 1 == begins.len() && width(name) < x - LEFT && begins.len() < 3 {
                let _ = write!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
                    self.right(),
                    escaped(name)
                );
            }
        }
        svg
    }

    /// The score holds until the next request asks again.
    fn line(&self) -> String {
        let mut path = String::new();
        for event in &self.timeline.events {
            let (x, y) = (self.x(event.seconds()), self.y(score(event)));
            let _ = if path.is_empty() { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
        }
        if path.is_empty() {
            return path;
        }
        let _ = write!(path, "H{:.1}", self.right());
        let (left, floor) = (LEFT, self.floor());
        format!("<path class=\"area\" d=\"{path}V{floor:.1}H{left:.1}z\"/><path class=\"score\" d=\"{path}\"/>")
    }

    fn ribbon(&self) -> String {
        let mut svg = String::new();
        let turns: Vec<&Event> =
            self.timeline.events.first().into_iter().chain(self.timeline.turning_points()).collect();
        for (index, event) in turns.iter().enumerate() {
            let (from, to) =
                (self.x(event.seconds()), turns.get(index + 1).map_or(self.right(), |next| self.x(next.seconds())));
            let action = escaped(&event.action);
            let (y, width) = (self.floor() + 10.0, (to - from).max(0.0));
            let _ = write!(
                svg,
                "<rect class=\"ribbon {action}\" x=\"{from:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"7\"><title>{action}</title></rect>"
            );
        }
        svg
    }

    /// The new action at each change, on the row where it does not run into its neighbour.
    fn turns(&self) -> String {
        let mut svg = String::new();
        let mut ends = [LEFT; 3];
        for event in self.timeline.turning_points() {
            let (x, room) = (self.x(event.seconds()), width(&event.action));
            let start = if x + room > self.right() { self.right() - room } else { x };
            let row = ends.iter().position(|end| *end <= start).unwrap_or(0);
            ends[row] = start + room;
            let y = TOP + 12.0 * f64::from(u8::try_from(row).unwrap_or(0)) + 10.0;
            let action = escaped(&event.action);
            let _ = write!(svg, "<text class=\"turn {action}\" x=\"{:.1}\" y=\"{y}\">{action}</text>", start + 4.0);
        }
        svg
    }

    fn marks(&self) -> String {
        let mut svg = String::new();
        for event in &self.timeline.events {
            let reasons = if event.reasons.is_empty() { "no reasons" } else { &event.reasons.replace(',', ", ") };
            let _ = write!(
                svg,
                "<path class=\"{}\" d=\"{}\"><title>{:.2} s: {} from {}\n{}: {} {}, score {:.0}\n{}</title></path>",
                class(&event.action, !event.forwarded),
                shape(&event.action, self.x(event.seconds()), self.y(score(event))),
                event.seconds(),
                escaped(&event.label),
                escaped(&event.network),
                if event.forwarded { "forwarded" } else { "not forwarded" },
                event.status,
                escaped(&event.action),
                score(event),
                escaped(reasons),
            );
        }
        svg
    }
}

fn width(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)) * LETTER + 8.0
}

fn score(event: &Event) -> f64 {
    f64::from(event.score.unwrap_or(0))
}

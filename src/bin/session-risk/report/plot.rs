//! A session's score as inline SVG: levels behind, one mark a request, the action as a ribbon below.
//! The demo draws with it too, so it knows nothing of where requests come from.

use super::html::escaped;
use std::fmt::Write as _;

/// The same scale in every plot, so that they can be compared; higher scores stretch it.
const TOP_SCORE: f64 = 42.0;

const LEFT: f64 = 26.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 44.0;
/// How wide a letter is at the plot's font size, roughly.
const LETTER: f64 = 5.9;

/// What is drawn.
pub(crate) struct Drawing {
    /// What the picture shows, for those who do not see it.
    pub(crate) label: String,
    /// Where the levels above the lowest begin, rising, with their names.
    pub(crate) levels: [(f64, &'static str); 3],
    /// The requests, by place on the axis.
    pub(crate) dots: Vec<Dot>,
    /// Where something begins or changes.
    pub(crate) chapters: Vec<Chapter>,
    /// The far end of the axis, and what it is.
    pub(crate) end: (f64, String),
}

/// One request.
pub(crate) struct Dot {
    /// Its place on the axis.
    pub(crate) at: f64,
    pub(crate) score: f64,
    /// The action's word.
    pub(crate) action: String,
    /// Not forwarded.
    pub(crate) held: bool,
    /// What there is to say about it.
    pub(crate) title: String,
}

/// A cut across the plot.
pub(crate) struct Chapter {
    pub(crate) at: f64,
    /// Written below it where there is room.
    pub(crate) name: String,
    /// Written instead where there is little.
    pub(crate) short: String,
}

impl Drawing {
    /// The plot twice, for wide and for narrow screens: text that shrinks with its picture cannot be read on a phone.
    pub(crate) fn svg(&self) -> String {
        let wide = Plot::new(self, "wide", 800.0, 250.0);
        let narrow = Plot::new(self, "narrow", 360.0, 230.0);
        wide.svg() + &narrow.svg()
    }

    /// The requests at which the action changed.
    fn turning_points(&self) -> impl Iterator<Item = &Dot> {
        let mut last = "allow";
        self.dots.iter().filter(move |dot| std::mem::replace(&mut last, dot.action.as_str()) != dot.action)
    }
}

/// The mark of an action; its shape differs too, for those who see its colour otherwise. Hollow: not forwarded.
pub(crate) fn mark(action: &str, held: bool) -> String {
    let shape = shape(action, 7.0, 7.0);
    format!(
        "<svg class=\"mark\" viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path class=\"{}\" d=\"{shape}\"/></svg>",
        class(action, held)
    )
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
    drawing: &'a Drawing,
    class: &'static str,
    width: f64,
    height: f64,
    /// Points at the far end of the axis.
    top: f64,
}

impl<'a> Plot<'a> {
    fn new(drawing: &'a Drawing, class: &'static str, width: f64, height: f64) -> Self {
        let top = drawing.dots.iter().fold(TOP_SCORE, |top, dot| top.max(dot.score * 1.25));
        Self { drawing, class, width, height, top }
    }

    fn x(&self, at: f64) -> f64 {
        LEFT + at / self.drawing.end.0 * (self.right() - LEFT)
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
            "<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}{}{}{}{}{}</svg>",
            self.class,
            self.width,
            self.height,
            escaped(&self.drawing.label),
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
        let levels = self.drawing.levels;
        let uppers = levels.iter().skip(1).map(|(points, _)| self.y(*points)).chain([TOP]);
        for ((points, name), upper) in levels.into_iter().zip(uppers) {
            let (y, height, width) = (self.y(points), self.y(points) - upper, right - left);
            let _ = write!(
                svg,
                "<rect class=\"{name}\" x=\"{left}\" y=\"{upper:.1}\" width=\"{width}\" height=\"{height:.1}\"/>\
                 <path class=\"threshold\" d=\"M{left} {y:.1}H{right}\"/>\
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
             <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            floor + 4.0,
            TOP - 8.0,
            escaped(&self.drawing.end.1),
        );
        svg
    }

    /// Where parts of the story begin, named where there is room.
    fn chapters(&self) -> String {
        let mut svg = String::new();
        let chapters = &self.drawing.chapters;
        let starts: Vec<f64> = chapters.iter().map(|chapter| self.x(chapter.at)).collect();
        let (floor, y) = (self.floor(), self.height - 8.0);
        // Where the last name ends: a crowd of cuts leaves some without one.
        let mut taken = LEFT;
        for (index, (chapter, x)) in chapters.iter().zip(&starts).enumerate() {
            let next = starts.get(index.saturating_add(1)).copied().unwrap_or(self.right());
            let name = escaped(&chapter.name);
            let _ = write!(
                svg,
                "<path class=\"cut\" d=\"M{x:.1} {TOP}V{:.1}\"><title>{name}</title></path>",
                floor + 34.0,
            );
            let last = index.saturating_add(1) == chapters.len();
            if width(&chapter.name) < next - x && taken <= *x {
                let _ = write!(svg, "<text x=\"{:.1}\" y=\"{y}\">{name}</text>", x + 4.0);
                taken = x + width(&chapter.name);
            } else if !chapter.short.is_empty() && taken <= *x {
                let _ = write!(svg, "<text x=\"{:.1}\" y=\"{y}\">{}</text>", x + 4.0, escaped(&chapter.short));
                taken = x + width(&chapter.short);
            } else if chapter.short.is_empty() && last && width(&chapter.name) < x - LEFT && chapters.len() < 3 {
                let _ = write!(svg, "<text x=\"{:.1}\" y=\"{y}\" text-anchor=\"end\">{name}</text>", self.right());
            }
        }
        svg
    }

    /// The score holds until the next request asks again.
    fn line(&self) -> String {
        let mut path = String::new();
        for dot in &self.drawing.dots {
            let (x, y) = (self.x(dot.at), self.y(dot.score));
            let _ = if path.is_empty() { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
        }
        let Some(first) = self.drawing.dots.first() else { return path };
        let _ = write!(path, "H{:.1}", self.right());
        let (left, floor) = (self.x(first.at), self.floor());
        format!("<path class=\"area\" d=\"{path}V{floor:.1}H{left:.1}z\"/><path class=\"score\" d=\"{path}\"/>")
    }

    fn ribbon(&self) -> String {
        let mut svg = String::new();
        let turns: Vec<&Dot> = self.drawing.dots.first().into_iter().chain(self.drawing.turning_points()).collect();
        let ends = turns.iter().skip(1).map(|dot| self.x(dot.at)).chain([self.right()]);
        for (dot, to) in turns.iter().zip(ends) {
            let (from, action) = (self.x(dot.at), escaped(&dot.action));
            let (y, width) = (self.floor() + 10.0, (to - from).max(0.0));
            let _ = write!(
                svg,
                "<rect class=\"ribbon {action}\" x=\"{from:.1}\" y=\"{y}\" width=\"{width:.1}\" \
                 height=\"7\"><title>{action}</title></rect>"
            );
        }
        svg
    }

    /// The new action at each change, on the row where it does not run into its neighbour.
    fn turns(&self) -> String {
        let mut svg = String::new();
        let mut ends = [LEFT; 3];
        let mut named: Vec<&str> = Vec::new();
        for dot in self.drawing.turning_points() {
            // Actions that come back again and again are named again only where there is room at the top.
            let rows = if named.contains(&dot.action.as_str()) { 1 } else { ends.len() };
            named.push(&dot.action);
            let (x, room) = (self.x(dot.at), width(&dot.action));
            let start = if x + room > self.right() { self.right() - room } else { x };
            let mut rows = (0u8..).zip(ends.iter_mut().take(rows));
            // Where all rows are taken, the ribbon below still tells.
            let Some((row, end)) = rows.find(|(_, end)| **end <= start) else { continue };
            *end = start + room;
            let y = TOP + 12.0 * f64::from(row) + 10.0;
            let action = escaped(&dot.action);
            let _ = write!(svg, "<text class=\"turn {action}\" x=\"{:.1}\" y=\"{y}\">{action}</text>", start + 4.0);
        }
        svg
    }

    fn marks(&self) -> String {
        let mut svg = String::new();
        for dot in &self.drawing.dots {
            let _ = write!(
                svg,
                "<path class=\"{}\" d=\"{}\"",
                class(&dot.action, dot.held),
                shape(&dot.action, self.x(dot.at), self.y(dot.score)),
            );
            // Nobody hovers over a phone.
            let _ = match self.class {
                "wide" => write!(svg, "><title>{}</title></path>", escaped(&dot.title)),
                _ => write!(svg, "/>"),
            };
        }
        svg
    }
}

fn width(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)) * LETTER + 8.0
}

//! Detection against friction as inline SVG, one line a detector, each with its name at its end.
//! The scale of friction has a 0 and is logarithmic beyond 1, as the room near 0 is what matters.

use super::{
    html::escaped,
    shell::{FRICTION_END, words},
};
use std::fmt::Write as _;

const LEFT: f64 = 34.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// Height of a name.
const LINE: f64 = 14.0;
const TICKS: [f64; 9] = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
/// Ticks that have room on a phone.
const FEW: [f64; 5] = [0.0, 1.0, 5.0, 20.0, 100.0];

/// One detector at every setting of its knob.
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) ours: bool,
    /// Friction per 1,000 and detection (0..=1), by friction.
    pub(crate) points: Vec<(f64, f64)>,
}

/// What is drawn.
pub(crate) struct Curves {
    pub(crate) curves: Vec<Curve>,
    /// Where the configuration itself lies.
    pub(crate) here: Option<(f64, f64)>,
    /// Friction per 1,000 that is allowed.
    pub(crate) budgets: Vec<f64>,
}

impl Curves {
    /// The plot twice, for wide and for narrow screens.
    pub(crate) fn svg(&self) -> String {
        let wide = Plot { curves: self, class: "wide", width: 800.0, height: 420.0, right: 110.0, ticks: &TICKS };
        let narrow = Plot { curves: self, class: "narrow", width: 340.0, height: 360.0, right: 92.0, ticks: &FEW };
        wide.svg() + &narrow.svg()
    }
}

struct Plot<'a> {
    curves: &'a Curves,
    class: &'static str,
    width: f64,
    height: f64,
    /// Room for the names.
    right: f64,
    ticks: &'a [f64],
}

impl Plot<'_> {
    fn x(&self, friction: f64) -> f64 {
        LEFT + scale(friction) * (self.end() - LEFT)
    }

    fn y(&self, detection: f64) -> f64 {
        self.floor() - detection.clamp(0.0, 1.0) * (self.floor() - TOP)
    }

    fn end(&self) -> f64 {
        self.width - self.right
    }

    fn floor(&self) -> f64 {
        self.height - BOTTOM
    }

    fn svg(&self) -> String {
        let mut lines = String::new();
        let mut names = Vec::new();
        let mut curves: Vec<&Curve> = self.curves.curves.iter().collect();
        // Ours is drawn last, above the others.
        curves.sort_by_key(|curve| curve.ours);
        for curve in curves {
            let points = shown(&curve.points);
            let Some((friction, detection)) = points.last() else { continue };
            let (x, y) = (self.x(*friction), self.y(*detection));
            lines += &self.line(curve, &points);
            names.push(Name { words: words(&curve.name), ours: curve.ours, x, y, at: y });
        }
        format!(
            "<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Detection against friction, a line for \
             each detector; the table below has the figures\">{}{lines}{}{}</svg>",
            self.class,
            self.width,
            self.height,
            self.axes(),
            self.names(names),
            self.here(),
        )
    }

    fn axes(&self) -> String {
        let (floor, end) = (self.floor(), self.end());
        let mut svg = String::new();
        for tenths in [0.0, 2.5, 5.0, 7.5, 10.0] {
            let y = self.y(tenths / 10.0);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{end}\"/><text x=\"{}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                tenths / 10.0,
            );
        }
        for tick in self.ticks {
            let x = self.x(*tick);
            let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>", floor + 15.0);
        }
        for budget in &self.curves.budgets {
            let _ = write!(svg, "<path class=\"budget\" d=\"M{:.1} {TOP}V{floor}\"/>", self.x(*budget));
        }
        let _ =
            write!(svg, "<text x=\"{LEFT}\" y=\"{}\">false alarms in 1,000 benign sessions</text>", self.height - 4.0,);
        svg
    }

    fn line(&self, curve: &Curve, points: &[(f64, f64)]) -> String {
        let class = if curve.ours { " ours" } else { "" };
        let mut path = String::new();
        let mut spots = String::new();
        for (friction, detection) in points {
            let (x, y) = (self.x(*friction), self.y(*detection));
            let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { "L" });
            let _ = write!(spots, "<circle class=\"spot{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.2\"/>");
        }
        format!(
            "<path class=\"curve{class}\" d=\"{path}\"><title>{}</title></path>{spots}",
            escaped(&words(&curve.name))
        )
    }

    /// The names in a column, none above another, each led to by a line from where its curve ends.
    fn names(&self, mut names: Vec<Name>) -> String {
        names.sort_by(|a, b| a.y.total_cmp(&b.y));
        let mut least = TOP;
        for name in &mut names {
            name.at = name.y.max(least);
            least = name.at + LINE;
        }
        // What does not fit at the bottom moves up.
        let mut most = self.floor() + 2.0;
        for name in names.iter_mut().rev() {
            name.at = name.at.min(most);
            most = name.at - LINE;
        }
        let end = self.end();
        let text = names.iter().map(|name| {
            let Name { words, x, y, at, ours } = name;
            let class = if *ours { " class=\"ours\"" } else { "" };
            format!(
                "<path class=\"leader\" d=\"M{:.1} {y:.1}L{:.1} {at:.1}\"/><text{class} x=\"{:.1}\" \
                 y=\"{:.1}\">{}</text>",
                x + 3.0,
                end + 8.0,
                end + 11.0,
                at + 4.0,
                escaped(words)
            )
        });
        text.collect()
    }

    fn here(&self) -> String {
        let Some((friction, detection)) = self.curves.here.filter(|(friction, _)| *friction <= FRICTION_END) else {
            return String::new();
        };
        let (x, y) = (self.x(friction), self.y(detection));
        format!(
            "<circle class=\"spot ours\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\"><title>this configuration: \
             {detection:.2} at {friction:.1}</title></circle><text class=\"ours\" x=\"{:.1}\" y=\"{:.1}\">as \
             configured</text>",
            x + 8.0,
            y + 15.0
        )
    }
}

struct Name {
    words: String,
    ours: bool,
    /// Where the curve ends.
    x: f64,
    y: f64,
    /// Where the name is.
    at: f64,
}

fn scale(friction: f64) -> f64 {
    friction.max(0.0).ln_1p() / FRICTION_END.ln_1p()
}

/// The points within the scale; a line that leaves it ends at its border.
fn shown(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut shown: Vec<(f64, f64)> = points.iter().copied().filter(|(friction, _)| *friction <= FRICTION_END).collect();
    let outside = points.iter().find(|(friction, _)| *friction > FRICTION_END);
    if let (Some((from, low)), Some((to, high))) = (shown.last().copied(), outside) {
        let part = (1.0 - scale(from)) / (scale(*to) - scale(from));
        shown.push((FRICTION_END, low + part * (high - low)));
    }
    shown
}

//! What every report's page has: head, style, the frame around its cards, bars and rows of figures.
//! What the figures mean is not known here.

use super::html::escaped;

const STYLE: &str = include_str!("style.css");
const MORE: &str = include_str!("page.css");

/// A whole page. `body` is HTML already, `title` is not.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{}</title>\n<style>\n{STYLE}{MORE}\
         </style></head><body class=\"report\"><main>\n{body}</main></body></html>\n",
        escaped(title)
    )
}

/// A card. `body` is HTML already; without a heading it is the next part of the one before.
pub(crate) fn card(heading: &str, body: &str) -> String {
    format!("<section><h2>{}</h2>{body}</section>\n", escaped(heading))
}

/// One line of a list of bars: a name, how long its bar is (0..=1), and figures in words.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) length: f64,
    pub(crate) figures: String,
    pub(crate) soft: String,
}

/// Bars below each other, with a line across all of them at `limit` (0..=1).
pub(crate) fn bars(bars: &[Bar], limit: Option<f64>) -> String {
    let line = limit.map_or(String::new(), |limit| format!("<b style=\"left:{}\"></b>", percent(limit)));
    let rows = bars.iter().map(|bar| {
        format!(
            "<li><span>{}</span><span class=\"track\"><i style=\"width:{}\"></i>{line}</span>\
             <span class=\"figures\">{} <small>{}</small></span></li>",
            escaped(&bar.name),
            percent(bar.length),
            escaped(&bar.figures),
            escaped(&bar.soft)
        )
    });
    format!("<ul class=\"bars\">{}</ul>", rows.collect::<String>())
}

/// A share as CSS has it.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2}%", share.clamp(0.0, 1.0) * 100.0)
}

/// Where a friction per 1,000 lies between 0 and 200, on a scale that has a 0 and gives small figures room.
pub(crate) fn friction_scale(per_1000: f64) -> f64 {
    (per_1000.max(0.0).ln_1p() / FRICTION_END.ln_1p()).min(1.0)
}

/// The far end of the friction scale, per 1,000.
pub(crate) const FRICTION_END: f64 = 200.0;

/// Names of members have underscores where words have spaces.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

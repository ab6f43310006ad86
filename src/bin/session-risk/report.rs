//! HTML reports: one self-contained file each, without a script and without anything to load.
//! What they tell is collected elsewhere; here it is only drawn.

#[path = "report/curves.rs"]
mod curves;
#[path = "report/evaluation.rs"]
mod evaluation;
#[path = "report/html.rs"]
pub(crate) mod html;
#[path = "report/log.rs"]
pub(crate) mod log;
#[path = "report/plot.rs"]
mod plot;
#[path = "report/shell.rs"]
mod shell;
#[path = "report/story.rs"]
mod story;

pub(crate) use evaluation::evaluation;

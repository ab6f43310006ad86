//! `session-risk explain`: one session's life for a ticket. Finds the session in the log and has its story told; what is in
//! a story is `explain/story.rs`, how it is worded `explain/words.rs`, `text.rs` and `json.rs`.

#[path = "explain/json.rs"]
mod json;
#[path = "explain/story.rs"]
mod story;
#[path = "explain/text.rs"]
mod text;
#[path = "explain/words.rs"]
mod words;

use crate::trace::{Failure, Inputs};
use session_risk::{
    policy::Action,
    replay::{Step, record::Record},
    score::Thresholds,
};
use std::io::{self, Write};
use story::Story;

/// Sessions followed that begin as the wanted one does, until it is clear which is meant.
const CANDIDATES: usize = 8;
/// Sessions suggested when the wanted one is not there.
const SUGGESTED: usize = 5;

/// How a story is told.
#[derive(clap::Args)]
pub(crate) struct Manner {
    /// Tell every request, also those that go on with what an earlier one began
    #[arg(long)]
    all: bool,
    /// Print the story as JSON
    #[arg(long)]
    json: bool,
}

/// Tells the life of the session of this name, or of the only one whose name begins so.
pub(crate) fn run(inputs: &Inputs, session: &str, manner: &Manner) -> Result<(), Failure> {
    let config = inputs.configuration()?;
    let mut search = Search { wanted: session, all: manner.all, found: Vec::new(), more: 0, risky: Vec::new() };
    let mut thresholds = Thresholds::default();
    inputs.run(&config, &mut |replay, record| {
        // Other sessions share the table, and may push this one out of it.
        let Some(step) = replay.step(record) else { return Ok(()) };
        thresholds = replay.thresholds();
        search.see(record, &step, replay.rules_of(&step));
        Ok(())
    })?;
    let story = search.story()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if manner.json {
        writeln!(out, "{:#}", json::value(&story, &thresholds))?;
    } else {
        text::write(&mut out, &story, &thresholds)?;
    }
    Ok(out.flush()?)
}

/// The search for a session while the log goes by.
struct Search<'a> {
    wanted: &'a str,
    all: bool,
    found: Vec<Story>,
    /// Requests of further sessions whose names begin so.
    more: u64,
    risky: Vec<Risky>,
}

/// A session worth a look.
struct Risky {
    session: String,
    score: u8,
    flagged: bool,
}

impl Search<'_> {
    fn see(&mut self, record: &Record, step: &Step, rules: &[session_risk::policy::Rule]) {
        if self.found.is_empty() {
            self.rank(record, step);
        }
        if !record.session.starts_with(self.wanted) {
            return;
        }
        let exact = |story: &Story| story.session == self.wanted;
        if let Some(story) = self.found.iter_mut().find(|story| story.session == record.session) {
            story.tell(record, step, rules);
        } else if record.session == self.wanted {
            // Its own name is nobody else's.
            self.found.clear();
            self.more = 0;
            self.begin(record, step, rules);
        } else if self.found.iter().any(exact) {
        } else if self.found.len() < CANDIDATES {
            self.begin(record, step, rules);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn begin(&mut self, record: &Record, step: &Step, rules: &[session_risk::policy::Rule]) {
        let mut story = Story::new(record, self.all);
        story.tell(record, step, rules);
        self.found.push(story);
    }

    /// Keeps the few sessions with the highest scores, to suggest.
    fn rank(&mut self, record: &Record, step: &Step) {
        let score = step.assessment.score.points();
        let flagged = step.assessment.decision.action != Action::Allow;
        let lowest = if self.risky.len() < SUGGESTED { 0 } else { self.risky.last().map_or(0, |risky| risky.score) };
        if score <= lowest {
            return;
        }
        match self.risky.iter_mut().find(|risky| risky.session == record.session) {
            Some(risky) => {
                risky.score = risky.score.max(score);
                risky.flagged |= flagged;
            }
            None => self.risky.push(Risky { session: record.session.clone(), score, flagged }),
        }
        self.risky.sort_by_key(|risky| std::cmp::Reverse(risky.score));
        self.risky.truncate(SUGGESTED);
    }

    fn story(mut self) -> Result<Story, Failure> {
        let wanted = self.wanted;
        if self.found.len() > 1 {
            let names: Vec<String> = self.found.iter().map(|story| format!("  {}", story.session)).collect();
            let more = if self.more > 0 { "\n  and others" } else { "" };
            let message =
                format!("`{wanted}` is how several sessions begin; say more of one:\n{}{more}", names.join("\n"));
            return Err(message.into());
        }
        self.found.pop().ok_or_else(|| {
            let line = |risky: &Risky| {
                let flagged = if risky.flagged { ", flagged" } else { "" };
                format!("\n  {} (score {}{flagged})", risky.session, risky.score)
            };
            let risky: String = self.risky.iter().map(line).collect();
            let hint =
                if risky.is_empty() { String::new() } else { format!("; those with the highest scores:{risky}") };
            Failure::from(format!(
                "no request of session `{wanted}` is in the log; name it as the log does, or its beginning{hint}"
            ))
        })
    }
}

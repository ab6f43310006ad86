//! What happened in one session, request by request: sent through the public path, read back from the access log.

use crate::gateway::{Client, Gateway, Reply, Request};
use serde_json::{Value, json};
use std::time::Instant;

pub(crate) struct Event {
    /// Milliseconds since the session's first request.
    pub(crate) at_ms: u64,
    /// What the request is, in words.
    pub(crate) label: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) score: Option<u8>,
    pub(crate) level: String,
    pub(crate) action: String,
    pub(crate) reasons: String,
    /// Whether the upstream saw it.
    pub(crate) forwarded: bool,
}

pub(crate) struct Timeline {
    pub(crate) name: &'static str,
    pub(crate) story: &'static str,
    pub(crate) events: Vec<Event>,
    pub(crate) problem: Option<String>,
    /// Facts worth telling besides, such as how many exports got through.
    pub(crate) notes: Vec<String>,
    started: Option<Instant>,
    colour: bool,
}

impl Timeline {
    pub(crate) fn new(name: &'static str, story: &'static str, colour: bool) -> Self {
        Self { name, story, events: Vec::new(), problem: None, notes: Vec::new(), started: None, colour }
    }

    /// Sends a request, notes and prints what became of it.
    pub(crate) fn send(
        &mut self,
        gateway: &Gateway,
        client: &mut Client,
        label: &str,
        request: Request,
    ) -> Result<(Reply, &Event), String> {
        let started = *self.started.get_or_insert_with(Instant::now);
        let id = format!("{}-{}", self.name, self.events.len() + 1);
        let request = request.header("x-request-id", &id);
        let at_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let reply = client.send(&request).map_err(|error| format!("no reply to {label}: {error}"))?;
        let line = gateway.envoy.log.line(&id).ok_or_else(|| format!("no access log line of {label}"))?;
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let event = Event {
            at_ms,
            label: label.to_owned(),
            method: request.method,
            path: request.path,
            status: reply.status,
            score: line["score"].as_str().and_then(|score| score.parse().ok()),
            level: text("level"),
            action: text("action"),
            reasons: text("reasons"),
            forwarded: gateway
                .upstream
                .seen()
                .iter()
                .any(|seen| seen.headers.contains(&("x-request-id".into(), id.clone()))),
        };
        self.print(&event);
        self.events.push(event);
        Ok((reply, self.events.last().ok_or("an event was just added")?))
    }

    /// Notes a fact and prints it.
    pub(crate) fn note(&mut self, note: String) {
        println!("  {note}");
        self.notes.push(note);
    }

    pub(crate) fn json(&self) -> Value {
        let events: Vec<Value> = self.events.iter().map(event_json).collect();
        json!({
            "case": self.name, "story": self.story, "passed": self.problem.is_none(), "problem": self.problem,
            "notes": self.notes, "events": events,
        })
    }

    fn print(&self, event: &Event) {
        let Event { at_ms, label, status, action, reasons, .. } = event;
        let paint = |code: &str, text: String| if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text };
        let code = match action.as_str() {
            "allow" => "32",
            "restrict" => "33",
            _ => "31",
        };
        let score = event.score.map_or("-".to_owned(), |score| score.to_string());
        let seconds = f64::from(u32::try_from(*at_ms).unwrap_or(u32::MAX)) / 1000.0;
        let decided = paint(code, format!("{status} {score:>3} {action:<8}"));
        println!("  {seconds:>6.2}s  {decided}  {label:<44} {}", paint("2", reasons.clone()));
    }
}

fn event_json(event: &Event) -> Value {
    json!({
        "at_ms": event.at_ms, "label": event.label, "method": event.method, "path": event.path, "status": event.status,
        "score": event.score, "level": event.level, "action": event.action, "reasons": event.reasons,
        "forwarded": event.forwarded,
    })
}

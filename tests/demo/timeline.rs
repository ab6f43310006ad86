//! What happened in one session, request by request: sent through the public path, read back from the access log.

use crate::gateway::{Client, Gateway, Reply, Request, interrupt};
use serde_json::{Value, json};
use std::time::Instant;

pub(crate) struct Event {
    /// Milliseconds since the session's first request.
    pub(crate) at_ms: u64,
    /// What the request is, in words.
    pub(crate) label: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Country and autonomous system, as Envoy's geoip filter found them.
    pub(crate) network: String,
    pub(crate) status: u16,
    pub(crate) score: Option<u8>,
    pub(crate) level: String,
    pub(crate) action: String,
    /// Comma-separated.
    pub(crate) reasons: String,
    /// Whether the upstream saw it.
    pub(crate) forwarded: bool,
}

pub(crate) struct Timeline {
    pub(crate) name: &'static str,
    pub(crate) story: &'static str,
    pub(crate) events: Vec<Event>,
    /// Parts of the story: index of the first event, and a name.
    pub(crate) chapters: Vec<(usize, &'static str)>,
    pub(crate) problem: Option<String>,
    /// Facts worth telling besides, such as how many exports got through.
    pub(crate) notes: Vec<String>,
    started: Option<Instant>,
    colour: bool,
}

impl Timeline {
    pub(crate) fn new(name: &'static str, story: &'static str, colour: bool) -> Self {
        let (events, chapters, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, story, events, chapters, problem: None, notes, started: None, colour }
    }

    /// Begins a part of the story.
    pub(crate) fn chapter(&mut self, name: &'static str) {
        if self.chapters.is_empty() {
            let heads = ("time", "status", "score", "level", "action", "request", "reasons");
            let (time, status, score, level, action, request, reasons) = heads;
            println!("{time:>8} {status} {score} {level:<9}{action:<9} {request:<33} {reasons}");
        }
        println!("  {}", self.painted("1", name));
        self.chapters.push((self.events.len(), name));
    }

    /// Sends a request, notes and prints what became of it.
    pub(crate) fn send(
        &mut self,
        gateway: &Gateway,
        client: &mut Client,
        label: &str,
        request: Request,
    ) -> Result<(Reply, &Event), String> {
        if interrupt::came() {
            return Err("interrupted".to_owned());
        }
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
            network: format!("{} AS{}", text("country"), text("asn")),
            status: reply.status,
            score: line["score"].as_str().and_then(|score| score.parse().ok()),
            level: text("level"),
            action: text("action"),
            reasons: text("reasons"),
            forwarded: gateway.upstream.saw(&id),
        };
        self.print(&event);
        self.events.push(event);
        Ok((reply, self.events.last().ok_or("an event was just added")?))
    }

    /// Notes a fact and prints it.
    pub(crate) fn note(&mut self, note: String) {
        println!("  {}", self.painted("1", &note));
        self.notes.push(note);
    }

    /// The requests at which the action changed.
    pub(crate) fn turning_points(&self) -> impl Iterator<Item = &Event> {
        let mut last = "allow";
        self.events.iter().filter(move |event| std::mem::replace(&mut last, event.action.as_str()) != event.action)
    }

    pub(crate) fn json(&self) -> Value {
        let chapters: Vec<Value> =
            self.chapters.iter().map(|(first, name)| json!({"first_event": first, "name": name})).collect();
        json!({
            "case": self.name, "story": self.story, "passed": self.problem.is_none(), "problem": self.problem,
            "notes": self.notes, "chapters": chapters, "events": self.events.iter().map(Event::json).collect::<Vec<_>>(),
        })
    }

    fn print(&self, event: &Event) {
        let Event { label, status, level, action, reasons, .. } = event;
        let code = match action.as_str() {
            "allow" => "32",
            "restrict" => "33",
            _ => "31",
        };
        let score = event.score.map_or("-".to_owned(), |score| score.to_string());
        let decided = self.painted(code, &format!("{status:>6} {score:>5} {level:<8} {action:<8}"));
        println!("{:>7.2}s {decided}  {label:<33} {}", event.seconds(), self.painted("2", &reasons.replace(',', ", ")));
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Event {
    /// Seconds since the session's first request.
    pub(crate) fn seconds(&self) -> f64 {
        f64::from(u32::try_from(self.at_ms).unwrap_or(u32::MAX)) / 1000.0
    }

    fn json(&self) -> Value {
        json!({
            "at_ms": self.at_ms, "label": self.label, "method": self.method, "path": self.path,
            "network": self.network, "status": self.status, "score": self.score, "level": self.level,
            "action": self.action, "reasons": self.reasons, "forwarded": self.forwarded,
        })
    }
}

//! Traces in memory: what each session did and was answered, so that many configurations run over it without reading it
//! again. A session is run by itself from an empty past: there is no table here, so nothing is pushed out of one.

use super::{
    fate::Fate,
    pins::{FAMILIES, Pins},
};
use crate::{
    config::{Config, ConfigError},
    engine::Engine,
    facts::{Access, Facts, Outcome},
    replay::{self, record::Record},
    session::Session,
    time::Span,
};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The part of a configuration that can change while the facts stay: weights, levels, rules.
#[derive(Clone, Debug)]
pub struct Scorer {
    /// Weights, levels, rules.
    pub engine: Engine,
    /// Silence after which a session is forgotten.
    pub idle: Span,
}

impl Scorer {
    /// Of a configuration, as a replay runs it.
    ///
    /// # Errors
    /// Every problem of the configuration.
    pub fn new(config: &Value) -> Result<Self, ConfigError> {
        let config = Config::from_json(replay::gateway_config(config.clone()).to_string().as_bytes())?;
        Ok(Self { engine: config.engine, idle: config.table.idle })
    }
}

/// One request of a session.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The request as the core sees it.
    pub facts: Facts,
    /// How it was answered, where the trace says it.
    pub outcome: Option<Outcome>,
    /// Requests from the onset of the attack to this one, both included; 0 before it, and where there is none.
    pub since_onset: u32,
    /// The attacker drives it.
    pub attack: bool,
    /// It calls a tool that is not among those which the scope declares, and does more than read.
    pub undeclared_write: bool,
}

/// One session of a trace.
#[derive(Debug, Default)]
pub struct Life {
    /// Its name in the trace.
    pub session: String,
    /// Whose it is; may be empty.
    pub subject: String,
    /// What drives it, as the trace says it.
    pub actor: String,
    /// The story that it belongs to; empty where there is no label.
    pub scenario: String,
    /// `real`, `real+splice`, `synthetic`; empty where there is no label.
    pub source: String,
    /// Its requests, those left out that could not be scored.
    pub requests: Vec<Request>,
    /// Number of the attacker's first request, from 1.
    pub onset: Option<u32>,
    /// Its requests, scored or not.
    pub seen: u32,
    /// The most that each simple rule saw before the onset, and from it on.
    pub peaks: [(u32, u32); FAMILIES.len()],
    pins: Pins,
}

/// Every session of some traces, in the order in which they came.
#[derive(Debug, Default)]
pub struct Corpus {
    /// The sessions.
    pub lives: Vec<Life>,
    index: HashMap<(String, String), usize>,
}

impl Corpus {
    /// Takes a request in. `facts` are `None` where the gateway could not score it. Returns the index of its session.
    pub fn take(&mut self, record: &Record, facts: Option<&Facts>) -> usize {
        let label = record.label.clone().unwrap_or_default();
        let lives = &mut self.lives;
        let at = *self.index.entry((label.scenario.clone(), record.session.clone())).or_insert_with(|| {
            lives.push(Life {
                session: record.session.clone(),
                subject: record.subject.clone(),
                actor: record.actor.clone(),
                scenario: label.scenario.clone(),
                source: label.source.clone(),
                ..Life::default()
            });
            lives.len().saturating_sub(1)
        });
        let Some(life) = lives.get_mut(at) else { return at };
        life.seen = life.seen.saturating_add(1);
        if label.attack {
            life.onset.get_or_insert(life.seen);
        }
        let since_onset = life.onset.map_or(0, |onset| life.seen.saturating_sub(onset).saturating_add(1));
        for ((before, after), seen) in life.peaks.iter_mut().zip(life.pins.take(record)) {
            let peak = if since_onset == 0 { before } else { after };
            *peak = seen.max(*peak);
        }
        if let Some(facts) = facts {
            let outcome = record.status.map(|status| Outcome { status, bytes: record.bytes_out, ..Outcome::default() });
            let undeclared_write = facts.action.access != Access::Read && undeclared(record);
            let request = Request { facts: *facts, outcome, since_onset, attack: label.attack, undeclared_write };
            life.requests.push(request);
        }
        at
    }

    /// Whether each session is flagged under `scorer`: attacks from their onset on, others at all.
    pub fn flagged<'a>(&'a self, scorer: &'a Scorer) -> impl Iterator<Item = bool> + 'a {
        self.lives.iter().map(|life| life.run(scorer, false).flagged(life))
    }
}

/// Whether a request calls a tool that its scope, which declares tools, does not declare. Read from the trace and not
/// from what the gateway made of it, which is what is measured.
fn undeclared(record: &Record) -> bool {
    let (Some(scope), Some(tool)) = (&record.scope, &record.tool) else { return false };
    let mut declared = scope.split_ascii_whitespace().filter_map(|entry| entry.strip_prefix("tool:")).peekable();
    declared.peek().is_some() && declared.all(|name| name != tool)
}

impl Life {
    /// What it counts as in tables: its scenario, or where there is no label what drives it.
    pub fn class(&self) -> &str {
        if self.scenario.is_empty() { &self.actor } else { &self.scenario }
    }

    /// What becomes of this session under `scorer`, as a gateway with room for it would have it (`root.rs`): what an
    /// answer teaches is learned only from requests that the configured mode forwards, and a session that nobody verified
    /// is kept only once it was accepted. Unless the `whole` session is asked for, it ends
    /// with the request that settles whether it is flagged.
    pub fn run(&self, scorer: &Scorer, whole: bool) -> Fate {
        let (mut fate, mut session) = (Fate::default(), None);
        let engine = &scorer.engine;
        for request in &self.requests {
            let facts = &request.facts;
            let known = session.filter(|session: &Session| !session.expired(facts.now, scorer.idle));
            let admitted = known.is_some() || facts.verified;
            let assessment = engine.assess(facts, known);
            fate.take(self, request, &assessment, &engine.rules);
            if !whole && fate.flagged(self) {
                break;
            }
            let mut next = assessment.session;
            let forwarded = assessment.decision.effective().forwards(facts.action.access);
            let outcome = request.outcome.filter(|_| forwarded);
            let accepted = outcome.is_some_and(|outcome| !matches!(outcome.status, 401 | 403));
            let worth = |outcome: &Outcome| next.baseline.error_sum > 0 || Engine::worth_observing(facts, outcome);
            if let Some(outcome) = outcome.filter(|outcome| if admitted { worth(outcome) } else { accepted }) {
                fate.heard(&engine.observe(facts, &outcome, &mut next, facts.now));
            }
            session = (admitted || accepted).then_some(next);
        }
        fate
    }
}

/// Does `work` for every number below `jobs`, on as many threads as there are processors, and returns the results in
/// order: what comes out does not depend on how many threads there were.
pub fn spread<T: Send>(jobs: usize, work: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                return done;
            }
            done.push((job, work(job)));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.max(1));
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        for other in others {
            match other.join() {
                Ok(mut results) => done.append(&mut results),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(job, _)| *job);
    done.into_iter().map(|(_, result)| result).collect()
}

//! One session's life as it unfolds: who it was, stretches of requests that are alike, when it was first flagged, and what
//! got through after that. It keeps no address, and no more than a bound however long the session lives.

use session_risk::{
    audit,
    facts::{ACCESSES, Access, Tier},
    policy::{Action, Rule, access_number},
    replay::{Step, record::Record},
    score::{Contribution, Level},
    session::Session,
    signal::{Change, Kind},
    time::Timestamp,
};

/// Stretches kept. What comes later is counted with the last one.
const STRETCHES: usize = 10_000;
/// Networks and clients told apart.
const PLACES: usize = 8;
/// Requests named that got through after the first flag.
const NAMED: usize = 20;

/// Requests by what they do, in the order of [`ACCESSES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(pub(crate) [u64; ACCESSES.len()]);

impl Counts {
    fn add(&mut self, access: Access) {
        if let Some(count) = self.0.get_mut(usize::from(access_number(access))) {
            *count = count.saturating_add(1);
        }
    }

    /// All of them.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// What became of requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    pub(crate) let_through: Counts,
    pub(crate) refused: Counts,
    /// Of those let through, the ones that a decision in shadow would have refused.
    pub(crate) spared: Counts,
}

impl Fate {
    fn add(&mut self, step: &Step) {
        let (access, decision) = (step.facts.action.access, &step.assessment.decision);
        if !decision.effective().forwards(access) {
            self.refused.add(access);
            return;
        }
        self.let_through.add(access);
        if !decision.action.forwards(access) {
            self.spared.add(access);
        }
    }

    /// All requests.
    pub(crate) fn requests(&self) -> u64 {
        self.let_through.sum().saturating_add(self.refused.sum())
    }
}

/// One reason for a score.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    pub(crate) kind: Kind,
    pub(crate) points: f64,
    pub(crate) change: String,
    /// Minutes since it was raised; `None` when this request raised it.
    pub(crate) age: Option<u64>,
    what: Change,
}

impl Reason {
    fn of(item: &Contribution, now: Timestamp) -> Self {
        let age = now.since(Timestamp::from_seconds(item.at)).millis() / 60_000;
        Self {
            kind: item.kind,
            points: f64::from(item.strength.units()) / 32.0,
            change: audit::change(&item.change),
            age: (!item.fresh).then_some(age),
            what: item.change,
        }
    }

    /// Whether a later reason says nothing new: the same kind and, unless it only counts on, the same change.
    fn covers(&self, later: &Self) -> bool {
        let counts = matches!(later.what, Change::Exports(_) | Change::Travel(..) | Change::Mix(_) | Change::Targets);
        self.kind == later.kind && (later.age.is_some() || counts || self.what == later.what)
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Its number in the session, from 1.
    pub(crate) number: u64,
    pub(crate) time: u64,
    pub(crate) method: String,
    /// Without query.
    pub(crate) path: String,
    pub(crate) tool: Option<String>,
    pub(crate) access: Access,
    pub(crate) place: String,
    pub(crate) status: Option<u16>,
    pub(crate) score: (u8, u8),
    pub(crate) level: (Level, Level),
    pub(crate) reasons: Vec<Reason>,
    /// A newer authentication than before came with it.
    pub(crate) signed_in: bool,
    pub(crate) action: Action,
    pub(crate) enforced: bool,
    pub(crate) rule: Option<String>,
    pub(crate) let_through: bool,
}

impl Moment {
    /// Nothing is held against the session.
    pub(crate) fn quiet(&self) -> bool {
        self.action == Action::Allow && self.reasons.is_empty() && self.level.0 == self.level.1 && !self.signed_in
    }

    /// Whether `later` goes on with what this began.
    fn goes_on(&self, later: &Self) -> bool {
        let known = |reason: &Reason| self.reasons.iter().any(|told| told.covers(reason));
        self.quiet() == later.quiet()
            && later.level.0 == later.level.1
            && !later.signed_in
            && (self.action, &self.rule, self.enforced) == (later.action, &later.rule, later.enforced)
            && later.reasons.iter().all(known)
    }
}

/// Requests in a row that are alike.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    /// The one that began it.
    pub(crate) first: Moment,
    /// All of them, the first included.
    pub(crate) fate: Fate,
    pub(crate) until: u64,
    /// Score at its end.
    pub(crate) score: u8,
}

/// The first request that was not simply allowed.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    pub(crate) moment: Moment,
    /// Number and time of the request at which the evidence for it began to grow from nothing.
    pub(crate) began: (u64, u64),
    /// What got through from then on before the flag.
    pub(crate) before: Fate,
    /// What became of the flagged request and all after it.
    pub(crate) after: Fate,
    /// Writes, exports, administration and sensitive reads that got through; the first of them.
    pub(crate) got_through: Vec<Moment>,
    pub(crate) got_through_count: u64,
}

/// A session's life.
pub(crate) struct Story {
    pub(crate) session: String,
    pub(crate) subject: String,
    pub(crate) actor: String,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) requests: u64,
    pub(crate) fate: Fate,
    pub(crate) networks: Vec<(String, u64)>,
    pub(crate) clients: Vec<(String, u64)>,
    pub(crate) stretches: Vec<Stretch>,
    /// Requests that are counted with the last stretch because the story is full.
    pub(crate) untold: u64,
    pub(crate) peak: Option<Moment>,
    pub(crate) flag: Option<Flag>,
    /// The session as the last request left it, and when that was.
    pub(crate) end: Option<(Session, Timestamp)>,
    /// Every request is a stretch of its own.
    all: bool,
    rise: Option<((u64, u64), Fate)>,
    /// What changed when a kind was last raised.
    changes: Vec<(Kind, String)>,
    score: u8,
    level: Level,
    auth_time: u32,
}

impl Story {
    /// The story of a session before its first request. With `all`, requests that are alike are told one by one.
    pub(crate) fn new(record: &Record, all: bool) -> Self {
        Self {
            session: record.session.clone(),
            subject: record.subject.clone(),
            actor: record.actor.clone(),
            first: record.ts,
            last: record.ts,
            requests: 0,
            fate: Fate::default(),
            networks: Vec::new(),
            clients: Vec::new(),
            stretches: Vec::new(),
            untold: 0,
            peak: None,
            flag: None,
            end: None,
            all,
            rise: None,
            changes: Vec::new(),
            score: 0,
            level: Level::Low,
            auth_time: 0,
        }
    }

    /// Goes on with one request.
    pub(crate) fn tell(&mut self, record: &Record, step: &Step, rules: &[Rule]) {
        self.requests = self.requests.saturating_add(1);
        self.last = self.last.max(record.ts);
        self.fate.add(step);
        let place = network(step);
        note(&mut self.networks, &place);
        if let Some(agent) = step.facts.device.user_agent {
            note(&mut self.clients, &format!("{} on {}", agent.family.name(), agent.os.name()));
        }
        let moment = self.moment(record, step, rules, place);
        self.rising(&moment, step);
        self.flagging(&moment, step);
        if self.peak.as_ref().is_none_or(|peak| moment.score.1 > peak.score.1) {
            self.peak = Some(moment.clone());
        }
        self.score = moment.score.1;
        self.level = moment.level.1;
        self.auth_time = step.assessment.session.standing.auth_time;
        self.end = Some((step.assessment.session, step.facts.now));
        self.stretch(moment, step);
    }

    /// The reasons, each with what changed when it was last raised: a later request only knows that it was.
    fn reasons(&mut self, step: &Step) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for item in step.assessment.contributions.iter() {
            let mut reason = Reason::of(item, step.facts.now);
            match self.changes.iter_mut().find(|(kind, _)| *kind == reason.kind) {
                Some((_, told)) if reason.age.is_some() => reason.change.clone_from(told),
                Some((_, told)) => told.clone_from(&reason.change),
                None => self.changes.push((reason.kind, reason.change.clone())),
            }
            reasons.push(reason);
        }
        reasons
    }

    fn moment(&mut self, record: &Record, step: &Step, rules: &[Rule], place: String) -> Moment {
        let reasons = self.reasons(step);
        let (assessment, decision) = (&step.assessment, &step.assessment.decision);
        let rule = decision.rule.and_then(|at| rules.get(usize::from(at))).map(|rule| rule.name.clone());
        let path = record.path.split(['?', '#']).next().unwrap_or_default();
        Moment {
            number: self.requests,
            time: record.ts,
            method: record.method.clone(),
            path: path.to_owned(),
            tool: record.tool.clone(),
            access: step.facts.action.access,
            place,
            status: record.status,
            score: (self.score, assessment.score.points()),
            level: (self.level, assessment.level),
            reasons,
            signed_in: self.requests > 1 && assessment.session.standing.auth_time > self.auth_time,
            action: decision.action,
            enforced: decision.enforced,
            rule,
            let_through: decision.effective().forwards(step.facts.action.access),
        }
    }

    /// Remembers when evidence began to grow from nothing, and what got through since.
    fn rising(&mut self, moment: &Moment, step: &Step) {
        if moment.score.1 == 0 {
            self.rise = None;
            return;
        }
        let (_, fate) = self.rise.get_or_insert(((moment.number, moment.time), Fate::default()));
        if self.flag.is_none() && moment.action == Action::Allow {
            fate.add(step);
        }
    }

    fn flagging(&mut self, moment: &Moment, step: &Step) {
        if self.flag.is_none() && moment.action != Action::Allow {
            let (began, before) = self.rise.unwrap_or(((moment.number, moment.time), Fate::default()));
            self.flag = Some(Flag {
                moment: moment.clone(),
                began,
                before,
                after: Fate::default(),
                got_through: Vec::new(),
                got_through_count: 0,
            });
        }
        let Some(flag) = &mut self.flag else { return };
        flag.after.add(step);
        let matters = moment.access != Access::Read || step.facts.action.tier >= Tier::Sensitive;
        if moment.let_through && matters {
            flag.got_through_count = flag.got_through_count.saturating_add(1);
            if flag.got_through.len() < NAMED {
                flag.got_through.push(moment.clone());
            }
        }
    }

    fn stretch(&mut self, moment: Moment, step: &Step) {
        let full = self.stretches.len() >= STRETCHES;
        if let Some(last) = self.stretches.last_mut() {
            let goes_on = !self.all && last.first.goes_on(&moment);
            if goes_on || full {
                last.fate.add(step);
                last.until = moment.time;
                last.score = moment.score.1;
                self.untold = self.untold.saturating_add(u64::from(!goes_on));
                return;
            }
        }
        let mut fate = Fate::default();
        fate.add(step);
        self.stretches.push(Stretch { until: moment.time, score: moment.score.1, first: moment, fate });
    }
}

/// Where a request comes from, as far as it may be told.
fn network(step: &Step) -> String {
    let network = &step.facts.network;
    let asn = network.asn.map(|asn| format!("AS{asn}"));
    let country = network.country.map(|country| country.to_string());
    let known: Vec<String> = asn.into_iter().chain(country).collect();
    if known.is_empty() { "unknown network".to_owned() } else { known.join(" ") }
}

/// Counts a place among those seen; what no longer fits is counted together.
fn note(places: &mut Vec<(String, u64)>, place: &str) {
    let known = places.iter().position(|(other, _)| other == place);
    let at = known.unwrap_or_else(|| {
        let name = if places.len() < PLACES { place } else { "others" };
        match places.iter().position(|(other, _)| other == name) {
            Some(others) => others,
            None => {
                places.push((name.to_owned(), 0));
                places.len().saturating_sub(1)
            }
        }
    });
    if let Some((_, count)) = places.get_mut(at) {
        *count = count.saturating_add(1);
    }
}

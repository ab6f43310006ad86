//! What all streams of one worker share: the configuration, the way to the session table, the updates that wait.
//! Nothing here looks at a request.

use crate::{
    bounds::{ADMIN_REQUESTS, CAS_TRIES, KEY_BYTES, PENDING_UPDATES, SESSION_BYTES},
    config::{Config, ConfigError},
    engine::{Assessment, Engine},
    facts::{ConfigId, Facts, Outcome, SessionKey},
    host::{Effect, Host, LogLevel},
    intake::Cache,
    metrics::Counter,
    score::Level,
    session::{
        Order, Session, codec,
        local::LocalStore,
        table::{self, Rank, Step, Store, StoreError, Update},
    },
    signal::Signals,
    time::{Span, Timestamp},
};
use std::collections::VecDeque;

/// One change to one session, complete in itself: it can be run again on a newer copy, now or on a later tick.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Assess a request.
    Assess(Facts),
    /// Let a session in whose first request the upstream accepted, with that answer and when it came.
    Admit(Facts, Outcome, Timestamp),
    /// Learn an answer, and when it came.
    Observe(Facts, Outcome, Timestamp),
    /// Look at a session of the table and do what an operator orders, if anything.
    Order(SessionKey, Option<Order>, Timestamp),
}

impl Work {
    /// Which session it is about, and when.
    fn about(&self) -> (SessionKey, Timestamp) {
        match self {
            Self::Assess(facts) | Self::Admit(facts, ..) | Self::Observe(facts, ..) => (facts.key, facts.now),
            Self::Order(key, _, now) => (*key, *now),
        }
    }

    /// The configuration that it is judged by.
    fn config(&self) -> ConfigId {
        match self {
            Self::Assess(facts) | Self::Admit(facts, ..) | Self::Observe(facts, ..) => facts.config,
            Self::Order(..) => ConfigId::default(),
        }
    }
}

/// What was known of a session before a request of it was assessed.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// It is in the table, or may enter it at once.
    pub admitted: bool,
    /// Its level.
    pub level: Level,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives on the stack for a moment; a box would allocate")]
pub enum Kept {
    /// A request was assessed.
    Assessed(Assessment, Before),
    /// An answer was learned, with what it raised.
    Observed(Signals),
    /// The session that an operator asked for, as it is now.
    Found(Option<Session>),
    /// The table could not be read.
    Failed,
}

/// One worker's share of the filter.
#[derive(Debug)]
pub struct Root {
    config: Config,
    /// What was read of earlier requests.
    cache: Cache,
    /// Scratch for one bucket, so that an update allocates nothing.
    bucket: Vec<u8>,
    /// Updates that lost every try.
    waiting: VecDeque<Work>,
    /// Sessions kept in this VM, on hosts without shared data.
    local: Option<LocalStore>,
    /// A request's headers can be held back until its body is there. Kong cannot: there a paused request hangs, and the
    /// body comes, whole, only to filters that let the headers go on. It still reaches no upstream before that.
    holds_headers: bool,
    /// A minute since the epoch, and how many requests to the admin interface came in it.
    administered: (u32, u32),
}

impl Root {
    /// Reads the configuration and seeds the table.
    ///
    /// # Errors
    /// Every problem in the configuration.
    pub fn configure(host: &mut dyn Host, text: &[u8]) -> Result<Self, ConfigError> {
        let config = Config::from_json(text)?;
        let (cache, bucket, waiting) = (Cache::default(), Vec::new(), VecDeque::new());
        let mut root = Self { config, cache, bucket, waiting, local: None, holds_headers: true, administered: (0, 0) };
        let settings = &root.config.table;
        match table::seed(&mut HostStore(host), &settings.name, settings.geometry) {
            Ok(()) => root.holds_headers = !table::strict(&mut HostStore(host)).unwrap_or(false),
            Err(StoreError::Unsupported) => {
                let text = "session_risk: this host has no shared data, so every worker keeps sessions of its own";
                host.apply(Effect::Log(LogLevel::Warn, text));
                let mut local = LocalStore::default();
                // Memory of our own cannot fail.
                let _ = table::seed(&mut local, &settings.name, settings.geometry);
                root.local = Some(local);
            }
            Err(error) => {
                let text = format!("session_risk: the session table could not be prepared: {error}");
                host.apply(Effect::Log(LogLevel::Error, &text));
            }
        }
        Ok(root)
    }

    /// The whole configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The configuration of a request.
    pub fn config_of(&self, id: ConfigId) -> &Config {
        self.config.of(id)
    }

    /// What reading a request takes: its configuration, and what was read before.
    pub fn reading(&mut self, id: ConfigId) -> (&Config, &mut Cache) {
        self.cache.under(id);
        (self.config.of(id), &mut self.cache)
    }

    /// Whether a request can wait in its headers for its body.
    pub fn holds_headers(&self) -> bool {
        self.holds_headers
    }

    /// Takes over the updates that wait in `old`, which this root replaces, and the sessions of a host without shared data.
    pub fn succeed(&mut self, old: &mut Self) {
        self.waiting.append(&mut old.waiting);
        if old.config.table == self.config.table {
            self.local = old.local.take().or(self.local.take());
        }
    }

    /// Runs a change against the table. An update that loses every try waits for the next tick; its result holds.
    pub fn keep(&mut self, host: &mut dyn Host, work: &Work) -> Kept {
        let mut kept = Kept::Failed;
        let conflict = self.run(host, work, &mut kept);
        if conflict {
            if self.waiting.len() < PENDING_UPDATES {
                self.waiting.push_back(*work);
                host.apply(Effect::Count(Counter::Deferred, 1));
            } else {
                host.apply(Effect::Count(Counter::Dropped, 1));
            }
        }
        kept
    }

    /// Runs the updates that wait. Those that lose again wait for the next tick.
    pub fn tick(&mut self, host: &mut dyn Host) {
        for _ in 0..self.waiting.len() {
            let Some(work) = self.waiting.pop_front() else { return };
            if self.run(host, &work, &mut Kept::Failed) {
                self.waiting.push_back(work);
            }
        }
    }

    /// Learns how the upstream answered a request that was forwarded. A session that is not in the table enters it here,
    /// once the upstream has accepted it; most other answers teach nothing and cost nothing.
    pub fn answered(
        &mut self,
        host: &mut dyn Host,
        facts: &Facts,
        admitted: bool,
        suspicious: bool,
        outcome: Outcome,
    ) -> Signals {
        let accepted = !matches!(outcome.status, 401 | 403);
        let teaches = if admitted { suspicious || Engine::worth_observing(facts, &outcome) } else { accepted };
        if !teaches {
            return Signals::default();
        }
        let now = host.now();
        let work = if admitted { Work::Observe(*facts, outcome, now) } else { Work::Admit(*facts, outcome, now) };
        match self.keep(host, &work) {
            Kept::Observed(signals) => signals,
            Kept::Assessed(..) | Kept::Found(_) | Kept::Failed => Signals::default(),
        }
    }

    /// Spends one request of the admin interface's budget; false when the minute's is spent.
    pub fn spend(&mut self, now: Timestamp) -> bool {
        let minute = now.seconds() / 60;
        let (current, spent) = self.administered;
        let spent = if current == minute { spent } else { 0 };
        self.administered = (minute, spent.saturating_add(1));
        spent < ADMIN_REQUESTS
    }

    /// Shows `look` the live sessions of up to `most` buckets from `from` on, and gives the bucket to go on with.
    ///
    /// # Errors
    /// The host refuses to show them.
    pub fn visit(
        &mut self,
        host: &mut dyn Host,
        from: u32,
        most: u32,
        now: Timestamp,
        look: &mut dyn FnMut(SessionKey, &Session),
    ) -> Result<Option<u32>, StoreError> {
        let settings = &self.config.table;
        let rank = |body: &[u8; SESSION_BYTES]| rank(body, now, settings.idle);
        let mut show = |key: &[u8; KEY_BYTES], body: &[u8; SESSION_BYTES]| {
            if let Ok(session) = codec::decode(body)
                && !session.expired(now, settings.idle)
            {
                look(SessionKey(*key), &session);
            }
        };
        let table = (settings.name.as_str(), settings.geometry);
        match &mut self.local {
            Some(local) => table::visit(local, table, from, most, &rank, &mut show),
            None => table::visit(&mut HostStore(host), table, from, most, &rank, &mut show),
        }
    }

    /// Runs a change and says in `kept` what came of it; true when it lost every try. What came of it is large, so it is
    /// written where it is wanted, not handed on from function to function.
    fn run(&mut self, host: &mut dyn Host, work: &Work, kept: &mut Kept) -> bool {
        let engine = &self.config.of(work.config()).engine;
        let settings = &self.config.table;
        let (key, now) = work.about();
        let mut broken = 0;
        let mut step = |body: Option<&[u8; SESSION_BYTES]>| {
            let known = body.and_then(|body| match codec::decode(body) {
                // A sleeper's past says nothing about who wakes up.
                Ok(session) if session.expired(now, settings.idle) => None,
                Ok(session) => Some(session),
                Err(_) => {
                    broken = 1;
                    None
                }
            });
            match work {
                Work::Assess(facts) => {
                    let admitted = known.is_some() || facts.verified;
                    let level = known.as_ref().map_or(Level::Low, |session| session.standing.level);
                    let assessment = engine.assess(facts, known);
                    *kept = Kept::Assessed(assessment, Before { admitted, level });
                    if admitted { Step::Write(codec::encode(&assessment.session)) } else { Step::Keep }
                }
                Work::Admit(facts, outcome, now) => {
                    let mut session = engine.assess(facts, known).session;
                    *kept = Kept::Observed(engine.observe(facts, outcome, &mut session, *now));
                    Step::Write(codec::encode(&session))
                }
                Work::Observe(facts, outcome, now) => {
                    *kept = Kept::Observed(Signals::default());
                    let Some(mut session) = known else { return Step::Keep };
                    *kept = Kept::Observed(engine.observe(facts, outcome, &mut session, *now));
                    Step::Write(codec::encode(&session))
                }
                Work::Order(_, order, now) => {
                    let mut session = known;
                    let (Some(session), Some(order)) = (&mut session, order) else {
                        *kept = Kept::Found(session);
                        return Step::Keep;
                    };
                    // A clock that went backwards must not date an order before what it ends.
                    session.obey(*order, (*now).max(session.seen));
                    *kept = Kept::Found(Some(*session));
                    Step::Write(codec::encode(session))
                }
            }
        };
        let rank = |body: &[u8; SESSION_BYTES]| rank(body, now, settings.idle);
        let request = table::Request { name: &settings.name, geometry: settings.geometry, key: &key.0 };
        let updated = match &mut self.local {
            Some(local) => table::update(local, request, CAS_TRIES, &mut self.bucket, &rank, &mut step),
            None => table::update(&mut HostStore(host), request, CAS_TRIES, &mut self.bucket, &rank, &mut step),
        };
        let update = match updated {
            Ok(update) => update,
            Err(_) => {
                *kept = Kept::Failed;
                return false;
            }
        };
        count(host, &update, broken);
        update.conflict
    }
}

/// A `dyn Host` is a store, but `dyn Host` does not turn into `dyn Store` through a reborrow of a reference.
struct HostStore<'a>(&'a mut dyn Host);

impl Store for HostStore<'_> {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<table::Cas>, StoreError> {
        self.0.read(key, into)
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<table::Cas>) -> Result<table::Written, StoreError> {
        self.0.write(key, value, cas)
    }
}

fn count(host: &mut dyn Host, update: &Update, broken: u32) {
    let counts = [
        (Counter::Conflict, update.mismatches),
        (Counter::Inserted, u32::from(update.inserted)),
        (Counter::Evicted, u32::from(update.evicted)),
        (Counter::Refused, u32::from(update.refused)),
        (Counter::Discarded, update.discarded.saturating_add(broken)),
    ];
    for (counter, number) in counts {
        if number > 0 {
            host.apply(Effect::Count(counter, number));
        }
    }
}

/// How much an entry is worth keeping.
fn rank(body: &[u8; SESSION_BYTES], now: Timestamp, idle: Span) -> Rank {
    match codec::decode(body) {
        Ok(session) => {
            let expired = session.expired(now, idle);
            let protected = session.sanctioned(now) && !expired;
            let level = session.standing.level.number();
            Rank { expired, protected, level, last_seen: session.seen.millis() }
        }
        Err(_) => Rank { expired: true, protected: false, level: 0, last_seen: 0 },
    }
}

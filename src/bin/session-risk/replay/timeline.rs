//! One session's requests, thinned as they come so that a session of any length stays small: what changed something is
//! kept, of the rest every second, every fourth, and so on.
//! It keeps what may be shown to others: no address, no token, no query.

use session_risk::{
    audit,
    facts::{Access, ConfigId, SessionKey},
    policy::Action,
    replay::{Step, record::Record},
    signal::Kind,
};

/// Points kept at most, those that changed something included.
const POINTS: usize = 120;
/// Of those, the ones that changed something, and the ones on which the score was higher than ever; what exceeds that
/// is thinned like any other.
const CHANGES: usize = 60;
const HEIGHTS: usize = 100;
/// Different changes told apart; a session with more of them repeats itself as far as a reader is concerned.
const KNOWN: usize = 64;
/// Letters of a path or of a name that are shown.
const LETTERS: usize = 96;
/// Letters of a path segment from which it may be a token.
const TOKEN: usize = 40;
/// Letters of a session's name from which it may be a secret, unless it is a digest.
const SECRET: usize = 20;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// When, in milliseconds.
    pub(crate) ts: u64,
    /// Its number among the session's requests, those before the timeline included, from 1.
    pub(crate) number: u64,
    pub(crate) score: u8,
    pub(crate) level: &'static str,
    pub(crate) action: Action,
    /// Decided, not enforced.
    pub(crate) shadow: bool,
    pub(crate) forwarded: bool,
    /// Method, path or tool.
    pub(crate) what: String,
    /// Index of the rule that decided.
    pub(crate) rule: Option<(ConfigId, u8)>,
    /// What counts against the session now, strongest first.
    pub(crate) reasons: Vec<Reason>,
    /// Something changed here: kept, as far as there is room.
    pub(crate) turn: bool,
    /// Something changed that had not been so before: worth a row of its own.
    pub(crate) told: bool,
}

/// One thing that counts against a session.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    pub(crate) kind: Kind,
    pub(crate) points: f64,
    /// What changed, in words; empty where there is nothing to show.
    pub(crate) change: String,
    /// It counts for the first time, or for something else than before.
    pub(crate) new: bool,
}

impl Reason {
    /// Its name with what changed.
    pub(crate) fn words(&self) -> String {
        let name = self.kind.row().name;
        if self.change.is_empty() { name.to_owned() } else { format!("{name} {}", self.change) }
    }
}

impl Point {
    /// What changed at this request, strongest first.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(|reason| reason.new)
    }
}

/// The recorded part of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    points: Vec<Point>,
    /// The latest request where it is not among `points`.
    last: Option<Point>,
    /// Of those that changed nothing, one in how many is kept, as a power of two.
    halvings: u32,
    number: u64,
    turns: usize,
    peak: u8,
    known: Vec<String>,
    actions: Vec<Action>,
    before: u64,
}

impl Timeline {
    /// One that begins after so many requests of the session.
    pub(crate) fn new(before: u64) -> Self {
        Self { before, ..Self::default() }
    }

    /// The session's requests that came before it.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// Takes the session's next request.
    pub(crate) fn take(&mut self, mut point: Point) {
        self.number = self.number.saturating_add(1);
        point.number = self.before.saturating_add(self.number);
        let previous = self.last.as_ref().or(self.points.last());
        for reason in &mut point.reasons {
            // Evidence from an answer counts from the next request on, which did not raise it.
            let counted = previous.is_some_and(|last| last.reasons.iter().any(|other| other.kind == reason.kind));
            let words = reason.words();
            reason.new = (reason.new || !counted) && !self.known.contains(&words);
            if reason.new && self.known.len() < KNOWN {
                self.known.push(words);
            }
        }
        let risen = previous.map_or("low", |last| last.level) != point.level;
        let other = risen || previous.is_none_or(|last| last.action != point.action);
        let changed = other || point.changes().next().is_some();
        let first = point.action != Action::Allow && !self.actions.contains(&point.action);
        if first {
            self.actions.push(point.action);
        }
        let higher = point.score > self.peak && self.turns < HEIGHTS;
        self.peak = self.peak.max(point.score);
        point.turn = higher || (changed && self.turns < CHANGES);
        point.told = point.turn && (first || risen || point.changes().next().is_some());
        if point.turn {
            self.turns = self.turns.saturating_add(1);
        }
        self.last = None;
        if point.turn || self.due(point.number) {
            self.points.push(point);
        } else {
            self.last = Some(point);
        }
        while self.points.len() > POINTS {
            self.thin();
        }
    }

    fn due(&self, number: u64) -> bool {
        number.trailing_zeros() >= self.halvings
    }

    fn thin(&mut self) {
        self.halvings = self.halvings.saturating_add(1);
        let halvings = self.halvings;
        self.points.retain(|point| point.turn || point.number.trailing_zeros() >= halvings);
    }

    /// The requests kept, in order, the first and the latest among them.
    pub(crate) fn points(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().chain(&self.last)
    }

    /// Requests of its time, drawn or not.
    pub(crate) fn requests(&self) -> u64 {
        self.number
    }
}

/// A request as it is kept; its number is not known yet.
pub(crate) fn point(record: &Record, step: &Step) -> Point {
    let (assessment, decision) = (&step.assessment, &step.assessment.decision);
    let reasons = assessment.contributions.iter().map(|contribution| {
        let tool = record.tool.as_deref().filter(|_| contribution.kind == Kind::OutOfScope && contribution.fresh);
        let change = tool.map_or_else(|| audit::change(&contribution.change), |tool| shortened(tool, LETTERS));
        let points = f64::from(contribution.strength.units()) / 32.0;
        Reason { kind: contribution.kind, points, change, new: contribution.fresh }
    });
    Point {
        ts: record.ts,
        number: 0,
        score: assessment.score.points(),
        level: assessment.level.name(),
        action: decision.action,
        shadow: !decision.enforced,
        forwarded: decision.effective().forwards(step.facts.action.access),
        what: what(record),
        rule: step.rule(),
        reasons: reasons.collect(),
        turn: false,
        told: false,
    }
}

/// What a request asks for, in a few words that give nobody away.
fn what(record: &Record) -> String {
    let method = shortened(&record.method, 16);
    match (&record.tool, &record.mcp_method) {
        (Some(tool), _) => format!("{method} {} {}", path(&record.path), shortened(tool, LETTERS)),
        (None, Some(call)) => format!("{method} {} {}", path(&record.path), shortened(call, LETTERS)),
        (None, None) => format!("{method} {}", path(&record.path)),
    }
}

/// A path without its query, and without segments that may be an address, an account or a token.
fn path(path: &str) -> String {
    let end = path.find(['?', '#', ';']).unwrap_or(path.len());
    let plain = path.get(..end).unwrap_or_default();
    let segments = plain.split('/').map(|segment| if tells(segment) { "*" } else { segment });
    shortened(&segments.collect::<Vec<_>>().join("/"), LETTERS)
}

/// Whether a text may be an address, an account or a token.
fn tells(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bare = text.trim_matches(['[', ']']);
    text.chars().count() >= TOKEN
        || text.starts_with("eyJ")
        || text.contains('@')
        || lower.contains("%40")
        || bare.parse::<std::net::IpAddr>().is_ok()
        || lower.replace("%3a", ":").parse::<std::net::IpAddr>().is_ok()
}

/// A session's name where it may be shown: digests and short names. Of others the beginning, to search for; of what may
/// be a token or an address, the digest.
pub(crate) fn session(name: &str, digest: &SessionKey) -> String {
    let hex = name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let letters = name.chars().count();
    if hex && letters <= 64 || letters < SECRET && !tells(name) {
        name.to_owned()
    } else if name.starts_with("eyJ") || tells(name) {
        format!("digest-{}", shortened(&digest.to_string(), 16))
    } else {
        shortened(name, 12)
    }
}

fn shortened(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What was let through, by what it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Through {
    pub(crate) all: u64,
    pub(crate) writes: u64,
    pub(crate) exports: u64,
    pub(crate) admin: u64,
}

impl Through {
    pub(crate) fn take(&mut self, access: Access) {
        let kind = match access {
            Access::Read => None,
            Access::Write => Some(&mut self.writes),
            Access::Export => Some(&mut self.exports),
            Access::Admin => Some(&mut self.admin),
        };
        [Some(&mut self.all), kind].into_iter().flatten().for_each(|count| *count = count.saturating_add(1));
    }

    /// In words; empty when nothing but reads went through.
    pub(crate) fn beside_reads(&self) -> String {
        let parts =
            [(self.writes, "write", "writes"), (self.exports, "export", "exports"), (self.admin, "admin", "admin")];
        let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
        let words = parts.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
        words.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use session_risk::{
        replay::{self, Replay},
        score::Score,
    };

    #[test]
    fn what_is_shown_gives_nobody_away() {
        for (from, to) in [
            ("/v1/orders?token=abc", "/v1/orders"),
            ("/reset/eyJhbGciOi", "/reset/*"),
            ("/hosts/10.1.2.3/x", "/hosts/*/x"),
            ("/hosts/2001:db8::1", "/hosts/*"),
            ("/users/ann@example.org", "/users/*"),
            ("/users/ann%40example.org", "/users/*"),
            ("/k/0123456789012345678901234567890123456789", "/k/*"),
            ("/v1/orders/prd_68d00a9c", "/v1/orders/prd_68d00a9c"),
        ] {
            assert_eq!(path(from), to);
        }
        let digest = SessionKey([7; 16]);
        let hex = "0123456789abcdef0123456789abcdef0123456789abcdef";
        for (name, shown) in [
            ("c1a1b18a351970d8875e", "c1a1b18a351970d8875e"),
            (hex, hex),
            ("k1", "k1"),
            ("sess_01HXYZ01HXYZ01HXYZ", "sess_01HXYZ0\u{2026}"),
            ("eyJhbGciOi.eyJzdWIi.c2ln", "digest-0707070707070707\u{2026}"),
            ("10.1.2.3", "digest-0707070707070707\u{2026}"),
            ("ann@example.org", "digest-0707070707070707\u{2026}"),
        ] {
            assert_eq!(session(name, &digest), shown);
        }
    }

    #[test]
    fn a_session_of_any_length_keeps_its_ends_and_its_turns() {
        let mut timeline = Timeline::new(0);
        let step = step();
        for ts in 0..100_000u64 {
            let mut step = step;
            if ts % 7 == 0 {
                step.assessment.decision.action = Action::Restrict;
            }
            step.assessment.score = Score::new(u8::try_from(ts / 1000).unwrap_or(0));
            timeline.take(point(&Record { ts, ..Record::default() }, &step));
            assert!(timeline.points().count() <= POINTS + 1);
        }
        assert_eq!(timeline.requests(), 100_000);
        let numbers: Vec<u64> = timeline.points().map(|point| point.number).collect();
        assert!(numbers.is_sorted() && numbers.first() == Some(&1) && numbers.last() == Some(&100_000));
        assert!(numbers.contains(&2) && numbers.contains(&8), "where the decision changed first");
        assert!(numbers.len() > POINTS / 2, "{}", numbers.len());
    }

    /// One assessed request, of which nothing matters.
    fn step() -> Step {
        let record = Record {
            ts: 1_770_000_000_000,
            session: "s".to_owned(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            ..Record::default()
        };
        let mut replay = Replay::new(&replay::default_config()).unwrap();
        replay.step(&record).unwrap()
    }
}

//! The admin interface: look at sessions, revoke, suspend, approve, release and forget them, below a configured path.
//! For a listener that only operators reach; it is off unless configured. What an order does to a session is
//! `session.rs`'s.
//!
//! Requests are few, so it may allocate and scan; what has no admin interface pays one comparison.

mod sha256;

use crate::{
    audit,
    bounds::{ADMIN_BUCKETS, ADMIN_SESSIONS, KEY_BYTES},
    facts::{SessionKey, digest::read_hex},
    host::{Effect, Host, LogLevel},
    intake,
    response::LocalReply,
    root::{Kept, Root, Work},
    score::{Contributions, Score},
    session::{Order, Sanction, Session},
    signal::Signals,
    time::{Span, Timestamp},
};
use std::fmt::Write as _;

/// Longest secret that is looked at.
const SECRET_BYTES: usize = 1_024;
/// How long a suspension or an approval lasts when its order does not say, and at most, in seconds.
const ORDER_SECONDS: (u32, u32) = (900, 2_592_000);

/// What of a request matters here.
#[derive(Default)]
struct Asked<'a> {
    method: &'a [u8],
    path: &'a [u8],
    authorization: Option<&'a [u8]>,
    /// The identity in as many parts as its source has.
    identity: Vec<&'a [u8]>,
}

/// What an operator wants.
enum Wish {
    /// The riskiest sessions of some buckets, from this one on.
    List(u32),
    /// One session as it is.
    Read,
    /// Something done to one session.
    Order(Order),
}

/// What becomes of it: status, JSON, and for the record what was wanted and of whom.
struct Outcome {
    status: u16,
    body: String,
    does: &'static str,
    key: Option<SessionKey>,
}

impl Outcome {
    fn refused(status: u16, does: &'static str, why: &str) -> Self {
        Self { status, body: format!("{{\"error\":\"{why}\"}}"), does, key: None }
    }
}

/// Answers a request below the configured path. `None`: it is none.
pub fn answer<'a>(
    root: &mut Root,
    host: &mut dyn Host,
    pairs: &mut dyn Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Option<LocalReply> {
    let admin = root.config().admin.as_ref()?;
    let mut asked = Asked::default();
    let mut request_id = None;
    for (name, value) in pairs {
        match name.to_ascii_lowercase().as_slice() {
            b":method" => asked.method = value,
            b":path" => asked.path = value,
            b"authorization" => asked.authorization = Some(value),
            b"x-session-identity" => asked.identity.push(value),
            b"x-request-id" => request_id = intake::request_id(value),
            _ => {}
        }
    }
    let text = std::str::from_utf8(asked.path).ok()?.strip_prefix(admin.prefix.as_str())?;
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    if !matches!(place.as_bytes().first(), None | Some(b'/')) {
        return None;
    }
    let known = asked.authorization.is_some_and(|value| is_secret(value, &admin.secret));
    let now = host.now();
    // Wrong secrets spend too: the budget bounds what anybody can make the gateway do and write.
    let outcome = if !root.spend(now) {
        Outcome::refused(429, "refused", "too many requests, try again in a minute")
    } else if !known {
        Outcome::refused(401, "refused", "the secret is missing or wrong")
    } else {
        act(root, host, &asked, place, query, now)
    };
    let line = audit::admin_line(now, request_id, outcome.does, outcome.key, outcome.status);
    host.apply(Effect::Log(LogLevel::Warn, &line));
    let mut headers = vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
    match outcome.status {
        401 => headers.push(("www-authenticate", "Bearer".to_owned())),
        429 => headers.push(("retry-after", "60".to_owned())),
        _ => {}
    }
    Some(LocalReply { status: outcome.status, details: "session_risk_admin", headers, body: outcome.body })
}

/// Whether an Authorization header brings the secret. The digests are compared as a whole, so that the time it takes
/// says nothing about how much of them agrees.
fn is_secret(authorization: &[u8], digest: &[u8; 32]) -> bool {
    let Some(secret) = authorization.strip_prefix(b"Bearer ") else { return false };
    let found = sha256::digest(secret.get(..SECRET_BYTES).unwrap_or(secret));
    let difference = found.iter().zip(digest).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    difference == 0
}

fn act(root: &mut Root, host: &mut dyn Host, asked: &Asked<'_>, place: &str, query: &str, now: Timestamp) -> Outcome {
    let unknown = || Outcome::refused(404, "refused", "there is no such path; see the manual's page on operations");
    let mut parts = place.split('/').skip(1);
    let (collection, id, verb, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
    if collection != Some("sessions") || rest.is_some() {
        return unknown();
    }
    let (wish, does) = match (asked.method, id, verb) {
        (b"GET", None, None) => (Wish::List(number(query, "from").unwrap_or(0)), "list"),
        (b"GET", Some(_), None) => (Wish::Read, "read"),
        (b"POST", Some(_), Some(verb)) => {
            let (seconds, most) = (number(query, "seconds").unwrap_or(ORDER_SECONDS.0), ORDER_SECONDS.1);
            let Some((order, does)) = order(verb, Span::from_seconds(seconds)) else { return unknown() };
            if matches!(order, Order::Suspend(_) | Order::Approve(_)) && !(1..=most).contains(&seconds) {
                return Outcome::refused(400, "refused", "seconds must be in 1..=2592000");
            }
            (Wish::Order(order), does)
        }
        _ => return unknown(),
    };
    let order = match wish {
        Wish::List(from) => return list(root, host, from, now),
        Wish::Read => None,
        Wish::Order(order) => Some(order),
    };
    let keys = keys(root, id.unwrap_or_default(), &asked.identity);
    for key in keys {
        match root.keep(host, &Work::Order(key, order, now)) {
            Kept::Found(Some(session)) if does == "approve" && session.sanctioned(now) => {
                let why = "the session is suspended or revoked: release it first";
                return Outcome { key: Some(key), ..Outcome::refused(409, does, why) };
            }
            Kept::Found(Some(session)) => {
                let mut body = String::new();
                describe(key, &session, now, &mut body);
                return Outcome { status: 200, body, does, key: Some(key) };
            }
            Kept::Failed => return Outcome::refused(503, does, "the session table could not be read"),
            Kept::Found(None) | Kept::Assessed(..) | Kept::Observed(_) => {}
        }
    }
    let why = "no such session: give its 32 hex digits, or - and its identity in x-session-identity";
    Outcome::refused(404, does, why)
}

/// The order of this name, for this long where it is one of a time.
fn order(name: &str, span: Span) -> Option<(Order, &'static str)> {
    Some(match name {
        "revoke" => (Order::Revoke, "revoke"),
        "suspend" => (Order::Suspend(span), "suspend"),
        "approve" => (Order::Approve(span), "approve"),
        "release" => (Order::Release, "release"),
        "forget" => (Order::Forget, "forget"),
        _ => return None,
    })
}

/// The keys that an id may stand for: its digits, or the identity digested here, once for each source it may come from.
fn keys(root: &Root, id: &str, identity: &[&[u8]]) -> Vec<SessionKey> {
    if id != "-" {
        let mut key = [0; KEY_BYTES];
        let whole = read_hex(id, &mut key) && key != [0; KEY_BYTES];
        return if whole { vec![SessionKey(key)] } else { Vec::new() };
    }
    if identity.is_empty() {
        return Vec::new();
    }
    let config = root.config();
    let sources = 0..u8::try_from(config.session.key.len()).unwrap_or(u8::MAX);
    let key = |source: u8| {
        let source = [source];
        let parts: Vec<&[u8]> = std::iter::once(source.as_slice()).chain(identity.iter().copied()).collect();
        config.digest.session(&parts)
    };
    sources.map(key).collect()
}

/// The riskiest sessions of up to [`ADMIN_BUCKETS`] buckets, and where to go on.
fn list(root: &mut Root, host: &mut dyn Host, from: u32, now: Timestamp) -> Outcome {
    let mut top: Vec<(u8, SessionKey, Session)> = Vec::new();
    let next = root.visit(host, from, ADMIN_BUCKETS, now, &mut |key, session| {
        // One under a sanction is among the riskiest whatever its score has faded to.
        let points = Score::of(&session.evidence, now).points().max(if session.sanctioned(now) { 100 } else { 0 });
        let place = top.iter().take_while(|(other, ..)| *other >= points).count();
        if place < ADMIN_SESSIONS {
            top.insert(place, (points, key, *session));
            top.truncate(ADMIN_SESSIONS);
        }
    });
    let Ok(next) = next else { return Outcome::refused(503, "list", "the session table could not be read") };
    let mut body = "{\"sessions\":[".to_owned();
    for (index, (_, key, session)) in top.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        describe(*key, session, now, &mut body);
    }
    body.push_str("],\"next\":");
    match next {
        Some(next) => body.push_str(&next.to_string()),
        None => body.push_str("null"),
    }
    body.push('}');
    Outcome { status: 200, body, does: "list", key: None }
}

/// A session as JSON.
fn describe(key: SessionKey, session: &Session, now: Timestamp, into: &mut String) {
    let standing = &session.standing;
    let (sanction, until) = match standing.sanction {
        Sanction::Approved(until) if session.approved(now) => ("approved", until),
        _ if !session.sanctioned(now) => ("none", 0),
        Sanction::Suspended(until) => ("suspended", until),
        Sanction::Revoked => ("revoked", 0),
        Sanction::None | Sanction::Approved(_) => ("none", 0),
    };
    // A `String` takes every write.
    let _ = write!(
        into,
        "{{\"session\":\"{key}\",\"actor\":\"{}\",\"created\":{},\"seen\":{},\"requests\":{},\"score\":{},\
         \"level\":\"{}\",\"level_since\":{},\"sanction\":\"{sanction}\",\"until\":{until},\"auth_time\":{},\"reasons\":[",
        audit::actor(session.actor),
        session.created,
        session.seen.seconds(),
        session.requests,
        Score::of(&session.evidence, now).points(),
        standing.level.name(),
        standing.level_since,
        standing.auth_time,
    );
    audit::reasons(&Contributions::of(&session.evidence, &Signals::default(), now), into);
    into.push_str("]}");
}

/// A number out of a query.
fn number(query: &str, name: &str) -> Option<u32> {
    let mut values = query.split('&').filter_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    values.next()?.parse().ok()
}

//! One request's way through the filter: a state machine whose states are what it may still have to do.
//! It knows the host only as a trait, so the same code runs in the gateway and in native tests.

use crate::{
    admin, audit,
    config::Config,
    engine::Assessment,
    facts::{Access, ConfigId, Facts, Outcome, Tier, headers::Headers},
    host::{Effect, Host, LogLevel},
    intake::{self, Asker, McpCall, Target},
    metrics::{Counter, Unscored},
    policy::{Action, Mode},
    response::{self, Approval, Caller, Protocol, Told},
    root::{Before, Kept, Root, Work},
    time::Timestamp,
};

/// Where a stream stands.
#[derive(Debug, Default)]
pub enum Stream {
    /// Nothing seen yet.
    #[default]
    Opened,
    /// An MCP call whose body is not there yet. The headers are kept as the host serialised them.
    AwaitingBody {
        /// Serialised header pairs.
        headers: Vec<u8>,
        /// When it began to wait.
        since: Timestamp,
        /// The configuration that it is under.
        config: ConfigId,
    },
    /// Forwarded; the upstream's answer may have something to teach.
    Forwarded(Box<Forwarded>),
    /// Nothing left to do: answered by us, not a session, or done; the configuration that it was under.
    Finished(ConfigId),
}

/// What of an answer is of interest: reading it costs host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its status.
    pub status: bool,
    /// The length of its body.
    pub length: bool,
    /// The upstream's own report, which clients must not see, whatever became of the request.
    pub report: bool,
}

/// The response header in which the upstream reports a session.
pub const REPORT: &str = "x-session-risk-signal";

/// A request that was forwarded.
#[derive(Debug)]
pub struct Forwarded {
    facts: Facts,
    /// The session is in the table. One that is not is admitted once the upstream accepts it.
    admitted: bool,
    /// The last answers held something against the session, so even a good one changes it.
    suspicious: bool,
}

/// What the gateway does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Hold the request until its body is there.
    Pause,
    /// A local reply is on its way; the request goes nowhere.
    Replied,
}

impl Stream {
    /// The request's headers, as the host serialises them (`parse` reads the pairs).
    pub fn request_headers(root: &mut Root, host: &mut dyn Host, blob: Vec<u8>, end_of_stream: bool) -> (Self, Flow) {
        host.apply(Effect::Count(Counter::Requests, 1));
        if let Some(reply) = admin::answer(root, host, &mut pairs(&blob)) {
            host.apply(Effect::Reply(&reply));
            return (Self::Finished(ConfigId::default()), Flow::Replied);
        }
        let whole = root.config();
        let headers = whole.names.pick(pairs(&blob));
        for name in headers.own() {
            host.apply(Effect::RemoveRequestHeader(name));
        }
        if headers.count() >= HEADERS_SHOWN {
            // There may be more than the host shows.
            for name in response::HEADERS {
                host.apply(Effect::RemoveRequestHeader(name.as_bytes()));
            }
        }
        let id = intake::choose(whole, &headers);
        let request = if id == ConfigId::default() {
            Request::of(whole, id, headers, &blob)
        } else {
            Request::read(root, id, &blob)
        };
        if !request.target.calls() {
            return decide(root, host, &request, None);
        }
        if root.config_of(id).mcp.read_body && !end_of_stream {
            let since = host.now();
            let flow = if root.holds_headers() { Flow::Pause } else { Flow::Continue };
            return (Self::AwaitingBody { headers: blob, since, config: id }, flow);
        }
        // What a filter in front has read counts more than what the client says of itself.
        let of_metadata = intake::call_of_metadata(&mut |path| host.property(path));
        decide_call(root, host, &request, of_metadata)
    }

    /// More of the request's body: `size` bytes are there, `read` gives them.
    pub fn request_body(
        self,
        root: &mut Root,
        host: &mut dyn Host,
        size: usize,
        end_of_stream: bool,
        read: &mut dyn FnMut(usize) -> Option<Vec<u8>>,
    ) -> (Self, Flow) {
        let Self::AwaitingBody { headers: blob, since, config: id } = self else { return (self, Flow::Continue) };
        let limit = root.config_of(id).mcp.max_body_bytes;
        if size > limit {
            let call = McpCall { malformed: true, ..McpCall::default() };
            let request = Request::read(root, id, &blob);
            return decide(root, host, &request, Some(call));
        }
        if !end_of_stream {
            return (Self::AwaitingBody { headers: blob, since, config: id }, Flow::Pause);
        }
        let body = read(size).unwrap_or_default();
        let request = Request::read(root, id, &blob);
        decide_call(root, host, &request, intake::call_of_body(&body))
    }

    /// The host did not deliver the body in time: what the headers say must do.
    pub fn body_timed_out(self, root: &mut Root, host: &mut dyn Host) -> (Self, Flow) {
        let Self::AwaitingBody { headers: blob, config: id, .. } = self else { return (self, Flow::Continue) };
        host.apply(Effect::Count(Counter::BodyTimeout, 1));
        let config = root.config_of(id);
        if config.refused.body_missing && config.engine.mode != Mode::Shadow {
            host.apply(Effect::Reply(&response::failure_reply(Protocol::Mcp(None))));
            return (Self::Finished(id), Flow::Replied);
        }
        let request = Request::read(root, id, &blob);
        decide_call(root, host, &request, McpCall::default())
    }

    /// The host would not show the request's headers: nothing is known of it.
    pub fn headers_unavailable(root: &mut Root, host: &mut dyn Host) -> (Self, Flow) {
        host.apply(Effect::Count(Counter::Requests, 1));
        for name in response::HEADERS {
            host.apply(Effect::RemoveRequestHeader(name.as_bytes()));
        }
        unscored(root, host, ConfigId::default(), Unscored::HostError, (&[], None))
    }

    /// When a stream that waits for its body began to wait.
    pub fn waiting_since(&self) -> Option<Timestamp> {
        if let Self::AwaitingBody { since, .. } = self { Some(*since) } else { None }
    }

    /// Whether its body takes longer than its configuration allows.
    pub fn overdue(&self, root: &Root, now: Timestamp) -> bool {
        let limit = root.config_of(self.config()).mcp.body_timeout;
        self.waiting_since().is_some_and(|since| now.since(since) > limit)
    }

    /// The configuration that it is under.
    fn config(&self) -> ConfigId {
        match self {
            Self::Opened => ConfigId::default(),
            Self::AwaitingBody { config, .. } | Self::Finished(config) => *config,
            Self::Forwarded(forwarded) => forwarded.facts.config,
        }
    }

    /// What of the upstream's answer is of interest.
    pub fn wants_response(&self, root: &Root) -> Wanted {
        let forwarded = if let Self::Forwarded(forwarded) = self { Some(forwarded) } else { None };
        let length = forwarded.is_some_and(|forwarded| forwarded.facts.action.access == Access::Export);
        Wanted { status: forwarded.is_some(), length, report: root.config_of(self.config()).reported.is_some() }
    }

    /// The upstream's report: takes it out of the answer, and gives the points that its words stand for.
    pub fn report(&self, root: &Root, host: &mut dyn Host, words: &[u8]) -> u8 {
        host.apply(Effect::RemoveResponseHeader(REPORT));
        let Some(reported) = &root.config_of(self.config()).reported else { return 0 };
        let (points, known) = reported.points(words);
        if !known {
            host.apply(Effect::Count(Counter::Malformed, 1));
        }
        points
    }

    /// The upstream's answer.
    pub fn response_headers(self, root: &mut Root, host: &mut dyn Host, outcome: Outcome) -> Self {
        if matches!(self, Self::AwaitingBody { .. }) {
            // A call without a body: forwarded, and seen too late.
            host.apply(Effect::Count(Counter::BodyTimeout, 1));
        }
        let Self::Forwarded(forwarded) = self else { return self };
        let Forwarded { facts, admitted, suspicious } = *forwarded;
        for signal in root.answered(host, &facts, admitted, suspicious, outcome).iter() {
            host.apply(Effect::Count(Counter::Signal(signal.kind.number()), 1));
        }
        Self::Finished(facts.config)
    }
}

/// Kong shows at most this many header lines, pseudo-headers first, and says nothing of the rest.
pub const HEADERS_SHOWN: usize = 100;

/// A request's headers: as the host serialised them, and what the configuration that it is under asks of them.
struct Request<'a> {
    id: ConfigId,
    blob: &'a [u8],
    headers: Headers<'a>,
    target: Target<'a>,
}

impl<'a> Request<'a> {
    fn read(root: &Root, id: ConfigId, blob: &'a [u8]) -> Self {
        let config = root.config_of(id);
        Self::of(config, id, config.names.pick(pairs(blob)), blob)
    }

    fn of(config: &Config, id: ConfigId, headers: Headers<'a>, blob: &'a [u8]) -> Self {
        let target = Target::find(config, &headers);
        Self { id, blob, headers, target }
    }
}

/// Decides an MCP call by what was read from its body; where nothing could be, its headers must do.
fn decide_call(root: &mut Root, host: &mut dyn Host, request: &Request<'_>, of_body: McpCall) -> (Stream, Flow) {
    let of_headers = intake::call_of_headers(root.config_of(request.id), &request.headers);
    if intake::contradicts(&of_headers, &of_body) {
        host.apply(Effect::Count(Counter::Mismatch, 1));
        host.apply(Effect::Reply(&response::mismatch_reply(of_body.id.as_deref())));
        return (Stream::Finished(request.id), Flow::Replied);
    }
    // A body that could not be read must not be explained away by a header.
    let call = if of_body.method.is_none() && !of_body.malformed { of_headers } else { of_body };
    decide(root, host, request, Some(call))
}

/// Lets a request go, or refuses it, when it could not be assessed.
fn unscored(
    root: &Root,
    host: &mut dyn Host,
    id: ConfigId,
    cause: Unscored,
    (blob, call): (&[u8], Option<&McpCall>),
) -> (Stream, Flow) {
    host.apply(Effect::Count(Counter::Unscored(cause), 1));
    let config = root.config_of(id);
    let refused = match cause {
        Unscored::HostError => config.refused.host_error,
        Unscored::TableError => config.refused.table_error,
        Unscored::NoSession => config.refused.no_session,
        Unscored::Malformed => config.refused.malformed,
    };
    if refused && config.engine.mode != Mode::Shadow {
        let protocol = protocol(call, &intake::asker(pairs(blob)));
        host.apply(Effect::Reply(&response::unscored_reply(cause, protocol, &config.step_up)));
        return (Stream::Finished(id), Flow::Replied);
    }
    if matches!(cause, Unscored::HostError | Unscored::TableError) {
        let (name, value) = response::unscored_header(cause);
        host.apply(Effect::SetRequestHeader(name, value));
    }
    (Stream::Finished(id), Flow::Continue)
}

/// Reads the request, assesses it, and has the effects.
fn decide(root: &mut Root, host: &mut dyn Host, request: &Request<'_>, call: Option<McpCall>) -> (Stream, Flow) {
    let now = host.now();
    let Request { id, blob, headers, target } = request;
    let id = *id;
    let (config, cache) = root.reading(id);
    let intake = intake::read(config, cache, headers, target, call.as_ref(), &mut |path| host.property(path), now);
    if intake.malformed {
        host.apply(Effect::Count(Counter::Malformed, 1));
    }
    let Some(mut facts) = intake.facts else {
        let cause = if intake.malformed { Unscored::Malformed } else { Unscored::NoSession };
        // People come back over public requests, which cannot have a session yet.
        if target.tier(config) == Tier::Public {
            host.apply(Effect::Count(Counter::Unscored(cause), 1));
            return (Stream::Finished(id), Flow::Continue);
        }
        return unscored(root, host, id, cause, (blob, call.as_ref()));
    };
    facts.config = id;
    for (name, value) in &intake.log {
        host.apply(Effect::FilterState(name, value));
    }
    match root.keep(host, &Work::Assess(facts)) {
        Kept::Assessed(assessment, before) => {
            let asked = Asked { blob, call: call.as_ref(), takes_claims: intake.takes_claims };
            enact(root, host, &facts, &assessment, before, asked)
        }
        Kept::Observed(_) | Kept::Found(_) | Kept::Failed => {
            unscored(root, host, id, Unscored::TableError, (blob, call.as_ref()))
        }
    }
}

/// What a request asked for, for when it is refused or recorded.
#[derive(Clone, Copy)]
struct Asked<'a> {
    blob: &'a [u8],
    call: Option<&'a McpCall>,
    takes_claims: bool,
}

/// What a refusal is worded in.
fn protocol<'a>(call: Option<&'a McpCall>, asker: &Asker<'a>) -> Protocol<'a> {
    match (call, asker.page) {
        (Some(call), _) => Protocol::Mcp(call.id.as_deref()),
        _ if asker.grpc => Protocol::Grpc,
        (None, Some(path)) => Protocol::Browser(path),
        (None, None) => Protocol::Http,
    }
}

/// Where the request is approved, when the rule that decided on it says so.
fn approval<'a>(
    config: &'a Config,
    facts: &Facts,
    assessment: &Assessment,
    call: Option<&'a McpCall>,
    elicits: bool,
) -> Option<Approval<'a>> {
    let rule = config.engine.rules.get(usize::from(assessment.decision.rule?))?;
    let tool = call.and_then(McpCall::tool).unwrap_or_default();
    Some(Approval { url: rule.approval_url.as_deref()?, session: facts.key, tool, elicits })
}

/// Tells gateway, upstream, client, log and metrics what was decided.
fn enact(
    root: &mut Root,
    host: &mut dyn Host,
    facts: &Facts,
    assessment: &Assessment,
    before: Before,
    asked: Asked<'_>,
) -> (Stream, Flow) {
    let decision = &assessment.decision;
    host.apply(Effect::Count(Counter::Decision(decision.action, decision.enforced), 1));
    host.apply(Effect::Score(assessment.score.points()));
    for signal in assessment.signals.iter() {
        host.apply(Effect::Count(Counter::Signal(signal.kind.number()), 1));
    }
    let told = Told::of(assessment);
    told.filter_state(facts.key, root.config_of(facts.config).log_fields, &mut |name, value| {
        host.apply(Effect::FilterState(name, value))
    });
    let mut reply = None;
    if decision.action != Action::Allow {
        let asker = intake::asker(pairs(asked.blob));
        let config = root.config_of(facts.config);
        let line = audit::line(assessment, facts, before.level, asker.request_id, &config.engine.rules);
        host.apply(Effect::Log(LogLevel::Info, &line));
        let approval = approval(config, facts, assessment, asked.call, asker.elicits);
        let caller = Caller { protocol: protocol(asked.call, &asker), takes_claims: asked.takes_claims, approval };
        reply = response::local_reply(assessment, facts.action.access, caller, &config.step_up);
    }
    // The headers are set on refused requests too: the access log reads them there.
    told.request_headers(&mut |name, value| host.apply(Effect::SetRequestHeader(name, value)));
    let window = root.config_of(facts.config).grant.filter(|window| facts.action.tier >= window.tier);
    if window.is_some()
        && let Some((name, value)) = response::grant_header(facts)
    {
        host.apply(Effect::SetRequestHeader(name, &value));
    }
    match reply {
        Some(reply) => {
            host.apply(Effect::Reply(&reply));
            (Stream::Finished(facts.config), Flow::Replied)
        }
        None => {
            let suspicious = assessment.session.baseline.error_sum > 0;
            let admitted = before.admitted;
            (Stream::Forwarded(Box::new(Forwarded { facts: *facts, admitted, suspicious })), Flow::Continue)
        }
    }
}

/// How many pairs a serialised header map says that it has, as far as they can be there.
pub fn count(blob: &[u8]) -> usize {
    number(blob, 0).unwrap_or(0).min(blob.len() / 8)
}

fn number(blob: &[u8], at: usize) -> Option<usize> {
    let bytes = blob.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

/// The pairs of a serialised header map: a count, then two lengths a pair, then the bytes, each with a NUL behind it
/// (proxy-wasm ABI 0.2.1). Stops at the first thing that does not fit.
pub fn pairs(blob: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let count = count(blob);
    let mut at = count.saturating_mul(8).saturating_add(4);
    (0..count).map_while(move |index| {
        let lengths = index.checked_mul(8)?.checked_add(4)?;
        let (name, value) = (number(blob, lengths)?, number(blob, lengths.checked_add(4)?)?);
        let name_end = at.checked_add(name)?;
        let value_start = name_end.checked_add(1)?;
        let value_end = value_start.checked_add(value)?;
        let pair = (blob.get(at..name_end)?, blob.get(value_start..value_end)?);
        at = value_end.checked_add(1)?;
        Some(pair)
    })
}

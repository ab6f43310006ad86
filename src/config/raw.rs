//! The configuration as people write it: sections, names, defaults. `compile.rs` turns it into the form that runs.

use super::read::{choice, ranged, section, worded, words};
use super::{
    answers::{RawAdmin, RawApproval, RawStepUp},
    failure::{RawCauses, RawOnFailure},
    overrides::RawOverride,
};
use crate::{
    facts::{Access, Actor, Tier, device::Posture},
    score::Level,
    signal::Kind,
};

#[cfg(not(target_os = "wasi"))]
use super::error::ConfigError;

mod signals;
pub use signals::{Count, Moment, RawBudget, RawGiven, RawGrant, RawReported, RawWeights, RawWords, Word};

/// Reads a configuration without compiling it.
///
/// # Errors
/// Every problem in its form.
#[cfg(not(target_os = "wasi"))]
pub fn read(text: &[u8]) -> Result<RawConfig, ConfigError> {
    super::read::read(text)
}

section! {
    /// The filter's configuration.
    pub struct RawConfig {
        /// Keys every digest. The same secret on every gateway that shares sessions; random, and kept like a password.
        secret: Secret,
        /// `enforce` acts, `shadow` only says what it would have done, `{"percent": 10}` acts on a tenth of the sessions.
        mode: RawMode = RawMode::Enforce,
        /// What names a session, whose it is, and what drives it.
        session: RawSession = RawSession::default(),
        /// Where the client's network is read.
        network: RawNetwork = RawNetwork::default(),
        /// Where the client's device is read.
        device: RawDevice = RawDevice::default(),
        /// What the protected application offers. The most specific template wins.
        routes: Vec<RawRoute> = Vec::new(),
        /// Tier of requests that match no route.
        default_tier: Tier = Tier::Standard,
        /// What the tools of agents do; first match wins. An unlisted tool writes.
        tools: Vec<RawTool> = Vec::new(),
        /// How MCP calls are read.
        mcp: RawMcp = RawMcp::default(),
        /// Scores at which the levels begin.
        levels: RawLevels = RawLevels::default(),
        /// Weights of signals in points, where they differ from the catalogue's; 0 switches a signal off.
        weights: RawWeights = RawWeights(Vec::new()),
        /// Just-in-time grants. Absent: nothing needs one.
        grant: Option<RawGrant> = None,
        /// How much a session may do in all; every budget of its actor holds.
        budgets: Vec<RawBudget> = Vec::new(),
        /// The upstream's own reports, in its response header `x-session-risk-signal`. Absent: not read, and left alone.
        reported: Option<RawReported> = None,
        /// The policy: first match wins. Absent: the default rules, which cover every actor. An empty list allows all.
        rules: Option<Vec<RawRule>> = None,
        /// How a step-up challenge is worded, and where it is answered.
        step_up: RawStepUp = RawStepUp::default(),
        /// An interface to look at sessions, revoke, suspend, approve and release them. Absent: there is none.
        admin: Option<RawAdmin> = None,
        /// Where sessions are kept.
        table: RawTable = RawTable::default(),
        /// What happens to a request that cannot be scored, by cause; shadow refuses none. `"deny"` is short for `deny` at
        /// `host_error` and `table_error`.
        on_failure: RawOnFailure = RawOnFailure(RawCauses::default()),
        /// Publish what an access log needs so that `session-risk replay` can read it: subject, actor, binding, scope, MCP
        /// call and others, as filter state in digests and bounded words. Each costs a host call a request.
        log_fields: bool = false,
        /// What differs for some hosts and paths: at most 16, the first that holds wins.
        overrides: Vec<RawOverride> = Vec::new(),
    }
}

section! {
    /// What names a session, whose it is, and what drives it.
    pub struct RawSession: Default {
        /// Sources of the session key; the first one present in a request wins.
        key: Vec<RawSource> = default_key(),
        /// Sources of the subject.
        subject: Vec<RawSource> = vec![RawSource::Claims(vec![claim("sub")])],
        /// Rules for the actor; the first one that holds wins, and `human` when none does.
        actor: Vec<RawActorRule> = default_actors(),
        /// Where the payload of the verified token is. Only something that strips client copies of it may set it: whoever
        /// can write it can claim a fresh authentication. Absent: no claims are read.
        payload: Option<RawPayload> = None,
    }
}

section! {
    /// A rule for the actor; every part that is stated must hold.
    pub struct RawActorRule {
        /// The actor.
        is: Actor,
        /// The session key came from such a source.
        key_from: Option<super::SourceWord> = None,
        /// The request is to an MCP route, or is not.
        mcp: Option<bool> = None,
        /// A claim that is present.
        claim: Option<ClaimName> = None,
        /// Values of which the claim has one; empty: any.
        one_of: Vec<ClaimText> = Vec::new(),
    }
}

section! {
    /// Where the client's network is read.
    pub struct RawNetwork: Default {
        /// Whose word on the client's address is trusted.
        client_address: RawAddress = RawAddress::Gateway,
        /// Header with the autonomous system number.
        asn_header: HeaderName = header("x-geo-asn"),
        /// Header with the two-letter country.
        country_header: HeaderName = header("x-geo-country"),
        /// Header with the latitude in decimal degrees.
        latitude_header: HeaderName = header("x-geo-latitude"),
        /// Header with the longitude in decimal degrees.
        longitude_header: HeaderName = header("x-geo-longitude"),
        /// Header that is `true` for VPNs, proxies and relays.
        anonymizer_header: HeaderName = header("x-geo-anonymizer"),
        /// Autonomous systems of hosting providers, besides the built-in list.
        hosting_asns: Vec<Asn> = Vec::new(),
    }
}

section! {
    /// Where the client's device is read.
    pub struct RawDevice: Default {
        /// Header with the JA4 TLS fingerprint.
        ja4_header: HeaderName = header("x-ja4"),
        /// Where the posture is: `compliant`, `not-compliant`, or anything else for unknown.
        posture: Option<RawPosture> = None,
        /// Minutes without a word on posture, in a session that had one, after which it is stale; 0: never.
        posture_stale_minutes: Silence = Silence(720),
    }
}

section! {
    /// A route of the protected application.
    pub struct RawRoute {
        /// Method; absent: any.
        method: Option<Method> = None,
        /// Template: `/v1/users/{id}/export`, `/admin/**`.
        path: Template,
        /// How much harm it can do.
        tier: Tier = Tier::Standard,
        /// What it does; absent: GET, HEAD and OPTIONS read, the rest write.
        access: Option<Access> = None,
        /// What is spoken there.
        protocol: Protocol = Protocol::Http,
    }
}

section! {
    /// A class of tools.
    pub struct RawTool {
        /// Name with `*` and `?`.
        name: Pattern,
        /// What the tools do.
        access: Access,
        /// How much harm they can do.
        tier: Tier = Tier::Standard,
    }
}

section! {
    /// How MCP calls are read.
    pub struct RawMcp: Default {
        /// Read the call from the body, and refuse one whose headers say something else. On Envoy this needs
        /// `allow_on_headers_stop_iteration: true` beside `vm_config`.
        read_body: bool = false,
        /// Largest body that is read, in bytes; a larger call counts as an unknown, writing one.
        max_body_bytes: BodyBytes = BodyBytes(65_536),
        /// After this many milliseconds a call goes on without its body.
        body_timeout_ms: Milliseconds = Milliseconds(5_000),
    }
}

section! {
    /// Scores at which the levels begin. They must rise.
    pub struct RawLevels: Default {
        /// Worth a look: the odds of wrong hands have grown tenfold.
        elevated: Points = Points(10),
        /// Worth a question: a hundredfold.
        high: Points = Points(20),
        /// Worth a stop: three thousandfold.
        critical: Points = Points(35),
    }
}

section! {
    /// A rule of the policy.
    pub struct RawRule {
        /// Its name in logs.
        name: RuleName,
        /// When it matches; every part that is stated must hold. Requests of tier `public` match no rule.
        when: RawWhen = RawWhen::default(),
        /// What happens then.
        then: RawOutcome,
        /// How far it is rolled out.
        mode: RawMode = RawMode::Enforce,
    }
}

section! {
    /// When a rule matches.
    pub struct RawWhen: Default {
        /// Any of these actors.
        actor: Option<Vec<Actor>> = None,
        /// This level or a higher one.
        level_at_least: Level = Level::Low,
        /// This score or a higher one.
        score_at_least: Points = Points(0),
        /// This tier or a higher one.
        tier_at_least: Tier = Tier::Standard,
        /// Any of these accesses.
        access: Option<Vec<Access>> = None,
        /// Any of these hosts, without port and in any case; `*` and `?` allowed: `*.example.com`. IPv6 in brackets.
        host: Vec<Pattern> = Vec::new(),
        /// Any of these route templates, written as in `routes`.
        route: Option<Vec<Template>> = None,
        /// Tools with any of these names; `*` and `?` allowed.
        tool: Vec<Pattern> = Vec::new(),
        /// Any of these signals, raised by the request itself.
        signal: Option<Vec<Kind>> = None,
        /// Any of these postures, as last heard.
        posture: Option<Vec<Posture>> = None,
    }
}

section! {
    /// A suspension.
    pub struct RawSuspend {
        /// How long.
        seconds: Seconds = Seconds(900),
    }
}

section! {
    /// Where sessions are kept: `buckets * (32 + ways * 272)` bytes of shared data at most.
    pub struct RawTable: Default {
        /// Part of every shared-data key. Filters with the same name and secret share their sessions.
        name: TableName = TableName("sessions".to_owned()),
        /// Number of buckets: a power of two.
        buckets: Buckets = Buckets(4_096),
        /// Sessions in a bucket.
        ways: Ways = Ways(8),
        /// Minutes of silence after which a session is forgotten.
        idle_minutes: Minutes = Minutes(43_200),
    }
}

choice! {
    /// How far something is rolled out.
    pub enum RawMode {
        /// Decided and enforced.
        "enforce" => Enforce,
        /// Decided, counted and logged.
        "shadow" => Shadow,
        ;
        /// Enforced for this percentage of sessions, always the same ones; shadow for the others.
        "percent" => Percent(Percent),
    }
}

choice! {
    /// Where identity may be found.
    pub enum RawSource {
        /// The Bearer or DPoP token of the Authorization header.
        "bearer" => Bearer,
        /// The client certificate, from x-forwarded-client-cert or the connection.
        "client_certificate" => ClientCertificate,
        /// The `Mcp-Session-Id` header.
        "mcp_session_id" => McpSessionId,
        ;
        /// Claims of the verified token; all of them must be there. Dots reach into objects: `act.sub`.
        "claims" => Claims(Vec<ClaimName>),
        /// A header, such as `x-api-key`.
        "header" => Header(HeaderName),
        /// A cookie.
        "cookie" => Cookie(CookieName),
    }
}

choice! {
    /// Where the payload of the verified token is.
    pub enum RawPayload {
        ;
        /// A header with the payload in base64url: jwt_authn's `forward_payload_header`.
        "header" => Header(HeaderName),
        /// jwt_authn's dynamic metadata: the name given as `payload_in_metadata`.
        "metadata" => Metadata(ClaimText),
    }
}

choice! {
    /// Whose word on the client's address is trusted.
    pub enum RawAddress {
        /// The gateway's own: on Envoy the address that its trusted hops settings give.
        "gateway" => Gateway,
        ;
        /// `x-forwarded-for`, skipping this many entries from the right.
        "trusted_hops" => TrustedHops(Hops),
    }
}

choice! {
    /// Where the posture is.
    pub enum RawPosture {
        ;
        /// A header. Only something that strips client copies of it may set it.
        "header" => Header(HeaderName),
        /// A claim of the verified token.
        "claim" => Claim(ClaimName),
    }
}

choice! {
    /// What happens to a request.
    pub enum RawOutcome {
        /// Forward.
        "allow" => Allow,
        /// Forward reads, refuse the rest.
        "restrict" => Restrict,
        /// Refuse until a fresh authentication.
        "step_up" => StepUp,
        /// Refuse this request.
        "deny" => Deny,
        /// Refuse everything until a fresh authentication or a new session.
        "revoke" => Revoke,
        ;
        /// Refuse everything for a time.
        "suspend" => Suspend(RawSuspend),
        /// Refuse until an operator approves the session, or its token's just-in-time grant is open.
        "approval" => Approval(RawApproval),
    }
}

words! { Actor { Actor::Human => "human", Actor::Service => "service", Actor::ApiKey => "api_key", Actor::Agent => "agent", } }
words! { Tier { Tier::Public => "public", Tier::Standard => "standard", Tier::Sensitive => "sensitive", Tier::Critical => "critical", } }
words! { Access { Access::Read => "read", Access::Write => "write", Access::Export => "export", Access::Admin => "admin", } }
words! { Level { Level::Low => "low", Level::Elevated => "elevated", Level::High => "high", Level::Critical => "critical", } }
words! { Posture { Posture::Compliant => "compliant", Posture::NotCompliant => "not_compliant", Posture::Unknown => "unknown", } }
words! { super::SourceWord {
    super::SourceWord::Claims => "claims",
    super::SourceWord::Bearer => "bearer",
    super::SourceWord::Header => "header",
    super::SourceWord::Cookie => "cookie",
    super::SourceWord::ClientCertificate => "client_certificate",
    super::SourceWord::McpSessionId => "mcp_session_id",
} }

/// What is spoken on a route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    /// Plain HTTP.
    Http,
    /// The Model Context Protocol.
    Mcp,
}
words! { Protocol { Protocol::Http => "http", Protocol::Mcp => "mcp", } }

ranged! { /// A score.
pub struct Points(u8) in 0..=100 }
ranged! { /// A weight in points; one line of the ledger holds no more.
pub struct Weight(u8) in 0..=63 }
ranged! { /// A percentage.
pub struct Percent(u8) in 0..=100 }
ranged! { /// A number of seconds, up to 30 days.
pub struct Seconds(u32) in 1..=2_592_000 }
ranged! { /// A number of milliseconds, up to a minute.
pub struct Milliseconds(u32) in 100..=60_000 }
ranged! { /// A number of minutes, up to a year.
pub struct Minutes(u32) in 1..=525_600 }
ranged! { /// A number of minutes, or 0 for never.
pub struct Silence(u32) in 0..=525_600 }
ranged! { /// A body size.
pub struct BodyBytes(u32) in 1..=1_048_576 }
ranged! { /// Trusted proxies in front of the gateway.
pub struct Hops(u8) in 0..=16 }
ranged! { /// An autonomous system.
pub struct Asn(u32) in 1..=4_294_967_295i64 }
ranged! { /// A number of buckets.
pub struct Buckets(u32) in 1..=65_536 }
ranged! { /// Entries in a bucket.
pub struct Ways(u8) in 1..=16 }

worded! { /// The secret of the digests.
pub struct Secret in 16..=1_024, |_| Ok(()) }
worded! { /// A header's name.
pub struct HeaderName in 1..=128, |text| if text.bytes().all(is_token) { Ok(()) } else { Err("a header name") } }
worded! { /// A cookie's name.
pub struct CookieName in 1..=128, |text| if text.bytes().all(is_token) { Ok(()) } else { Err("a cookie name") } }
worded! { /// An HTTP method.
pub struct Method in 1..=32, |text| if text.bytes().all(|b| b.is_ascii_uppercase()) { Ok(()) } else { Err("an HTTP method in capitals such as `GET`") } }
worded! { /// A route template.
pub struct Template in 1..=512, |text| if text.starts_with('/') { Ok(()) } else { Err("a path that begins with `/`") } }
worded! { /// A claim's path.
pub struct ClaimName in 1..=128, |_| Ok(()) }
worded! { /// A claim's value, or a metadata name.
pub struct ClaimText in 1..=256, |_| Ok(()) }
worded! { /// A name with `*` and `?`.
pub struct Pattern in 1..=128, |_| Ok(()) }
worded! { /// A rule's name.
pub struct RuleName in 1..=64, |_| Ok(()) }
worded! { /// Values of `acr`.
pub struct AcrValues in 1..=256, |text| if text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\' || b == b' ') { Ok(()) } else { Err("values without quotes, separated by spaces") } }
worded! { /// A table's name.
pub struct TableName in 1..=16, |text| if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_') { Ok(()) } else { Err("lower-case letters, digits, `-` and `_`") } }

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn header(name: &str) -> HeaderName {
    HeaderName(name.to_owned())
}

fn claim(name: &str) -> ClaimName {
    ClaimName(name.to_owned())
}

fn default_key() -> Vec<RawSource> {
    let session = RawSource::Claims(vec![claim("sid")]);
    let api_key = RawSource::Header(header("x-api-key"));
    vec![session, api_key, RawSource::Bearer, RawSource::ClientCertificate, RawSource::McpSessionId]
}

fn default_actors() -> Vec<RawActorRule> {
    let rule = |is| RawActorRule { is, key_from: None, mcp: None, claim: None, one_of: Vec::new() };
    let value = |text: &str| vec![ClaimText(text.to_owned())];
    vec![
        RawActorRule { mcp: Some(true), ..rule(Actor::Agent) },
        RawActorRule { key_from: Some(super::SourceWord::Header), ..rule(Actor::ApiKey) },
        RawActorRule { key_from: Some(super::SourceWord::ClientCertificate), ..rule(Actor::Service) },
        // How Auth0 and Entra mark tokens of workloads.
        RawActorRule { claim: Some(claim("gty")), one_of: value("client-credentials"), ..rule(Actor::Service) },
        RawActorRule { claim: Some(claim("idtyp")), one_of: value("app"), ..rule(Actor::Service) },
    ]
}

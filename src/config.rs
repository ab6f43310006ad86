//! The configuration as everything else sees it: compiled once, holding no wrong value.
//! Its JSON form is `config/raw.rs`; how JSON is read and what is said about errors is in `read.rs` and `error.rs`.

pub mod answers;
mod compile;
pub mod error;
pub mod failure;
mod hosting;
mod moment;
pub mod overrides;
pub mod raw;
pub mod read;
#[cfg(not(target_os = "wasi"))]
pub mod schema;

use crate::{
    engine::Engine,
    facts::{
        Access, Actor, ConfigId, Tier,
        digest::DigestKey,
        glob::Glob,
        headers::{HeaderId, HeaderNames},
        route::Routes,
        token::ClaimPath,
    },
    response::StepUp,
    session::table::Geometry,
    time::Span,
};

pub use error::ConfigError;

/// Everything that one filter instance is configured with.
#[derive(Debug)]
pub struct Config {
    /// Weights, thresholds, rules.
    pub engine: Engine,
    /// Key of every digest.
    pub digest: DigestKey,
    /// Headers asked for.
    pub names: HeaderNames,
    /// Where identity comes from.
    pub session: SessionSources,
    /// Where network facts come from.
    pub network: NetworkSources,
    /// Where device facts come from.
    pub device: DeviceSources,
    /// Route templates.
    pub routes: Routes,
    /// Tier of what matches no template.
    pub default_tier: Tier,
    /// Tools of agents, first match wins.
    pub tools: Vec<Tool>,
    /// One a rule: which hosts, routes and tools it is limited to.
    pub selectors: Vec<Selector>,
    /// How MCP calls are read.
    pub mcp: McpSettings,
    /// How a challenge is worded.
    pub step_up: StepUp,
    /// The admin interface, where there is one.
    pub admin: Option<Admin>,
    /// Where the window of a just-in-time grant is, if one is needed.
    pub grant: Option<Window>,
    /// Windows that the configuration gives itself.
    pub given: Vec<Given>,
    /// Where tokens state how much their sessions may do.
    pub stated: Vec<Stated>,
    /// The words in which the upstream reports a session, if it does.
    pub reported: Option<Reported>,
    /// Where sessions are kept.
    pub table: TableSettings,
    /// Which requests are refused although nothing is known against them.
    pub refused: Refused,
    /// Publish what a replay of the access log needs.
    pub log_fields: bool,
    /// What differs for some hosts and paths; the first that holds wins.
    pub overrides: Vec<Override>,
}

/// A configuration in place of the whole one. It holds where both parts that are stated hold.
#[derive(Debug)]
pub struct Override {
    /// Hosts in lower case; empty is any.
    pub hosts: Vec<Glob>,
    /// Paths; `None` is any.
    pub paths: Option<Routes>,
    /// What holds there. It has the same table and secret.
    pub config: Config,
}

/// A place where identity may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Claims of the verified token, all of them present.
    Claims(Vec<ClaimId>),
    /// The credential of the Authorization header, Bearer or DPoP.
    Bearer,
    /// A header such as `x-api-key`.
    Header(HeaderId),
    /// A cookie.
    Cookie(String),
    /// The client certificate.
    ClientCertificate,
    /// `Mcp-Session-Id`.
    McpSessionId,
}

impl Source {
    /// Its word in the configuration.
    pub const fn word(&self) -> SourceWord {
        match self {
            Self::Claims(_) => SourceWord::Claims,
            Self::Bearer => SourceWord::Bearer,
            Self::Header(_) => SourceWord::Header,
            Self::Cookie(_) => SourceWord::Cookie,
            Self::ClientCertificate => SourceWord::ClientCertificate,
            Self::McpSessionId => SourceWord::McpSessionId,
        }
    }
}

/// The kind of a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceWord {
    /// Claims.
    Claims,
    /// Bearer or DPoP token.
    Bearer,
    /// Header.
    Header,
    /// Cookie.
    Cookie,
    /// Client certificate.
    ClientCertificate,
    /// MCP session id.
    McpSessionId,
}

/// Index into [`SessionSources::claims`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimId(pub usize);

/// Where identity comes from.
#[derive(Debug)]
pub struct SessionSources {
    /// Sources of the session key, first present wins.
    pub key: Vec<Source>,
    /// Sources of the subject, first present wins.
    pub subject: Vec<Source>,
    /// Rules for the actor, first match wins.
    pub actors: Vec<ActorRule>,
    /// Where the verified token's payload is; without one no claims are read.
    pub payload: Option<Payload>,
    /// Every claim asked for; a [`ClaimId`] is an index into it.
    pub claims: Vec<ClaimPath>,
    /// Claims with a meaning of their own.
    pub standard: StandardClaims,
    /// Headers with a meaning of their own.
    pub headers: StandardHeaders,
}

/// Where the payload of the verified token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// In this header, base64url (jwt_authn's `forward_payload_header`).
    Header(HeaderId),
    /// In jwt_authn's dynamic metadata under this name (`payload_in_metadata`).
    Metadata(String),
}

/// Claims with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandardClaims {
    /// `auth_time`.
    pub auth_time: ClaimId,
    /// `acr`.
    pub acr: ClaimId,
    /// `scope`, space separated.
    pub scope: ClaimId,
    /// `scp`, Entra's form of it.
    pub scp: ClaimId,
    /// `cnf.jkt` (RFC 9449).
    pub jkt: ClaimId,
    /// `cnf.x5t#S256` (RFC 8705).
    pub x5t: ClaimId,
    /// `xms_cc`, what a client of Entra is capable of; read only where it is asked that way.
    pub xms_cc: Option<ClaimId>,
    /// `acrs`, the authentication contexts that a token of Entra satisfies; likewise.
    pub acrs: Option<ClaimId>,
}

/// Headers with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandardHeaders {
    /// `:method`.
    pub method: HeaderId,
    /// `:path`.
    pub path: HeaderId,
    /// `authorization`.
    pub authorization: HeaderId,
    /// `cookie`.
    pub cookie: HeaderId,
    /// `dpop`.
    pub dpop: HeaderId,
    /// `x-forwarded-client-cert`.
    pub client_certificate: HeaderId,
    /// `x-forwarded-for`.
    pub forwarded_for: HeaderId,
    /// `user-agent`.
    pub user_agent: HeaderId,
    /// `mcp-session-id`.
    pub mcp_session: HeaderId,
    /// `mcp-method`.
    pub mcp_method: HeaderId,
    /// `mcp-name`.
    pub mcp_name: HeaderId,
    /// `:authority`, and `host` where that is absent; read only where something is limited to hosts.
    pub host: Option<[HeaderId; 2]>,
}

/// One rule for the actor; every part that is stated must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorRule {
    /// The actor.
    pub is: Actor,
    /// The session key came from such a source.
    pub key_from: Option<SourceWord>,
    /// The request is an MCP call, or is not.
    pub mcp: Option<bool>,
    /// A claim has one of these values; with no values, the claim is there.
    pub claim: Option<(ClaimId, Vec<String>)>,
}

/// How the client's address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress {
    /// The gateway's own trusted address (property `source.address`).
    Gateway,
    /// The entry of `x-forwarded-for` that this many trusted proxies in front of the gateway leave as the client's.
    TrustedHops(usize),
}

/// Where network facts come from.
#[derive(Clone, Debug)]
pub struct NetworkSources {
    /// The client's address.
    pub address: ClientAddress,
    /// ASN, decimal.
    pub asn: HeaderId,
    /// Country, two letters.
    pub country: HeaderId,
    /// Latitude, decimal degrees.
    pub latitude: HeaderId,
    /// Longitude, decimal degrees.
    pub longitude: HeaderId,
    /// `true` for VPNs, proxies, relays.
    pub anonymizer: HeaderId,
    /// Autonomous systems of hosting providers, sorted.
    pub hosting: Vec<u32>,
}

/// Where device facts come from.
#[derive(Clone, Debug)]
pub struct DeviceSources {
    /// JA4.
    pub ja4: HeaderId,
    /// Posture.
    pub posture: Option<PostureSource>,
}

/// Where posture comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostureSource {
    /// A header.
    Header(HeaderId),
    /// A claim.
    Claim(ClaimId),
}

/// Where the window of a just-in-time grant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its start, in seconds since the epoch; `None` has begun.
    pub from: Option<ClaimId>,
    /// Its end; `None` where no token states one.
    pub until: Option<ClaimId>,
    /// Lowest tier that needs it.
    pub tier: Tier,
}

impl Window {
    /// Whether this claim says when it begins or ends.
    pub fn reads(&self, claim: ClaimId) -> bool {
        self.from == Some(claim) || self.until == Some(claim)
    }
}

/// A window of a just-in-time grant for those whose token says a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The claim.
    pub claim: ClaimId,
    /// Its value, or an entry of it where it is a list.
    pub value: String,
    /// When it opens, in seconds since the epoch.
    pub from: u32,
    /// When it ends.
    pub until: u32,
}

/// Where a token states how much a session of an actor may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The actor.
    pub actor: Actor,
    /// Writes, exports, targets.
    pub claims: [Option<ClaimId>; 3],
}

/// The words in which the upstream reports a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Each with its points.
    pub words: Vec<(String, u8)>,
}

impl Reported {
    /// What a header's value comes to: the points of its strongest word, and whether every word is known.
    pub fn points(&self, value: &[u8]) -> (u8, bool) {
        let known =
            |word: &[u8]| self.words.iter().find(|(other, _)| other.as_bytes() == word).map(|(_, points)| *points);
        value
            .split(|byte| *byte == b',')
            .map(|word| known(word.trim_ascii()))
            .fold((0, true), |(most, all), points| (most.max(points.unwrap_or(0)), all && points.is_some()))
    }
}

/// A class of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Names.
    pub name: Glob,
    /// What they do.
    pub access: Access,
    /// Tier of what they touch.
    pub tier: Tier,
}

/// Which hosts and names a rule is limited to.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// Hosts in lower case; empty is any.
    pub hosts: Vec<Glob>,
    /// Routes, by index; `None` is any request.
    pub routes: Option<Vec<u16>>,
    /// Tools; empty is any.
    pub tools: Vec<Glob>,
}

/// How MCP calls are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct McpSettings {
    /// Wait for the body of a call. Envoy must have `allow_on_headers_stop_iteration` set.
    pub read_body: bool,
    /// Largest body waited for, in bytes.
    pub max_body_bytes: usize,
    /// How long a body may take before the request goes on without it.
    pub body_timeout: Span,
}

/// The admin interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Path below which it answers, without a `/` at the end.
    pub prefix: String,
    /// SHA-256 of the bearer secret.
    pub secret: [u8; 32],
}

/// Where sessions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSettings {
    /// Name: part of every shared-data key.
    pub name: String,
    /// Buckets and ways.
    pub geometry: Geometry,
    /// Silence after which a session is forgotten.
    pub idle: Span,
}

/// Which requests are refused because they could not be read, by what was missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The headers.
    pub host_error: bool,
    /// The session table.
    pub table_error: bool,
    /// Anything that names a session.
    pub no_session: bool,
    /// Anything that names a session but a credential that cannot be read.
    pub malformed: bool,
    /// The body of an MCP call, in time.
    pub body_missing: bool,
}

/// What happens to a request that lacks something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Forward it, tagged and counted as unscored.
    #[default]
    Allow,
    /// Refuse it.
    Deny,
}

impl Config {
    /// Reads and compiles a configuration.
    ///
    /// # Errors
    /// Every problem found, each with its JSON path.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        overrides::compile(text)
    }

    /// The configuration of this number; the whole one when there is none of it.
    #[inline(never)]
    pub fn of(&self, id: ConfigId) -> &Self {
        let place = usize::from(id.0).checked_sub(1);
        place.and_then(|place| self.overrides.get(place)).map_or(self, |found| &found.config)
    }
}

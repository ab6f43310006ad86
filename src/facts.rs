//! One request as the core sees it: parsed, digested, absence explicit.
//! Facts are plain numbers and `Copy`: an update that lost a compare-and-swap can be run again from them, now or
//! on a later tick. Where they come from (headers, metadata, a trace) is not known here.

pub mod agent;
pub mod authority;
pub mod client;
pub mod credential;
pub mod device;
pub mod digest;
pub mod glob;
pub mod headers;
pub mod route;
pub mod token;

use crate::time::Timestamp;
use device::{Posture, UserAgent};

/// A keyed 128-bit digest of a session's identity. Raw tokens, keys and cookies are never kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub [u8; crate::bounds::KEY_BYTES]);

impl SessionKey {
    /// The key of this digest. Never all zero, which means "no entry" in the table.
    pub fn of(digest: [u8; crate::bounds::KEY_BYTES]) -> Self {
        if digest == [0; crate::bounds::KEY_BYTES] { Self([1; crate::bounds::KEY_BYTES]) } else { Self(digest) }
    }

    /// A number below 100 that stays the same for this session: its place in a percentage rollout.
    pub fn percentile(self) -> u8 {
        let [.., low, high] = self.0;
        u8::try_from(u16::from_le_bytes([low, high]) % 100).unwrap_or(0)
    }
}

impl std::fmt::Display for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // By hand: it is written once a request, and through the formatter each byte costs 300 instructions.
        let digit =
            |value: u8| if value < 10 { b'0'.wrapping_add(value) } else { b'a'.wrapping_sub(10).wrapping_add(value) };
        let mut text = [0; 32];
        for ([high, low], byte) in text.as_chunks_mut().0.iter_mut().zip(self.0) {
            (*high, *low) = (digit(byte >> 4), digit(byte & 15));
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// What kind of thing drives a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Actor {
    /// A person behind a browser or an app.
    #[default]
    Human = 0,
    /// A workload with an account of its own.
    Service = 1,
    /// Whoever holds an API key.
    ApiKey = 2,
    /// An AI agent that calls tools.
    Agent = 3,
}

/// Every actor with its word, by number.
pub const ACTORS: [(Actor, &str); 4] =
    [(Actor::Human, "human"), (Actor::Service, "service"), (Actor::ApiKey, "api_key"), (Actor::Agent, "agent")];

/// How much harm a request can do by what it touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tier {
    /// Anyone may call it; never acted upon, so that re-authentication always works.
    Public = 0,
    /// Everyday use.
    #[default]
    Standard = 1,
    /// Administration, secrets, money.
    Sensitive = 2,
    /// What must never go wrong.
    Critical = 3,
}

/// Every tier with its word, by number.
pub const TIERS: [(Tier, &str); 4] = [
    (Tier::Public, "public"),
    (Tier::Standard, "standard"),
    (Tier::Sensitive, "sensitive"),
    (Tier::Critical, "critical"),
];

/// What a request does to what it touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Access {
    /// Looks at things, a few at a time. The only access left under `restrict`.
    #[default]
    Read = 0,
    /// Changes things.
    Write = 1,
    /// Takes things out in bulk.
    Export = 2,
    /// Changes who may do what.
    Admin = 3,
}

/// Every access with its word, by number.
pub const ACCESSES: [(Access, &str); 4] =
    [(Access::Read, "read"), (Access::Write, "write"), (Access::Export, "export"), (Access::Admin, "admin")];

/// A two-letter country code (ISO 3166-1 alpha-2) as two upper-case ASCII letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Country(pub [u8; 2]);

impl Country {
    /// Reads a code in either case; anything else is `None`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Country {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self([a, b]) = *self;
        write!(f, "{}{}", char::from(a), char::from(b))
    }
}

/// What is known of the kind of network a client sits in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum NetworkKind {
    /// A household, an office or a mobile carrier, as far as is known.
    #[default]
    Access = 0,
    /// A hosting provider: machines, not people.
    Hosting = 1,
    /// A VPN, proxy or relay.
    Anonymizer = 2,
}

/// A position in hundredths of a degree: enough for a city, too coarse for a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Latitude, -9000..=9000.
    pub latitude: i16,
    /// Longitude, -18000..=18000.
    pub longitude: i16,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Keyed digest of the /24 or /48 prefix.
    pub prefix: Option<u16>,
    /// Autonomous system number; 0 never occurs.
    pub asn: Option<u32>,
    /// Country of the address.
    pub country: Option<Country>,
    /// Position of the address.
    pub location: Option<Location>,
    /// Hosting, anonymizer or neither.
    pub kind: NetworkKind,
}

/// How the credential is bound to its holder (RFC 9449 DPoP, RFC 8705 mTLS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// A bearer credential: whoever holds it may use it.
    #[default]
    None,
    /// Bound, and the proof came along: keyed digest of the key.
    Bound(u32),
    /// The token names a key (`cnf`), but no proof came along.
    Unproven,
}

/// The client that sent a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Parsed User-Agent.
    pub user_agent: Option<UserAgent>,
    /// JA4 TLS fingerprint as two keyed digests: of its transport and cipher suites in the upper half, of all of it in
    /// the lower. Extensions change with resumption; the cipher suites stay as long as the TLS library does.
    pub ja4: Option<u32>,
    /// What device management says.
    pub posture: Option<Posture>,
    /// Key binding of the credential.
    pub binding: Binding,
}

/// What the token says about the authentication and the grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// When the user last authenticated, seconds since the epoch (OpenID Connect `auth_time`).
    pub auth_time: Option<u32>,
    /// The token's `acr` is one that the step-up configuration asks for.
    pub acr_satisfied: bool,
    /// Keyed digest of the granted scope, order-independent, without the agent's `tool:` entries.
    pub scope: Option<u32>,
    /// Number of scope entries.
    pub scope_size: u8,
    /// Whether the tool called is one that the token declares; `None` when it declares none.
    pub tool_declared: Option<bool>,
    /// The request needs a just-in-time window, and the token states none that is open.
    pub outside_window: bool,
    /// When the just-in-time window that the token states ends, in seconds since the epoch, if it is open; whether or not
    /// the request needs it.
    pub window_until: Option<u32>,
    /// How much the token lets the session do in all, where it is asked.
    pub most: Allowance,
}

/// How much a session may do in all; `None` is any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Writes and administration.
    pub writes: Option<u16>,
    /// Exports.
    pub exports: Option<u16>,
    /// Different objects touched.
    pub targets: Option<u16>,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Index into the configured routes, or `None` when no template matches.
    pub route: Option<u16>,
    /// Keyed digest of the route or tool name: what "the same endpoint" means.
    pub endpoint: u32,
    /// Keyed digest of the collection that the route belongs to (`/v1/orders/{id}/items`: `orders`); 0 for MCP calls.
    pub resource: u32,
    /// Tier of the route or tool.
    pub tier: Tier,
    /// What it does.
    pub access: Access,
    /// Keyed digest of the object touched: the path's parameters, a tool call's arguments, a resource's URI.
    pub target: Option<u32>,
    /// The call came over MCP.
    pub mcp: bool,
    /// The route at which a person answers a challenge.
    pub step_up: bool,
}

/// What was wrong with how the request identified itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdentityFlaws {
    /// Two credentials where one belongs.
    pub duplicate: bool,
    /// A credential that could not be parsed.
    pub malformed: bool,
}

/// Which configuration a request is under: 0 is the whole one, n its nth override.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigId(pub u8);

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// When it arrived.
    pub now: Timestamp,
    /// Which session it belongs to.
    pub key: SessionKey,
    /// Keyed digest of whose session that is; 0 when not known.
    pub subject: u32,
    /// What drives it.
    pub actor: Actor,
    /// Something in front of the filter verified the identity, so the session may enter the table at once.
    pub verified: bool,
    /// What was wrong with the credential.
    pub flaws: IdentityFlaws,
    /// Where it comes from.
    pub network: Network,
    /// What sent it.
    pub device: Device,
    /// What the token grants.
    pub grant: Grant,
    /// What it asks for.
    pub action: Action,
    /// One bit a policy rule: set where the rule's hosts, routes and tools select this request.
    pub selected: u64,
    /// The configuration that it was read by, and is judged by, now or on a later tick.
    pub config: ConfigId,
}

/// What the upstream made of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// HTTP status.
    pub status: u16,
    /// Bytes of the body where stated, else 0.
    pub bytes: u64,
    /// Points that the upstream itself reports against the session.
    pub reported: u8,
}

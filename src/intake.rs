//! One HTTP request read into facts, by the configuration. All the knowledge of where a fact is found is here;
//! how each kind of text is parsed is in `facts/`, what is known of an MCP call in `intake/call.rs`, what the access log is
//! told of it in `intake/log.rs`, what a refusal is worded by in `intake/caller.rs`.

mod allowance;
mod cache;
mod call;
mod caller;
mod choice;
mod log;
mod text;
mod window;

pub use cache::Cache;
pub use call::{McpCall, call_of_body, call_of_headers, call_of_metadata, contradicts};
pub use caller::{Asker, asker, request_id};
pub use choice::choose;

use crate::{
    config::{ActorRule, ClaimId, ClientAddress, Config, Payload, PostureSource, Source, SourceWord},
    facts::{
        Access, Action, Actor, Binding, ConfigId, Country, Device, Facts, Grant, IdentityFlaws, Location, Network,
        NetworkKind, SessionKey, Tier, client,
        credential::{self, Scheme},
        device::{self, Posture, UserAgent},
        digest::{self, Digest, Role},
        headers::Headers,
        route::{self, Matched},
        token::{self, Claim, ClaimPath},
    },
    time::Timestamp,
};
use cache::Claims;
use text::{base64url_of_hex, hundredths};

/// Reads a property of the connection or of the request's metadata.
pub type Property<'a> = &'a mut dyn FnMut(&[&str]) -> Option<Vec<u8>>;

/// What a request asks for, known before its body is.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    method: &'a [u8],
    path: &'a [u8],
    matched: Option<Matched<'a>>,
    /// The route is an MCP endpoint.
    pub mcp: bool,
}

impl<'a> Target<'a> {
    /// Finds the route of a request.
    pub fn find(config: &Config, headers: &Headers<'a>) -> Self {
        let names = &config.session.headers;
        let method = headers.value(names.method).unwrap_or_default();
        let path = headers.value(names.path).unwrap_or_default();
        let matched = config.routes.find(method, path);
        let route = matched.as_ref().and_then(|matched| config.routes.route(matched.index));
        let mcp = route.is_some_and(|route| route.mcp);
        Self { method, path, matched, mcp }
    }

    /// Tier of the route, whatever a call there touches.
    pub fn tier(&self, config: &Config) -> Tier {
        let index = self.matched.as_ref().map(|matched| matched.index);
        index.and_then(|index| config.routes.route(index)).map_or(config.default_tier, |route| route.tier)
    }

    /// Whether this request brings an MCP call in its body.
    pub fn calls(&self) -> bool {
        self.mcp && self.method == b"POST"
    }
}

/// What a request turned out to be.
#[derive(Clone, Debug)]
pub struct Intake {
    /// The facts; `None` when the request names no session.
    pub facts: Option<Facts>,
    /// Something in it could not be parsed.
    pub malformed: bool,
    /// The token says that its client takes claims challenges (Entra's `cp1`); read only where one is configured.
    pub takes_claims: bool,
    /// What the access log is told so that the log can be replayed; empty unless the configuration asks for it.
    pub log: Vec<(&'static str, String)>,
}

/// Reads a request into facts, as those of the whole configuration.
pub fn read(
    config: &Config,
    cache: &mut Cache,
    headers: &Headers<'_>,
    target: &Target<'_>,
    call: Option<&McpCall>,
    property: Property<'_>,
    now: Timestamp,
) -> Intake {
    let claims = Claims::default();
    let mut reader = Reader { config, cache, headers, claims, payload: false, malformed: false, property };
    reader.read_claims();
    let flaws = reader.flaws();
    let Some((key, from)) = reader.session_key() else {
        let malformed = reader.malformed || flaws.malformed;
        return Intake { facts: None, malformed, takes_claims: false, log: Vec::new() };
    };
    let subject = reader.subject();
    let actor = reader.actor(from, target.mcp);
    let (action, selected) = reader.action(target, call);
    let tool = call.filter(|call| call.method.as_deref() == Some("tools/call")).and_then(|call| call.name.as_deref());
    let facts = Facts {
        now,
        key,
        subject,
        actor,
        verified: matches!(from, SourceWord::Claims | SourceWord::ClientCertificate) || reader.payload,
        flaws,
        network: reader.network(),
        device: reader.device(),
        grant: reader.grant(tool, action.tier, actor, now),
        action,
        selected,
        config: ConfigId::default(),
    };
    let malformed = reader.malformed || flaws.malformed || call.is_some_and(|call| call.malformed);
    let log = if config.log_fields { log::fields(&reader, &facts, call) } else { Vec::new() };
    Intake { facts: Some(facts), malformed, takes_claims: reader.takes_claims(), log }
}

struct Reader<'a, 'p> {
    config: &'a Config,
    cache: &'p mut Cache,
    headers: &'a Headers<'a>,
    claims: Claims,
    payload: bool,
    malformed: bool,
    property: Property<'p>,
}

#[derive(Clone, Debug, PartialEq)]
enum ClaimValue {
    Text(String),
    Number(i64),
}

impl Reader<'_, '_> {
    fn read_claims(&mut self) {
        let session = &self.config.session;
        match &session.payload {
            None => {}
            Some(Payload::Header(id)) => {
                let Some(value) = self.headers.value(*id) else { return };
                let key = &self.config.digest;
                let claims = self.cache.claims(key, value, || claims_of(value, &session.claims));
                self.payload = claims.is_some();
                self.malformed |= claims.is_none();
                self.claims = claims.unwrap_or_default();
            }
            Some(Payload::Metadata(name)) => {
                let mut claims = vec![None; session.claims.len()];
                for (index, (slot, path)) in claims.iter_mut().zip(&session.claims).enumerate() {
                    let mut keys = vec!["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", name.as_str()];
                    keys.extend(path.names());
                    let number = matches!(path.names().last(), Some("auth_time" | "iat" | "exp"))
                        || self.config.grant.is_some_and(|window| window.reads(ClaimId(index)))
                        || self.config.stated.iter().any(|stated| stated.claims.contains(&Some(ClaimId(index))));
                    *slot = (self.property)(&keys).and_then(|value| metadata_value(&value, number));
                    self.payload |= slot.is_some();
                }
                self.claims = claims.into();
            }
        }
    }

    fn text(&self, claim: ClaimId) -> Option<&str> {
        match self.claims.get(claim.0)?.as_ref()? {
            ClaimValue::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    fn seconds(&self, claim: ClaimId) -> Option<u32> {
        match self.claims.get(claim.0)?.as_ref()? {
            ClaimValue::Number(number) => u32::try_from(*number).ok(),
            ClaimValue::Text(_) => None,
        }
    }

    /// Adds what a source holds to a digest; `None` when the request lacks it, or when it is too long.
    fn identity(&mut self, source: &Source, mut digest: Digest) -> Option<[u8; 16]> {
        let (names, headers) = (&self.config.session.headers, self.headers);
        let mut room = crate::bounds::IDENTITY_BYTES;
        let mut add = |part: &[u8]| {
            room = room.checked_sub(part.len())?;
            digest.part(part);
            Some(())
        };
        match source {
            Source::Claims(ids) => {
                for id in ids {
                    match self.claims.get(id.0)?.as_ref()? {
                        ClaimValue::Text(text) if text.is_empty() => return None,
                        ClaimValue::Text(text) => add(text.as_bytes())?,
                        ClaimValue::Number(number) => add(number.to_string().as_bytes())?,
                    }
                }
            }
            Source::Bearer => match credential::scheme(headers.value(names.authorization)?)? {
                (Scheme::Bearer | Scheme::Dpop, token) => add(token)?,
                _ => return None,
            },
            Source::Header(id) => add(headers.value(*id).filter(|value| !value.is_empty())?)?,
            Source::Cookie(name) => {
                let mut lines = headers.values(names.cookie);
                add(lines.find_map(|line| credential::cookie(line, name.as_bytes()))?)?;
            }
            Source::ClientCertificate => add(&self.certificate()?)?,
            Source::McpSessionId => add(headers.value(names.mcp_session).filter(|value| !value.is_empty())?)?,
        }
        Some(digest.finish())
    }

    fn session_key(&mut self) -> Option<(SessionKey, SourceWord)> {
        let config = self.config;
        config.session.key.iter().enumerate().find_map(|(index, source)| {
            let mut digest = config.digest.begin(Role::Session);
            // The source is part of the identity: a cookie that repeats somebody's API key is another session.
            digest.part(&[u8::try_from(index).unwrap_or(u8::MAX)]);
            Some((SessionKey::of(self.identity(source, digest)?), source.word()))
        })
    }

    fn subject(&mut self) -> u32 {
        let config = self.config;
        let mut sources = config.session.subject.iter();
        let found = sources.find_map(|source| self.identity(source, config.digest.begin(Role::Subject)));
        found.map_or(0, digest::short)
    }

    fn actor(&self, from: SourceWord, mcp: bool) -> Actor {
        let holds = |rule: &&ActorRule| {
            rule.key_from.is_none_or(|word| word == from)
                && rule.mcp.is_none_or(|wanted| wanted == mcp)
                && rule.claim.as_ref().is_none_or(|(claim, values)| match self.text(*claim) {
                    Some(text) => values.is_empty() || values.iter().any(|value| value == text),
                    None => false,
                })
        };
        self.config.session.actors.iter().find(holds).map_or(Actor::Human, |rule| rule.is)
    }

    /// The SHA-256 of the client certificate as 64 hex digits: from the forwarded header, else from the connection.
    fn certificate(&mut self) -> Option<Vec<u8>> {
        let header = self.headers.value(self.config.session.headers.client_certificate);
        if let Some(hash) = header.and_then(credential::xfcc_hash) {
            return Some(hash.to_ascii_lowercase());
        }
        (self.property)(&["connection", "sha256_peer_certificate_digest"]).filter(|digest| !digest.is_empty())
    }

    fn flaws(&self) -> IdentityFlaws {
        let names = &self.config.session.headers;
        let authorization = self.headers.value(names.authorization);
        let scheme = authorization.and_then(credential::scheme).map(|(scheme, _)| scheme);
        let twice = self.config.session.key.iter().any(|source| match source {
            Source::Header(id) => {
                self.headers.repeated(*id) || self.headers.value(*id).is_some_and(|value| value.contains(&b','))
            }
            Source::Cookie(name) => {
                let mut found =
                    self.headers.values(names.cookie).filter_map(|line| credential::cookie(line, name.as_bytes()));
                let first = found.next();
                let mut lines = self.headers.values(names.cookie);
                found.any(|other| Some(other) != first)
                    || lines.any(|line| credential::cookie_is_ambiguous(line, name.as_bytes()))
            }
            Source::Bearer | Source::Claims(_) => self.headers.repeated(names.authorization),
            Source::ClientCertificate => false,
            Source::McpSessionId => self.headers.repeated(names.mcp_session),
        });
        let duplicate = twice || scheme == Some(Scheme::Duplicate);
        let too_long = authorization.is_some_and(|value| value.len() > crate::bounds::IDENTITY_BYTES);
        let unreadable = authorization.is_some_and(|value| !value.is_empty()) && scheme.is_none();
        IdentityFlaws { duplicate, malformed: too_long || unreadable || self.malformed }
    }

    fn network(&mut self) -> Network {
        let (config, headers) = (self.config, self.headers);
        let sources = &config.network;
        let address = match sources.address {
            ClientAddress::Gateway => (self.property)(&["source", "address"]).as_deref().and_then(client::address),
            ClientAddress::TrustedHops(hops) => {
                client::trusted(headers.value(config.session.headers.forwarded_for), hops)
            }
        };
        let text = |id| headers.value(id).and_then(|value| std::str::from_utf8(value).ok()).map(str::trim);
        let asn = text(sources.asn).and_then(|text| {
            let digits = text.strip_prefix("AS").unwrap_or(text);
            digits.parse().ok().filter(|asn| *asn != 0)
        });
        let kind = if text(sources.anonymizer).is_some_and(|text| text.eq_ignore_ascii_case("true") || text == "1") {
            NetworkKind::Anonymizer
        } else if asn.is_some_and(|asn| sources.hosting.binary_search(&asn).is_ok()) {
            NetworkKind::Hosting
        } else {
            NetworkKind::Access
        };
        let location = text(sources.latitude).zip(text(sources.longitude)).and_then(|(latitude, longitude)| {
            Some(Location { latitude: hundredths(latitude, 9_000)?, longitude: hundredths(longitude, 18_000)? })
        });
        Network {
            prefix: address.map(|address| config.digest.tiny(Role::Prefix, &[&client::prefix(address)])),
            asn,
            country: text(sources.country).and_then(|text| Country::parse(text.as_bytes())),
            location,
            kind,
        }
    }

    fn device(&mut self) -> Device {
        let (config, headers) = (self.config, self.headers);
        let posture = config.device.posture.and_then(|source| match source {
            PostureSource::Header(id) => headers.value(id).map(Posture::parse),
            PostureSource::Claim(id) => self.text(id).map(|text| Posture::parse(text.as_bytes())),
        });
        let ja4 = headers.value(config.device.ja4).filter(|value| !value.is_empty());
        let user_agent = headers.value(config.session.headers.user_agent);
        Device {
            user_agent: user_agent.and_then(|text| self.cache.user_agents.get(text, UserAgent::parse)),
            ja4: ja4.map(|ja4| self.cache.fingerprints.get(ja4, |ja4| fingerprint(config, ja4))),
            posture,
            binding: self.binding(),
        }
    }

    /// RFC 9449 section 6.1 and RFC 8705 section 3.1: the token names a key, the request brings it. That the DPoP proof
    /// itself is valid is for whoever verifies the token.
    fn binding(&mut self) -> Binding {
        let (config, standard) = (self.config, self.config.session.standard);
        if let Some(thumbprint) = self.text(standard.jkt) {
            let key = config.digest.short(Role::Binding, &[thumbprint.as_bytes()]);
            let proven = self.headers.value(config.session.headers.dpop).is_some_and(|proof| !proof.is_empty());
            return if proven { Binding::Bound(key) } else { Binding::Unproven };
        }
        let Some(thumbprint) = self.text(standard.x5t).map(str::to_owned) else { return Binding::None };
        let presented = self.certificate().and_then(|hex| base64url_of_hex(&hex));
        if presented.as_deref() == Some(thumbprint.as_str()) {
            Binding::Bound(config.digest.short(Role::Binding, &[thumbprint.as_bytes()]))
        } else {
            Binding::Unproven
        }
    }

    fn grant(&self, tool: Option<&str>, tier: Tier, actor: Actor, now: Timestamp) -> Grant {
        let (config, standard) = (self.config, self.config.session.standard);
        let wanted = config.step_up.acr_values.as_deref().unwrap_or_default();
        let acr_satisfied =
            self.text(standard.acr).is_some_and(|acr| wanted.split(' ').any(|value| value == acr && !acr.is_empty()))
                || self.answers_claims();
        let scope = self.text(standard.scope).or_else(|| self.text(standard.scp));
        let entries = || scope.unwrap_or_default().split([' ', ',']).filter(|entry| !entry.is_empty());
        // Addition does not depend on the order in which a server lists the same scope.
        let digest = entries()
            .filter(|entry| !entry.starts_with("tool:"))
            .fold(0u32, |sum, entry| sum.wrapping_add(config.digest.short(Role::Scope, &[entry.as_bytes()])));
        let mut tools = entries().filter_map(|entry| entry.strip_prefix("tool:")).peekable();
        let declares = tools.peek().is_some();
        let window_until = config.grant.and_then(|window| self.open_until(window, now));
        Grant {
            auth_time: self.seconds(standard.auth_time),
            acr_satisfied,
            scope: scope.map(|_| digest.max(1)),
            scope_size: u8::try_from(entries().count()).unwrap_or(u8::MAX),
            tool_declared: tool.filter(|_| declares).map(|tool| tools.any(|declared| declared == tool)),
            outside_window: config.grant.is_some_and(|window| tier >= window.tier) && window_until.is_none(),
            window_until,
            most: self.allowance(actor),
        }
    }

    fn action(&self, target: &Target<'_>, call: Option<&McpCall>) -> (Action, u64) {
        let config = self.config;
        let index = target.matched.as_ref().map(|matched| matched.index);
        let route = index.and_then(|index| config.routes.route(index));
        let tier = route.map_or(config.default_tier, |route| route.tier);
        let access = route.and_then(|route| route.access).unwrap_or_else(|| route::access_of_method(target.method));
        let step_up = index.is_some_and(|index| config.step_up.routes.contains(&index));
        let mut action = Action { route: index, tier, access, mcp: target.mcp, step_up, ..Action::default() };
        let mut tool = None;
        match call {
            Some(call) => tool = self.call_action(call, &mut action),
            None => {
                // One that no route knows is the same endpoint whatever its query says, as it is in logs without queries.
                let bare = target.path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
                let template = route.map_or(bare, |route| route.template.as_bytes());
                action.endpoint = config.digest.short(Role::Endpoint, &[target.method, template]);
                action.resource = config.digest.short(Role::Resource, &[config.routes.collection(template)]);
                let parameters = target.matched.as_ref().map(|matched| matched.parameters.as_slice());
                action.target = parameters.filter(|parameters| !parameters.is_empty()).map(|parameters| {
                    let parts: Vec<&[u8]> = parameters.iter().map(|value| value.as_bytes()).collect();
                    config.digest.short(Role::Target, &parts)
                });
            }
        }
        let host = choice::host(config, self.headers);
        let selected = (0u32..).zip(&config.selectors).fold(0u64, |bits, (bit, selector)| {
            let of_host = selector.hosts.is_empty()
                || host.as_ref().is_some_and(|host| selector.hosts.iter().any(|glob| glob.matches(host)));
            let of_route = selector.routes.as_ref().is_none_or(|routes| index.is_some_and(|i| routes.contains(&i)));
            let of_tool = selector.tools.is_empty()
                || tool.is_some_and(|tool| selector.tools.iter().any(|glob| glob.matches(tool)));
            if of_host && of_route && of_tool { bits | 1u64.wrapping_shl(bit) } else { bits }
        });
        (action, selected)
    }

    /// An MCP call by its method and tool. Returns the tool's name.
    fn call_action<'c>(&self, call: &'c McpCall, action: &mut Action) -> Option<&'c str> {
        let config = self.config;
        let method = call.method.as_deref().unwrap_or_default();
        let name = call.name.as_deref().unwrap_or_default();
        action.endpoint = config.digest.short(Role::Endpoint, &[method.as_bytes(), name.as_bytes()]);
        if call.arguments.is_some() || method == "resources/read" {
            let arguments = call.arguments.as_deref().unwrap_or_default();
            action.target = Some(config.digest.short(Role::Target, &[name.as_bytes(), arguments.as_bytes()]));
        }
        if method != "tools/call" {
            // Reading and bookkeeping of the protocol itself; anything unknown may write.
            let reads = method == "initialize"
                || method == "ping"
                || method.starts_with("notifications/")
                || method.ends_with("/list")
                || matches!(method, "resources/read" | "prompts/get" | "completion/complete" | "logging/setLevel");
            action.access = if reads { Access::Read } else { Access::Write };
            return None;
        }
        // An unlisted tool writes, as MCP's own hints say: readOnlyHint is false unless stated.
        let tool = config.tools.iter().find(|tool| tool.name.matches(name));
        action.access = tool.map_or(Access::Write, |tool| tool.access);
        action.tier = tool.map_or(action.tier, |tool| tool.tier.max(Tier::Standard));
        Some(name)
    }
}

/// A JA4 fingerprint in 32 bits: above the TLS stack, below the whole of it.
fn fingerprint(config: &Config, ja4: &[u8]) -> u32 {
    let (transport, ciphers) = device::tls_stack(ja4);
    // The uppermost bit is the transport: QUIC offers other cipher suites than TCP.
    let stack = config.digest.tiny(Role::Fingerprint, &[ciphers]) >> 1 | u16::from(transport == b"q") << 15;
    u32::from(stack) << 16 | u32::from(config.digest.tiny(Role::Fingerprint, &[ja4]))
}

/// The claims of a payload in base64url; `None` when it cannot be read.
fn claims_of(value: &[u8], wanted: &[ClaimPath]) -> Option<Claims> {
    let mut payload = Vec::new();
    token::decode_payload(value, &mut payload).ok()?;
    let mut claims = vec![None; wanted.len()];
    let mut take = |index: usize, claim: Claim<'_>| {
        if let Some(slot) = claims.get_mut(index) {
            keep(slot, claim);
        }
    };
    token::read_claims(&payload, wanted, &mut take).ok()?;
    Some(claims.into())
}

fn keep(slot: &mut Option<ClaimValue>, claim: Claim<'_>) {
    match claim {
        Claim::Text(text) => *slot = Some(ClaimValue::Text(text.into_owned())),
        Claim::Number(number) => *slot = Some(ClaimValue::Number(number)),
        Claim::Flag(flag) => *slot = Some(ClaimValue::Text(flag.to_string())),
        // A list of words is the words with spaces between them, as in `scope`.
        Claim::List => *slot = Some(ClaimValue::Text(String::new())),
        Claim::Item(item) => {
            if let Some(ClaimValue::Text(list)) = slot {
                if !list.is_empty() {
                    list.push(' ');
                }
                list.push_str(&item);
            }
        }
        Claim::Object => {}
    }
}

/// A claim out of dynamic metadata: text as it is, a number as eight bytes of a little-endian double. Only claims that
/// are known to hold a `number` are read as one, since eight bytes may be text too.
fn metadata_value(value: &[u8], number: bool) -> Option<ClaimValue> {
    if let (true, Ok(bytes)) = (number, <[u8; 8]>::try_from(value)) {
        let number = f64::from_le_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and NaN gives 0")]
        return Some(ClaimValue::Number(number as i64));
    }
    String::from_utf8(value.to_vec()).ok().map(ClaimValue::Text)
}

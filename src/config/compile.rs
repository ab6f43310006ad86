//! From sections to the form that runs: names become indexes, templates a router, words bits. What cannot be compiled
//! is reported with its place, like everything else that is wrong with a configuration.

use super::{
    ActorRule, ClaimId, ClientAddress, Config, DeviceSources, McpSettings, NetworkSources, Payload, PostureSource,
    SessionSources, Source, StandardClaims, StandardHeaders, TableSettings, Tool, answers,
    error::{ConfigError, Path, Problems},
    hosting::HOSTING,
    raw::{
        Asn, ClaimName, HeaderName, Pattern, Protocol, RawAddress, RawConfig, RawMode, RawOutcome, RawPayload,
        RawPosture, RawRule, RawSession, RawSource, RawWhen,
    },
};
use crate::{
    bounds::{ROUTES, RULES, TOOLS},
    engine::Engine,
    facts::{
        digest::DigestKey,
        glob::Glob,
        headers::{HeaderId, HeaderNames, OWN_PREFIX, WANTED},
        route::{Route, Routes},
        token::ClaimPath,
    },
    policy::{self, Action, Mode, Rule, Set, When},
    response::StepUp,
    score::{Score, Thresholds},
    session::table::Geometry,
    time::Span,
};

pub(super) mod selectors;
mod signals;

/// Compiles a configuration that was read.
///
/// # Errors
/// Every problem found.
pub(super) fn compile(raw: &RawConfig, problems: Problems) -> Result<Config, ConfigError> {
    let mut compiler = Compiler::new(raw, problems);
    let config = compiler.config();
    compiler.problems.or(config)
}

struct Compiler<'a> {
    raw: &'a RawConfig,
    names: HeaderNames,
    claims: Vec<(String, ClaimPath)>,
    problems: Problems,
}

const ROOT: Path<'static> = Path::ROOT;

impl<'a> Compiler<'a> {
    fn new(raw: &'a RawConfig, problems: Problems) -> Self {
        Self { raw, names: HeaderNames::default(), claims: Vec::new(), problems }
    }

    /// Compiles every section before it gives up, so that every problem is found.
    fn config(&mut self) -> Option<Config> {
        let raw = self.raw;
        let thresholds = self.thresholds();
        let weights = self.weights();
        let grant = self.grant();
        let given = self.given();
        let stated = self.stated();
        let session = self.session();
        let network = self.network();
        let device = self.device();
        let routes = self.routes();
        let tools = self.tools();
        let rules = self.rules();
        let selectors = self.selectors();
        let step_up = self.step_up(tools.as_deref().unwrap_or_default());
        let admin = self.raw.admin.as_ref();
        let admin = admin.map(|raw| answers::admin(raw, &ROOT.member("admin"), &mut self.problems));
        let geometry = self.geometry();
        let (session, routes) = (session?, routes?);
        let claims = std::mem::take(&mut self.claims).into_iter().map(|(_, path)| path).collect();
        Some(Config {
            engine: Engine {
                weights,
                limits: self.limits(),
                thresholds,
                rules: rules?,
                mode: mode(&raw.mode),
                max_age: Span::from_seconds(raw.step_up.max_age_seconds.0),
            },
            digest: DigestKey::new(raw.secret.0.as_bytes()),
            session: SessionSources { claims, ..session },
            network: network?,
            device: device?,
            routes,
            default_tier: raw.default_tier,
            tools: tools?,
            selectors: selectors?,
            mcp: McpSettings {
                read_body: raw.mcp.read_body,
                max_body_bytes: usize::try_from(raw.mcp.max_body_bytes.0).ok()?,
                body_timeout: Span::from_millis(u64::from(raw.mcp.body_timeout_ms.0)),
            },
            step_up,
            admin,
            grant: grant?,
            given: given?,
            stated,
            reported: self.reported(),
            table: TableSettings {
                name: raw.table.name.0.clone(),
                geometry: geometry?,
                idle: Span::from_minutes(raw.table.idle_minutes.0),
            },
            refused: raw.on_failure.compiled(),
            log_fields: raw.log_fields,
            overrides: Vec::new(),
            names: std::mem::take(&mut self.names),
        })
    }

    fn thresholds(&mut self) -> Thresholds {
        let levels = &self.raw.levels;
        if !(levels.elevated.0 < levels.high.0 && levels.high.0 < levels.critical.0) {
            let found = format!("{}, {}, {}", levels.elevated.0, levels.high.0, levels.critical.0);
            let message = format!("expected `elevated` < `high` < `critical`, found {found}");
            self.problems.add(&ROOT.member("levels"), message);
        }
        Thresholds {
            elevated: Score::new(levels.elevated.0),
            high: Score::new(levels.high.0),
            critical: Score::new(levels.critical.0),
        }
    }

    fn header(&mut self, name: &HeaderName, at: &Path<'_>) -> Option<HeaderId> {
        if name.0.to_ascii_lowercase().as_bytes().starts_with(OWN_PREFIX) {
            let message = format!("`{}` is never there: clients' `x-session-risk-` headers are removed first", name.0);
            self.problems.add(at, message);
            return None;
        }
        let id = self.names.want(&name.0);
        if id.is_none() {
            self.problems.add(at, format!("more than {WANTED} different headers"));
        }
        id
    }

    fn standard_header(&mut self, name: &str) -> Option<HeaderId> {
        self.header(&HeaderName(name.to_owned()), &ROOT)
    }

    fn claim(&mut self, name: &ClaimName, at: &Path<'_>) -> Option<ClaimId> {
        if let Some(known) = self.claims.iter().position(|(other, _)| *other == name.0) {
            return Some(ClaimId(known));
        }
        match ClaimPath::parse(&name.0) {
            Ok(path) => {
                self.claims.push((name.0.clone(), path));
                Some(ClaimId(self.claims.len().saturating_sub(1)))
            }
            Err(error) => {
                self.problems.add(at, error.to_string());
                None
            }
        }
    }

    fn standard_claim(&mut self, name: &str) -> Option<ClaimId> {
        self.claim(&ClaimName(name.to_owned()), &ROOT)
    }

    fn session(&mut self) -> Option<SessionSources> {
        let raw = &self.raw.session;
        let at = ROOT.member("session");
        let headers = StandardHeaders {
            method: self.standard_header(":method")?,
            path: self.standard_header(":path")?,
            authorization: self.standard_header("authorization")?,
            cookie: self.standard_header("cookie")?,
            dpop: self.standard_header("dpop")?,
            client_certificate: self.standard_header("x-forwarded-client-cert")?,
            forwarded_for: self.standard_header("x-forwarded-for")?,
            user_agent: self.standard_header("user-agent")?,
            mcp_session: self.standard_header("mcp-session-id")?,
            mcp_method: self.standard_header("mcp-method")?,
            mcp_name: self.standard_header("mcp-name")?,
            host: self.host_headers(),
        };
        let standard = StandardClaims {
            auth_time: self.standard_claim("auth_time")?,
            acr: self.standard_claim("acr")?,
            scope: self.standard_claim("scope")?,
            scp: self.standard_claim("scp")?,
            jkt: self.standard_claim("cnf.jkt")?,
            x5t: self.standard_claim("cnf.x5t#S256")?,
            acrs: self.raw.step_up.entra.as_ref().and_then(|_| self.standard_claim("acrs")),
            xms_cc: self.raw.step_up.entra.as_ref().and_then(|_| self.standard_claim("xms_cc")),
        };
        if raw.key.is_empty() {
            self.problems.add(&at.member("key"), "expected at least one source, found none");
        }
        let key = self.sources(&raw.key, &at.member("key"));
        let subject = self.sources(&raw.subject, &at.member("subject"));
        let actors = self.actors(&at.member("actor"));
        let payload = match &raw.payload {
            None => None,
            Some(RawPayload::Header(name)) => Some(Payload::Header(self.header(name, &at.member("payload"))?)),
            Some(RawPayload::Metadata(name)) => Some(Payload::Metadata(name.0.clone())),
        };
        if payload.is_none() {
            self.refuse_claims(&at);
        }
        Some(SessionSources {
            key: key?,
            subject: subject?,
            actors: actors?,
            payload,
            claims: Vec::new(),
            standard,
            headers,
        })
    }

    /// Claims asked for in so many words need a place to be read from. The defaults ask for some in case there is one.
    fn refuse_claims(&mut self, at: &Path<'_>) {
        let session = &self.raw.session;
        let mut needs = |at: &Path<'_>| {
            self.problems.add(at, "needs `session.payload`, which says where the verified token's payload is");
        };
        let defaults = RawSession::default();
        for (name, sources, default) in
            [("key", &session.key, &defaults.key), ("subject", &session.subject, &defaults.subject)]
        {
            if sources != default {
                let claims = sources.iter().enumerate().filter(|(_, source)| matches!(source, RawSource::Claims(_)));
                claims.for_each(|(index, _)| needs(&at.member(name).item(index)));
            }
        }
        if session.actor != defaults.actor {
            let claims = session.actor.iter().enumerate().filter(|(_, rule)| rule.claim.is_some());
            claims.for_each(|(index, _)| needs(&at.member("actor").item(index)));
        }
        if self.raw.step_up.entra.is_some() {
            needs(&ROOT.member("step_up").member("entra"));
        }
        if matches!(self.raw.device.posture, Some(RawPosture::Claim(_))) {
            needs(&ROOT.member("device").member("posture"));
        }
        if self.raw.grant.is_some() {
            needs(&ROOT.member("grant"));
        }
        for (index, budget) in self.raw.budgets.iter().enumerate() {
            let claims = signals::budget_claims(budget).into_iter().filter(|(_, claim)| claim.is_some());
            claims.for_each(|(name, _)| needs(&ROOT.member("budgets").item(index).member(name)));
        }
    }

    fn sources(&mut self, raw: &[RawSource], at: &Path<'_>) -> Option<Vec<Source>> {
        let compiled: Vec<Option<Source>> =
            raw.iter().enumerate().map(|(index, source)| self.source(source, &at.item(index))).collect();
        compiled.into_iter().collect()
    }

    fn source(&mut self, raw: &RawSource, at: &Path<'_>) -> Option<Source> {
        Some(match raw {
            RawSource::Bearer => Source::Bearer,
            RawSource::ClientCertificate => Source::ClientCertificate,
            RawSource::McpSessionId => Source::McpSessionId,
            RawSource::Header(name) => Source::Header(self.header(name, &at.member("header"))?),
            RawSource::Cookie(name) => Source::Cookie(name.0.clone()),
            RawSource::Claims(names) => {
                let at = at.member("claims");
                if names.is_empty() {
                    self.problems.add(&at, "expected at least one claim, found none");
                }
                let ids: Vec<Option<ClaimId>> =
                    names.iter().enumerate().map(|(index, name)| self.claim(name, &at.item(index))).collect();
                Source::Claims(ids.into_iter().collect::<Option<_>>()?)
            }
        })
    }

    fn actors(&mut self, at: &Path<'_>) -> Option<Vec<ActorRule>> {
        let raw = &self.raw.session.actor;
        let mut rules = Vec::new();
        let mut good = true;
        for (index, rule) in raw.iter().enumerate() {
            let at = at.item(index);
            if rule.claim.is_none() && !rule.one_of.is_empty() && !self.problems.touch(&at) {
                self.problems.add(&at.member("one_of"), "needs `claim`, which says whose values these are");
            }
            let claim = match &rule.claim {
                None => None,
                Some(name) => {
                    let id = self.claim(name, &at.member("claim"));
                    good &= id.is_some();
                    id.map(|id| (id, rule.one_of.iter().map(|value| value.0.clone()).collect()))
                }
            };
            rules.push(ActorRule { is: rule.is, key_from: rule.key_from, mcp: rule.mcp, claim });
        }
        good.then_some(rules)
    }

    fn network(&mut self) -> Option<NetworkSources> {
        let raw = &self.raw.network;
        let at = ROOT.member("network");
        let mut hosting: Vec<u32> =
            HOSTING.iter().copied().chain(raw.hosting_asns.iter().map(|Asn(asn)| *asn)).collect();
        hosting.sort_unstable();
        hosting.dedup();
        let address = match &raw.client_address {
            RawAddress::Gateway => ClientAddress::Gateway,
            RawAddress::TrustedHops(hops) => ClientAddress::TrustedHops(usize::from(hops.0)),
        };
        Some(NetworkSources {
            address,
            asn: self.header(&raw.asn_header, &at.member("asn_header"))?,
            country: self.header(&raw.country_header, &at.member("country_header"))?,
            latitude: self.header(&raw.latitude_header, &at.member("latitude_header"))?,
            longitude: self.header(&raw.longitude_header, &at.member("longitude_header"))?,
            anonymizer: self.header(&raw.anonymizer_header, &at.member("anonymizer_header"))?,
            hosting,
        })
    }

    fn device(&mut self) -> Option<DeviceSources> {
        let raw = &self.raw.device;
        let at = ROOT.member("device");
        let posture = match &raw.posture {
            None => None,
            Some(RawPosture::Header(name)) => Some(PostureSource::Header(self.header(name, &at.member("posture"))?)),
            Some(RawPosture::Claim(name)) => Some(PostureSource::Claim(self.claim(name, &at.member("posture"))?)),
        };
        Some(DeviceSources { ja4: self.header(&raw.ja4_header, &at.member("ja4_header"))?, posture })
    }

    fn routes(&mut self) -> Option<Routes> {
        let at = ROOT.member("routes");
        if self.raw.routes.len() > ROUTES {
            self.problems.add(&at, format!("at most {ROUTES} routes, found {}", self.raw.routes.len()));
            return None;
        }
        let routes = self.raw.routes.iter().map(|route| Route {
            method: route.method.as_ref().map(|method| method.0.clone()),
            template: route.path.0.clone(),
            tier: route.tier,
            access: route.access,
            mcp: route.protocol == Protocol::Mcp,
        });
        match Routes::compile(routes.collect()) {
            Ok(routes) => Some(routes),
            Err(errors) => {
                for error in errors {
                    self.problems.add(&at.item(error.index).member("path"), error.message);
                }
                None
            }
        }
    }

    fn tools(&mut self) -> Option<Vec<Tool>> {
        let raw = &self.raw.tools;
        let at = ROOT.member("tools");
        if raw.len() > TOOLS {
            self.problems.add(&at, format!("at most {TOOLS} tools, found {}", raw.len()));
        }
        let names: Vec<Pattern> = raw.iter().map(|tool| tool.name.clone()).collect();
        let globs = selectors::globs(&names, &at, &mut self.problems)?;
        let tool = |(name, raw): (Glob, &super::raw::RawTool)| Tool { name, access: raw.access, tier: raw.tier };
        Some(globs.into_iter().zip(raw).map(tool).collect())
    }

    fn rules(&mut self) -> Option<Vec<Rule>> {
        let Some(raw) = &self.raw.rules else { return Some(policy::default_rules()) };
        let at = ROOT.member("rules");
        if raw.len() > RULES {
            self.problems.add(&at, format!("at most {RULES} rules, found {}", raw.len()));
            return None;
        }
        for (index, rule) in raw.iter().enumerate() {
            if raw.iter().take(index).any(|earlier| earlier.name == rule.name) {
                let message = format!("the name `{}` is taken by an earlier rule", rule.name.0);
                self.problems.add(&at.item(index).member("name"), message);
            }
        }
        Some(raw.iter().map(rule).collect())
    }

    fn step_up(&mut self, tools: &[Tool]) -> StepUp {
        let raw = &self.raw.step_up;
        let at = ROOT.member("step_up");
        let routes = raw.route.as_ref().map(|template| self.routes_of(template, &at.member("route")));
        answers::step_up(raw, routes.unwrap_or_default(), tools)
    }

    fn geometry(&mut self) -> Option<Geometry> {
        let (buckets, ways) = (self.raw.table.buckets.0, self.raw.table.ways.0);
        let geometry = Geometry::new(buckets, ways);
        if geometry.is_none() {
            let near = buckets.next_power_of_two();
            let message = format!("expected a power of two, found `{buckets}`, the next is `{near}`");
            self.problems.add(&ROOT.member("table").member("buckets"), message);
        }
        geometry
    }
}

fn mode(raw: &RawMode) -> Mode {
    match raw {
        RawMode::Enforce => Mode::Enforce,
        RawMode::Shadow => Mode::Shadow,
        RawMode::Percent(percent) => Mode::Percent(percent.0),
    }
}

fn rule(raw: &RawRule) -> Rule {
    let (then, duration) = match &raw.then {
        RawOutcome::Allow => (Action::Allow, Span::default()),
        RawOutcome::Restrict => (Action::Restrict, Span::default()),
        RawOutcome::StepUp => (Action::StepUp, Span::default()),
        RawOutcome::Deny => (Action::Deny, Span::default()),
        RawOutcome::Revoke => (Action::Revoke, Span::default()),
        RawOutcome::Approval(_) => (Action::Approval, Span::default()),
        RawOutcome::Suspend(suspend) => (Action::Suspend, Span::from_seconds(suspend.seconds.0)),
    };
    let approval_url = match &raw.then {
        RawOutcome::Approval(approval) => approval.url.as_ref().map(|url| url.0.clone()),
        _ => None,
    };
    Rule { name: raw.name.0.clone(), when: when(&raw.when), then, duration, approval_url, mode: mode(&raw.mode) }
}

fn when(raw: &RawWhen) -> When {
    When {
        actors: set(raw.actor.as_deref(), policy::actor_number).unwrap_or(Set::ALL),
        level: raw.level_at_least,
        score: Score::new(raw.score_at_least.0),
        tier: raw.tier_at_least,
        accesses: set(raw.access.as_deref(), policy::access_number).unwrap_or(Set::ALL),
        signals: set(raw.signal.as_deref(), crate::signal::Kind::number),
        postures: set(raw.posture.as_deref(), policy::posture_number),
    }
}

fn set<T: Copy>(items: Option<&[T]>, number: impl Fn(T) -> u8) -> Option<Set> {
    items.map(|items| items.iter().fold(Set::NONE, |set, item| set.with(number(*item))))
}

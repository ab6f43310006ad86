//! `session-risk check`: problems, or one line that says ok, the table's memory, and what is legal but suspicious.
//! What is a problem is said by the library; what is suspicious is said here.

use serde_json::json;
use session_risk::{
    config::{
        Config, ConfigError,
        overrides::{self, RawOverride},
        raw::{self, Protocol, RawConfig, RawMode, RawOutcome, RawRule, RawWhen},
        read::Field,
        schema,
    },
    facts::{ACCESSES, ACTORS, Actor, Tier, device::Posture},
    policy::{Action, Rule, Set, access_number, actor_number, posture_number},
    score::Level,
    signal::{CATALOGUE, Decibans},
};
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// Checks `text`, which came from `name`.
pub(crate) fn check(name: &str, text: &[u8], print: bool) -> io::Result<ExitCode> {
    let mut errors = io::stderr().lock();
    let (raw, config) = match compile(text) {
        Ok(both) => both,
        Err(error) => {
            for problem in error.problems() {
                writeln!(errors, "{name}: invalid config at `{}`: {}", problem.path, problem.message)?;
            }
            return Ok(ExitCode::from(1));
        }
    };
    let known = warnings(&raw, &config);
    for (place, warning) in &known {
        writeln!(errors, "{name}: warning at `{place}`: {warning}")?;
    }
    let mut summary = summary(name, &raw, &config);
    for (index, one) in raw.overrides.iter().enumerate() {
        let (place, config) = (format!("overrides[{index}]"), config.overrides.get(index).map(|one| &one.config));
        let whole = &raw;
        let Some(((raw, changes), config)) = overrides::patched(text, index).zip(config) else { continue };
        if whole.mode == RawMode::Shadow && raw.mode != RawMode::Shadow {
            let warning = "enforced here, although the whole configuration is in shadow";
            writeln!(errors, "{name}: warning at `{place}.config.mode`: {warning}")?;
        }
        for (inner, warning) in warnings(&raw, config).iter().filter(|warning| !known.contains(warning)) {
            writeln!(errors, "{name}: warning at `{place}.config.{inner}`: {warning}")?;
        }
        summary.push_str(&format!("\n{name}: {place}: {}", overridden(one, &changes, &raw, config)));
    }
    if print {
        // Standard output is the configuration and nothing else.
        writeln!(errors, "{summary}")?;
        super::pretty(&effective(&raw, &config))?;
    } else {
        writeln!(io::stdout().lock(), "{summary}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn compile(text: &[u8]) -> Result<(RawConfig, Config), ConfigError> {
    Ok((raw::read(text)?, Config::from_json(text)?))
}

fn summary(name: &str, raw: &RawConfig, config: &Config) -> String {
    let (buckets, ways) = (raw.table.buckets.0, raw.table.ways.0);
    let bytes = config.table.geometry.memory_bytes();
    let tenths_of_mib = bytes.saturating_mul(10).div_ceil(1 << 20);
    let defaults = if raw.rules.is_none() { " (the default ones)" } else { "" };
    let log = if config.log_fields { "; a log that can be replayed" } else { "" };
    format!(
        "{name}: ok: {}, {}{defaults}, {}; table of {} sessions in {buckets} buckets: at most {bytes} bytes \
         ({}.{} MiB) of shared data{log}",
        count(raw.routes.len(), "route"),
        count(config.engine.rules.len(), "rule"),
        count(raw.tools.len(), "tool"),
        u64::from(buckets).saturating_mul(u64::from(ways)),
        tenths_of_mib / 10,
        tenths_of_mib % 10,
    )
}

/// Where an override holds, and what is different there.
fn overridden(one: &RawOverride, changes: &[String], raw: &RawConfig, config: &Config) -> String {
    let hosts: Vec<&str> = one.host.iter().map(|host| host.0.as_str()).collect();
    let paths: Vec<&str> = one.path.iter().flatten().map(|path| path.0.as_str()).collect();
    let mut places = Vec::new();
    for (what, names) in [("host", hosts), ("path", paths)] {
        if !names.is_empty() {
            places.push(format!("{what} {}", names.join(", ")));
        }
    }
    let mode = match &raw.mode {
        RawMode::Enforce => "enforced".to_owned(),
        RawMode::Shadow => "shadow".to_owned(),
        RawMode::Percent(percent) => format!("enforced for {} percent", percent.0),
    };
    format!(
        "{}: changes {}; {}, {}, {}, {mode}",
        places.join(" and "),
        if changes.is_empty() { "nothing".to_owned() } else { changes.join(", ") },
        count(raw.routes.len(), "route"),
        count(config.engine.rules.len(), "rule"),
        count(raw.tools.len(), "tool"),
    )
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The effective configuration, with the default rules spelled out. What stands for the secret is too short to be one,
/// so nobody can use it by accident.
fn effective(raw: &RawConfig, config: &Config) -> serde_json::Value {
    let mut json = schema::effective(raw);
    if raw.rules.is_none() {
        let rules: serde_json::Value = config.engine.rules.iter().map(rule).collect();
        if let Some(members) = json.as_object_mut() {
            members.insert("rules".to_owned(), rules);
        }
        // Reading it fills in what these rules leave out.
        json = raw::read(json.to_string().as_bytes()).map_or(json, |raw| schema::effective(&raw));
    }
    if let Some(members) = json.as_object_mut() {
        members.insert("secret".to_owned(), "(hidden)".into());
    }
    json
}

/// A compiled rule as it is written in a configuration; it must not be limited to names.
pub(crate) fn rule(rule: &Rule) -> serde_json::Value {
    let when = &rule.when;
    let then = match rule.then {
        Action::Approval => {
            json!({"approval": rule.approval_url.as_ref().map_or(json!({}), |url| json!({"url": url}))})
        }
        Action::Suspend => json!({"suspend": {"seconds": rule.duration.millis() / 1000}}),
        action => action.name().into(),
    };
    let mut parts = serde_json::Map::new();
    let words = |all: &[(u8, &str)], set: Set| -> serde_json::Value {
        all.iter().filter(|(number, _)| set.has(*number)).map(|(_, word)| *word).collect()
    };
    if when.actors != Set::ALL {
        let all = ACTORS.map(|(actor, word)| (actor_number(actor), word));
        parts.insert("actor".to_owned(), words(&all, when.actors));
    }
    if when.accesses != Set::ALL {
        let all = ACCESSES.map(|(access, word)| (access_number(access), word));
        parts.insert("access".to_owned(), words(&all, when.accesses));
    }
    if let Some(kinds) = when.signals {
        let all: Vec<(u8, &str)> = CATALOGUE.iter().map(|row| (row.kind.number(), row.name)).collect();
        parts.insert("signal".to_owned(), words(&all, kinds));
    }
    if let Some(postures) = when.postures {
        let all = [Posture::Compliant, Posture::NotCompliant, Posture::Unknown]
            .map(|posture| (posture_number(posture), posture));
        let written = all.iter().filter(|(number, _)| postures.has(*number)).map(|(_, posture)| posture.write());
        parts.insert("posture".to_owned(), written.collect());
    }
    if when.level > Level::Low {
        parts.insert("level_at_least".to_owned(), when.level.name().into());
    }
    if when.score.points() > 0 {
        parts.insert("score_at_least".to_owned(), when.score.points().into());
    }
    if when.tier > Tier::Standard {
        parts.insert("tier_at_least".to_owned(), when.tier.write());
    }
    json!({"name": rule.name, "when": parts, "then": then})
}

/// What is legal and suspicious: a place and a sentence each, in the order of the configuration.
fn warnings(raw: &RawConfig, config: &Config) -> Vec<(String, String)> {
    let mut found = Warnings::default();
    let mut distinct: Vec<char> = raw.secret.0.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 8 {
        found.add("secret", "has few different characters; take a random one, such as `openssl rand -base64 24` gives");
    }
    match &raw.mode {
        RawMode::Enforce => {}
        RawMode::Shadow => found.add("mode", "`shadow`: everything is decided and logged, nothing is enforced"),
        RawMode::Percent(percent) => {
            let text = format!("enforced for {} percent of the sessions, only logged for the others", percent.0);
            found.add("mode", text);
        }
    }
    names(raw, &mut found);
    let rules = raw.rules.as_deref().unwrap_or_default();
    for (index, rule) in rules.iter().enumerate() {
        let weightless = |kind| config.engine.weights.of(kind) == Decibans::ZERO;
        never(raw, &rule.when, weightless, &mut |what, text| found.add(format!("rules[{index}].when{what}"), text));
        let earlier = rules.iter().take(index).find(|earlier| always(earlier));
        if let Some(earlier) = earlier {
            let text = format!("never matches: the earlier rule `{}` matches everything", earlier.name.0);
            found.add(format!("rules[{index}]"), text);
        }
        if rule.mode == RawMode::Shadow && raw.mode != RawMode::Shadow {
            found.add(format!("rules[{index}].mode"), "`shadow`: this rule ends the search, and enforces nothing");
        }
        let keys_only = rule.when.actor.as_deref() == Some(&[Actor::ApiKey]);
        if keys_only && rule.then == RawOutcome::StepUp {
            let text = "an API key cannot authenticate again; `restrict` and `deny` say the same without a promise";
            found.add(format!("rules[{index}].then"), text);
        }
    }
    if raw.rules.as_ref().is_some_and(Vec::is_empty) {
        found.add("rules", "an empty list allows everything; leave `rules` out for the default ones");
    } else {
        unruled(&config.engine.rules, &mut found);
    }
    found.0
}

#[derive(Default)]
struct Warnings(Vec<(String, String)>);

impl Warnings {
    fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }
}

/// Routes, tools and how MCP is read.
fn names(raw: &RawConfig, found: &mut Warnings) {
    let sensitive = raw.default_tier >= Tier::Sensitive
        || raw.routes.iter().any(|route| route.tier >= Tier::Sensitive)
        || raw.tools.iter().any(|tool| tool.tier >= Tier::Sensitive);
    if !sensitive {
        let text = "none is `sensitive` or `critical`, so `sensitive_first_use` and rules about such tiers see nothing";
        found.add("routes", text);
    }
    if raw.default_tier == Tier::Public {
        found.add("default_tier", "`public`: requests that match no route are scored and never acted upon");
    }
    let mcp = speaks_mcp(raw);
    if !mcp && !raw.tools.is_empty() {
        found.add("tools", "not used: no route has `\"protocol\": \"mcp\"`");
    }
    if !mcp && raw.mcp.read_body {
        found.add("mcp.read_body", "not used: no route has `\"protocol\": \"mcp\"`");
    }
    if mcp && raw.mcp.read_body {
        let text = "on Envoy this needs `allow_on_headers_stop_iteration: true` beside `vm_config`; without it every MCP \
                    call waits for `mcp.body_timeout_ms`";
        found.add("mcp.read_body", text);
    }
    if mcp && !raw.mcp.read_body {
        let text = "off: a call is what its `Mcp-Method` and `Mcp-Name` headers say, which the client writes; turn it on \
                    unless something else compares them with the body";
        found.add("mcp.read_body", text);
    }
}

fn speaks_mcp(raw: &RawConfig) -> bool {
    raw.routes.iter().any(|route| route.protocol == Protocol::Mcp)
}

/// Conditions that no request meets.
fn never(
    raw: &RawConfig,
    when: &RawWhen,
    weightless: impl Fn(session_risk::signal::Kind) -> bool,
    add: &mut dyn FnMut(&str, &str),
) {
    let empty = "never matches: an empty list has nothing in it; leave it out for any";
    let lists = [
        (".actor", when.actor.as_ref().map(Vec::len)),
        (".access", when.access.as_ref().map(Vec::len)),
        (".route", when.route.as_ref().map(Vec::len)),
        (".signal", when.signal.as_ref().map(Vec::len)),
        (".posture", when.posture.as_ref().map(Vec::len)),
    ];
    lists.iter().filter(|(_, length)| *length == Some(0)).for_each(|(place, _)| add(place, empty));
    if when.posture.is_some() && raw.device.posture.is_none() {
        add(".posture", "never matches: `device.posture` does not say where the posture is read");
    }
    if when.signal.as_ref().is_some_and(|kinds| !kinds.is_empty() && kinds.iter().all(|kind| weightless(*kind))) {
        add(".signal", "never matches: `weights` switches every one of these signals off");
    }
    if !when.tool.is_empty() && !speaks_mcp(raw) {
        add(".tool", "never matches: no route has `\"protocol\": \"mcp\"`");
    }
    if when.tier_at_least == Tier::Public {
        add(".tier_at_least", "requests of tier `public` match no rule, so this says `standard`");
    }
}

/// Whether a rule matches every request that rules are asked about. One that asks for a step-up or an approval does
/// not: it passes over who has just answered.
fn always(rule: &RawRule) -> bool {
    let when = &rule.when;
    !matches!(rule.then, RawOutcome::StepUp | RawOutcome::Approval(_))
        && when.actor.is_none()
        && when.level_at_least == Level::Low
        && when.score_at_least.0 == 0
        && when.tier_at_least <= Tier::Standard
        && when.access.is_none()
        && when.host.is_empty()
        && when.route.is_none()
        && when.tool.is_empty()
        && when.signal.is_none()
        && when.posture.is_none()
}

/// Actors that no rule ever stops.
fn unruled(rules: &[Rule], found: &mut Warnings) {
    for (actor, word) in ACTORS {
        let stopped = |rule: &Rule| rule.then != Action::Allow && rule.when.actors.has(actor_number(actor));
        if !rules.iter().any(stopped) {
            found.add("rules", format!("no rule restricts, challenges or stops the actor `{word}`"));
        }
    }
}

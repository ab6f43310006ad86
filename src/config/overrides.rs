//! What differs for some hosts and paths: a merge patch (RFC 7396) on the whole document, compiled into a configuration
//! of its own. Which one a request is under is found in `intake/choice.rs`.

use super::{
    Config, ConfigError, Override,
    compile::{self, selectors},
    error::{Path, Problems},
    raw::{Pattern, RawConfig, Template},
    read::{Field, Json, expected, section},
};
use crate::{
    bounds::OVERRIDES,
    facts::{
        Tier,
        headers::WANTED,
        route::{Route, Routes},
    },
};

section! {
    /// What differs where; every part that is stated must hold.
    pub struct RawOverride {
        /// Any of these hosts, written as in `rules[].when.host`.
        host: Vec<Pattern> = Vec::new(),
        /// Any of these paths, written as in `routes[].path`: `/v1/**`.
        path: Option<Vec<Template>> = None,
        /// A merge patch (RFC 7396) on the whole configuration: objects are merged, everything else replaces, `null` takes
        /// out. Not for `secret`, `table`, `admin`, `session.key` and `session.subject`.
        config: Patch,
    }
}

/// A patch as it was written. The module takes it from the document itself, so as not to copy it.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    #[cfg(not(target_os = "wasi"))]
    json: Json,
}

impl Field for Patch {
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        if !matches!(json, Json::Object(_)) {
            return expected("an object", json, at, problems);
        }
        Some(Self {
            #[cfg(not(target_os = "wasi"))]
            json: json.clone(),
        })
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "object"})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        self.json.write()
    }
}

/// Compiles a document: the whole configuration and that of each override. The overrides are compiled once the whole one
/// is right, or each of its problems would be told again for every one of them.
///
/// # Errors
/// Every problem found.
pub(super) fn compile(text: &[u8]) -> Result<Config, ConfigError> {
    let mut problems = Problems::default();
    let Some(raw) = RawConfig::read(&Json::parse(text)?, &Path::ROOT, &mut problems) else { return problems.or(None) };
    let mut config = compile::compile(&raw, problems)?;
    let mut problems = Problems::default();
    let at = Path::ROOT.member("overrides");
    if raw.overrides.len() > OVERRIDES {
        problems.add(&at, format!("at most {OVERRIDES} overrides, found {}", raw.overrides.len()));
        return problems.or(None);
    }
    for (index, one) in raw.overrides.iter().enumerate() {
        let Some(compiled) = compile_one(text, index, one, &at.item(index), &mut problems) else { continue };
        // The gateway is asked for headers before it is known which override holds.
        if !compiled.config.names.iter().all(|name| config.names.want(name).is_some()) {
            problems.add(&at, format!("more than {WANTED} different headers, all overrides together"));
        }
        config.overrides.push(compiled);
    }
    problems.or(Some(config))
}

/// What one filter has once: sessions are shared between overrides, and operators see all of them.
const SHARED: [&str; 4] = ["secret", "table", "admin", "overrides"];

fn compile_one(
    text: &[u8],
    index: usize,
    one: &RawOverride,
    at: &Path<'_>,
    problems: &mut Problems,
) -> Option<Override> {
    let hosts = selectors::hosts(&one.host, &at.member("host"), problems);
    let templates = one.path.as_deref().unwrap_or_default();
    let paths = paths(templates, &at.member("path"), problems);
    if one.host.is_empty() && templates.is_empty() {
        problems.add(at, "expected `host` or `path`, which say where it holds");
    }
    let at = at.member("config");
    let (mut json, patch) = split(text, index)?;
    refuse(&patch, &SHARED, &at, problems);
    if let Some(session) = patch.find("session") {
        refuse(session, &["key", "subject"], &at.member("session"), problems);
    }
    json.merge(patch);
    let mut inner = Problems::default();
    let compiled = match RawConfig::read(&json, &Path::ROOT, &mut inner) {
        Some(raw) => compile::compile(&raw, inner),
        None => inner.or(None),
    };
    match compiled {
        Ok(config) => Some(Override { hosts: hosts?, paths, config }),
        Err(error) => {
            error.problems().iter().for_each(|problem| problems.place(&at, problem));
            None
        }
    }
}

/// Notes the members that no override may touch; what is no object would take all of them out.
fn refuse(patch: &Json, names: &[&str], at: &Path<'_>, problems: &mut Problems) {
    let cannot = "cannot differ, since sessions are shared";
    let Json::Object(members) = patch else { return problems.add(at, cannot) };
    for (name, _) in members.iter().filter(|(name, _)| names.contains(&name.as_str())) {
        problems.add(&at.member(name), cannot);
    }
}

/// The document without its overrides, and the patch of one of them.
fn split(text: &[u8], index: usize) -> Option<(Json, Json)> {
    let mut json = Json::parse(text).ok()?;
    let mut overrides = json.take("overrides")?;
    let Json::List(list) = &mut overrides else { return None };
    let patch = list.get_mut(index)?.take("config")?;
    Some((json, patch))
}

/// The configuration of an override as people write it, and the names of its members that the patch touches.
#[cfg(not(target_os = "wasi"))]
pub fn patched(text: &[u8], index: usize) -> Option<(RawConfig, Vec<String>)> {
    let (mut json, patch) = split(text, index)?;
    let Json::Object(members) = &patch else { return None };
    let names = members.iter().map(|(name, _)| name.clone()).collect();
    json.merge(patch);
    Some((RawConfig::read(&json, &Path::ROOT, &mut Problems::default())?, names))
}

/// The paths at which an override holds; `None` for any.
fn paths(templates: &[Template], at: &Path<'_>, problems: &mut Problems) -> Option<Routes> {
    if templates.is_empty() {
        return None;
    }
    let mut routes = Vec::new();
    for template in templates {
        let template = template.0.clone();
        routes.push(Route { method: None, template, tier: Tier::Standard, access: None, mcp: false });
    }
    match Routes::compile(routes) {
        Ok(routes) => Some(routes),
        Err(errors) => {
            errors.into_iter().for_each(|error| problems.add(&at.item(error.index), error.message));
            None
        }
    }
}

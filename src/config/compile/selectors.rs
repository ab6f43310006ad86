//! What rules and tools are limited to, compiled: hosts, routes, names.

use super::{Compiler, ROOT};
use crate::{
    config::{
        Selector,
        error::{Path, Problems},
        raw::{Pattern, Template},
    },
    facts::{authority::is_host_pattern, glob::Glob, headers::HeaderId},
    policy,
};

impl Compiler<'_> {
    pub(super) fn host_headers(&mut self) -> Option<[HeaderId; 2]> {
        let rules = self.raw.rules.as_deref().unwrap_or_default();
        let limited = !self.raw.overrides.is_empty() || rules.iter().any(|rule| !rule.when.host.is_empty());
        limited.then(|| Some([self.standard_header(":authority")?, self.standard_header("host")?])).flatten()
    }

    /// The routes whose path is `template`, of any method; none of that path is a problem.
    pub(super) fn routes_of(&mut self, template: &Template, at: &Path<'_>) -> Vec<u16> {
        let routes = (0u16..).zip(&self.raw.routes);
        let found: Vec<u16> = routes.filter(|(_, route)| route.path == *template).map(|(number, _)| number).collect();
        if found.is_empty() && !self.problems.touch(&ROOT.member("routes")) {
            self.problems.add(at, format!("`{}` is not a path in `routes`", template.0));
        }
        found
    }

    pub(super) fn selectors(&mut self) -> Option<Vec<Selector>> {
        let Some(raw) = &self.raw.rules else {
            return Some(policy::default_rules().iter().map(|_| Selector::default()).collect());
        };
        let rules = ROOT.member("rules");
        let mut selectors = Vec::new();
        for (index, rule) in raw.iter().enumerate() {
            let rule_at = rules.item(index);
            let at = rule_at.member("when");
            let tools = globs(&rule.when.tool, &at.member("tool"), &mut self.problems)?;
            let hosts = hosts(&rule.when.host, &at.member("host"), &mut self.problems)?;
            let routes = rule.when.route.as_ref().map(|templates| {
                let at = at.member("route");
                let templates = templates.iter().enumerate();
                templates.flat_map(|(index, template)| self.routes_of(template, &at.item(index))).collect()
            });
            selectors.push(Selector { hosts, routes, tools });
        }
        Some(selectors)
    }
}

/// Patterns of tool names.
pub(in crate::config) fn globs(patterns: &[Pattern], at: &Path<'_>, problems: &mut Problems) -> Option<Vec<Glob>> {
    let mut globs = Vec::new();
    for (index, pattern) in patterns.iter().enumerate() {
        match Glob::parse(&pattern.0) {
            Ok(glob) => globs.push(glob),
            Err(error) => problems.add(&at.item(index), error.to_string()),
        }
    }
    (globs.len() == patterns.len()).then_some(globs)
}

/// Patterns of hosts, in the lower case in which hosts are compared.
pub(in crate::config) fn hosts(patterns: &[Pattern], at: &Path<'_>, problems: &mut Problems) -> Option<Vec<Glob>> {
    for (index, pattern) in patterns.iter().enumerate() {
        if !is_host_pattern(&pattern.0) {
            let what = "expected a host such as `shop.example.com` or `*.example.com`, without scheme, port and path";
            problems.add(&at.item(index), what);
        }
    }
    let mut globs = globs(patterns, at, problems)?;
    globs.iter_mut().for_each(Glob::lower);
    Some(globs)
}

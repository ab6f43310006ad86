//! Which host a request is for, and which configuration it is under. How hosts are compared is said in
//! `facts/authority.rs`, how paths in `facts/route.rs`.

use crate::{
    config::{Config, Override},
    facts::{ConfigId, authority, headers::Headers},
};

/// The host that a request is for, where the configuration asks for it. A `Host` beside `:authority` says nothing: the
/// gateway does not route by it.
pub(super) fn host(config: &Config, headers: &Headers<'_>) -> Option<String> {
    let names = config.session.headers.host?;
    names.iter().find_map(|name| headers.value(*name)).and_then(authority::host)
}

/// The configuration that a request is under, of the whole one's `headers`.
pub fn choose(config: &Config, headers: &Headers<'_>) -> ConfigId {
    if config.overrides.is_empty() {
        return ConfigId::default();
    }
    let host = host(config, headers).unwrap_or_default();
    let path = headers.value(config.session.headers.path).unwrap_or_default();
    let holds = |one: &Override| {
        (one.hosts.is_empty() || one.hosts.iter().any(|glob| glob.matches(&host)))
            && one.paths.as_ref().is_none_or(|paths| paths.find(b"", path).is_some())
    };
    let found = (1u8..).zip(&config.overrides).find(|(_, one)| holds(one));
    ConfigId(found.map_or(0, |(number, _)| number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(rule: &str, pairs: &[(&str, &[u8])]) -> Option<String> {
        let config = format!(r#"{{"secret": "an example secret of some length", "rules": [{rule}]}}"#);
        let config = Config::from_json(config.as_bytes()).unwrap();
        host(&config, &config.names.pick(pairs.iter().map(|(name, value)| (name.as_bytes(), *value))))
    }

    #[test]
    fn the_authority_is_read_else_the_host_and_only_where_a_rule_asks() {
        let limited = r#"{"name": "a", "then": "deny", "when": {"host": ["*"]}}"#;
        assert_eq!(of(limited, &[("Host", b"A.example:80")]).as_deref(), Some("a.example"));
        assert_eq!(of(limited, &[("host", b"a"), (":authority", b"b")]).as_deref(), Some("b"));
        assert_eq!(of(limited, &[(":authority", b"\xff"), ("host", b"a")]), None);
        assert_eq!(of(limited, &[]), None);
        assert_eq!(of(r#"{"name": "a", "then": "deny"}"#, &[(":authority", b"b")]), None);
    }
}

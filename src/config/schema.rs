//! The JSON schema of the configuration, for editors and for `envoy-config/session-risk.schema.json`.

use super::{raw::RawConfig, read::Field};
use serde_json::{Map, Value};

/// The schema (JSON Schema, draft 2020-12).
pub fn schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_owned(), "Session Risk filter configuration".into());
    if let Value::Object(config) = RawConfig::schema() {
        schema.extend(config);
    }
    schema.into()
}

/// The effective configuration: every default filled in. Reading it gives the same configuration.
pub fn effective(config: &RawConfig) -> Value {
    config.write()
}

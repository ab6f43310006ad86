//! What the configuration says about requests that cannot be scored: a word for all, or one for each cause.

use super::{
    OnFailure, Refused,
    error::{Path, Problems},
    read::{Field, Json, section, words},
};

words! { OnFailure { OnFailure::Allow => "allow", OnFailure::Deny => "deny", } }

section! {
    /// What happens to a request that cannot be scored, by cause. `allow` forwards it.
    pub struct RawCauses: Default {
        /// The host does not show its headers; `deny` answers 503.
        host_error: OnFailure = OnFailure::Allow,
        /// The host does not show the session table; `deny` answers 503.
        table_error: OnFailure = OnFailure::Allow,
        /// It carries nothing that names a session; `deny` answers 401 outside of tier `public`.
        no_session: OnFailure = OnFailure::Allow,
        /// It carries a credential that cannot be read, and nothing else that names a session; `deny` as for `no_session`.
        malformed: OnFailure = OnFailure::Allow,
        /// An MCP call whose body does not come in `mcp.body_timeout_ms`: `allow` scores it by its headers, which the client
        /// writes; `deny` answers 503.
        body_missing: OnFailure = OnFailure::Allow,
    }
}

/// Either form of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RawOnFailure(pub RawCauses);

impl Field for RawOnFailure {
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        if let Json::Object(_) = json {
            return RawCauses::read(json, at, problems).map(Self);
        }
        let all = OnFailure::read(json, at, problems)?;
        Some(Self(RawCauses { host_error: all, table_error: all, ..RawCauses::default() }))
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        serde_json::json!({"anyOf": [OnFailure::schema(), RawCauses::schema()]})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        self.0.write()
    }
}

impl RawOnFailure {
    pub(super) fn compiled(&self) -> Refused {
        let denied = |word| word == OnFailure::Deny;
        let causes = &self.0;
        Refused {
            host_error: denied(causes.host_error),
            table_error: denied(causes.table_error),
            no_session: denied(causes.no_session),
            malformed: denied(causes.malformed),
            body_missing: denied(causes.body_missing),
        }
    }
}

//! The manual: the pages under `src/manual/`, for whoever reads the documentation. Nothing here is compiled into anything.

/// What each signal sees, what it misses, how to tune it.
#[doc = include_str!("manual/signals.md")]
pub mod signals {}

/// Rolling out, switching off, failing, reloading, memory, alarms.
#[doc = include_str!("manual/operations.md")]
pub mod operations {}

/// What each caller is told, the interface for operators, the kill switch, the record.
#[doc = include_str!("manual/enforcement.md")]
pub mod enforcement {}

/// Who can do what; which headers must be stripped; what an attacker with the token can do.
#[doc = include_str!("manual/threat-model.md")]
pub mod threat_model {}

/// What a request costs, how that was measured, where the time goes.
#[doc = include_str!("manual/performance.md")]
pub mod performance {}

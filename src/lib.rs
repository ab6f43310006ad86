//! **Session Risk** scores, on every request, how likely it is that somebody else now drives a session that was issued
//! legitimately, and acts on it inside the gateway before the request is forwarded.
//!
//! ```text
//!            request headers                    response headers
//!                  |                                   |
//! host ->  facts -> signals -> evidence -> score -> decision -> response -> effects -> host
//!              ^        ^          ^
//!              |   baseline    ledger        (both inside Session, read from and written to one table entry)
//!            config (compiled once)
//! ```
//!
//! Everything before *effects* is a pure core: [`engine::Engine::assess`] takes facts and a session and gives an
//! assessment with the next session. It reads no clock, makes no host call, and gives the same bytes on every target.
//! [`filter`] is the state machine of one request over a [`host::Host`]; `wasm` is the proxy-wasm module around it.
//!
//! | module | what it is about |
//! |---|---|
//! | [`time`], [`bounds`] | points in time; every limit |
//! | [`facts`] | one request as the core sees it, and the parsers of what clients send |
//! | [`baseline`], [`signal`] | what the session looked like; what detectors say |
//! | [`evidence`], [`score`] | the decayed ledger; points, level, contributions |
//! | [`policy`], [`engine`] | what to do; the only composer |
//! | [`session`] | what is kept, its bytes, its table |
//! | [`config`], [`intake`] | the configuration; headers into facts |
//! | [`response`], [`audit`], [`metrics`] | what everyone is told |
//! | [`host`], [`filter`], [`root`], [`admin`] | the shell |
//! | `replay` (feature `cli`) | access logs and labelled traces through the same code |
#![cfg_attr(not(target_os = "wasi"), forbid(unsafe_code))]

pub mod admin;
pub mod audit;
pub mod baseline;
pub mod bounds;
pub mod config;
pub mod engine;
pub mod evidence;
pub mod facts;
pub mod filter;
pub mod host;
pub mod intake;
#[cfg(doc)]
pub mod manual;
pub mod metrics;
pub mod policy;
#[cfg(feature = "cli")]
pub mod replay;
pub mod response;
pub mod root;
pub mod score;
pub mod session;
pub mod signal;
pub mod time;
#[cfg(target_os = "wasi")]
mod wasm;

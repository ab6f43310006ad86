//! Facts: one request as the core sees it.

pub mod agent;
pub mod client;
pub mod credential;
pub mod device;
pub mod glob;
pub mod token;

//! The gateway's JSON access log.

use serde_json::Value;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

pub struct AccessLog {
    pub path: PathBuf,
}

impl AccessLog {
    /// Every line written so far.
    pub fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The line of a request, waiting for Envoy to write it.
    pub fn line(&self, request_id: &str) -> Option<Value> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.lines().into_iter().rev().find(|line| line["request_id"] == request_id);
            if found.is_some() || Instant::now() > deadline {
                return found;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

//! Scenarios of what a session may do: the window of a grant. What raises a score is the other scenarios' business.

use super::{Expected, START, Scenario, Story};
use serde_json::json;

pub fn all() -> Vec<Scenario> {
    vec![grant_ends()]
}

/// Forwarded under `allow`, and the upstream is told so many seconds; an empty text is nothing.
fn told(seconds: &str) -> Option<Expected> {
    let headers = vec![("x-session-risk-grant-expires", seconds.to_owned())];
    Some(Expected { action: Some("allow"), headers, ..Expected::default() })
}

fn grant_ends() -> Scenario {
    let mut story = Story::new(
        "the upstream is told when the window of a grant ends, by nobody but the gateway",
        json!({"grant": {"from": "pam.from", "until": "pam.until"}}),
    );
    // Seconds are counted, so the clock must be the story's.
    story.scenario.timeless = false;
    let start = START / 1000;
    story.home().with("x-session-risk-grant-expires", "9999");
    story.token(json!({"sid": "window", "pam": {"from": start - 60, "until": start + 60}}));
    story.step("GET", "/admin/users", String::new(), told("60"));
    story.step("GET", "/admin/users", String::new(), told("58"));
    // Nothing here needs the window.
    story.step("GET", "/orders/1", String::new(), told(""));
    story.step("GET", "/login", String::new(), told(""));
    story.wait(51).step("GET", "/admin/users", String::new(), told("1"));
    story.refused("GET", "/admin/users", (403, "deny"), &[]);
    story.step("GET", "/orders/1", String::new(), told(""));
    story.token(json!({"sid": "window"})).refused("GET", "/admin/users", (403, "deny"), &[]);
    story.told()
}

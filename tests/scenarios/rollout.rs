//! Scenarios of rollout: rules limited to hosts. What the rules themselves do is the other scenarios' business.

use super::{Scenario, Story};
use serde_json::json;

pub fn all() -> Vec<Scenario> {
    vec![rule_of_hosts(), odd_hosts()]
}

fn rule_of_hosts() -> Scenario {
    let mut story = Story::new(
        "a rule limited to hosts holds there, however the host is spelled",
        json!({"rules": [
            {"name": "no-admin", "when": {"host": ["Admin.Example.com", "*.ops.example", "[2001:db8::?]"]}, "then": "deny"},
        ]}),
    );
    story.home().with("x-api-key", "hosts");
    for host in
        ["admin.example.com", "ADMIN.example.COM:8443", "admin.example.com.", "a.b.ops.example", "[2001:DB8::1]:80"]
    {
        story.with(":authority", host).refused("GET", "/orders/1", (403, "deny"), &[]);
    }
    for host in ["example.com", "admin.example.com.evil.test", "ops.example"] {
        story.with(":authority", host).allowed(1, "GET", "/orders/1");
    }
    story.told()
}

fn odd_hosts() -> Scenario {
    let mut story = Story::new(
        "a host that is none matches no pattern, and a Host beside the authority says nothing",
        json!({"rules": [{"name": "no-admin", "when": {"host": ["admin.example.com"]}, "then": "deny"}]}),
    );
    // Envoy refuses some of these itself, and HTTP/1.1 knows no authority beside Host.
    story.scenario.timeless = false;
    story.home().with("x-api-key", "odd-hosts");
    for host in
        ["", ":443", "admin.example.com:443:443", "user@admin.example.com", "\u{e9}", "https://admin.example.com"]
    {
        story.with(":authority", host).allowed(1, "GET", "/orders/1");
    }
    story.with(":authority", "shop.example").with("host", "admin.example.com").allowed(1, "GET", "/orders/1");
    story.told()
}

//! Scenarios of rollout: rules limited to hosts, overrides for hosts and paths,
//! requests without a session. What the rules themselves do is the other scenarios' business.

use super::{Expected, Scenario, Story};
use serde_json::json;

pub fn all() -> Vec<Scenario> {
    vec![rule_of_hosts(), odd_hosts(), overrides(), overrides_of_calls(), nobody_is_refused(), nobody_is_noted()]
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

fn overrides() -> Scenario {
    let mut story = Story::new(
        "the first override that holds for host and path is the configuration, and sessions are shared",
        json!({
            "levels": {"high": 60, "critical": 70},
            "rules": [{"name": "read-only", "when": {"level_at_least": "high"}, "then": "restrict"}],
            "overrides": [
                {"host": ["*.trial.example"], "config": {"mode": "shadow"}},
                {"host": ["admin.example"], "path": ["/orders/{id}", "/reports/**"],
                 "config": {"levels": {"elevated": 5, "high": 15}, "rules": [
                     {"name": "nothing", "when": {"level_at_least": "high"}, "then": "deny"}]}},
                {"path": ["/legacy/**"], "config": {"default_tier": "public", "session": {"payload": {"header": "x-legacy-payload"}}}},
            ],
        }),
    );
    story.home().with("x-api-key", "overrides").allowed(25, "GET", "/orders/{}");
    // Some 27 points or, where it all comes within a second, more: high for the second override alone.
    story.from("128.199.70.5", "14061", "SG");
    story.with(":authority", "shop.example").allowed(1, "POST", "/orders/1");
    for path in ["/orders/1", "/reports", "/orders/../reports/a/b", "//orders/1"] {
        story.with(":authority", "ADMIN.example:443").refused("GET", path, (403, "deny"), &[]);
    }
    // The level is the session's: once high, it is held, and the whole configuration's rule sees it.
    story.refused("POST", "/orders/1/items", (403, "restrict"), &[]);
    story.passes("GET", "/orders/1/items", "restrict");
    let shadow = Expected { action: Some("allow"), would: Some("restrict"), ..Expected::default() };
    story.with(":authority", "a.trial.example").step("POST", "/reports/a", String::new(), Some(shadow));
    story.with(":authority", "shop.example").allowed(1, "POST", "/legacy/orders");
    story.refused("POST", "/legacies", (403, "restrict"), &[]);
    // Where the payload is not looked for, a key of claims is no session.
    story.without("x-api-key").token(json!({"sid": "claims"})).allowed(1, "GET", "/orders/1");
    story.step("GET", "/legacy/orders", String::new(), Some(Expected::default()));
    story.told()
}

fn overrides_of_calls() -> Scenario {
    let denies = json!([{"name": "no-writes", "when": {"access": ["write"]}, "then": "deny"}]);
    let mut story = Story::new(
        "an MCP call is judged by its override from its headers to its body",
        json!({"overrides": [
            {"host": ["small.example"], "config": {"mcp": {"max_body_bytes": 20}, "rules": denies}},
            {"host": ["mcp.example"], "config": {
                "routes": [{"path": "/tools", "protocol": "mcp"}], "rules": denies,
                "tools": [{"name": "export_*", "access": "read"}]}},
        ]}),
    );
    story.home().token(json!({"sid": "calls"})).calls(json!(1), "set_one", 1, super::allow());
    // Too long to be read there, so it counts as an unknown, writing call.
    let refused = Expected { status: Some(403), action: Some("deny"), says: vec!["jsonrpc"], ..Expected::default() };
    story.with(":authority", "small.example").calls(json!(2), "get_one", 1, refused.clone());
    story.with(":authority", "mcp.example").refused("POST", "/mcp", (403, "deny"), &["urn:session-risk:deny"]);
    let call =
        |tool: &str| json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": tool}}).to_string();
    story.step("POST", "/tools", call("get_one"), Some(refused));
    story.step("POST", "/tools", call("export_all"), Some(super::allow()));
    story.told()
}

fn nobody_is_refused() -> Scenario {
    let mut story = Story::new(
        "a request without a session can be refused, in the words of each caller, but for public ones",
        json!({
            "on_failure": {"no_session": "deny", "malformed": "deny"},
            "step_up": {
                "redirect": "https://login.example/?to={path}",
                "mcp": {"scope": "tools", "resource_metadata": "https://mcp.example/meta"},
            },
        }),
    );
    let told = |status, action, challenge: &str, says| Expected {
        status: Some(status),
        action: Some(action),
        headers: vec![("www-authenticate", challenge.to_owned())],
        says,
        ..Expected::default()
    };
    let plain = told(401, "no_session", "Bearer realm=\"session-risk\"", vec!["urn:session-risk:no_session"]);
    story.home().step("GET", "/orders/1", String::new(), Some(plain.clone()));
    story.step("POST", "/login", String::new(), Some(Expected::default()));
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}).to_string();
    let challenge = "Bearer realm=\"session-risk\", resource_metadata=\"https://mcp.example/meta\"";
    story.step("POST", "/mcp", call, Some(told(401, "no_session", challenge, vec!["\"id\":7", "40103"])));
    story.with("content-type", "application/grpc");
    let grpc = told(200, "no_session", "Bearer realm=\"session-risk\"", vec!["16"]);
    story.step("POST", "/shop.Orders/Get", String::new(), Some(grpc));
    story.without("content-type").with("accept", "text/html");
    let sent = Expected {
        headers: vec![("location", "https://login.example/?to=%2Forders%2F1".to_owned())],
        ..told(302, "no_session", "", vec![])
    };
    story.step("GET", "/orders/1", String::new(), Some(sent));
    story.without("accept").with("x-jwt-payload", "!!!");
    let malformed = "Bearer realm=\"session-risk\", error=\"invalid_token\"";
    story.step("GET", "/orders/1", String::new(), Some(told(401, "malformed", malformed, vec!["cannot be read"])));
    story.step("GET", "/login", String::new(), Some(Expected::default()));
    story.with("x-api-key", "nobody").allowed(1, "GET", "/orders/1");
    story.told()
}

fn nobody_is_noted() -> Scenario {
    let mut story = Story::new(
        "in shadow nobody is refused, and what is malformed is another cause than nothing",
        json!({"mode": "shadow", "on_failure": {"no_session": "deny", "malformed": "deny"},
               "overrides": [{"path": ["/strict/**"], "config": {"mode": "enforce", "on_failure": {"malformed": null}}}]}),
    );
    story.home().step("GET", "/orders/1", String::new(), Some(Expected::default()));
    story.refused("GET", "/strict/1", (401, "no_session"), &["Bearer realm"]);
    story.with("x-jwt-payload", "!!!").step("GET", "/strict/1", String::new(), Some(Expected::default()));
    story.told()
}

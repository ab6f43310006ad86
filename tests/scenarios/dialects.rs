//! Scenarios of refusals, to the last byte: what each kind of client is told. When something is refused at all, is the
//! other scenarios' business.

use super::{Expected, Scenario, Story};
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    let approval = [approvals(), approval_without_an_address(), approval_in_shadow(), approved_by_a_window()];
    let others = [challenges(), entra_answers(), plain_browser(), restricted(), stopped_grpc(), admin_is_off()];
    others.into_iter().chain(approval).collect()
}

const RFC_9470: &str = "Bearer error=\"insufficient_user_authentication\", \
    error_description=\"A different authentication level is required\", acr_values=\"urn:mfa\", max_age=\"300\"";

fn told(status: u16, action: &'static str, headers: &[(&'static str, &str)], body: &str) -> Expected {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Expected { status: Some(status), action: Some(action), headers, body: Some(body.to_owned()), ..Expected::default() }
}

fn problem(status: u16, action: &str, title: &str, detail: &str, extra: &str) -> String {
    format!(
        "{{\"type\":\"urn:session-risk:{action}\",\"title\":\"{title}\",\"status\":{status},\"detail\":\"{detail}\",\
         \"action\":\"{action}\"{extra}}}"
    )
}

const AGAIN: (&str, &str) = (
    "Authentication required",
    "This request needs a fresh or stronger authentication. Authenticate again, then repeat it.",
);
const READ_ONLY: (&str, &str) = (
    "Session is read-only",
    "This session is limited to reading. Reads are still answered; writes, exports and administration are not.",
);

fn policy(when: Value, then: Value, step_up: Value) -> Value {
    json!({"rules": [{"name": "always", "when": when, "then": then}], "step_up": step_up})
}

fn dialects() -> Value {
    json!({
        "acr_values": "urn:mfa",
        "entra": {"authorization_uri": "https://login.example/common/oauth2/authorize", "acrs": "c1"},
        "mcp": {"scope": "tools:read tools:write", "resource_metadata": "https://mcp.example/.well-known/oauth-protected-resource"},
        "redirect": "https://login.example/?acr=urn:mfa&return_to={path}",
    })
}

fn call(tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": tool}}).to_string()
}

fn challenges() -> Scenario {
    let mut story = Story::new(
        "a step-up is put in the words of each caller",
        policy(json!({"access": ["admin", "export", "read"]}), json!("step_up"), dialects()),
    );
    let body = problem(401, "step_up", AGAIN.0, AGAIN.1, "");
    let json = ("content-type", "application/problem+json");
    let plain = told(401, "step_up", &[("www-authenticate", RFC_9470), json, ("cache-control", "no-store")], &body);
    story.home().with("x-api-key", "dialects");
    story.step("POST", "/admin/users", String::new(), Some(plain.clone()));

    let page = "https://login.example/?acr=urn:mfa&return_to=%2Fadmin%2Fusers%3Fpage%3D2%26q%3D1%25202";
    let sent = told(302, "step_up", &[("location", page), ("www-authenticate", ""), ("cache-control", "no-store")], "");
    story.with("accept", "text/html,application/xhtml+xml;q=0.9");
    story.step("GET", "/admin/users?page=2&q=1%202", String::new(), Some(sent));
    let away =
        told(302, "step_up", &[("location", "https://login.example/?acr=urn:mfa&return_to=%2Fevil.example")], "");
    story.step("GET", "//evil.example", String::new(), Some(away));
    story.step("POST", "/admin/users", String::new(), Some(plain.clone()));
    story.with("accept", "*/*").step("GET", "/admin/users", String::new(), Some(plain.clone()));

    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
    let entra = format!(
        "Bearer realm=\"\", authorization_uri=\"https://login.example/common/oauth2/authorize\", \
         error=\"insufficient_claims\", claims=\"{claims}\""
    );
    let entra = told(401, "step_up", &[("www-authenticate", &entra), json], &body);
    for (capabilities, expected) in [
        (json!(["cp1"]), entra.clone()),
        (json!(["ae", "cp1"]), entra.clone()),
        (json!("cp1"), entra),
        (json!(["cp12"]), plain.clone()),
        (json!([]), plain.clone()),
    ] {
        story.token(json!({"sid": "entra", "xms_cc": capabilities}));
        story.step("POST", "/admin/users", String::new(), Some(expected));
    }

    let scope = "Bearer error=\"insufficient_scope\", scope=\"tools:read tools:write\", \
                 resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource\"";
    let error = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{{\"code\":40101,\"message\":\"{}: {}\",\"data\":{{\"action\":\"step_up\"}}}}}}",
        AGAIN.0, AGAIN.1
    );
    let mcp = told(403, "step_up", &[("www-authenticate", scope), ("content-type", "application/json")], &error);
    story.token(json!({"sid": "entra", "xms_cc": ["cp1"]})).step("POST", "/mcp", call("export_all"), Some(mcp));

    let message = format!("{}: {}", AGAIN.0, AGAIN.1);
    let grpc = [
        ("grpc-status", "16"),
        ("grpc-message", message.as_str()),
        ("content-type", "application/grpc"),
        ("www-authenticate", RFC_9470),
    ];
    story.token(json!({"sid": "grpc"})).with("content-type", "application/grpc+proto");
    story.step("POST", "/admin/pkg.Service/Do", String::new(), Some(told(200, "step_up", &grpc, "")));
    story.told()
}

fn entra_answers() -> Scenario {
    let mut story = Story::new(
        "a token with the context that was asked for answers the challenge",
        json!({
            "step_up": dialects(),
        }),
    );
    let token = |acrs: Value| json!({"sid": "context", "xms_cc": ["cp1"], "acrs": acrs});
    story.home().with("user-agent", "curl/8.5.0").token(token(json!([]))).allowed(25, "GET", "/orders/{}");
    story.from("128.199.70.5", "14061", "SG");
    let mut asked = told(401, "step_up", &[], "");
    (asked.body, asked.says) = (None, vec!["insufficient_claims"]);
    story.step("GET", "/admin/users", String::new(), Some(asked.clone()));
    story.token(token(json!(["c2", "c11"]))).step("GET", "/admin/users", String::new(), Some(asked));
    story.token(token(json!(["c2", "c1"]))).allowed(3, "GET", "/admin/users");
    story.told()
}

fn plain_browser() -> Scenario {
    let step_up = json!({"acr_values": "urn:mfa"});
    let mut story = Story::new(
        "without a dialect configured everybody is challenged as RFC 9470 says",
        policy(json!({"access": ["admin", "export"]}), json!("step_up"), step_up),
    );
    let challenge = [("www-authenticate", RFC_9470), ("location", "")];
    let body = problem(401, "step_up", AGAIN.0, AGAIN.1, "");
    story.home().token(json!({"sid": "plain", "xms_cc": ["cp1"]})).with("accept", "text/html");
    story.step("DELETE", "/admin/users", String::new(), Some(told(401, "step_up", &challenge, &body)));
    let mut mcp = told(401, "step_up", &challenge, "");
    mcp.body = None;
    story.step("POST", "/mcp", call("export_all"), Some(mcp));
    story.told()
}

fn restricted() -> Scenario {
    let mut story = Story::new(
        "who may only read is told so, and which tools read",
        policy(json!({"access": ["write", "export"]}), json!("restrict"), json!({})),
    );
    let (title, detail) = READ_ONLY;
    story.home().with("x-api-key", "restricted").allowed(1, "GET", "/orders/1");
    let body = problem(403, "restrict", title, detail, ",\"allowed\":[\"read\"]");
    story.step("POST", "/orders/1", String::new(), Some(told(403, "restrict", &[], &body)));
    let error = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{{\"code\":40301,\"message\":\"{title}: {detail}\",\
         \"data\":{{\"action\":\"restrict\",\"allowed\":[\"read\"],\"allowed_tools\":[\"get_*\"]}}}}}}"
    );
    story.step("POST", "/mcp", call("export_all"), Some(told(403, "restrict", &[], &error)));
    story.step("POST", "/mcp", call("get_one"), Some(super::allow()));
    // A gRPC call is a POST. What it does is said by its route.
    story.with("content-type", "application/grpc");
    let message = format!("{title}: {detail}");
    let grpc = [("grpc-status", "7"), ("grpc-message", message.as_str()), ("www-authenticate", "")];
    story.step("POST", "/pkg.Service/Do", String::new(), Some(told(200, "restrict", &grpc, "")));
    story.told()
}

fn stopped_grpc() -> Scenario {
    let mut story = Story::new(
        "a suspended gRPC client is told when to come back",
        policy(json!({"access": ["write"]}), json!({"suspend": {"seconds": 86_400}}), json!({})),
    );
    story.home().with("x-api-key", "grpc").with("content-type", "application/grpc");
    story.scenario.timeless = false;
    let message = "Session suspended: This session is suspended. Requests are refused for 86400 more seconds.";
    let grpc = [("grpc-status", "7"), ("grpc-message", message), ("retry-after", "86400")];
    story.step("POST", "/pkg.Service/Do", String::new(), Some(told(200, "suspend", &grpc, "")));
    // gRPC-Web reads the HTTP status.
    story.with("content-type", "application/grpc-web+proto");
    let web = Expected { body: None, ..told(403, "suspend", &[("grpc-status", "")], "") };
    story.step("POST", "/pkg.Service/Do", String::new(), Some(web));
    story.told()
}

const APPROVAL: (&str, &str) =
    ("Approval required", "An operator must approve this session first. Repeat the request when that is done.");

fn approvals() -> Scenario {
    let url = "https://approvals.example/?session={session}&tool={tool}";
    let mut story = Story::new(
        "an approval is asked for in the words of each caller, with the address where it is given",
        policy(json!({"access": ["write", "export", "admin"]}), json!({"approval": {"url": url}}), dialects()),
    );
    story.home().with("x-api-key", "approvals").allowed(1, "GET", "/orders/1");
    let mut mcp = told(403, "approval", &[("content-type", "application/json"), ("cache-control", "no-store")], "");
    mcp.body = None;
    mcp.says = vec![
        "\"id\":5,\"error\":{\"code\":40304,\"message\":\"Approval required: ",
        "\"data\":{\"action\":\"approval\",\"approval_url\":\"https://approvals.example/?session=",
        "&tool=export_all%2F%22%26\"}}}",
    ];
    let tool = "export_all/\"&";
    for version in ["2025-06-18", "2026-07-28", "2025-11-255"] {
        story.with("mcp-protocol-version", version).step("POST", "/mcp", call(tool), Some(mcp.clone()));
    }
    story.without("mcp-protocol-version").step("POST", "/mcp", call(tool), Some(mcp.clone()));
    // MCP 2025-11-25 has an error of its own for it, which is an answer and so 200.
    let mut elicitation = Expected { status: Some(200), ..mcp.clone() };
    elicitation.says = vec![
        "\"id\":5,\"error\":{\"code\":-32042,\"message\":\"Approval required: ",
        "\"elicitations\":[{\"mode\":\"url\",\"elicitationId\":\"",
        "\",\"url\":\"https://approvals.example/?session=",
        "&tool=export_all%2F%22%26\",\"message\":\"An operator must approve",
    ];
    story.with("mcp-protocol-version", "2025-11-25").step("POST", "/mcp", call(tool), Some(elicitation));
    // Nothing is answered to a notification: it gets a status.
    let notification = json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "export_all"}}).to_string();
    let refused = Expected { says: vec!["\"id\":null,\"error\":{\"code\":40304,"], ..mcp };
    story.step("POST", "/mcp", notification, Some(refused));
    story.step("POST", "/mcp", call("get_one"), Some(super::allow()));
    // A name that is too long for an address is left out, and no other caller is told in MCP's terms.
    let long = Expected { says: vec!["&tool=\",\"message\""], ..told(200, "approval", &[], "") };
    story.step("POST", "/mcp", call(&"x".repeat(129)), Some(Expected { body: None, ..long }));
    let http = [("content-type", "application/problem+json"), ("location", ""), ("www-authenticate", "")];
    let mut http = told(403, "approval", &http, "");
    http.body = None;
    http.says = vec![",\"status\":403,", ",\"action\":\"approval\",\"approval_url\":\"https://", "&tool=\"}"];
    story.with("accept", "text/html").step("POST", "/orders/1", String::new(), Some(http));
    story.with("content-type", "application/grpc");
    let message = format!("{}: {}", APPROVAL.0, APPROVAL.1);
    let grpc = [("grpc-status", "7"), ("grpc-message", message.as_str()), ("content-type", "application/grpc")];
    story.step("POST", "/pkg.Service/Do", String::new(), Some(told(200, "approval", &grpc, "")));
    story.told()
}

fn approval_without_an_address() -> Scenario {
    let mut story = Story::new(
        "without an address an approval is a refusal like others, for the newest client too",
        policy(json!({"access": ["write", "export"]}), json!({"approval": {}}), json!({})),
    );
    let (title, detail) = APPROVAL;
    story.home().with("x-api-key", "approval").with("mcp-protocol-version", "2025-11-25");
    let body = problem(403, "approval", title, detail, "");
    story.step("POST", "/orders/1", String::new(), Some(told(403, "approval", &[], &body)));
    let error = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{{\"code\":40304,\"message\":\"{title}: {detail}\",\
         \"data\":{{\"action\":\"approval\"}}}}}}"
    );
    story.step("POST", "/mcp", call("export_all"), Some(told(403, "approval", &[], &error)));
    story.told()
}

fn approval_in_shadow() -> Scenario {
    let mut story = Story::new(
        "an approval in shadow is asked of nobody",
        json!({"rules": [{"name": "ask", "when": {"access": ["export"]}, "then": {"approval": {}}, "mode": "shadow"}]}),
    );
    let would = Expected { would: Some("approval"), ..super::allow() };
    story.home().with("x-api-key", "shadow").step("POST", "/mcp", call("export_all"), Some(would));
    story.told()
}

fn approved_by_a_window() -> Scenario {
    let mut story = Story::new(
        "an open just-in-time window answers what an approval asks for, and the next rule is asked",
        json!({
            "grant": {"from": "jit_from", "until": "jit_until", "tier": "critical"},
            "rules": [
                {"name": "approve", "when": {"access": ["write"]}, "then": {"approval": {}}},
                {"name": "never", "when": {"route": ["/orders/{id}"], "access": ["write"]}, "then": "deny"},
            ],
        }),
    );
    let start = story.now / 1000;
    let token = |from: u64, until: Value| json!({"sid": "window", "jit_from": from, "jit_until": until});
    let (open, over) = (token(start - 60, json!(start + 60)), token(start - 60, json!(start - 1)));
    let (early, none) = (token(start + 600, json!(start + 900)), token(start - 60, json!("soon")));
    story.home();
    for claims in [&over, &early, &none] {
        story.token(claims.clone()).refused("POST", "/customers/7", (403, "approval"), &[]);
    }
    story.token(open).allowed(2, "POST", "/customers/7").refused("POST", "/orders/1", (403, "deny"), &[]);
    story.wait(60).refused("POST", "/customers/7", (403, "approval"), &[]);
    story.told()
}

fn admin_is_off() -> Scenario {
    let mut story = Story::new("without an admin interface its path is a path like any other", json!({}));
    story.home().with("x-api-key", "admin-off").with("authorization", "Bearer anything");
    story.allowed(1, "GET", "/session-risk/sessions").allowed(1, "POST", "/session-risk/sessions/-/revoke");
    story.told()
}

//! Clients that nobody here wrote, through a real Envoy: `tests/clients/refused.py` says what each must understand. Needs
//! `tests/clients/setup`, so it runs by `make test-clients` alone.

use crate::gateway::Example;
use crate::start;
use serde_json::json;
use std::process::Command;

fn configuration() -> String {
    let rule = |name: &str, when, then| json!({ "name": name, "when": when, "then": then });
    let configuration = json!({
        "secret": "change-me-this-is-only-an-example",
        "session": {
            "payload": { "header": "x-jwt-payload" },
            "key": [{ "claims": ["sid"] }, { "header": "x-api-key" }],
        },
        "routes": [
            { "path": "/mcp", "protocol": "mcp" },
            { "path": "/entra/**" },
            { "path": "/shop.Orders/Ask" },
            { "path": "/shop.Orders/Stop" },
        ],
        "tools": [{ "name": "get_*", "access": "read" }, { "name": "export_*", "access": "export" }],
        "mcp": { "read_body": true },
        "step_up": {
            "acr_values": "urn:mfa",
            "entra": { "authorization_uri": "https://login.example/common/oauth2/authorize", "acrs": "c1" },
            "mcp": {
                "scope": "tools:read tools:write",
                "resource_metadata": "https://mcp.example/.well-known/oauth-protected-resource",
            },
        },
        "on_failure": { "no_session": "deny" },
        "rules": [
            rule("mcp-ask", json!({ "tool": ["admin_*"] }), json!("step_up")),
            rule("mcp-stop", json!({ "tool": ["export_*"] }), json!({ "suspend": { "seconds": 600 } })),
            rule(
                "mcp-approve",
                json!({ "tool": ["pay_*"] }),
                json!({ "approval": { "url": "https://approvals.example/?session={session}&tool={tool}" } }),
            ),
            rule("mcp-narrow", json!({ "tool": ["set_*"] }), json!("restrict")),
            rule("ask", json!({ "route": ["/entra/**", "/shop.Orders/Ask"] }), json!("step_up")),
            rule("stop", json!({ "route": ["/shop.Orders/Stop"] }), json!({ "suspend": { "seconds": 600 } })),
            rule("narrow", json!({ "access": ["write"], "actor": ["api_key"] }), json!("restrict")),
        ],
    });
    configuration.to_string()
}

#[test]
#[ignore = "needs clients from PyPI: make test-clients"]
fn clients_that_nobody_here_wrote_understand_every_refusal() {
    let here = env!("CARGO_MANIFEST_DIR");
    let setup = Command::new(format!("{here}/tests/clients/setup")).output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let python = String::from_utf8(setup.stdout).unwrap();
    // The client stands in for jwt_authn, and bodies are waited for.
    let holds = "allow_on_headers_stop_iteration: true\n                configuration: # session-risk begins";
    let replaced = vec![
        ("- remove: x-jwt-payload".to_owned(), "- remove: x-not-jwt-payload".to_owned()),
        ("configuration: # session-risk begins".to_owned(), holds.to_owned()),
    ];
    let example = Example { configuration: Some(configuration()), replaced, ..Example::named("minimal.yaml") };
    let gateway = start("clients", &example);
    let script = format!("{here}/tests/clients/refused.py");
    let run = Command::new(python.trim()).current_dir(here).arg(script).arg(gateway.envoy.port.to_string()).output();
    let run = run.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}{}", text(&run.stdout), text(&run.stderr));
    println!("{}", text(&run.stdout));
}

//! The five sessions of the demo, and what must become of each. Requests in, responses out.

use crate::{
    gateway::{Client, Gateway, Request, identity::now},
    timeline::Timeline,
};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) story: &'static str,
    pub(crate) run: fn(&Gateway, &mut Timeline) -> Result<(), String>,
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "ci-admin",
        story: "a CI service account, whose work repeats, reaches for an admin endpoint it never used",
        run: ci_admin,
    },
    Case {
        name: "agent-export",
        story: "an AI agent turns from lookups to exporting one customer after the other",
        run: agent_export,
    },
    Case { name: "device-lost", story: "a contractor's managed device loses its protection", run: device_lost },
    Case { name: "api-key-moved", story: "an API key is used from another country and network", run: api_key_moved },
    Case {
        name: "honest",
        story: "a person on a phone: Wi-Fi, LTE, a café, a browser update, and home again",
        run: honest,
    },
];

/// Addresses from envoy-config/demo-networks.csv.
const HOME: &str = "84.130.12.7";
const HOME_LATER: &str = "84.141.90.3";
const MOBILE: &str = "176.1.77.21";
const CAFE: &str = "88.70.3.140";
const GITHUB: &str = "140.82.113.9";
const AZURE: &str = "20.37.10.4";
const FAR_CLOUD: &str = "128.199.70.5";

const PHONE: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Mobile Safari/537.36";
const PHONE_UPDATED: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Mobile Safari/537.36";
const LAPTOP: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36";

fn request(method: &str, path: &str, from: &str, agent: &str) -> Request {
    // One load balancer stands in front of the gateway and appends the address that it saw.
    Request::new(method, path).header("x-forwarded-for", from).header("user-agent", agent)
}

fn bearer(request: Request, token: &str) -> Request {
    request.header("authorization", format!("Bearer {token}"))
}

fn check(holds: bool, problem: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem.into()) }
}

fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

fn ci_admin(gateway: &Gateway, timeline: &mut Timeline) -> Result<(), String> {
    let mut client = gateway.client();
    let token = |auth_time: u64| {
        gateway.identity.token(json!({
            "sub": "ci-runner", "sid": "ci-admin", "client_kind": "ci", "auth_time": auth_time, "scope": "builds deploy",
        }))
    };
    let agent = "actions-runner/2.321.0";
    let old = token(now() - 3600);
    for job in 1..=15 {
        for (method, path) in [("GET", "/v1/jobs/next".to_owned()), ("PUT", format!("/v1/jobs/{job}/status"))] {
            let label = format!("{method} {path}");
            let (_, event) =
                timeline.send(gateway, &mut client, &label, bearer(request(method, &path, GITHUB, agent), &old))?;
            check(event.action == "allow" && event.forwarded, format!("regular work was interrupted: {label}"))?;
            pause(150);
        }
    }
    let admin =
        |token: &str| bearer(request("POST", "/admin/users", GITHUB, agent), token).body("{\"role\":\"owner\"}");
    let (reply, event) = timeline.send(gateway, &mut client, "POST /admin/users, never used before", admin(&old))?;
    check(event.status == 401 && event.action == "step_up", "the admin endpoint was not challenged")?;
    check(!event.forwarded, "the upstream saw the challenged request")?;
    let challenge = reply.header("www-authenticate").unwrap_or_default();
    check(challenge.contains("insufficient_user_authentication"), format!("no RFC 9470 challenge: {challenge}"))?;
    pause(1100);
    let fresh = token(now());
    let (_, event) = timeline.send(gateway, &mut client, "POST /admin/users, authenticated again", admin(&fresh))?;
    check(event.status == 200 && event.forwarded, "a fresh authentication did not open the admin endpoint")?;
    let (_, event) = timeline.send(gateway, &mut client, "POST /admin/users, once more", admin(&fresh))?;
    check(event.status == 200, "the admin endpoint did not stay open")
}

fn call(id: usize, tool: &str, arguments: &Value, token: &str) -> Request {
    let body = json!({
        "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments},
    });
    bearer(request("POST", "/mcp", AZURE, "support-agent/1.4"), token)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(body.to_string())
}

fn agent_export(gateway: &Gateway, timeline: &mut Timeline) -> Result<(), String> {
    let mut client = gateway.client();
    let token = gateway.identity.token(json!({"sub": "support-agent", "sid": "agent-export", "auth_time": now() - 60}));
    let lookups = ["get_customer", "search_orders", "get_order", "get_invoice"];
    for id in 1..=24 {
        let tool = lookups[id % lookups.len()];
        let request = call(id, tool, &json!({"id": 1000 + id % 8}), &token);
        let (_, event) = timeline.send(gateway, &mut client, tool, request)?;
        check(event.action == "allow" && event.forwarded, format!("a lookup was interrupted: {tool}"))?;
        pause(80);
    }
    let mut through = 0;
    let mut suspended = None;
    for id in 100..160 {
        let request = call(id, "export_customer", &json!({"id": id}), &token);
        let label = format!("export_customer {id}");
        let (reply, event) = timeline.send(gateway, &mut client, &label, request)?;
        if event.action == "suspend" {
            check(!event.forwarded, "the upstream saw the suspended call")?;
            suspended = Some((id, reply));
            break;
        }
        through += usize::from(event.forwarded);
        pause(40);
    }
    timeline.note(format!("exports that got through before the suspension: {through}"));
    let (id, reply) = suspended.ok_or("sixty exports in a row did not suspend the agent")?;
    check(through <= 4, format!("{through} exports got through"))?;
    let body = reply.json();
    check(body["jsonrpc"] == "2.0" && body["id"] == id, format!("not a JSON-RPC answer to call {id}: {body}"))?;
    check(body["error"]["data"]["action"] == "suspend", format!("no suspension in the error: {body}"))?;
    check(reply.header("retry-after").is_some(), "no retry-after")?;
    let request = call(200, "get_customer", &json!({"id": 1001}), &token);
    let (_, event) = timeline.send(gateway, &mut client, "get_customer, after the suspension", request)?;
    check(event.action == "suspend" && !event.forwarded, "the suspension does not cover the rest of the session")
}

fn device_lost(gateway: &Gateway, timeline: &mut Timeline) -> Result<(), String> {
    let mut client = gateway.client();
    let token = |posture: &str| {
        gateway.identity.token(json!({
            "sub": "contractor", "sid": "device-lost", "auth_time": now() - 1800, "device": {"posture": posture},
        }))
    };
    let send = |timeline: &mut Timeline, client: &mut Client, label: &str, method: &str, path: &str, token: &str| {
        let (reply, event) =
            timeline.send(gateway, client, label, bearer(request(method, path, HOME, LAPTOP), token))?;
        Ok::<_, String>((reply, event.action.clone(), event.forwarded))
    };
    let (good, bad) = (token("compliant"), token("not-compliant"));
    for order in 1..=10 {
        let (label, path) = (format!("GET order {order}"), format!("/v1/orders/{order}"));
        let (_, action, _) = send(timeline, &mut client, &label, "GET", &path, &good)?;
        check(action == "allow", "a compliant device was interrupted")?;
        pause(60);
    }
    let (_, action, _) = send(timeline, &mut client, "POST order", "POST", "/v1/orders", &good)?;
    check(action == "allow", "a compliant device was refused a write")?;
    let (_, action, forwarded) = send(timeline, &mut client, "GET, device not compliant", "GET", "/v1/orders/1", &bad)?;
    check(action == "restrict" && forwarded, "a read was not answered under restriction")?;
    let (reply, action, forwarded) =
        send(timeline, &mut client, "POST, device not compliant", "POST", "/v1/orders", &bad)?;
    check(action == "restrict" && !forwarded && reply.status == 403, "a write was not refused under restriction")?;
    check(reply.header("content-type") == Some("application/problem+json"), "no problem details")?;
    let (reply, action, forwarded) =
        send(timeline, &mut client, "GET /admin/users, device not compliant", "GET", "/admin/users", &bad)?;
    check(action == "step_up" && !forwarded && reply.status == 401, "the sensitive tier was not challenged")?;
    let (_, action, forwarded) = send(timeline, &mut client, "POST, compliant again", "POST", "/v1/orders", &good)?;
    check(action == "allow" && forwarded, "the session did not recover with its device")
}

fn api_key_moved(gateway: &Gateway, timeline: &mut Timeline) -> Result<(), String> {
    let mut client = gateway.client();
    let mut send = |timeline: &mut Timeline, label: &str, method: &str, from: &str| {
        let request = request(method, "/v1/orders", from, "python-requests/2.32.3").header("x-api-key", "demo-key-1");
        let (reply, event) = timeline.send(gateway, &mut client, label, request)?;
        Ok::<_, String>((reply.status, event.action.clone(), event.forwarded))
    };
    for round in 1..=10 {
        for method in ["GET", "POST"] {
            let label = format!("{method} from Germany, round {round}");
            let (_, action, forwarded) = send(timeline, &label, method, HOME)?;
            check(action == "allow" && forwarded, format!("regular use was interrupted: {label}"))?;
            pause(60);
        }
    }
    let (status, action, forwarded) = send(timeline, "GET from a cloud in Singapore", "GET", FAR_CLOUD)?;
    check(status == 200 && action == "restrict" && forwarded, "reading was not left open")?;
    let (status, action, forwarded) = send(timeline, "POST from a cloud in Singapore", "POST", FAR_CLOUD)?;
    check(status == 403 && action == "restrict" && !forwarded, "writing was not refused")?;
    let (status, ..) = send(timeline, "GET from a cloud in Singapore", "GET", FAR_CLOUD)?;
    check(status == 200, "reading did not stay open")
}

fn honest(gateway: &Gateway, timeline: &mut Timeline) -> Result<(), String> {
    let mut client = gateway.client();
    let token = gateway.identity.token(json!({"sub": "alice", "sid": "honest", "auth_time": now() - 7200}));
    let legs = [
        ("at home", HOME, PHONE, 10),
        ("on the bus", MOBILE, PHONE, 6),
        ("home again", HOME, PHONE, 4),
        ("browser updated", HOME, PHONE_UPDATED, 4),
        ("at a café", CAFE, PHONE_UPDATED, 6),
        ("on the bus", MOBILE, PHONE_UPDATED, 3),
        ("home, new address", HOME_LATER, PHONE_UPDATED, 6),
    ];
    for (place, from, agent, requests) in legs {
        for number in 1..=requests {
            let (method, path) = match number % 4 {
                0 => ("POST", "/v1/messages".to_owned()),
                other => ("GET", format!("/v1/messages/{other}")),
            };
            let label = format!("{method} {place}");
            let request = bearer(request(method, &path, from, agent), &token);
            let (_, event) = timeline.send(gateway, &mut client, &label, request)?;
            check(event.status == 200 && event.action == "allow" && event.forwarded, format!("interrupted {place}"))?;
            pause(50);
        }
    }
    Ok(())
}

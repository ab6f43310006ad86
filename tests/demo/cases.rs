//! The five sessions of the demo, and what must become of each. Requests in, responses out.

use crate::{
    gateway::{Gateway, Request, identity::now},
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
    let job =
        |method: &str, path: &str, token: &str| bearer(request(method, path, GITHUB, "actions-runner/2.321.0"), token);
    let old = token(now() - 3600);
    timeline.chapter("regular jobs");
    for number in 1..=15 {
        for (method, path) in [("GET", "/v1/jobs/next".to_owned()), ("PUT", format!("/v1/jobs/{number}/status"))] {
            let label = format!("{method} {path}");
            let (_, event) = timeline.send(gateway, &mut client, &label, job(method, &path, &old))?;
            check(event.action == "allow" && event.forwarded, format!("regular work was interrupted: {label}"))?;
            pause(150);
        }
    }
    timeline.chapter("an admin endpoint");
    let admin = |token: &str| job("POST", "/admin/users", token).body("{\"role\":\"owner\"}");
    for label in ["POST /admin/users", "POST /admin/users, tried again"] {
        let (reply, event) = timeline.send(gateway, &mut client, label, admin(&old))?;
        check(event.status == 401 && event.action == "step_up", "the admin endpoint was not challenged")?;
        check(!event.forwarded, "the upstream saw the challenged request")?;
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        check(challenge.contains("insufficient_user_authentication"), format!("no RFC 9470 challenge: {challenge}"))?;
        pause(600);
    }
    timeline.chapter("signed in again");
    let fresh = token(now());
    for _ in 1..=2 {
        let (_, event) = timeline.send(gateway, &mut client, "POST /admin/users", admin(&fresh))?;
        check(event.status == 200 && event.forwarded, "a fresh authentication did not open the admin endpoint")?;
        pause(150);
    }
    for _ in 1..=4 {
        let (_, event) =
            timeline.send(gateway, &mut client, "GET /v1/jobs/next", job("GET", "/v1/jobs/next", &fresh))?;
        check(event.action == "allow" && event.forwarded, "regular work did not go on")?;
        pause(150);
    }
    Ok(())
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
    timeline.chapter("looking things up for tickets");
    let lookups = ["get_customer", "search_orders", "get_order", "get_invoice"];
    for id in 1..=24 {
        let tool = lookups[id % lookups.len()];
        let request = call(id, tool, &json!({"id": 1000 + id % 8}), &token);
        let (_, event) = timeline.send(gateway, &mut client, tool, request)?;
        check(event.action == "allow" && event.forwarded, format!("a lookup was interrupted: {tool}"))?;
        pause(80);
    }
    timeline.chapter("exporting customers");
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
    for (id, tool) in [(200, "get_customer"), (201, "export_customer"), (202, "get_order")] {
        pause(150);
        let request = call(id, tool, &json!({"id": 1001}), &token);
        let (_, event) = timeline.send(gateway, &mut client, &format!("{tool}, suspended"), request)?;
        check(event.action == "suspend" && !event.forwarded, "the suspension does not cover the whole session")?;
    }
    Ok(())
}

fn device_lost(gateway: &Gateway, timeline: &mut Timeline) -> Result<(), String> {
    let mut client = gateway.client();
    let token = |posture: &str| {
        gateway.identity.token(json!({
            "sub": "contractor", "sid": "device-lost", "auth_time": now() - 1800, "device": {"posture": posture},
        }))
    };
    let (good, bad) = (token("compliant"), token("not-compliant"));
    let mut send = |timeline: &mut Timeline, method: &str, path: &str, token: &str| {
        pause(80);
        let request = bearer(request(method, path, HOME, LAPTOP), token);
        let (reply, event) = timeline.send(gateway, &mut client, &format!("{method} {path}"), request)?;
        Ok::<_, String>((reply, event.action.clone(), event.forwarded))
    };
    timeline.chapter("device compliant");
    for order in 1..=10 {
        let (_, action, forwarded) = send(timeline, "GET", &format!("/v1/orders/{order}"), &good)?;
        check(action == "allow" && forwarded, "a compliant device was interrupted")?;
    }
    let (_, action, forwarded) = send(timeline, "POST", "/v1/orders", &good)?;
    check(action == "allow" && forwarded, "a compliant device was refused a write")?;
    timeline.chapter("not compliant");
    for order in 1..=2 {
        let (reply, action, forwarded) = send(timeline, "GET", &format!("/v1/orders/{order}"), &bad)?;
        check(action == "restrict" && forwarded && reply.status == 200, "a read was not answered under restriction")?;
        let (reply, action, forwarded) = send(timeline, "POST", "/v1/orders", &bad)?;
        check(action == "restrict" && !forwarded && reply.status == 403, "a write was not refused under restriction")?;
        check(reply.header("content-type") == Some("application/problem+json"), "no problem details")?;
    }
    let (reply, action, forwarded) = send(timeline, "GET", "/admin/users", &bad)?;
    check(action == "step_up" && !forwarded && reply.status == 401, "the sensitive tier was not challenged")?;
    timeline.chapter("compliant again");
    for method in ["POST", "GET", "POST", "GET"] {
        let (_, action, forwarded) = send(timeline, method, "/v1/orders", &good)?;
        check(action == "allow" && forwarded, "the session did not recover with its device")?;
    }
    Ok(())
}

fn api_key_moved(gateway: &Gateway, timeline: &mut Timeline) -> Result<(), String> {
    let mut client = gateway.client();
    let mut send = |timeline: &mut Timeline, method: &str, from: &str| {
        let request = request(method, "/v1/orders", from, "python-requests/2.32.3").header("x-api-key", "demo-key-1");
        let (reply, event) = timeline.send(gateway, &mut client, &format!("{method} /v1/orders"), request)?;
        pause(80);
        Ok::<_, String>((reply, event.action.clone(), event.forwarded))
    };
    timeline.chapter("at home in Germany");
    for _ in 1..=10 {
        for method in ["GET", "POST"] {
            let (_, action, forwarded) = send(timeline, method, HOME)?;
            check(action == "allow" && forwarded, format!("regular use was interrupted: {method}"))?;
        }
    }
    timeline.chapter("in a cloud in Singapore");
    for method in ["GET", "POST", "GET", "GET", "POST", "GET"] {
        let (reply, action, forwarded) = send(timeline, method, FAR_CLOUD)?;
        check(action == "restrict", format!("the key was not restricted to reading: {method} got {action}"))?;
        if method == "GET" {
            check(reply.status == 200 && forwarded, "reading was not left open")?;
        } else {
            check(reply.status == 403 && !forwarded, "writing was not refused")?;
            check(reply.header("content-type") == Some("application/problem+json"), "no problem details")?;
        }
    }
    Ok(())
}

fn honest(gateway: &Gateway, timeline: &mut Timeline) -> Result<(), String> {
    let mut client = gateway.client();
    let token = gateway.identity.token(json!({"sub": "alice", "sid": "honest", "auth_time": now() - 7200}));
    let legs = [
        ("at home", HOME, PHONE, 8),
        ("on the bus", MOBILE, PHONE, 6),
        ("home again", HOME, PHONE, 5),
        ("browser updated", HOME, PHONE_UPDATED, 7),
        ("at a café", CAFE, PHONE_UPDATED, 6),
        ("on the bus", MOBILE, PHONE_UPDATED, 5),
        ("home, new address", HOME_LATER, PHONE_UPDATED, 8),
    ];
    for (place, from, agent, requests) in legs {
        timeline.chapter(place);
        for number in 1..=requests {
            let (method, path) = match number % 4 {
                0 => ("POST", "/v1/messages".to_owned()),
                other => ("GET", format!("/v1/messages/{other}")),
            };
            let label = format!("{method} {path}");
            let request = bearer(request(method, &path, from, agent), &token);
            let (_, event) = timeline.send(gateway, &mut client, &label, request)?;
            check(event.status == 200 && event.action == "allow" && event.forwarded, format!("interrupted {place}"))?;
            pause(80);
        }
    }
    Ok(())
}

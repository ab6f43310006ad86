//! The table of the manual's page on enforcement: what each caller is told, to the last byte, as the code says it.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use session_risk::{
    config::Config,
    engine::Assessment,
    facts::{Access, SessionKey},
    metrics::Unscored,
    policy::{Action, Decision},
    response::{
        Approval, Caller, LocalReply, Protocol, StepUp, failure_reply, local_reply, mismatch_reply, unscored_reply,
    },
    score::{Contributions, Level, Score},
    session::Session,
    signal::Signals,
    time::Span,
};

const MANUAL: &str = include_str!("../src/manual/enforcement.md");

/// The configuration that the manual shows above its table.
fn step_up() -> StepUp {
    let block = MANUAL.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let text = block.unwrap_or_else(|| panic!("the manual shows no configuration"));
    Config::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}")).step_up
}

const fn caller(protocol: Protocol<'static>, takes_claims: bool, elicits: bool) -> Caller<'static> {
    let (url, tool) = ("https://approvals.example/?session={session}&tool={tool}", "export_all");
    let approval = Some(Approval { url, session: SessionKey([0x3f; 16]), tool, elicits });
    Caller { protocol, takes_claims, approval }
}

const CALLERS: [(&str, Caller<'static>); 6] = [
    ("HTTP", caller(Protocol::Http, false, false)),
    ("browser that asks for a page", caller(Protocol::Browser(b"/orders?page=2"), false, false)),
    ("Entra token with `cp1`", caller(Protocol::Http, true, false)),
    ("MCP", caller(Protocol::Mcp(Some("7")), false, false)),
    ("MCP of 2025-11-25", caller(Protocol::Mcp(Some("7")), false, true)),
    ("gRPC", caller(Protocol::Grpc, false, false)),
];

const REFUSALS: [Action; 6] =
    [Action::Restrict, Action::StepUp, Action::Approval, Action::Deny, Action::Suspend, Action::Revoke];

fn reply(action: Action, caller: Caller<'_>) -> LocalReply {
    let decision = Decision { action, enforced: true, rule: None, duration: Span::from_seconds(900) };
    let assessment = Assessment {
        score: Score::new(40),
        level: Level::Critical,
        contributions: Contributions::default(),
        signals: Signals::default(),
        decision,
        session: Session::default(),
    };
    local_reply(&assessment, Access::Write, caller, &step_up()).unwrap_or_else(|| panic!("{action:?} forwards a write"))
}

fn row(action: &str, caller: &str, reply: &LocalReply) -> String {
    let headers: Vec<String> = reply.headers.iter().map(|(name, value)| format!("`{name}: {value}`")).collect();
    let body = if reply.body.is_empty() { "none".to_owned() } else { format!("`{}`", reply.body) };
    format!("| {action} | {caller} | {} | {} | {body} |\n", reply.status, headers.join("<br>"))
}

fn table() -> String {
    let mut table = "| action | caller | status | headers | body |\n|---|---|---|---|---|\n".to_owned();
    let mut rows = |name: &str, reply: &dyn Fn(Caller<'_>) -> LocalReply| {
        let mut told: Vec<LocalReply> = Vec::new();
        for (caller, with) in CALLERS {
            let reply = reply(with);
            if !told.contains(&reply) {
                table.push_str(&row(name, caller, &reply));
                told.push(reply);
            }
        }
    };
    for action in REFUSALS {
        rows(&format!("`{}`", action.name()), &|with| reply(action, with));
    }
    rows("cannot be assessed, `on_failure: deny`", &|with| failure_reply(with.protocol));
    for (cause, word) in [(Unscored::NoSession, "no_session"), (Unscored::Malformed, "malformed")] {
        let name = format!("none, `on_failure: {word}: deny`");
        rows(&name, &|with| unscored_reply(cause, with.protocol, &step_up()));
    }
    table.push_str(&row("MCP headers contradict the body", "MCP", &mismatch_reply(Some("7"))));
    table
}

#[test]
fn the_table_of_the_manual_is_what_the_code_says() {
    let table = table();
    assert!(MANUAL.contains(&table), "src/manual/enforcement.md must hold this table:\n{table}");
}

/// The first configuration below a heading of the manual.
fn example(heading: &str) -> Config {
    let section = MANUAL.split(heading).nth(1).unwrap();
    let block = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    Config::from_json(block.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_example_of_just_in_time_access_can_be_used() {
    let config = example("# Just-in-time access\n");
    assert!(config.grant.is_some_and(|window| window.from.is_some() && window.until.is_some()));
    assert_eq!(config.given.iter().map(|given| given.value.as_str()).collect::<Vec<_>>(), ["on-call", "ci-deploy"]);
}

#[test]
fn the_example_of_an_approval_can_be_used() {
    let config = example("# Approval\n");
    let rule = &config.engine.rules[0];
    assert_eq!(rule.then, Action::Approval);
    assert!(rule.approval_url.as_ref().is_some_and(|url| url.contains("{session}") && url.contains("{tool}")));
}

#[test]
fn an_agents_message_says_when_to_come_back() {
    let Some((_, with)) = CALLERS.iter().find(|(caller, _)| *caller == "MCP") else { panic!("no MCP caller") };
    let body: serde_json::Value = serde_json::from_str(&reply(Action::Suspend, *with).body).unwrap();
    assert!(body["error"]["message"].as_str().unwrap().contains("900 more seconds"));
    assert_eq!(body["error"]["data"]["retry_after_seconds"], 900);
}

#[test]
fn bodies_are_json_and_grpc_messages_need_no_escape() {
    for action in REFUSALS {
        for (caller, with) in CALLERS {
            let reply = reply(action, with);
            if !reply.body.is_empty() {
                serde_json::from_str::<serde_json::Value>(&reply.body)
                    .unwrap_or_else(|error| panic!("{caller}: {error}"));
            }
            for (name, value) in &reply.headers {
                assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name}: {value}");
                assert!(*name != "grpc-message" || !value.contains('%'), "{value}");
            }
        }
    }
}

#[test]
fn reads_go_on_under_restrict_whoever_asks() {
    let decision = Decision { action: Action::Restrict, enforced: true, ..Decision::default() };
    let assessment = Assessment {
        score: Score::new(0),
        level: Level::Low,
        contributions: Contributions::default(),
        signals: Signals::default(),
        decision,
        session: Session::default(),
    };
    for (_, caller) in CALLERS {
        assert_eq!(local_reply(&assessment, Access::Read, caller, &step_up()), None);
        for access in [Access::Write, Access::Export, Access::Admin] {
            assert!(local_reply(&assessment, access, caller, &step_up()).is_some(), "{access:?}");
        }
    }
}

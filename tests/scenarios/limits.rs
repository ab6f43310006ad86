//! Scenarios of what a session may do: the window of a grant, budgets that tokens state, challenges that nobody answers. What raises a score is the other scenarios' business.

use super::{Expected, START, Scenario, Story};
use serde_json::{Value, json};

pub fn all() -> Vec<Scenario> {
    vec![
        grant_ends(),
        grant_given(),
        budgets_of_tokens(),
        objects_of_tokens(),
        challenge_ignored(),
        challenge_ignored_in_shadow(),
    ]
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

fn grant_given() -> Scenario {
    let start = START / 1000;
    // So many seconds after the story's start, as the configuration writes it.
    let moment = |seconds: u64| format!("2027-01-15T08:{:02}:{:02}Z", seconds / 60, seconds % 60);
    let mut story = Story::new(
        "a window that the configuration gives opens and ends, for those whose token says what it asks",
        json!({"grant": {"until": "pam.until", "given": [
            {"claim": "sub", "is": "alice", "from": moment(10), "until": moment(60)},
            {"claim": "groups", "is": "on-call", "until": moment(100)},
        ]}}),
    );
    story.scenario.timeless = false;
    story.home().token(json!({"sid": "given", "sub": "alice"}));
    let refused = (403, "deny");
    story.refused("GET", "/admin/users", refused, &[]);
    story.wait(10).step("GET", "/admin/users", String::new(), told("48"));
    // Of several that are open the last one counts.
    story.token(json!({"sid": "given", "sub": "alice", "groups": ["staff", "on-call"]}));
    story.step("GET", "/admin/users", String::new(), told("86"));
    story.token(json!({"sid": "given", "sub": "alice", "pam": {"until": start + 200}}));
    story.step("GET", "/admin/users", String::new(), told("184"));
    story.wait(60).token(json!({"sid": "given", "sub": "alice"})).refused("GET", "/admin/users", refused, &[]);
    story.token(json!({"sid": "other", "sub": "bob", "groups": "staff on-call-not"}));
    story.refused("GET", "/admin/users", refused, &[]);
    story.told()
}

fn budgets_of_tokens() -> Scenario {
    let mut story = Story::new(
        "the lower of what the configuration and the token say is what a session may do",
        json!({"budgets": [
            {"actor": ["service"], "writes": 4, "writes_claim": "budget.writes", "exports_claim": "budget.exports"},
        ]}),
    );
    let refused = (403, "deny");
    let token = |sid: &str, budget: Value| json!({"sid": sid, "kind": "ci", "budget": budget});
    story.home();
    // More than the configuration gives, and nothing on exports.
    story.token(token("generous", json!({"writes": 50}))).allowed(4, "POST", "/orders/{}");
    story.refused("POST", "/orders/9", refused, &[]);
    story.allowed(6, "GET", "/customers/{}/export").allowed(1, "GET", "/orders/1");
    // Less. A renewed token counts for what it states itself, and what was done is not forgotten.
    story.token(token("narrow", json!({"writes": 2, "exports": 1}))).allowed(2, "POST", "/orders/{}");
    story.refused("POST", "/orders/9", refused, &[]);
    story.allowed(1, "GET", "/customers/1/export").refused("GET", "/customers/2/export", refused, &[]);
    story.token(token("narrow", json!({"writes": 3}))).allowed(1, "POST", "/orders/3");
    story.refused("POST", "/orders/9", refused, &[]);
    // What is no number allows nothing; a number beyond all counting is no limit.
    for none in [json!("many"), json!(-1), json!("5")] {
        story.token(token("unread", json!({"writes": none}))).refused("POST", "/orders/1", refused, &[]);
    }
    story.token(token("vast", json!({"writes": 1e12}))).allowed(4, "POST", "/orders/{}");
    story.refused("POST", "/orders/9", refused, &[]);
    // The budget is that of another actor.
    let person = json!({"sid": "person", "budget": {"writes": 0, "exports": 0}});
    story.token(person).allowed(6, "POST", "/orders/{}").allowed(2, "GET", "/customers/1/export");
    story.told()
}

fn objects_of_tokens() -> Scenario {
    let mut story = Story::new(
        "a session touches so many different objects and no more",
        json!({"budgets": [{"targets": 8, "targets_claim": "objects"}]}),
    );
    story.home().token(json!({"sid": "few", "kind": "ci", "objects": 3})).allowed(3, "GET", "/orders/{}");
    story.refused("GET", "/orders/3", (403, "deny"), &[]).refused("POST", "/orders/4", (403, "deny"), &[]);
    story.allowed(3, "POST", "/orders/{}").allowed(2, "GET", "/jobs/next");
    story.token(json!({"sid": "more", "kind": "ci", "objects": 9})).allowed(8, "GET", "/orders/{}");
    story.refused("GET", "/orders/8", (403, "deny"), &[]);
    // More than can be told apart is no number; the configuration's holds.
    story.token(json!({"sid": "most", "kind": "ci", "objects": 201})).allowed(8, "GET", "/orders/{}");
    story.refused("GET", "/orders/8", (403, "deny"), &[]);
    story.told()
}

/// Rules that ask everybody who administers, and stop who does not answer.
fn asking(mode: &str) -> Value {
    json!({"rules": [
        {"name": "gone", "when": {"signal": ["challenge_ignored"]}, "then": {"suspend": {"seconds": 60}}},
        {"name": "ask", "when": {"tier_at_least": "sensitive"}, "then": "step_up", "mode": mode},
    ]})
}

fn challenge_ignored() -> Scenario {
    let mut story = Story::new(
        "a session that comes again and again without an answer says so with the sixth time",
        asking("enforce"),
    );
    let token = |auth_time: u64| json!({"sid": "deaf", "auth_time": auth_time});
    let start = START / 1000;
    story.home().token(token(start - 3600)).allowed(3, "GET", "/orders/{}");
    let asked = |story: &mut Story, times: usize| {
        (0..times).for_each(|_| _ = story.wait(28).refused("GET", "/admin/users", (401, "step_up"), &[]));
    };
    // The challenge, and five times more; a page's other resources do not count, and neither do public requests.
    asked(&mut story, 6);
    for path in ["/admin/a", "/admin/b", "/admin/c"] {
        story.refused("GET", path, (401, "step_up"), &[]);
    }
    story.passes("POST", "/login", "allow");
    // An answer, and later another challenge, which has its own count.
    let now = story.now / 1000;
    story.token(token(now)).allowed(2, "GET", "/admin/users").wait(400);
    asked(&mut story, 6);
    story.wait(28).refused("GET", "/admin/users", (403, "suspend"), &["60"]);
    // An answer clears it at once.
    let now = story.now / 1000 + 60;
    story.wait(60).token(token(now)).allowed(1, "GET", "/orders/1").passes("GET", "/admin/users", "allow");
    let scenario = story.told();
    let answered = scenario.steps.len() - 1;
    without_reasons(scenario, answered)
}

fn challenge_ignored_in_shadow() -> Scenario {
    let mut story = Story::new("a challenge that nobody sees is not ignored", asking("shadow"));
    story.home().token(json!({"sid": "shadow"})).allowed(3, "GET", "/orders/{}");
    for _ in 0..12 {
        let expected = Expected { action: Some("allow"), would: Some("step_up"), ..Expected::default() };
        story.wait(28).step("GET", "/admin/users", String::new(), Some(expected));
    }
    story.told()
}

/// The upstream is told no reasons with this step.
fn without_reasons(mut scenario: Scenario, step: usize) -> Scenario {
    let expected = scenario.steps[step].expected.as_mut().unwrap();
    expected.headers = vec![("x-session-risk-reasons", String::new())];
    scenario
}

//! What Envoy itself can do to roll the filter out host by host, as the manual says. Overrides are in the scenarios.

use crate::gateway::{Example, Request};
use crate::{echoed, send, start};
use serde_json::json;

#[test]
fn a_virtual_host_can_do_without_the_filter() {
    let configuration = json!({
        "secret": "change-me-this-is-only-an-example",
        "session": { "key": [{ "header": "x-api-key" }] },
        "rules": [{ "name": "no-writes", "when": { "access": ["write"] }, "then": "deny" }],
    });
    let both = "- name: without
              domains: [without.example]
              typed_per_filter_config:
                envoy.filters.http.wasm:
                  \"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig
                  disabled: true
              routes:
              - match: { prefix: / }
                route: { cluster: app }
            - name: app
              domains: [\"*\"]";
    let replaced = vec![("- name: app\n              domains: [\"*\"]".to_owned(), both.to_owned())];
    let example =
        Example { configuration: Some(configuration.to_string()), replaced, ..Example::named("minimal.yaml") };
    let gateway = start("without-filter", &example);
    let write = |host: &str| {
        let request = Request::new("POST", "/orders").header(":authority", host).header("x-api-key", "k").body("{}");
        send(&mut gateway.client(), &request)
    };
    assert_eq!(write("with.example").status, 403);
    let reply = write("without.example");
    assert_eq!((reply.status, echoed(&reply, "x-session-risk-score")), (200, None));
}

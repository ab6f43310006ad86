//! Headers and bodies as agents and attackers send them.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn names_in_headers_are_read_plain_and_encoded() {
    let mut out = Vec::new();
    for (value, expected) in [
        (&b"export_users"[..], "export_users"),
        (b" export_users ", "export_users"),
        (b"file:///a?b=c", "file:///a?b=c"),
        (
            b"=?base64?SGVsbG8sIOS4lueVjA==?=",
            "Hello, \u{4e16}\u{754c}",
        ),
        (b"=?base64?Y2Fmw6k?=", "caf\u{e9}"),
        (b"=?base64??=", ""),
        (b"=?BASE64?Y2Fmw6k=?=", "=?BASE64?Y2Fmw6k=?="),
        (b"=?base64?Y2Fm", "=?base64?Y2Fm"),
        ("caf\u{e9}".as_bytes(), "caf\u{e9}"),
    ] {
        assert_eq!(decode_name(value, &mut out), Ok(expected));
    }
    for value in [
        &b"\xff"[..],
        b"=?base64?_-8=?=",
        b"=?base64?a?=",
        b"=?base64?/w==?=",
        b"=?base64?Y2 Fm?=",
        &[b'a'; MAX_NAME + 1],
    ] {
        assert_eq!(decode_name(value, &mut out), Err(AgentError::BadName));
    }
}

#[test]
fn a_tool_call_is_read() {
    let body = br#" {"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"name":"no"},
        "name":"export_users","arguments":{"limit": [1, 2]}}}"#;
    let call = Call::parse(body).unwrap();
    assert!(matches!(call.method, Cow::Borrowed("tools/call")));
    assert!(matches!(call.name, Some(Cow::Borrowed("export_users"))));
    assert_eq!(call.id.map(Id::json), Some("7"));
    assert_eq!(call.arguments, Some(r#"{"limit": [1, 2]}"#));
}

#[test]
fn what_a_call_acts_on_depends_on_its_method() {
    for (body, name) in [
        (
            r#"{"method":"resources/read","params":{"uri":"file:///a","name":"x"},"jsonrpc":"2.0"}"#,
            Some("file:///a"),
        ),
        (
            r#"{"jsonrpc":"2.0","params":{"uri":"file:///a","name":"x"},"method":"prompts/get"}"#,
            Some("x"),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"del\u0065te \"x\""}}"#,
            Some("delete \"x\""),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":5}}"#,
            None,
        ),
        (r#"{"jsonrpc":"2.0","method":"tools/list"}"#, None),
        (
            r#"{"jsonrpc":"2.0","method":"tools/list","params":null}"#,
            None,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":["delete"]}"#,
            None,
        ),
    ] {
        let call = Call::parse(body.as_bytes()).unwrap();
        assert_eq!(call.name.as_deref(), name, "{body}");
    }
}

#[test]
fn an_id_is_echoed_as_it_came() {
    for id in [
        "0",
        "-1",
        "1.5e3",
        "12345678901234567890123",
        r#""a\u0041\"""#,
        r#""""#,
    ] {
        let body = format!(r#"{{"id": {id} ,"jsonrpc":"2.0","method":"ping"}}"#);
        let call = Call::parse(body.as_bytes()).unwrap();
        assert_eq!(call.id.map(Id::json), Some(id));
    }
    let notification = br#"{"jsonrpc":"2.0","method":"notifications/initialized","id":null}"#;
    assert_eq!(Call::parse(notification).unwrap().id, None);
}

#[test]
fn escapes_do_not_hide_a_member() {
    let body = br#"{"jsonrpc":"\u0032.0","m\u0065thod":"tools\/call","params":{"n\u0061me":"x"}}"#;
    let call = Call::parse(body).unwrap();
    assert_eq!(call.method, "tools/call");
    assert_eq!(call.name.as_deref(), Some("x"));
}

#[test]
fn a_second_member_cannot_blind_the_filter() {
    for body in [
        r#"{"jsonrpc":"2.0","method":"ping","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","method":"ping","m\u0065thod":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","method":"ping","Method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","METHOD":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"},"param\u017f":{"name":"b"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":null,"params":{"name":"b"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","Name":"b"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"arguments":1,"arguments":2}}"#,
        r#"{"jsonrpc":"2.0","method":"resources/read","params":{"uri":"a","URI":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
    ] {
        let parsed = Call::parse(body.as_bytes());
        assert_eq!(parsed, Err(AgentError::Duplicate), "{body}");
    }
    let harmless =
        br#"{"jsonrpc":"2.0","method":"ping","x":1,"x":2,"params":{"y":{"name":1,"name":2}}}"#;
    assert!(Call::parse(harmless).is_ok());
}

#[test]
fn what_is_no_request_says_what_it_is() {
    for (body, error) in [
        ("", AgentError::NotJson),
        ("x", AgentError::NotJson),
        ("5", AgentError::NotJson),
        ("{", AgentError::NotJson),
        (r#"{"jsonrpc":"2.0","method":"ping"}x"#, AgentError::NotJson),
        (
            r#"{"jsonrpc":"2.0","method":"ping","x":[}"#,
            AgentError::NotJson,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"\ud800"}"#,
            AgentError::NotJson,
        ),
        ("\u{feff}{}", AgentError::NotJson),
        (" [", AgentError::Batch),
        (r#"[{"jsonrpc":"2.0","method":"ping"}]"#, AgentError::Batch),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            AgentError::Response,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#,
            AgentError::Response,
        ),
        ("{}", AgentError::NotJsonRpc),
        (r#"{"method":"ping"}"#, AgentError::NotJsonRpc),
        (
            r#"{"jsonrpc":"1.0","method":"ping"}"#,
            AgentError::NotJsonRpc,
        ),
        (r#"{"jsonrpc":2.0,"method":"ping"}"#, AgentError::NotJsonRpc),
        (r#"{"jsonrpc":"2.0","method":5}"#, AgentError::NotJsonRpc),
        (
            r#"{"jsonrpc":"2.0","method":"ping","id":{}}"#,
            AgentError::NotJsonRpc,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"ping","id":true}"#,
            AgentError::NotJsonRpc,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"ping","params":"x"}"#,
            AgentError::NotJsonRpc,
        ),
    ] {
        assert_eq!(Call::parse(body.as_bytes()), Err(error), "{body}");
    }
    assert_eq!(Call::parse(b"{\"x\":\"\xff\"}"), Err(AgentError::NotJson));
}

#[test]
fn deep_nesting_does_not_reach_the_stack() {
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    let body = format!(
        r#"{{"jsonrpc":"2.0","method":"tools/call","x":{deep},"params":{{"arguments":{deep}}}}}"#
    );
    let call = Call::parse(body.as_bytes()).unwrap();
    assert_eq!(call.arguments, Some(deep.as_str()));
}

//! What holds for any bytes that a client may send: no panic, no belief in half a text, and what is written is read back.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::prelude::*;
use session_risk::facts::agent::{AgentError, Call, Id, decode_name};
use session_risk::facts::client::{address, prefix, trusted};
use session_risk::facts::credential::{Scheme, cookie, cookie_is_ambiguous, scheme, xfcc_hash};
use session_risk::facts::device::{Family, Os, Posture, UserAgent};
use session_risk::facts::glob::Glob;
use session_risk::facts::token::{Claim, ClaimPath, TokenError, decode_payload, payload_segment, read_claims};
use std::net::IpAddr;

/// Bytes that are likely to reach the corners: any, and those built from the separators and words that parsers look at.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        &b","[..],
        b";",
        b"=",
        b"\"",
        b"\\",
        b" ",
        b"\t",
        b":",
        b"[",
        b"]",
        b"{",
        b"}",
        b"(",
        b")",
        b"/",
        b".",
        b"%",
        b"*",
        b"-",
        b"\xff",
        b"\xc3",
        b"\0",
        b"Bearer ",
        b"DPoP",
        b"Basic",
        b"Hash",
        b"s=",
        b"a.b.c",
        b"::",
        b"1.2.3.4",
        b"fe80::1",
        b"Mozilla/5.0",
        b"compatible;",
        b"Version/",
        b"Safari/99999999999",
        b"v1",
        b"wv",
        b"=?base64?",
        b"?=",
        b"\"jsonrpc\":\"2.0\"",
        b"\"method\":",
        b"\"params\":",
        b"\"name\":",
        b"null",
        b"1e999",
        b"\\u0061",
        b"\\ud800",
        b"{\"sub\":",
        b"\"act\":{",
        b"[[",
        b"]]",
    ]);
    prop_oneof![vec(any::<u8>(), 0..256), vec(pieces, 0..40).prop_map(|pieces| pieces.concat()),]
}

fn json_text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap())
}

fn authorization() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["Bearer", "bearer", "BEARER", "DPoP", "dpop", "Basic", "basic"]);
    (word, "[a-zA-Z0-9._~+/-]{1,20}=*").prop_map(|(word, token)| format!("{word} {token}"))
}

/// All claims given for one path, as (path, text).
fn texts(payload: &[u8], paths: &[&str]) -> Result<Vec<(usize, String)>, TokenError> {
    let paths: Vec<_> = paths.iter().map(|path| ClaimPath::parse(path).unwrap()).collect();
    let mut given = Vec::new();
    read_claims(payload, &paths, &mut |index, claim| {
        if let Claim::Text(text) | Claim::Item(text) = claim {
            given.push((index, text.into_owned()));
        }
    })?;
    Ok(given)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_bring_a_parser_down(bytes in hostile(), hops in 0_usize..4) {
        let mut out = Vec::new();
        let _ = address(&bytes);
        let _ = trusted(Some(&bytes), hops);
        let _ = UserAgent::parse(&bytes);
        let _ = Posture::parse(&bytes);
        let _ = payload_segment(&bytes);
        let _ = scheme(&bytes);
        let _ = cookie(&bytes, b"s");
        let _ = cookie_is_ambiguous(&bytes, b"s");
        let _ = xfcc_hash(&bytes);
        let _ = decode_payload(&bytes, &mut out);
        let _ = decode_name(&bytes, &mut out);
        let _ = Call::parse(&bytes);
        let _ = texts(&bytes, &["sub", "act.sub"]);
    }

    #[test]
    fn no_bytes_bring_a_json_reader_down_in_the_middle_of_a_message(bytes in hostile()) {
        let body = [&b"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{"[..], &bytes, b"}}"].concat();
        let _ = Call::parse(&body);
        let payload = [&b"{\"act\":{\"sub\":"[..], &bytes, b"}}"].concat();
        let _ = texts(&payload, &["sub", "act.sub"]);
    }

    #[test]
    fn an_address_is_read_in_every_spelling(ip in any::<IpAddr>(), port in any::<u16>()) {
        let canonical = Some(ip.to_canonical());
        prop_assert_eq!(address(ip.to_string().as_bytes()), canonical);
        prop_assert_eq!(address(std::net::SocketAddr::new(ip, port).to_string().as_bytes()), canonical);
        prop_assert_eq!(prefix(ip), prefix(ip.to_canonical()));
        if let IpAddr::V4(v4) = ip {
            prop_assert_eq!(address(v4.to_ipv6_mapped().to_string().as_bytes()), canonical);
        }
    }

    #[test]
    fn text_that_a_client_prepends_never_moves_a_trusted_hop(
        forged in hostile(), proxies in vec(any::<IpAddr>(), 1..4),
    ) {
        let appended: Vec<_> = proxies.iter().map(IpAddr::to_string).collect();
        let header = [&forged[..], b", ", appended.join(", ").as_bytes()].concat();
        for (hops, ip) in proxies.iter().rev().enumerate() {
            prop_assert_eq!(trusted(Some(&header), hops), Some(ip.to_canonical()));
        }
        prop_assert_eq!(trusted(Some(appended.join(",").as_bytes()), proxies.len()), None);
    }

    #[test]
    fn text_that_a_client_prepends_never_hides_the_certificate(forged in hostile(), cn in "[ -~]{0,20}") {
        let quoted = cn.replace('\\', "\\\\").replace('"', "\\\"");
        let header = [&forged[..], b",By=x;Hash=468ed3;Subject=\"CN=", quoted.as_bytes(), b"\";DNS=y"].concat();
        prop_assert_eq!(xfcc_hash(&header), Some(&b"468ed3"[..]));
    }

    #[test]
    fn a_joined_second_header_is_always_seen(
        first in authorization(), second in authorization(),
    ) {
        for separator in [",", ", "] {
            let joined = format!("{first}{separator}{second}");
            prop_assert_eq!(scheme(joined.as_bytes()), Some((Scheme::Duplicate, joined.as_bytes())));
        }
        let (known, credentials) = scheme(first.as_bytes()).unwrap();
        prop_assert!(matches!(known, Scheme::Bearer | Scheme::Dpop | Scheme::Basic));
        prop_assert!(first.as_bytes().ends_with(credentials));
    }

    #[test]
    fn a_cookie_is_found_among_others(
        value in "[!#-+./0-9A-Za-z:<-~-]{1,20}", before in "([a-r]=[a-z]*; ){0,3}", after in "(; [a-r]=[a-z]*){0,3}",
    ) {
        let header = format!("{before}s={value}{after}");
        prop_assert_eq!(cookie(header.as_bytes(), b"s"), Some(value.as_bytes()));
        prop_assert!(!cookie_is_ambiguous(header.as_bytes(), b"s"));
        let twice = format!("{header}; s={value}x");
        prop_assert!(cookie_is_ambiguous(twice.as_bytes(), b"s"));
    }

    #[test]
    fn a_family_is_the_same_in_every_request_and_survives_storage(name in "[a-zA-Z][a-zA-Z0-9_-]{0,30}", minor in 0_u16..63) {
        let of = |text: String| UserAgent::parse(text.as_bytes()).unwrap();
        let old = of(format!("{name}/3.{minor}.7"));
        let new = of(format!("{}/3.{}", name.to_ascii_uppercase(), minor.saturating_add(1)));
        prop_assert_eq!(old.family, Family::from_code(old.family.code()));
        prop_assert_eq!(old.os, Os::from_code(old.os.code()));
        if !name.eq_ignore_ascii_case("mozilla") && !name.eq_ignore_ascii_case("compatible") {
            prop_assert_eq!(old.family, new.family);
        }
        prop_assert!(old.family.is_browser() || old.version <= new.version);
    }

    #[test]
    fn a_payload_decodes_to_what_was_encoded(payload in vec(any::<u8>(), 0..600)) {
        let mut out = vec![1, 2, 3];
        for text in [URL_SAFE.encode(&payload), URL_SAFE_NO_PAD.encode(&payload)] {
            prop_assert_eq!(decode_payload(text.as_bytes(), &mut out), Ok(()));
            prop_assert_eq!(&out, &payload);
        }
    }

    #[test]
    fn a_claim_path_prints_as_something_that_reads_back(names in vec("[a-z.\\\\:/#é]{1,8}", 1..8)) {
        let written: Vec<_> = names.iter().map(|name| name.replace('\\', "\\\\").replace('.', "\\.")).collect();
        let path = ClaimPath::parse(&written.join(".")).unwrap();
        prop_assert_eq!(ClaimPath::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn any_text_may_be_a_claim_path(text in "[ab.\\\\]{0,20}") {
        if let Ok(path) = ClaimPath::parse(&text) {
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn claims_are_read_at_any_depth_and_under_any_name(names in vec("[a-z.\\\\é]{1,6}", 1..8), value in any::<String>()) {
        let open: String = names.iter().map(|name| format!("{{{}:", serde_json::to_string(name).unwrap())).collect();
        let payload = format!("{open}{}{}", serde_json::to_string(&value).unwrap(), "}".repeat(names.len()));
        let written: Vec<_> = names.iter().map(|name| name.replace('\\', "\\\\").replace('.', "\\.")).collect();
        prop_assert_eq!(texts(payload.as_bytes(), &[&written.join(".")]), Ok(vec![(0, value)]));
    }

    #[test]
    fn half_a_payload_is_no_payload(sub in json_text(), item in json_text()) {
        let payload = format!("{{\"act\":{{\"sub\":{sub}}},\"scp\":[{item},1.5e3,null],\"sub\":{sub}}}");
        prop_assert!(texts(payload.as_bytes(), &["sub", "act.sub", "scp"]).is_ok());
        for length in 0..payload.len() {
            prop_assert_eq!(texts(&payload.as_bytes()[..length], &["sub", "act.sub", "scp"]), Err(TokenError::NotJson));
        }
        let more = format!("{payload},");
        prop_assert_eq!(texts(more.as_bytes(), &["sub"]), Err(TokenError::NotJson));
    }

    #[test]
    fn half_a_call_is_no_call(name in json_text(), id in any::<i64>()) {
        let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":{name},\"arguments\":{{\"a\":[{name}]}}}}}}");
        prop_assert!(Call::parse(body.as_bytes()).is_ok());
        for length in 0..body.len() {
            prop_assert_eq!(Call::parse(&body.as_bytes()[..length]), Err(AgentError::NotJson));
        }
    }

    #[test]
    fn a_call_is_read_as_it_was_written(
        method in any::<String>(), name in any::<String>(), id in json_text(), arguments in json_text(), order in any::<bool>(),
    ) {
        let field = if method.starts_with("resources/") { "uri" } else { "name" };
        let (written_method, written_name) =
            (serde_json::to_string(&method).unwrap(), serde_json::to_string(&name).unwrap());
        let params = format!("\"params\" : {{\"arguments\":{arguments} ,\"{field}\":{written_name}}}");
        let call = format!("\"method\":{written_method}");
        let (first, second) = if order { (&call, &params) } else { (&params, &call) };
        let body = format!("{{{first},\"id\":{id},{second},\"jsonrpc\":\"2.0\"}}\n");
        let read = Call::parse(body.as_bytes()).unwrap();
        prop_assert_eq!(read.method, method);
        prop_assert_eq!(read.name.as_deref(), Some(name.as_str()));
        prop_assert_eq!(read.id.map(Id::json), Some(id.as_str()));
        prop_assert_eq!(read.arguments, Some(arguments.as_str()));
    }

    #[test]
    fn an_encoded_name_is_the_name(name in any::<String>()) {
        let mut out = b"old".to_vec();
        let value = format!("=?base64?{}?=", STANDARD.encode(&name));
        prop_assert_eq!(decode_name(value.as_bytes(), &mut out), Ok(name.as_str()));
    }

    #[test]
    fn a_glob_agrees_with_its_definition(pattern in "[ab?*é]{1,8}", name in "[abcé]{0,10}") {
        let glob = Glob::parse(&pattern).unwrap();
        let (p, n): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
        prop_assert_eq!(glob.matches(&name), defined(&p, &n), "{} {}", pattern, name);
        prop_assert_eq!(Glob::parse(glob.as_str()), Ok(glob));
    }
}

/// What the documentation of `Glob` says, without regard to cost.
fn defined(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], _) => name.is_empty(),
        (['*', rest @ ..], _) => (0..=name.len()).any(|taken| defined(rest, &name[taken..])),
        (['?', rest @ ..], [_, after @ ..]) => defined(rest, after),
        ([wanted, rest @ ..], [found, after @ ..]) => wanted == found && defined(rest, after),
        (_, []) => false,
    }
}

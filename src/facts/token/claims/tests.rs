//! Claims sets as identity providers and attackers write them.
#![allow(clippy::unwrap_used)]

use super::*;

fn read(payload: &str, paths: &[&str]) -> Result<Vec<(usize, String)>, TokenError> {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| ClaimPath::parse(path).unwrap())
        .collect();
    let mut given = Vec::new();
    read_claims(payload.as_bytes(), &paths, &mut |index, claim| {
        given.push((
            index,
            match claim {
                Claim::Text(text) => format!("text {text}"),
                Claim::Number(number) => format!("number {number}"),
                Claim::Flag(flag) => format!("flag {flag}"),
                Claim::List => "list".to_owned(),
                Claim::Item(item) => format!("item {item}"),
                Claim::Object => "object".to_owned(),
            },
        ));
    })?;
    Ok(given)
}

#[track_caller]
fn gives(payload: &str, paths: &[&str], expected: &[(usize, &str)]) {
    let given = read(payload, paths).unwrap();
    let given: Vec<_> = given.iter().map(|(i, s)| (*i, s.as_str())).collect();
    assert_eq!(given, expected, "{payload}");
}

#[test]
fn claims_of_an_access_token_are_read_in_one_pass() {
    let payload = r#" {"iss":"https://idp.test","sub":"u\u00e9-1","aud":["api","web"],"exp":1770001802,
        "scope":"read write","act":{"sub":"agent-7","act":{"sub":"inner"}},"cnf":{"jkt":"0ZcO"},
        "https://example.com/dept":"ops","device":{"posture":"compliant","managed":true},"amr":[]} "#;
    gives(
        payload,
        &[
            "sub",
            "aud",
            "exp",
            "act.sub",
            "cnf.jkt",
            "https://example\\.com/dept",
            "device.managed",
            "amr",
            "act.act.sub",
            "device",
        ],
        &[
            (0, "text u\u{e9}-1"),
            (1, "list"),
            (1, "item api"),
            (1, "item web"),
            (2, "number 1770001802"),
            (3, "text agent-7"),
            (8, "text inner"),
            (4, "text 0ZcO"),
            (5, "text ops"),
            (9, "object"),
            (6, "flag true"),
            (7, "list"),
        ],
    );
}

#[test]
fn absent_claims_and_wrong_shapes_on_the_way_are_not_given() {
    gives(
        r#"{"sub":null,"act":"x","cnf":[{"jkt":"y"}]}"#,
        &["sub", "act.sub", "cnf.jkt", "sid"],
        &[],
    );
    gives("{}", &["sub"], &[]);
    gives(r#"{"sub":"x"}"#, &[], &[]);
    gives(r#"{"a.b":"x"}"#, &["a.b"], &[]);
}

#[test]
fn a_list_gives_only_its_strings() {
    gives(
        r#"{"scp":["a",1,null,true,{"x":"no"},["no"],"b\n"],"x":"no"}"#,
        &["scp", "scp.x"],
        &[(0, "list"), (0, "item a"), (0, "item b\n")],
    );
}

#[test]
fn numbers_are_cut_and_end_at_the_range() {
    gives(
        r#"{"a":1.99,"b":-1.99,"c":1e300,"d":-1e300,"e":18446744073709551615,"f":-9223372036854775809,"g":1.7700018e9}"#,
        &["a", "b", "c", "d", "e", "f", "g"],
        &[
            (0, "number 1"),
            (1, "number -1"),
            (2, "number 9223372036854775807"),
            (3, "number -9223372036854775808"),
            (4, "number 9223372036854775807"),
            (5, "number -9223372036854775808"),
            (6, "number 1770001800"),
        ],
    );
}

#[test]
fn a_path_may_be_asked_for_twice_and_lead_through_another() {
    gives(
        r#"{"act":{"sub":"x"}}"#,
        &["act.sub", "act", "act.sub"],
        &[(1, "object"), (0, "text x"), (2, "text x")],
    );
}

#[test]
fn a_claim_that_is_there_twice_is_refused() {
    for payload in [
        r#"{"sub":"a","sub":"a"}"#,
        r#"{"sub":"a","s\u0075b":"b"}"#,
        r#"{"sub":null,"sub":"b"}"#,
        r#"{"act":{"sub":"a"},"act":{}}"#,
        r#"{"act":{"sub":"a","sub":"b"}}"#,
    ] {
        let read = read(payload, &["sub", "act.sub"]);
        assert_eq!(read, Err(TokenError::DuplicateClaim), "{payload}");
    }
    gives(r#"{"x":1,"x":2,"sub":"a"}"#, &["sub"], &[(0, "text a")]);
    gives(
        r#"{"sub":"a","act":{"sub":"b"}}"#,
        &["sub", "act.sub"],
        &[(0, "text a"), (1, "text b")],
    );
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for payload in [
        "",
        " ",
        "null",
        "[]",
        "\"sub\"",
        "{",
        "{\"sub\"",
        "{\"sub\":\"a\"",
        "{\"sub\":\"a\",}",
        "{\"sub\":\"a\"}x",
        "{\"sub\":\"a\"}{}",
        "{sub:1}",
        "{\"sub\":\"\\ud800\"}",
        "{\"sub\":01}",
        "\u{feff}{}",
    ] {
        assert_eq!(
            read(payload, &["sub"]),
            Err(TokenError::NotJson),
            "{payload}"
        );
    }
    let not_utf8 = read_claims(b"{\"x\":\"\xff\"}", &[], &mut |_, _| {});
    assert_eq!(not_utf8, Err(TokenError::NotJson));
}

#[test]
fn depth_and_size_are_bounded() {
    let nest = |open: &str, close: &str| {
        let depth = 2_000;
        format!(
            r#"{{"x":{}1{},"sub":"a"}}"#,
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    gives(
        &nest("[", "]"),
        &["sub", "x"],
        &[(1, "list"), (0, "text a")],
    );
    gives(
        &nest("{\"y\":", "}"),
        &["sub", "x.y.y"],
        &[(1, "object"), (0, "text a")],
    );
    let long = format!(r#"{{"sub":"{}"}}"#, "x".repeat(MAX_PAYLOAD));
    assert_eq!(read(&long, &["sub"]), Err(TokenError::TooLong));
}

#[test]
fn sixty_four_paths_are_the_most() {
    let names: Vec<_> = (0..65).map(|index| format!("c{index}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    gives(
        r#"{"c63":1,"c0":2}"#,
        names.get(..64).unwrap(),
        &[(63, "number 1"), (0, "number 2")],
    );
    assert_eq!(read("{}", &names), Err(TokenError::TooManyPaths));
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let payload = br#"{"sub":"plain"}"#.to_vec();
    let path = [ClaimPath::parse("sub").unwrap()];
    let mut borrowed = false;
    read_claims(&payload, &path, &mut |_, claim| {
        borrowed = matches!(claim, Claim::Text(Cow::Borrowed("plain")));
    })
    .unwrap();
    assert!(borrowed);
}

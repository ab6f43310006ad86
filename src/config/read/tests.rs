//! What a reader of messages gets to see, word for word, on a configuration that has one of everything.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, unreachable_pub)]

use super::{Field, Json, choice, ranged, read, section, worded, words};
use crate::config::error::{Path, Problems};
use proptest::prelude::*;
use serde_json::{Value, json};

section! {
    /// A door
    /// of a house.
    pub struct Door {
        /// Its name.
        name: Name,
        /// Who may pass.
        access: Access = Access::Read,
        /// The lock.
        lock: Option<Lock> = None,
        /// How strong it is.
        strength: Strength = Strength(3),
        /// Is it closed?
        closed: bool = true,
        /// Its keys.
        keys: Vec<Name> = Vec::new(),
        /// Its frame.
        frame: Frame = Frame::default(),
    }
}
section! {
    /// What it stands in.
    pub struct Frame: Default {
        /// In centimetres.
        height: Strength = Strength(2),
        /// Where it leads.
        beyond: Option<Vec<Door>> = None,
    }
}
choice! {
    /// How it is locked.
    pub enum Lock {
        /// By a bolt.
        "bolt" => Bolt,
        /// By a chain.
        "chain" => Chain,
        ;
        /// By a number.
        "number" => Number(Strength),
        /// By its keys.
        "keyed" => Keyed(Vec<Name>),
    }
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Access {
    Read,
    Write,
    Export,
    Admin,
}
words! { Access { Access::Read => "read", Access::Write => "write", Access::Export => "export", Access::Admin => "admin", } }
ranged! { /// Strength.
pub struct Strength(u8) in 0..=100 }
worded! { /// A name.
pub struct Name in 1..=8, |text| if text.is_ascii() { Ok(()) } else { Err("an English name") } }

/// The problems of a document, one a line, without what is the same in each.
fn problems(text: &str) -> Vec<String> {
    let error = read::<Door>(text.as_bytes()).unwrap_err().to_string();
    error.lines().map(|line| line.strip_prefix("invalid config at ").unwrap_or(line).to_owned()).collect()
}

/// The problem of a door that is right but for this.
fn problem(with: &str) -> String {
    let found = problems(&format!(r#"{{"name": "front", {with}}}"#));
    assert_eq!(found.len(), 1, "{found:?}");
    found.concat()
}

#[test]
fn what_is_left_out_takes_its_default() {
    let door: Door = read(br#"{"name": "front", "lock": null}"#).unwrap();
    let frame = Frame { height: Strength(2), beyond: None };
    let name = Name("front".to_owned());
    let access = Access::Read;
    assert_eq!(door, Door { name, access, lock: None, strength: Strength(3), closed: true, keys: Vec::new(), frame });
}

#[test]
fn what_is_stated_is_read() {
    let text = r#"{"name": "front", "access": "admin", "lock": {"keyed": ["a", "b"]}, "strength": 100, "closed": false,
        "keys": ["a"], "frame": {"height": 0, "beyond": [{"name": "back", "lock": "chain"}]}}"#;
    let door: Door = read(text.as_bytes()).unwrap();
    let names = |names: &[&str]| names.iter().map(|name| Name((*name).to_owned())).collect::<Vec<_>>();
    assert_eq!(door.access, Access::Admin);
    assert_eq!(door.lock, Some(Lock::Keyed(names(&["a", "b"]))));
    assert_eq!((door.strength, door.closed, door.keys), (Strength(100), false, names(&["a"])));
    assert_eq!(door.frame.height, Strength(0));
    let beyond = door.frame.beyond.unwrap();
    assert_eq!(beyond.iter().map(|door| door.lock.clone()).collect::<Vec<_>>(), [Some(Lock::Chain)]);
}

#[test]
fn each_problem_says_what_was_expected_and_what_was_found() {
    for (with, expected) in [
        (r#""strength": 101"#, "`strength`: expected a whole number in 0..=100, found `101`"),
        (r#""strength": -1"#, "`strength`: expected a whole number in 0..=100, found `-1`"),
        (r#""strength": 3.0"#, "`strength`: expected a whole number in 0..=100, found a fraction"),
        (r#""strength": 1e300"#, "`strength`: expected a whole number in 0..=100, found a fraction"),
        (
            r#""strength": 18446744073709551615"#,
            "`strength`: expected a whole number in 0..=100, found `9223372036854775807`",
        ),
        (r#""strength": "3""#, "`strength`: expected a whole number in 0..=100, found `3`"),
        (r#""strength": null"#, "`strength`: expected a whole number in 0..=100, found `null`"),
        (r#""closed": "yes""#, "`closed`: expected `true` or `false`, found `yes`"),
        (r#""keys": "a""#, "`keys`: expected a list, found `a`"),
        (r#""keys": ["a", 7]"#, "`keys[1]`: expected a string, found a number"),
        (r#""keys": [""]"#, "`keys[0]`: expected 1 to 8 bytes, found 0"),
        (r#""keys": ["ninechars"]"#, "`keys[0]`: expected 1 to 8 bytes, found 9"),
        (r#""keys": ["tür"]"#, "`keys[0]`: expected an English name, found `tür`"),
        (r#""keys": ["tür\n"]"#, r"`keys[0]`: expected an English name, found `tür\n`"),
        (r#""frame": []"#, "`frame`: expected an object, found a list"),
        (r#""frame": {"beyond": [{}]}"#, "`frame.beyond[0].name`: required, but absent"),
        (r#""clossed": true"#, "`clossed`: unknown field, did you mean `closed`?"),
        (r#""frame": {"width": 1}"#, "`frame.width`: unknown field, expected one of `height`, `beyond`"),
        (
            r#""a.b": 1"#,
            r#"`["a.b"]`: unknown field, expected one of `name`, `access`, `lock`, `strength`, `closed`, `keys`, `frame`"#,
        ),
        (r#""access": "reed""#, "`access`: unknown word `reed`, did you mean `read`?"),
        (r#""access": "root""#, "`access`: unknown word `root`, expected one of `read`, `write`, `export`, `admin`"),
        (r#""access": true"#, "`access`: expected a word, found `true`"),
    ] {
        assert_eq!(problem(with), expected);
    }
}

#[test]
fn a_choice_says_how_each_of_its_ways_is_written() {
    for (with, expected) in [
        (r#""blot""#, "`lock`: unknown word `blot`, did you mean `bolt`?"),
        (r#"{"numbers": 1}"#, "`lock`: unknown word `numbers`, did you mean `number`?"),
        (r#""glue""#, "`lock`: unknown word `glue`, expected one of `bolt`, `chain`, `number`, `keyed`"),
        ("{}", "`lock`: expected an object with one member, found an object"),
        (r#"{"number": 1, "keyed": []}"#, "`lock`: expected an object with one member, found an object"),
        ("7", "`lock`: expected a word or an object with one member, found `7`"),
        (r#""number""#, r#"`lock`: `number` needs a value, as in `{"number": ...}`"#),
        (r#"{"bolt": true}"#, r#"`lock`: `bolt` takes no value, write `"bolt"`"#),
        (r#"{"number": 101}"#, "`lock.number`: expected a whole number in 0..=100, found `101`"),
        (r#"{"keyed": ["a", ""]}"#, "`lock.keyed[1]`: expected 1 to 8 bytes, found 0"),
    ] {
        assert_eq!(problem(&format!(r#""lock": {with}"#)), expected);
    }
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_declaration() {
    let text = r#"{"frame": {"height": 200, "hight": 2}, "keys": [1, "a", 2], "strength": true, "colour": 1}"#;
    assert_eq!(
        problems(text),
        [
            "`colour`: unknown field, expected one of `name`, `access`, `lock`, `strength`, `closed`, `keys`, `frame`",
            "`name`: required, but absent",
            "`strength`: expected a whole number in 0..=100, found `true`",
            "`keys[0]`: expected a string, found a number",
            "`keys[2]`: expected a string, found a number",
            "`frame.hight`: unknown field, did you mean `height`?",
            "`frame.height`: expected a whole number in 0..=100, found `200`",
        ]
    );
}

#[test]
fn a_flood_of_problems_is_counted() {
    let keys = vec!["1"; 60].join(",");
    let found = problems(&format!(r#"{{"name": "front", "keys": [{keys}]}}"#));
    assert_eq!(found.len(), 51);
    assert_eq!(found.last().map(String::as_str), Some("and 10 more"));
}

#[test]
fn a_list_ends_somewhere() {
    let list = |length: usize| format!(r#""keys": [{}]"#, vec![r#""a""#; length].join(","));
    assert_eq!(problem(&list(16_385)), "`keys`: expected at most 16384 items, found 16385");
    assert!(read::<Door>(format!(r#"{{"name": "front", {}}}"#, list(16_384)).as_bytes()).is_ok());
}

#[test]
fn what_is_not_json_is_told_with_its_line_and_column() {
    let empty = r#"`.`: empty; the least is {"secret": "<16 or more random characters>"}"#;
    assert_eq!(problems(""), [empty]);
    assert_eq!(problems(" \n\t"), [empty]);
    assert_eq!(problems("[]"), ["`.`: expected an object, found a list"]);
    assert_eq!(
        problems("{\"name\": \"front\"\n \"keys\": []}"),
        ["`.`: not valid JSON: expected `,` or `}` at line 2 column 2"]
    );
    assert_eq!(problems("{} {}"), ["`.`: not valid JSON: trailing characters at line 1 column 4"]);
    let twice = r#"{"name": "front", "closed": true, "closed": false}"#;
    assert_eq!(problems(twice), ["`.`: not valid JSON: the member `closed` occurs twice at line 1 column 50"]);
    let error = read::<Door>(b"{\"name\": \"\xff\"}").unwrap_err();
    assert_eq!(error.to_string(), "invalid config at `.`: not UTF-8");
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(problems(&nested(127)), ["`.`: expected an object, found a list"]);
    assert_eq!(problems(&nested(128)), ["`.`: not valid JSON: recursion limit exceeded at line 1 column 128"]);
    let large = " ".repeat(1024 * 1024) + "{}";
    assert_eq!(problems(&large), ["`.`: expected at most 1048576 bytes, found 1048578"]);
}

#[test]
fn a_door_that_is_written_reads_as_itself() {
    for text in [
        r#"{"name": "front"}"#,
        r#"{"name": "front", "access": "write", "lock": "bolt", "strength": 0, "closed": false, "keys": ["a", "b"]}"#,
        r#"{"name": "front", "lock": {"number": 7}, "frame": {"height": 1, "beyond": []}}"#,
        r#"{"name": "front", "frame": {"beyond": [{"name": "back", "lock": {"keyed": ["x"]}}]}}"#,
    ] {
        let door: Door = read(text.as_bytes()).unwrap();
        assert_eq!(read::<Door>(door.write().to_string().as_bytes()), Ok(door));
    }
}

#[test]
fn a_door_is_written_with_its_defaults_in_the_order_of_declaration() {
    let door: Door = read(br#"{"lock": {"number": 7}, "name": "front"}"#).unwrap();
    let expected = r#"{"name":"front","access":"read","lock":{"number":7},"strength":3,"closed":true,"keys":[],"frame":{"height":2,"beyond":null}}"#;
    assert_eq!(door.write().to_string(), expected);
}

section! {
    /// A house.
    pub struct House {
        /// How it is
        /// locked.
        lock: Lock,
        /// Who may enter.
        access: Option<Access> = None,
        /// Its colours.
        colours: Vec<Name> = vec![Name("white".to_owned())],
        /// Its yard.
        yard: Yard = Yard::default(),
    }
}
section! {
    /// A yard.
    pub struct Yard: Default {
        /// Is there grass?
        grass: bool = true,
    }
}

#[test]
fn the_schema_says_the_same_as_the_declaration() {
    let expected = json!({
        "description": "A house.",
        "type": "object",
        "properties": {
            "lock": {
                "description": "How it is locked.",
                "oneOf": [
                    {"description": "By a bolt.", "const": "bolt"},
                    {"description": "By a chain.", "const": "chain"},
                    {
                        "description": "By a number.",
                        "type": "object",
                        "properties": {
                            "number": {"description": "Strength.", "type": "integer", "minimum": 0, "maximum": 100}
                        },
                        "required": ["number"],
                        "additionalProperties": false,
                    },
                    {
                        "description": "By its keys.",
                        "type": "object",
                        "properties": {
                            "keyed": {
                                "type": "array",
                                "items": {"description": "A name.", "type": "string", "minLength": 1, "maxLength": 8},
                                "maxItems": 16384,
                            }
                        },
                        "required": ["keyed"],
                        "additionalProperties": false,
                    },
                ],
            },
            "access": {
                "anyOf": [{"enum": ["read", "write", "export", "admin"]}, {"type": "null"}],
                "description": "Who may enter.",
                "default": null,
            },
            "colours": {
                "type": "array",
                "items": {"description": "A name.", "type": "string", "minLength": 1, "maxLength": 8},
                "maxItems": 16384,
                "description": "Its colours.",
                "default": ["white"],
            },
            "yard": {
                "description": "Its yard.",
                "type": "object",
                "properties": {"grass": {"type": "boolean", "description": "Is there grass?", "default": true}},
                "required": [],
                "additionalProperties": false,
            },
        },
        "required": ["lock"],
        "additionalProperties": false,
    });
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    assert_eq!(pretty(&House::schema()), pretty(&expected));
}

#[test]
fn a_field_may_be_read_at_any_place() {
    let mut problems = Problems::default();
    let rules = Path::ROOT.member("rules");
    assert_eq!(Strength::read(&Json::Whole(101), &rules.item(3), &mut problems), None);
    let error = problems.or(None::<()>).unwrap_err();
    assert_eq!(error.to_string(), "invalid config at `rules[3]`: expected a whole number in 0..=100, found `101`");
}

/// Documents of every shape, mostly made of what a door is made of.
fn documents() -> impl Strategy<Value = Value> {
    let words = ["front", "read", "bolt", "number", "keyed", "", "a name too long"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1..=101i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let names =
        ["name", "access", "lock", "strength", "closed", "keys", "frame", "height", "beyond", "number", "keyed"];
    let name = prop_oneof![9 => prop::sample::select(names.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_reads_or_has_problems_with_places(mut document in documents(), named: bool) {
        if named && let Some(door) = document.as_object_mut() {
            door.insert("name".to_owned(), "front".into());
        }
        match read::<Door>(document.to_string().as_bytes()) {
            Ok(door) => prop_assert_eq!(read::<Door>(door.write().to_string().as_bytes()), Ok(door)),
            Err(error) => {
                prop_assert!(!error.problems().is_empty());
                prop_assert!(error.problems().iter().all(|problem| !problem.path.is_empty() && !problem.message.is_empty()));
                let shown = error.problems().len().min(51);
                prop_assert!(error.problems().len() > 50 || error.to_string().lines().count() == shown, "{}", error);
            }
        }
    }

    #[test]
    fn any_bytes_read_or_are_refused(bytes: Vec<u8>, cut in 0..60usize, at in 0..60usize, other: u8) {
        prop_assert!(read::<Door>(&bytes).is_err());
        let mut door = br#"{"name": "front", "lock": {"number": 7}, "keys": ["a", "b"]}"#.to_vec();
        door[at] = other;
        door.truncate(60 - cut);
        if let Ok(read_back) = read::<Door>(&door) {
            prop_assert_eq!(read::<Door>(read_back.write().to_string().as_bytes()), Ok(read_back));
        }
    }
}

#[test]
fn what_stands_beside_a_bad_member_is_still_there_to_be_looked_at() {
    let json = Json::parse(br#"{"name": "front", "strength": 101, "closed": false}"#).unwrap();
    let mut problems = Problems::default();
    let door = Door::read(&json, &Path::ROOT, &mut problems).unwrap();
    assert_eq!((door.strength, door.closed), (Strength(3), false));
    assert!(problems.or(Some(door)).is_err());
}

#[test]
fn a_merge_patch_does_what_rfc_7396_says() {
    // The table of its appendix A: original, patch, result.
    for (original, patch, result) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
        (r#"{"a":"foo"}"#, "null", "null"),
        (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
    ] {
        let json = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let mut merged = json(original);
        merged.merge(json(patch));
        assert_eq!(merged, json(result), "{original} and {patch}");
    }
}

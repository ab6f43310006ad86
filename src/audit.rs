//! One JSON line a decision that is not `allow`: who (digested), what was decided, by which rule, why.
//! It holds no token, no address and no name of a person.

use crate::{
    engine::Assessment,
    facts::{Actor, Facts, SessionKey, Tier},
    policy::{Rule, access_number, actor_number},
    score::{Contribution, Contributions, Level},
    signal::Change,
    time::Timestamp,
};
use std::fmt::Write as _;

/// Version of the line's schema, its `v` member.
pub const VERSION: u8 = 1;

/// The audit line of a decision. `before` is the session's level before this request, `request_id` what joins the line to
/// the access log (letters, digits, `-`, `_`, `.`), and `rules` are the ones that it was made by.
pub fn line(assessment: &Assessment, facts: &Facts, before: Level, request_id: Option<&str>, rules: &[Rule]) -> String {
    let decision = &assessment.decision;
    let rule = decision.rule.and_then(|index| rules.get(usize::from(index))).map_or("", |rule| rule.name.as_str());
    let mode = if decision.enforced { "enforce" } else { "shadow" };
    let mut line = format!(
        "{{\"session_risk\":\"decision\",\"v\":{VERSION},\"time\":{},\"request_id\":\"{}\",\"session\":\"{}\",\
         \"actor\":\"{}\",\"action\":\"{}\",\"mode\":\"{mode}\",\"rule\":{},\"requests\":{},\"score\":{},\
         \"level_before\":\"{}\",\"level\":\"{}\",\"level_since\":{},\"access\":\"{}\",\"reasons\":[",
        facts.now.millis(),
        request_id.unwrap_or_default(),
        facts.key,
        actor(facts.actor),
        decision.action.name(),
        text(rule),
        assessment.session.requests,
        assessment.score.points(),
        before.name(),
        assessment.level.name(),
        assessment.session.standing.level_since,
        access(facts),
    );
    reasons(&assessment.contributions, &mut line);
    line.push_str("]}");
    line
}

/// The line of a use of the admin interface: what was wanted, of which session, and the status of the answer.
pub fn admin_line(
    now: Timestamp,
    request_id: Option<&str>,
    does: &str,
    key: Option<SessionKey>,
    status: u16,
) -> String {
    format!(
        "{{\"session_risk\":\"admin\",\"v\":{VERSION},\"time\":{},\"request_id\":\"{}\",\"does\":\"{does}\",\
         \"session\":\"{}\",\"status\":{status}}}",
        now.millis(),
        request_id.unwrap_or_default(),
        key.map(|key| key.to_string()).unwrap_or_default(),
    )
}

/// What contributes, as the items of a JSON list.
pub fn reasons(contributions: &Contributions, into: &mut String) {
    for (index, contribution) in contributions.iter().enumerate() {
        if index > 0 {
            into.push(',');
        }
        into.push_str(&reason(contribution));
    }
}

fn reason(contribution: &Contribution) -> String {
    let row = contribution.kind.row();
    let units = contribution.strength.units();
    let tenths = (units % 32).saturating_mul(10) / 32;
    let mut line = format!("{{\"kind\":\"{}\",\"points\":{}.{tenths},\"at\":{}", row.name, units / 32, contribution.at);
    let change = change(&contribution.change);
    if !change.is_empty() {
        // A `String` takes every write.
        let _ = write!(line, ",\"change\":{}", text(&change));
    }
    line.push('}');
    line
}

/// What changed, old -> new, in words; empty when there is nothing to show.
pub fn change(change: &Change) -> String {
    match change {
        Change::None => String::new(),
        Change::Asn(old, new) => format!("AS{old} -> AS{new}"),
        Change::Country(old, new) => format!("{old} -> {new}"),
        Change::Posture(old, new) => format!("{} -> {}", old.name(), new.name()),
        Change::UserAgent(old, new) => format!(
            "{} {} on {} -> {} {} on {}",
            old.family.name(),
            old.version,
            old.os.name(),
            new.family.name(),
            new.version,
            new.os.name()
        ),
        Change::Tier(old, new) => format!("{} -> {}", tier(*old), tier(*new)),
        Change::Scope(old, new) => format!("{old} -> {new} scope entries"),
        Change::Travel(kilometres, minutes) => format!("{kilometres} km in {minutes} min"),
        Change::Exports(count) => format!("{count} exports"),
        Change::Targets => "one new target after the other".to_owned(),
        Change::Mix(access) => format!("towards {}", word(&crate::facts::ACCESSES, *access)),
    }
}

fn word<T: Copy + PartialEq>(words: &[(T, &'static str)], wanted: T) -> &'static str {
    words.iter().find(|(value, _)| *value == wanted).map_or("", |(_, word)| word)
}

/// The word of an actor.
pub fn actor(actor: Actor) -> &'static str {
    crate::facts::ACTORS.get(usize::from(actor_number(actor))).map_or("", |(_, word)| word)
}

fn access(facts: &Facts) -> &'static str {
    crate::facts::ACCESSES.get(usize::from(access_number(facts.action.access))).map_or("", |(_, word)| word)
}

fn tier(tier: Tier) -> &'static str {
    word(&crate::facts::TIERS, tier)
}

/// A JSON string. Rule names come from the configuration and may hold anything.
fn text(value: &str) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

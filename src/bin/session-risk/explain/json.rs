//! A story as JSON for machines: the same parts as the text, times in RFC 3339.

use super::{
    story::{Counts, Fate, Moment, Reason, Story, Stretch},
    words,
};
use serde_json::{Map, Value, json};
use session_risk::{facts::ACCESSES, score::Thresholds};

/// The whole.
pub(crate) fn value(story: &Story, thresholds: &Thresholds) -> Value {
    let places = |places: &[(String, u64)]| -> Vec<Value> {
        places.iter().map(|(name, count)| json!({ "name": name, "requests": count })).collect()
    };
    let flag = story.flag.as_ref().map(|flag| {
        json!({
            "request": moment(&flag.moment),
            "began": { "request": flag.began.0, "time": words::time(flag.began.1) },
            "before": fate(&flag.before),
            "since": fate(&flag.after),
            "got_through": flag.got_through.iter().map(moment).collect::<Vec<_>>(),
            "got_through_count": flag.got_through_count,
        })
    });
    json!({
        "session": story.session,
        "subject": story.subject,
        "actor": story.actor,
        "first_seen": words::time(story.first),
        "last_seen": words::time(story.last),
        "requests": story.requests,
        "fate": fate(&story.fate),
        "networks": places(&story.networks),
        "clients": places(&story.clients),
        "flag": flag,
        "story": story.stretches.iter().map(stretch).collect::<Vec<_>>(),
        "untold": story.untold,
        "conclusion": words::conclusion(story, thresholds),
    })
}

fn stretch(stretch: &Stretch) -> Value {
    json!({
        "first": moment(&stretch.first),
        "requests": stretch.fate.requests(),
        "fate": fate(&stretch.fate),
        "until": words::time(stretch.until),
        "score": stretch.score,
    })
}

fn moment(moment: &Moment) -> Value {
    let access = ACCESSES.iter().find(|(access, _)| *access == moment.access).map(|(_, word)| *word);
    json!({
        "number": moment.number,
        "time": words::time(moment.time),
        "method": moment.method,
        "path": moment.path,
        "tool": moment.tool,
        "access": access,
        "network": moment.place,
        "status": moment.status,
        "score": { "before": moment.score.0, "after": moment.score.1 },
        "level": { "before": moment.level.0.name(), "after": moment.level.1.name() },
        "signed_in": moment.signed_in,
        "reasons": moment.reasons.iter().map(reason).collect::<Vec<_>>(),
        "action": moment.action.name(),
        "enforced": moment.enforced,
        "rule": moment.rule,
        "let_through": moment.let_through,
    })
}

fn reason(reason: &Reason) -> Value {
    let row = reason.kind.row();
    let change = Some(&reason.change).filter(|change| !change.is_empty());
    json!({
        "kind": row.name,
        "points": reason.points,
        "change": change,
        "raised_minutes_ago": reason.age.unwrap_or(0),
        "raised_now": reason.age.is_none(),
        "half_life_minutes": row.half_life.millis() / 60_000,
    })
}

fn fate(fate: &Fate) -> Value {
    json!({ "let_through": counts(&fate.let_through), "refused": counts(&fate.refused), "spared": counts(&fate.spared) })
}

fn counts(counts: &Counts) -> Value {
    ACCESSES
        .iter()
        .zip(counts.0)
        .map(|((_, word), count)| ((*word).to_owned(), json!(count)))
        .collect::<Map<_, _>>()
        .into()
}

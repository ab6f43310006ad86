//! What a story comes to, in sentences: when it turned, what changed, what acted, what got through, how it ends. Shared by
//! text and JSON, so that a ticket and a machine are told the same.

use super::story::{Counts, Fate, Flag, Moment, Reason, Story};
use session_risk::{
    facts::ACCESSES,
    policy::Action,
    score::{Level, Score, Thresholds},
    session::Sanction,
    time::{Span, Timestamp},
};

/// How far ahead the fall of a level is looked for: behind that no half-life leaves anything.
const AHEAD_MINUTES: u32 = 7 * 24 * 60;

/// A time as RFC 3339 in UTC, to the second.
pub(crate) fn time(millis: u64) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("{millis} ms"), |time| time.to_string())
}

/// A length of time in its largest fitting units.
pub(crate) fn span(millis: u64) -> String {
    let (minutes, seconds) = (millis / 60_000, millis / 1000 % 60);
    match minutes {
        0 => format!("{seconds} s"),
        1..60 => format!("{minutes} min"),
        60..2880 if minutes.is_multiple_of(60) => format!("{} h", minutes / 60),
        60..2880 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", minutes / 1440, minutes / 60 % 24),
    }
}

/// `1 request`, `2 requests`.
pub(crate) fn number(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `8 reads, 1 write`; `nothing` when there is none.
pub(crate) fn counts(counts: &Counts) -> String {
    let some: Vec<String> = ACCESSES
        .iter()
        .zip(counts.0)
        .filter(|(_, count)| *count > 0)
        .map(|((_, word), count)| if *word == "admin" { number(count, "admin request") } else { number(count, word) })
        .collect();
    if some.is_empty() { "nothing".to_owned() } else { some.join(", ") }
}

/// What became of requests: `8 reads let through; 1 write refused`.
pub(crate) fn fate(fate: &Fate) -> String {
    let mut parts = Vec::new();
    if fate.let_through.sum() > 0 {
        let shadow = match fate.spared.sum() {
            0 => String::new(),
            _ => format!(" ({} only because of shadow)", counts(&fate.spared)),
        };
        parts.push(format!("{} let through{shadow}", counts(&fate.let_through)));
    }
    if fate.refused.sum() > 0 {
        parts.push(format!("{} refused", counts(&fate.refused)));
    }
    parts.join("; ")
}

/// A request: method, path without query, tool.
pub(crate) fn request(moment: &Moment) -> String {
    let tool = moment.tool.as_ref().map_or(String::new(), |tool| format!(" ({tool})"));
    format!("{} {}{tool}", moment.method, moment.path)
}

/// Thresholds that a request crosses; empty when it crosses none.
pub(crate) fn crossing(moment: &Moment, thresholds: &Thresholds) -> String {
    let (from, to) = moment.level;
    let named = |level: Level| match level {
        Level::Low => "low".to_owned(),
        Level::Elevated => format!("elevated ({})", thresholds.elevated.points()),
        Level::High => format!("high ({})", thresholds.high.points()),
        Level::Critical => format!("critical ({})", thresholds.critical.points()),
    };
    if to > from {
        let crossed =
            [Level::Elevated, Level::High, Level::Critical].into_iter().filter(|level| *level > from && *level <= to);
        format!("crosses {}", crossed.map(named).collect::<Vec<_>>().join(" and "))
    } else if to < from {
        format!("falls back to {}", to.name())
    } else {
        String::new()
    }
}

/// What was decided: `restrict, by rule `api-key-high``.
pub(crate) fn decision(moment: &Moment) -> String {
    let by = match &moment.rule {
        Some(rule) => format!(", by rule `{rule}`"),
        None if moment.action == Action::Allow => String::new(),
        None => ", an earlier sanction holds".to_owned(),
    };
    let shadow = if moment.enforced { "" } else { ", in shadow only" };
    format!("{}{by}{shadow}", moment.action.name())
}

/// A reason in a few words: its name and what changed.
fn named(reason: &Reason) -> String {
    let name = reason.kind.row().name;
    if reason.change.is_empty() { name.to_owned() } else { format!("{name} ({})", reason.change) }
}

fn reasons(moment: &Moment) -> String {
    moment.reasons.iter().map(named).collect::<Vec<_>>().join(", ")
}

/// The story in a few sentences.
pub(crate) fn conclusion(story: &Story, thresholds: &Thresholds) -> Vec<String> {
    let mut sentences = match (&story.flag, &story.peak) {
        (Some(flag), _) => of_flag(story, flag),
        (None, Some(peak)) if peak.score.1 > 0 => vec![
            format!(
                "It was never flagged. Its score was highest at request {}, {}: {}, {}.",
                peak.number,
                time(peak.time),
                peak.score.1,
                reasons(peak)
            ),
            format!("No rule asked anything of it: {}.", fate(&story.fate)),
        ],
        (None, _) => vec![format!("Nothing was ever held against it: {}.", fate(&story.fate))],
    };
    sentences.extend(ending(story, thresholds));
    sentences
}

fn of_flag(story: &Story, flag: &Flag) -> Vec<String> {
    let moment = &flag.moment;
    let mut sentences = vec![format!(
        "It turned at request {} of {}, {}, {} after it was first seen.",
        flag.began.0,
        story.requests,
        time(flag.began.1),
        span(flag.began.1.saturating_sub(story.first))
    )];
    if flag.before.requests() > 0 {
        let flagged = time(moment.time);
        let before = fate(&flag.before);
        sentences.push(format!("Until it was flagged at request {}, {flagged}: {before}.", moment.number));
    }
    let why = reasons(moment);
    if !why.is_empty() {
        sentences.push(format!("Held against it then: {why}."));
    }
    sentences.push(format!("What acted: {}.", decision(moment)));
    sentences.push(format!("From then on: {}.", fate(&flag.after)));
    let [_, writes, exports, admin] = flag.after.let_through.0;
    sentences.push(if flag.got_through_count == 0 {
        "No write, export, administration or sensitive read got through.".to_owned()
    } else {
        format!(
            "Got through since: {}, {}, {}, and {}.",
            number(writes, "write"),
            number(exports, "export"),
            number(admin, "admin request"),
            number(
                flag.got_through_count.saturating_sub(writes).saturating_sub(exports).saturating_sub(admin),
                "sensitive read"
            )
        )
    });
    sentences
}

/// How it stands after its last request, and when that will have passed.
fn ending(story: &Story, thresholds: &Thresholds) -> Option<String> {
    let (session, now) = story.end.as_ref()?;
    let standing = &session.standing;
    if session.sanctioned(*now) {
        return Some(match standing.sanction {
            Sanction::Suspended(until) => {
                format!("It is suspended until {}.", time(u64::from(until).saturating_mul(1000)))
            }
            Sanction::None | Sanction::Approved(_) | Sanction::Revoked => {
                "It is revoked until a newer authentication.".to_owned()
            }
        });
    }
    if standing.level == Level::Low {
        return story.flag.as_ref().map(|_| "At its last request its level was low again.".to_owned());
    }
    let below_high = standing.level >= Level::High;
    let wanted = if below_high { Level::Elevated } else { Level::Low };
    let falls = (0..AHEAD_MINUTES).find_map(|minutes| {
        let then = now.after(Span::from_minutes(minutes));
        let (level, _) = thresholds.next(
            Score::of(&session.evidence, then),
            standing.level,
            standing.level_since,
            standing.relapses,
            then,
        );
        (level <= wanted).then_some((level, then))
    });
    let score = story.stretches.last().map_or(0, |stretch| stretch.score);
    let left = format!("At its last request, {}, it stood at {score}, {}", time(now.millis()), standing.level.name());
    Some(match falls {
        Some((level, then)) => {
            format!("{left}; without new evidence it is {} from {} on.", level.name(), time(Timestamp::millis(then)))
        }
        None => format!("{left}."),
    })
}

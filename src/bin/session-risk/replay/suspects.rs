//! The sessions that look worst, with what happened to them; a bounded number however many there are.
//! How many sessions there are in all is the census's.

use super::{
    lead_in::LeadIn,
    timeline::{self, Through, Timeline},
};
use session_risk::{
    facts::{ACTORS, ConfigId, SessionKey},
    policy::Action,
    replay::{Step, record::Record},
    score::Level,
};
use std::{cmp::Reverse, collections::HashMap};

/// Sessions kept at most; some 10 MB.
const ROOM: usize = 20_000;
/// Sessions whose requests are kept, for each that is wanted and at least: whoever looks bad early may be overtaken,
/// and who looks harmless may get bad. One takes at most some 40 KB.
const FOR_EACH: usize = 4;
const LEAST: usize = 400;

/// The first decision on a session that was not `allow`.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    /// When, in milliseconds.
    pub(crate) ts: u64,
    pub(crate) action: Action,
    pub(crate) enforced: bool,
    /// Index of the rule that decided.
    pub(crate) rule: Option<(ConfigId, u8)>,
    /// The strongest reasons.
    pub(crate) reasons: Vec<&'static str>,
    /// Requests from then on, that one included.
    pub(crate) requests: u64,
    /// Of those, the ones that the decisions let through.
    pub(crate) through: Through,
}

/// One session that has something against it.
#[derive(Clone, Debug)]
pub(crate) struct Suspect {
    /// Its name in the log, or what stands for it where that may be a secret.
    pub(crate) session: String,
    pub(crate) actor: &'static str,
    /// What its label says, where there is one.
    pub(crate) class: Option<String>,
    /// Its first request that the session table knows of, in milliseconds.
    pub(crate) began: u64,
    /// It had been stopped before too, but was dropped then: others looked worse.
    pub(crate) late: bool,
    pub(crate) peak: u8,
    pub(crate) severest: Action,
    pub(crate) stop: Option<Stop>,
}

/// What sessions are compared by, worst last.
type Rank = (bool, u8, Action);

impl Suspect {
    fn rank(&self) -> Rank {
        (self.stop.is_some(), self.peak, self.severest)
    }
}

/// The worst sessions seen until now.
pub(crate) struct Suspects {
    room: usize,
    kept: HashMap<SessionKey, Suspect>,
    /// Nobody who ranks no higher is let in.
    least: Option<Rank>,
    timelines: Timelines,
}

impl Suspects {
    /// Keeps enough to tell the `worst` ones in the end; with their requests if `timelines` are asked for.
    pub(crate) fn new(worst: usize, timelines: bool) -> Self {
        let room = if timelines { worst.saturating_mul(FOR_EACH).max(LEAST) } else { 0 };
        let timelines = Timelines { room, kept: HashMap::new(), least: None, lead_in: LeadIn::default() };
        Self { room: ROOM, kept: HashMap::new(), least: None, timelines }
    }

    /// Takes one request. `stopped` says that the session was not simply allowed before.
    pub(crate) fn take(&mut self, record: &Record, step: &Step, stopped: bool) {
        let (assessment, key) = (&step.assessment, step.facts.key);
        let action = assessment.decision.action;
        if !self.kept.contains_key(&key) {
            let rank = (action != Action::Allow, assessment.score.points(), action);
            let calm = assessment.level == Level::Low && action == Action::Allow;
            if !calm && self.least.is_none_or(|least| rank > least) {
                self.kept.insert(key, suspect(record, step, stopped));
            }
        }
        let rank = self.kept.get_mut(&key).map(|suspect| {
            suspect.take(record, step);
            suspect.rank()
        });
        self.timelines.take(rank, record, step);
        if self.kept.len() > self.room {
            self.drop_half();
        }
    }

    /// Half of them at once, as looking for the least takes a while. Of equals those stay that began first.
    fn drop_half(&mut self) {
        let place = |key: &SessionKey, suspect: &Suspect| (suspect.rank(), Reverse(suspect.began), *key);
        let mut places: Vec<_> = self.kept.iter().map(|(key, suspect)| place(key, suspect)).collect();
        let middle = places.len() / 2;
        let (_, least, _) = places.select_nth_unstable(middle);
        let least = *least;
        self.kept.retain(|key, suspect| place(key, suspect) > least);
        self.least = self.least.max(Some(least.0));
    }

    /// The worst sessions with what is kept of their requests, worst first: those that were stopped, then those that
    /// only came near.
    pub(crate) fn worst(&self, most: usize) -> Vec<(&Suspect, Option<&Timeline>)> {
        let mut worst: Vec<(&SessionKey, &Suspect)> = self.kept.iter().collect();
        worst.sort_by_key(|(key, suspect)| (Reverse(suspect.rank()), suspect.began, **key));
        let timeline = |key| self.timelines.kept.get(key).map(|(_, timeline)| timeline);
        worst.into_iter().take(most).map(|(key, suspect)| (suspect, timeline(key))).collect()
    }
}

/// The requests of the very worst.
struct Timelines {
    room: usize,
    kept: HashMap<SessionKey, (Rank, Timeline)>,
    /// No rank kept is lower, since there was no room; ranks only rise, so it holds on.
    least: Option<Rank>,
    lead_in: LeadIn,
}

impl Timelines {
    /// Takes one request of a session of this rank; `None` has nothing against it.
    fn take(&mut self, rank: Option<Rank>, record: &Record, step: &Step) {
        if self.room == 0 {
            return;
        }
        let (key, point) = (step.facts.key, timeline::point(record, step));
        let Some(rank) = rank.filter(|rank| self.kept.contains_key(&key) || self.make_room(*rank)) else {
            return self.lead_in.take(key, point);
        };
        let (held, timeline) = self.kept.entry(key).or_insert_with(|| {
            let before = self.lead_in.remove(key);
            let requests = u64::from(step.assessment.session.requests).saturating_sub(1);
            let mut timeline = Timeline::new(requests.saturating_sub(u64::try_from(before.len()).unwrap_or(0)));
            before.into_iter().for_each(|point| timeline.take(point));
            (rank, timeline)
        });
        *held = rank;
        timeline.take(point);
    }

    /// Whether there is room for somebody of this rank; the least of those kept makes place if need be.
    fn make_room(&mut self, rank: Rank) -> bool {
        if self.kept.len() < self.room {
            return true;
        }
        if self.least.is_some_and(|least| rank <= least) {
            return false;
        }
        let least = self.kept.iter().map(|(key, (rank, _))| (*rank, *key)).min();
        self.least = least.map(|(least, _)| least);
        match least {
            Some((least, key)) if rank > least => self.kept.remove(&key).is_some(),
            _ => false,
        }
    }
}

impl Suspect {
    fn take(&mut self, record: &Record, step: &Step) {
        let (assessment, decision) = (&step.assessment, &step.assessment.decision);
        self.peak = self.peak.max(assessment.score.points());
        self.severest = self.severest.max(decision.action);
        if self.stop.is_none() && decision.action != Action::Allow {
            self.stop = Some(Stop {
                ts: record.ts,
                action: decision.action,
                enforced: decision.enforced,
                rule: step.rule(),
                reasons: assessment.contributions.iter().map(|item| item.kind.row().name).take(3).collect(),
                requests: 0,
                through: Through::default(),
            });
        }
        if let Some(stop) = &mut self.stop {
            stop.requests = stop.requests.saturating_add(1);
            let access = step.facts.action.access;
            if decision.effective().forwards(access) {
                stop.through.take(access);
            }
        }
    }
}

fn suspect(record: &Record, step: &Step, stopped: bool) -> Suspect {
    let session = &step.assessment.session;
    Suspect {
        session: timeline::session(&record.session, &step.facts.key),
        actor: actor(step),
        class: record.label.as_ref().map(|label| label.scenario.chars().take(80).collect()),
        began: u64::from(session.created).saturating_mul(1000),
        late: stopped,
        peak: 0,
        severest: Action::Allow,
        stop: None,
    }
}

/// The word of what drives the session.
pub(crate) fn actor(step: &Step) -> &'static str {
    ACTORS.iter().find(|(actor, _)| *actor == step.facts.actor).map_or("", |(_, word)| word)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use session_risk::{
        replay::{self, Replay},
        score::Score,
    };

    /// A request that scored so much and was restricted, of the session with this number.
    fn request(number: u32, score: u8) -> (Record, Step) {
        let record = Record {
            ts: 1_770_000_000_000_u64.saturating_add(u64::from(number).saturating_mul(1000)),
            session: number.to_string(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            ..Record::default()
        };
        let mut step = Replay::new(&replay::default_config()).unwrap().step(&record).unwrap();
        step.assessment.score = Score::new(score);
        step.assessment.decision.action = Action::Restrict;
        (record, step)
    }

    fn worst(scores: &[u8], room: usize, timelines: usize) -> Vec<(u64, u8, bool)> {
        let mut suspects = Suspects::new(1, true);
        suspects.room = room;
        suspects.timelines.room = timelines;
        for (number, score) in (0u32..).zip(scores) {
            let (record, step) = request(number, *score);
            suspects.take(&record, &step, false);
            assert!(suspects.kept.len() <= room && suspects.timelines.kept.len() <= timelines);
        }
        let number = |began: u64| began.saturating_sub(1_770_000_000_000) / 1000;
        let told = suspects.worst(3).into_iter();
        told.map(|(suspect, timeline)| (number(suspect.began), suspect.peak, timeline.is_some())).collect()
    }

    #[test]
    fn the_worst_stay_wherever_they_come() {
        let mut scores = [20; 60];
        (scores[3], scores[30], scores[59]) = (50, 60, 40);
        assert_eq!(worst(&scores, 10, 4), [(30, 60, true), (3, 50, true), (59, 40, true)]);
    }

    #[test]
    fn of_equals_the_first_stay() {
        assert_eq!(worst(&[20; 60], 10, 4), [(0, 20, true), (1, 20, true), (2, 20, true)]);
    }
}

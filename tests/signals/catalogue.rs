//! The table: for every kind of the catalogue a story that raises it, and honest twins. How strong it is, is a share of
//! the catalogue's weight, so that a weight may change and its stories stay. How they are told is in `story.rs`.

use crate::story::{CURL, FIREFOX, NEWER_FIREFOX, OLDER_FIREFOX, START, Step, at, network, object, past};
use session_risk::facts::device::Posture;
use session_risk::facts::{
    Access, Actor, Allowance, Binding, Facts, Grant, IdentityFlaws, Location, Network, NetworkKind, Outcome, Tier,
};
use session_risk::signal::Kind;

/// A share of the catalogue's weight.
pub(crate) type Share = (u16, u16);

const ALL: Share = (1, 1);
const NONE: Share = (0, 1);
const HOUR: u32 = 3_600;

/// The same story but for one thing.
pub(crate) struct Twin {
    pub(crate) but: &'static str,
    pub(crate) steps: Vec<Step>,
    pub(crate) share: Share,
}

/// A story that raises `kind` with its last request.
pub(crate) struct Story {
    pub(crate) kind: Kind,
    pub(crate) what: &'static str,
    pub(crate) steps: Vec<Step>,
    pub(crate) share: Share,
    pub(crate) twins: Vec<Twin>,
}

impl Story {
    fn of(kind: Kind, share: Share, what: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        Self { kind, what, steps: steps.into_iter().collect(), share, twins: Vec::new() }
    }

    /// A twin that does not raise it.
    fn not(self, but: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        self.less(NONE, but, steps)
    }

    /// A twin that weighs less.
    fn less(mut self, share: Share, but: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        self.twins.push(Twin { but, steps: steps.into_iter().collect(), share });
        self
    }
}

/// Every story.
pub(crate) fn stories() -> Vec<Story> {
    [
        places(),
        moves(),
        turns(),
        clients(),
        posture(),
        keys(),
        reach(),
        rules(),
        objects(),
        habits(),
        answers(),
        identities(),
        challenges(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `steps`, and one more.
fn then(steps: impl IntoIterator<Item = Step>, last: Step) -> Vec<Step> {
    steps.into_iter().chain([last]).collect()
}

fn places() -> Vec<Story> {
    // Another program comes along, so that nothing softens the move.
    let moved = |asn, country: &[u8; 2], kind| then(past(5), at(300).with(CURL).from(asn, country, kind));
    let prefix = |prefix, kind| {
        let there = network(1, b"DE", kind);
        then(past(5), at(300).but(|facts| facts.network = Network { prefix, ..there }))
    };
    let travel = |second, program, country: &[u8; 2], kind| {
        let placed = |step: Step, latitude, longitude| {
            step.but(|facts| facts.network.location = Some(Location { latitude, longitude }))
        };
        let berlin = past(5).map(|step| placed(step, 5252, 1340));
        then(berlin, placed(at(second).with(program).from(2, country, kind), 4071, -7401))
    };
    let access = NetworkKind::Access;
    vec![
        Story::of(Kind::NewNetwork, ALL, "a prefix never seen", prefix(Some(2), NetworkKind::Hosting))
            .not("the known one", prefix(Some(1), NetworkKind::Hosting))
            .not("no address", prefix(None, NetworkKind::Hosting))
            .less((2, 3), "at home", prefix(Some(2), NetworkKind::Access)),
        Story::of(Kind::NewAsn, (5, 4), "into a hosting provider", moved(2, b"DE", NetworkKind::Hosting))
            .not("in the known system", moved(1, b"DE", NetworkKind::Hosting))
            .less(ALL, "into an access network abroad", moved(2, b"FR", NetworkKind::Access))
            .less((1, 3), "into an access network at home", moved(2, b"DE", NetworkKind::Access)),
        Story::of(Kind::NewCountry, ALL, "a country never seen", moved(2, b"FR", NetworkKind::Access))
            .not("at home", moved(2, b"DE", NetworkKind::Access)),
        Story::of(Kind::ImpossibleTravel, ALL, "Berlin to New York in an hour", travel(HOUR, CURL, b"US", access))
            .not("in nine hours", travel(9 * HOUR, CURL, b"US", access))
            .not("through a VPN", travel(HOUR, CURL, b"US", NetworkKind::Anonymizer))
            .less((1, 5), "in one country", travel(HOUR, CURL, b"DE", access))
            .less((1, 4), "with the same program, at the same work", travel(HOUR, FIREFOX, b"US", access)),
    ]
}

/// What is left of a move by what did not move with it.
fn moves() -> Vec<Story> {
    let person = |second, program: &str, number, kind| {
        let step = at(second).with(program).from(2, b"FR", kind);
        then(past(5), step.doing(|action| action.target = Some(object(number))))
    };
    let bound = |steps: Vec<Step>| steps.into_iter().map(|step| step.bound(Binding::Bound(7)));
    let machine = |program| {
        let moved = then(past(5), at(300).with(program).from(2, b"DE", NetworkKind::Hosting));
        let cloud = |facts: &mut Facts| facts.network.kind = NetworkKind::Hosting;
        moved.into_iter().map(move |step| step.by(Actor::ApiKey).but(cloud))
    };
    let access = NetworkKind::Access;
    vec![
        Story::of(Kind::NewAsn, ALL, "abroad with another program", person(300, CURL, 1, access)).less(
            (3, 4),
            "with the same program",
            person(300, FIREFOX, 1, access),
        ),
        Story::of(Kind::NewAsn, (3, 4), "abroad with the same program", person(300, FIREFOX, 1, access))
            .less((1, 2), "into a VPN", person(300, FIREFOX, 1, NetworkKind::Anonymizer))
            .less((1, 3), "after an hour's rest", person(240 + HOUR, FIREFOX, 1, access))
            .less((1, 4), "at work on the very object", person(300, FIREFOX, 0, access))
            .less((1, 4), "with the key", bound(person(300, FIREFOX, 1, access))),
        Story::of(Kind::NewAsn, ALL, "another program in another cloud", machine(CURL)).less(
            (9, 20),
            "a job that moves",
            machine(FIREFOX),
        ),
    ]
}

fn turns() -> Vec<Story> {
    let turns = |abroad: [bool; 4], country: &'static [u8; 2]| {
        let step = move |(second, abroad)| {
            let home = at(second).with(CURL);
            if abroad { home.from(2, country, NetworkKind::Access) } else { home }
        };
        (0..).step_by(120).zip(abroad).map(step)
    };
    let clouds = |pause: u32, asns: [u32; 4], kind, actor| {
        (0..).zip(asns).map(move |(n, asn)| at(n * pause).by(actor).with(CURL).from(asn, b"DE", kind))
    };
    let (hosting, to_and_fro) = (NetworkKind::Hosting, [1, 2, 1, 2]);
    let (there_and_back, concurrent) = ([false, false, true, false], [false, true, false, true]);
    vec![
        Story::of(Kind::ConcurrentNetworks, ALL, "turns between two countries", turns(concurrent, b"FR"))
            .not("once there and back", turns(there_and_back, b"FR"))
            .less((1, 5), "a phone at home", turns(concurrent, b"DE"))
            .less((1, 5), "with one key", turns(concurrent, b"FR").map(|step| step.bound(Binding::Bound(7)))),
        Story::of(
            Kind::ReuseAcrossNetworks,
            ALL,
            "a key in two clouds",
            clouds(60, to_and_fro, hosting, Actor::ApiKey),
        )
        .not("once there and back", clouds(60, [1, 1, 2, 1], hosting, Actor::ApiKey))
        .not("a turn in ten minutes", clouds(600, to_and_fro, hosting, Actor::ApiKey))
        .not("exits of a relay", clouds(60, to_and_fro, NetworkKind::Anonymizer, Actor::ApiKey))
        .not("a person", clouds(60, to_and_fro, hosting, Actor::Human)),
    ]
}

fn clients() -> Vec<Story> {
    let program = |program| then(past(5), at(300).with(program));
    let ja4 = |ja4| then(past(5), at(300).but(|facts| facts.device.ja4 = ja4));
    vec![
        Story::of(Kind::UserAgentChanged, ALL, "another program", program(CURL))
            .not("the same", program(FIREFOX))
            .not("a newer version", program(NEWER_FIREFOX))
            .less((1, 2), "an older version", program(OLDER_FIREFOX)),
        Story::of(Kind::TlsFingerprintChanged, ALL, "other cipher suites", ja4(Some(0x0002_0002)))
            .not("the same fingerprint", ja4(Some(0x0001_0001)))
            .not("no fingerprint", ja4(None))
            .less((1, 16), "other extensions", ja4(Some(0x0001_0002)))
            .less((1, 16), "the first over QUIC", ja4(Some(0x8002_0002))),
    ]
}

fn posture() -> Vec<Story> {
    let told = |posture, step: Step| step.but(|facts| facts.device.posture = posture);
    let degraded = |posture| [told(Some(Posture::Compliant), at(0)), told(posture, at(60))];
    let silent = |posture, hours| [told(posture, at(0)), at(hours * HOUR)];
    vec![
        Story::of(Kind::PostureDegraded, ALL, "not compliant any more", degraded(Some(Posture::NotCompliant)))
            .not("still compliant", degraded(Some(Posture::Compliant)))
            .not("not stated", degraded(None))
            .less((2, 5), "stated unclearly", degraded(Some(Posture::Unknown))),
        Story::of(Kind::PostureStale, ALL, "not stated for long", silent(Some(Posture::Compliant), 13))
            .not("a little earlier", silent(Some(Posture::Compliant), 11))
            .not("never stated", silent(None, 13)),
    ]
}

fn keys() -> Vec<Story> {
    let bound = || past(5).map(|step| step.bound(Binding::Bound(7)));
    let goes_on = |binding| then(bound(), at(300).with(CURL).bound(binding));
    // Before the session began, and just now.
    let fresh = |auth_time| {
        let grant = Grant { auth_time: Some(auth_time), ..Grant::default() };
        then(bound(), at(300).with(CURL).bound(Binding::Bound(8)).but(|facts| facts.grant = grant))
    };
    vec![
        Story::of(Kind::BindingLost, ALL, "another client without the key", goes_on(Binding::None))
            .not("still bound", goes_on(Binding::Bound(7)))
            .less((2, 5), "the same client", then(bound(), at(300))),
        Story::of(Kind::BindingLost, ALL, "a first request without proof", [at(0).bound(Binding::Unproven)])
            .not("with proof", [at(0).bound(Binding::Bound(7))])
            .not("a token that names no key", [at(0)]),
        Story::of(Kind::BindingChanged, ALL, "another client with another key", goes_on(Binding::Bound(8)))
            .not("the same key", goes_on(Binding::Bound(7)))
            .less((3, 5), "the same client", then(bound(), at(300).bound(Binding::Bound(8))))
            .less((1, 4), "after a fresh authentication", fresh(START + 299)),
        Story::of(
            Kind::BindingChanged,
            ALL,
            "another key after an authentication of yesterday",
            fresh(START - 24 * HOUR),
        )
        .less((1, 4), "after a fresh authentication", fresh(START + 299)),
    ]
}

fn reach() -> Vec<Story> {
    // In the middle the step-up route is called.
    let step_up = |status| {
        let challenge = at(300).doing(|action| (action.step_up, action.tier) = (true, Tier::Public)).answered(status);
        then(past(5), challenge)
    };
    let sensitive = |status, last: Step| then(then(step_up(status), at(330)), last);
    let administer = |tier| at(360).doing(|action| (action.endpoint, action.tier) = (2, tier));
    let with_grant = |step: Step, grant| step.but(|facts| facts.grant = grant);
    let fresh = |seconds| Grant { auth_time: Some(START + seconds), ..Grant::default() };
    let scope = |scope, scope_size| Grant { scope: Some(scope), scope_size, ..Grant::default() };
    let widened = |grant, step_up| {
        let before = past(5).map(|step| with_grant(step, scope(1, 2)));
        then(before, with_grant(at(300).doing(|action| action.step_up = step_up), grant))
    };
    let larger = scope(2, 3);
    vec![
        Story::of(
            Kind::SensitiveFirstUse,
            (13, 20),
            "administration after a step-up that was refused",
            sensitive(403, administer(Tier::Sensitive)),
        )
        .not("after a step-up", sensitive(200, administer(Tier::Sensitive)))
        .not("right after an authentication", sensitive(403, with_grant(administer(Tier::Sensitive), fresh(355))))
        .not("everyday use", sensitive(403, administer(Tier::Standard))),
        Story::of(
            Kind::SensitiveFirstUse,
            ALL,
            "a service that begins to administer",
            then(past(6), administer(Tier::Sensitive)).into_iter().map(|step| step.by(Actor::Service)),
        )
        .not(
            "what it has always done",
            past(6).chain([at(360)]).map(|step| {
                step.by(Actor::Service).doing(|action| (action.endpoint, action.tier) = (2, Tier::Sensitive))
            }),
        )
        .less(
            (1, 13),
            "another place that it administers",
            past(6).chain([at(360)]).map(|step| {
                let endpoint = if step == at(360) { 0x0403 } else { 2 };
                step.by(Actor::Service).doing(|action| (action.endpoint, action.tier) = (endpoint, Tier::Sensitive))
            }),
        )
        .less((13, 20), "a person", then(past(6), administer(Tier::Sensitive))),
        Story::of(Kind::ScopeWidened, ALL, "more scope without asking", widened(larger, false))
            .not("the same scope", widened(scope(1, 2), false))
            .not("another scope of the same size", widened(scope(2, 2), false))
            .not("where people consent", widened(larger, true))
            .not("with an authentication", widened(Grant { auth_time: Some(START + 299), ..larger }, false)),
    ]
}

fn rules() -> Vec<Story> {
    let grant = |grant| [at(0).by(Actor::Agent).but(|facts| facts.grant = grant)];
    let tool = |declared| grant(Grant { tool_declared: declared, ..Grant::default() });
    let window = |outside| grant(Grant { outside_window: outside, ..Grant::default() });
    let spends = |first: Access, last: Access, actor| {
        let request = move |(second, access)| at(second).by(actor).doing(|action| action.access = access);
        (0..).step_by(60).zip([first, first, last]).map(request)
    };
    let (read, write, export) = (Access::Read, Access::Write, Access::Export);
    // A service, which has no budget of its own, once more after two; its token states one.
    let token = |access: Access, most: Allowance| {
        let allowed = move |step: Step| step.but(|facts| facts.grant = Grant { most, ..Grant::default() });
        spends(access, access, Actor::Service).map(allowed)
    };
    let of = |most: u16| Allowance { writes: Some(most), ..Allowance::default() };
    // So many objects, and one more; for a token that states so many.
    let objects = |most: Option<u16>, touched: u32, last: Option<u32>| {
        let touch = move |n: u32, target: Option<u32>| {
            at(n * 60).by(Actor::Service).but(|facts| {
                facts.action.target = target;
                facts.grant.most.targets = most;
            })
        };
        let touched = (0..touched).map(move |n| touch(n, Some(object(n))));
        then(touched, touch(600, last))
    };
    vec![
        Story::of(Kind::OutOfScope, ALL, "a tool that the token does not declare", tool(Some(false)))
            .not("one that it declares", tool(Some(true)))
            .not("a token that declares none", tool(None)),
        Story::of(Kind::OutsideGrant, ALL, "outside of the window", window(true)).not("inside", window(false)),
        Story::of(Kind::WriteBudget, ALL, "a third write", spends(write, write, Actor::Agent))
            .not("a read", spends(write, read, Actor::Agent))
            .not("the first after reads", spends(read, write, Actor::Agent))
            .not("an actor without a budget", spends(write, write, Actor::Service)),
        Story::of(Kind::WriteBudget, ALL, "administration is writing", spends(write, Access::Admin, Actor::Agent))
            .not("an export has a budget of its own", spends(write, export, Actor::Agent)),
        Story::of(Kind::WriteBudget, ALL, "a third export", spends(export, export, Actor::Agent))
            .not("a write has a budget of its own", spends(export, write, Actor::Agent)),
        Story::of(Kind::WriteBudget, ALL, "a third write where the token states two", token(write, of(2)))
            .not("three", token(write, of(3)))
            .not("a number of exports", token(write, Allowance { exports: Some(0), ..Allowance::default() }))
            .not("no number", token(write, Allowance::default())),
        Story::of(Kind::WriteBudget, ALL, "a thirteenth object", objects(Some(12), 12, Some(object(12))))
            .not("one touched before", objects(Some(12), 12, Some(object(3))))
            .not("no object", objects(Some(12), 12, None))
            .not("one more is granted", objects(Some(13), 12, Some(object(12))))
            .not("no number", objects(None, 12, Some(object(12)))),
    ]
}

fn objects() -> Vec<Story> {
    // After a past, `count` objects in order; every `nth` of them, but the last, is a write to
    // the first object instead; with 0 none is.
    let objects = |actor: Actor, before: u32, count: u32, access: Access, nth: u32| {
        let next = move |n: u32| {
            at((before + n - 1) * 60).doing(|action| {
                let other = n.is_multiple_of(nth) && n != count;
                (action.access, action.target) =
                    if other { (Access::Write, Some(object(0))) } else { (access, Some(object(n))) };
            })
        };
        past(before).chain((1..=count).map(next)).map(move |step| step.by(actor))
    };
    let same = |actor: Actor, before: u32, count: u32, access: Access| {
        objects(actor, before, count, access, 0).map(|step| step.doing(|action| action.target = Some(object(0))))
    };
    let nameless = |actor: Actor, before: u32, count: u32| {
        let after = (before..).take(count as usize).map(|n| at(n * 60).doing(|action| action.target = None));
        past(before).chain(after).map(move |step| step.by(actor))
    };
    let unhurried = |steps: Vec<Step>| {
        let pause = |n: usize| [40, 7, 120, 15, 300, 9][n % 6];
        let seconds = (0..steps.len()).scan(0, move |second, n| Some(std::mem::replace(second, *second + pause(n))));
        let paced = steps.into_iter().zip(seconds);
        paced.map(|(step, second)| step.but(|facts| facts.now = at(second).facts.now)).collect::<Vec<_>>()
    };
    let (human, agent, read, export) = (Actor::Human, Actor::Agent, Access::Read, Access::Export);
    vec![
        Story::of(Kind::BulkExport, (1, 2), "a person's exports in a row", objects(human, 30, 4, export, 0))
            .not("with other work in between", objects(human, 30, 4, export, 2))
            .not("of one object", same(human, 30, 4, export))
            .not("reads", objects(human, 30, 4, read, 0)),
        Story::of(Kind::BulkExport, ALL, "an agent's reads of new objects", objects(agent, 3, 10, read, 0))
            .not("with other work in between", objects(agent, 3, 10, read, 2))
            .not("of one object", same(agent, 3, 10, read))
            .not("of nothing in particular", nameless(agent, 3, 10)),
        Story::of(Kind::BulkExport, (1, 2), "a person's reads with the beat of a clock", objects(human, 4, 7, read, 0))
            .not("in their own time", unhurried(objects(human, 4, 7, read, 0).collect()))
            .less((1, 4), "a machine", objects(Actor::Service, 4, 7, read, 0)),
    ]
}

/// Writes in a row after which a reader's mix has left its past.
const MIX_TURNS: u32 = 6;

fn habits() -> Vec<Story> {
    let elsewhere = |resource, asn| {
        let last = at(300).from(asn, b"DE", NetworkKind::Access);
        then(past(5), last.doing(|action| (action.resource, action.target) = (resource, Some(object(1)))))
    };
    let days = |last| {
        let requests = (0..4u32).flat_map(|day| (0..60).map(move |n| at(day * 24 * HOUR + n * 30)));
        then(requests, at(last)).into_iter().map(|step| step.by(Actor::Service).with(CURL))
    };
    // A hundred reads, then writes, the last of which may be something else.
    let turned = |writes: u32, last: Access| {
        (0..100 + writes).map(move |n| {
            let access = if n < 100 {
                Access::Read
            } else if n + 1 == 100 + writes {
                last
            } else {
                Access::Write
            };
            at(n * 60).doing(move |action| action.access = access)
        })
    };
    vec![
        Story::of(Kind::MixDrift, ALL, "a reader who only writes", turned(MIX_TURNS, Access::Write))
            .not("a read among them", turned(MIX_TURNS, Access::Read)),
        Story::of(Kind::UnfamiliarResource, ALL, "other work from another network", elsewhere(0x0302, 2))
            .not("the same collection", elsewhere(1, 2))
            .not("the same client", elsewhere(0x0302, 1)),
        Story::of(Kind::CadenceShift, ALL, "a machine at an odd hour", days((72 + 12) * HOUR))
            .not("a little late", days((72 + 25) * HOUR)),
    ]
}

fn answers() -> Vec<Story> {
    let refused = |statuses: [u16; 3]| past(3).zip(statuses).map(|(step, status)| step.answered(status));
    let write = |n: u32, gap: u32| at(n * gap).doing(|action| (action.access, action.target) = (Access::Write, None));
    let report = |points| {
        let answer = Outcome { status: 200, bytes: 0, reported: points };
        [at(0), Step { answer: Some(answer), ..at(60) }]
    };
    vec![
        Story::of(Kind::ErrorProbing, ALL, "refused three times", refused([403; 3]))
            .not("a credential that has run out", refused([401; 3]))
            .not("answered", refused([403, 403, 200]))
            .not("an application that is down", refused([500; 3])),
        Story::of(Kind::ErrorProbing, ALL, "the same write again and again", (0..4).map(move |n| write(n, 1)))
            .not("every two seconds", (0..4).map(move |n| write(n, 2)))
            .not("by a machine", (0..4).map(move |n| write(n, 1).by(Actor::Service))),
        Story::of(Kind::Reported, ALL, "the application reports fraud", report(25))
            .not("it reports nothing", report(0))
            .less((2, 5), "it reports a suspicion", report(10)),
    ]
}

fn identities() -> Vec<Story> {
    let flaws = |duplicate, malformed| [at(0).but(|facts| facts.flaws = IdentityFlaws { duplicate, malformed })];
    let browser = |actor: Actor, known: &'static str, last: &'static str| {
        then(past(30).map(move |step| step.with(known)), at(3_000).with(last))
            .into_iter()
            .map(move |step| step.by(actor))
    };
    vec![
        Story::of(Kind::DuplicateIdentity, ALL, "two credentials", flaws(true, false))
            .not("one", flaws(false, false))
            .not("a broken one", flaws(false, true)),
        Story::of(Kind::MalformedIdentity, ALL, "a broken credential", flaws(false, true))
            .not("none", flaws(false, false))
            .not("two", flaws(true, false)),
        Story::of(Kind::HumanUseOfService, ALL, "a browser with a key", browser(Actor::ApiKey, CURL, FIREFOX))
            .not("where a browser was", browser(Actor::ApiKey, OLDER_FIREFOX, FIREFOX))
            .not("another tool", browser(Actor::ApiKey, CURL, "Wget/1.21"))
            .not("a person's session", browser(Actor::Human, CURL, FIREFOX)),
    ]
}

/// Somebody is asked to authenticate, and comes again so often.
fn challenges() -> Vec<Story> {
    let comes = |pause: u32, times: u32, tier, answer: Option<u32>| {
        let again = move |n: u32| {
            let (second, auth_time) = (300 + n * pause, answer.filter(|_| n > 2));
            let step = at(second).doing(|action| (action.endpoint, action.tier) = (2, tier));
            step.but(|facts| facts.grant = Grant { auth_time, ..Grant::default() })
        };
        past(5).chain((0..=times).map(again))
    };
    let critical = Tier::Critical;
    vec![
        Story::of(Kind::ChallengeIgnored, ALL, "comes six times without an answer", comes(30, 6, critical, None))
            .not("all that a page shows", comes(1, 6, critical, None))
            .not("answers in between", comes(30, 6, critical, Some(START + 365)))
            .not("for what nobody asks", comes(30, 6, Tier::Standard, None)),
        Story::of(Kind::ChallengeIgnored, ALL, "a tab polls every five seconds", comes(5, 12, critical, None))
            .not("what nobody asks about", comes(5, 12, Tier::Standard, None)),
        Story::of(Kind::ChallengeIgnored, ALL, "comes every eighty seconds", comes(80, 6, critical, None))
            .not("every second", comes(1, 6, critical, None)),
    ]
}

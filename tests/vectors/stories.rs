//! Life stories of sessions, told through the core, and how each is written down: one line a request. The native test
//! and the one on `wasm32-unknown-unknown` tell the same stories and must write the same text, byte for byte.

use session_risk::config::Config;
use session_risk::engine::Engine;
use session_risk::facts::device::{Posture, UserAgent};
use session_risk::facts::{
    Access, Action, Actor, Binding, Country, Device, Facts, Grant, IdentityFlaws, Location, Network, NetworkKind,
    Outcome, SessionKey, Tier,
};
use session_risk::policy::ACTIONS;
use session_risk::session::codec;
use session_risk::time::Timestamp;
use std::fmt::Write as _;

/// 2026-01-05T08:00:00Z.
const START: u32 = 1_767_600_000;

const LAPTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.2 Mobile/15E148 Safari/604.1";

/// One request: seconds since the start, its facts, and how the upstream answered if it got it.
type Step = (u32, Facts, Outcome);

const GOOD: Outcome = Outcome { status: 200, bytes: 2048, reported: 0 };
const MISSING: Outcome = Outcome { status: 404, bytes: 0, reported: 0 };

/// Every story with its name, which is also the name of its file.
pub fn stories() -> Vec<(&'static str, Vec<Step>)> {
    vec![
        ("honest_phone", honest_phone()),
        ("ci_admin", ci_admin()),
        ("agent_export", agent_export()),
        ("device_lost", device_lost()),
        ("api_key_moved", api_key_moved()),
        ("everything_at_once", everything_at_once()),
        ("clock_goes_back", clock_goes_back()),
    ]
}

/// The story as it is kept: a line a request with its second, score, level, action and the stored session in hex.
pub fn tell(steps: &[Step]) -> String {
    let engine = engine();
    let mut text = String::from("# second score level action stored\n");
    let mut stored: Option<[u8; session_risk::bounds::SESSION_BYTES]> = None;
    for (second, facts, outcome) in steps {
        let facts = Facts { now: Timestamp::from_seconds(START.saturating_add(*second)), ..*facts };
        let session = stored.as_ref().map(|bytes| codec::decode(bytes).unwrap());
        let assessment = engine.assess(&facts, session);
        let mut session = assessment.session;
        let action = assessment.decision.action;
        if action.forwards(facts.action.access) && Engine::worth_observing(&facts, outcome) {
            engine.observe(&facts, outcome, &mut session, facts.now);
        }
        let bytes = codec::encode(&session);
        let word = ACTIONS.iter().find(|(other, _)| *other == action).map_or("", |(_, word)| word);
        write!(text, "{second} {} {} {word} ", assessment.score.points(), assessment.level.name()).unwrap();
        bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text.push('\n');
        stored = Some(bytes);
    }
    text
}

fn engine() -> Engine {
    Config::from_json(br#"{"secret":"0123456789abcdef"}"#).unwrap().engine
}

fn facts(actor: Actor) -> Facts {
    Facts {
        now: Timestamp::default(),
        key: SessionKey(*b"a session's key."),
        subject: 0x00c0_ffee,
        actor,
        verified: true,
        flaws: IdentityFlaws::default(),
        network: home(),
        device: Device::default(),
        grant: Grant { auth_time: Some(START - 60), ..Grant::default() },
        action: Action { endpoint: 0x0a, target: Some(1), ..Action::default() },
        selected: u64::MAX,
        config: Default::default(),
    }
}

fn network(prefix: u16, asn: u32, country: [u8; 2], latitude: i16, longitude: i16) -> Network {
    Network {
        prefix: Some(prefix),
        asn: Some(asn),
        country: Some(Country(country)),
        location: Some(Location { latitude, longitude }),
        kind: NetworkKind::Access,
    }
}

fn home() -> Network {
    network(0x1111, 3320, *b"DE", 5252, 1340)
}

fn carrier() -> Network {
    network(0x2222, 3209, *b"DE", 5094, 696)
}

fn abroad() -> Network {
    network(0x3333, 28_573, *b"BR", -2355, -4663)
}

fn hosted(prefix: u16) -> Network {
    Network { kind: NetworkKind::Hosting, ..network(prefix, 16_509, *b"US", 3904, -7748) }
}

fn browser(text: &str, ja4: u32) -> Device {
    Device { user_agent: UserAgent::parse(text.as_bytes()), ja4: Some(ja4), ..Device::default() }
}

fn admin(endpoint: u32) -> Action {
    Action { endpoint, tier: Tier::Sensitive, access: Access::Admin, target: None, ..Action::default() }
}

fn honest_phone() -> Vec<Step> {
    let calm = Facts { device: browser(PHONE, 0x51), ..facts(Actor::Human) };
    let mut steps = Vec::new();
    for number in 0..30 {
        let network = if number % 10 < 6 { home() } else { carrier() };
        let action = Action { target: Some(number % 5), ..calm.action };
        steps.push((number * 400, Facts { network, action, ..calm }, GOOD));
    }
    steps
}

fn ci_admin() -> Vec<Step> {
    let job = |number: u32| Facts {
        network: hosted(u16::try_from(number % 7).unwrap_or(0)),
        device: browser("curl/8.5.0", 0x61),
        ..facts(Actor::Service)
    };
    let mut steps: Vec<Step> = (0..40).map(|number| (number * 300, job(number), GOOD)).collect();
    let reach = Facts { action: admin(0xad), ..job(40) };
    steps.push((12_000, reach, GOOD));
    steps.push((12_005, reach, GOOD));
    let fresh = Grant { auth_time: Some(START + 12_030), acr_satisfied: true, ..reach.grant };
    steps.push((12_031, Facts { grant: fresh, ..reach }, GOOD));
    steps.push((12_040, Facts { grant: fresh, ..reach }, GOOD));
    steps
}

fn agent_export() -> Vec<Step> {
    let device = browser("claude-code/2.1.0 (cli)", 0x71);
    let call = |access, target| Facts {
        device,
        action: Action { endpoint: 0x70, access, target: Some(target), mcp: true, ..Action::default() },
        ..facts(Actor::Agent)
    };
    let lookups = (0..25).map(|number| (number * 20, call(Access::Read, number % 4), GOOD));
    let large = Outcome { status: 200, bytes: 5 << 20, reported: 0 };
    let exports = (0..12u32).map(|number| {
        (500 + number * 2, call(Access::Export, 0x0101_0100u32.wrapping_add(number.wrapping_mul(0x0103))), large)
    });
    let later = [(600, call(Access::Read, 1), GOOD), (1_500, call(Access::Read, 1), GOOD)];
    lookups.chain(exports).chain(later).collect()
}

fn device_lost() -> Vec<Step> {
    let with = |posture, tier, access| Facts {
        device: Device { posture: Some(posture), ..browser(LAPTOP, 0x81) },
        action: Action { endpoint: 0x80, tier, access, target: Some(3), ..Action::default() },
        ..facts(Actor::Human)
    };
    use Posture::{Compliant, NotCompliant, Unknown};
    let calm = (0..10).map(|number| (number * 60, with(Compliant, Tier::Standard, Access::Read), GOOD));
    let rest = [
        (700, with(NotCompliant, Tier::Standard, Access::Read), GOOD),
        (710, with(NotCompliant, Tier::Standard, Access::Write), GOOD),
        (720, with(NotCompliant, Tier::Sensitive, Access::Read), GOOD),
        (900, with(Unknown, Tier::Standard, Access::Write), GOOD),
        (1_000, with(Compliant, Tier::Standard, Access::Write), GOOD),
    ];
    calm.chain(rest).collect()
}

fn api_key_moved() -> Vec<Step> {
    let at = |network, device, access| Facts {
        network,
        device,
        action: Action { endpoint: 0x90, access, target: Some(4), ..Action::default() },
        ..facts(Actor::ApiKey)
    };
    let (shop, thief) = (browser("python-requests/2.32.3", 0x91), browser("Go-http-client/2.0", 0x92));
    let calm = (0..30).map(|number| (number * 120, at(home(), shop, Access::Write), GOOD));
    let moved = [
        (3_700, at(abroad(), thief, Access::Read), GOOD),
        (3_701, at(abroad(), thief, Access::Write), GOOD),
        (3_702, at(abroad(), thief, Access::Read), MISSING),
        (3_703, at(abroad(), thief, Access::Read), MISSING),
        (3_704, at(abroad(), thief, Access::Read), MISSING),
        (3_705, at(abroad(), thief, Access::Read), MISSING),
        (3_706, at(abroad(), thief, Access::Read), GOOD),
        (3_720, at(home(), shop, Access::Write), GOOD),
        (90_000, at(home(), shop, Access::Write), GOOD),
    ];
    calm.chain(moved).collect()
}

fn everything_at_once() -> Vec<Step> {
    let bound = Device { posture: Some(Posture::Compliant), binding: Binding::Bound(0xb1), ..browser(LAPTOP, 0xa1) };
    let grant = Grant { scope: Some(0x5c), scope_size: 2, ..facts(Actor::Human).grant };
    let calm = Facts { device: bound, grant, ..facts(Actor::Human) };
    let hostile = Facts {
        network: abroad(),
        device: Device {
            posture: Some(Posture::NotCompliant),
            binding: Binding::Unproven,
            ..browser("python-requests/2.32.3", 0xa2)
        },
        grant: Grant { scope: Some(0x5d), scope_size: 9, tool_declared: Some(false), ..grant },
        action: Action { tier: Tier::Critical, ..admin(0xae) },
        flaws: IdentityFlaws { duplicate: true, malformed: true },
        ..calm
    };
    let before = (0..22).map(|number| (number * 90, calm, GOOD));
    before.chain([(2_000, hostile, GOOD), (2_600, calm, GOOD), (200_000, calm, GOOD)]).collect()
}

fn clock_goes_back() -> Vec<Step> {
    let here = Facts { device: browser(LAPTOP, 0xc1), ..facts(Actor::Human) };
    let there = Facts { network: abroad(), ..here };
    vec![
        (5_000, here, GOOD),
        (4_000, here, GOOD),
        (9_000, there, GOOD),
        (3_000, there, GOOD),
        (0, here, GOOD),
        (9_500, here, GOOD),
        (4_000_000_000, here, GOOD),
        (100, here, GOOD),
    ]
}

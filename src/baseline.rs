//! What a session looked like until now: known networks and clients, reach, mix, counters.
//! It is read by the detectors and learns only from requests that the policy let through; it judges nothing.

use crate::{
    bounds::{CLIENTS, MIX_CATEGORIES, NETWORKS, TARGET_BITS, TARGET_BYTES},
    facts::{
        Access, Action, Binding, Country, Facts, Location, Network, NetworkKind, Outcome, Tier,
        device::{Posture, UserAgent},
    },
    time::Timestamp,
};

/// Requests after which a session has a past worth comparing with.
pub const MATURE: u32 = 20;

/// One known network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownNetwork {
    /// Digest of the prefix; 0 when unknown.
    pub prefix: u16,
    /// Autonomous system; 0 when unknown.
    pub asn: u32,
    /// Country, if known.
    pub country: Option<Country>,
    /// Hosting, anonymizer or neither.
    pub kind: NetworkKind,
    /// Minutes since the epoch when it was last used.
    pub seen: u32,
}

impl KnownNetwork {
    fn of(network: &Network, now: Timestamp) -> Option<Self> {
        let known = Self {
            prefix: network.prefix.unwrap_or(0),
            asn: network.asn.unwrap_or(0),
            country: network.country,
            kind: network.kind,
            seen: now.seconds() / 60,
        };
        (known.prefix != 0 || known.asn != 0 || known.country.is_some()).then_some(known)
    }

    fn same_place(&self, other: &Self) -> bool {
        self.prefix == other.prefix && self.asn == other.asn
    }
}

/// Shares of six kinds of action in the recent and in the whole past, in 1/256 and 1/65536.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// The last handful of requests: a moving average over 8.
    pub recent: [u8; MIX_CATEGORIES],
    /// The past: a plain average at first, a moving average over 64 later.
    pub past: [u16; MIX_CATEGORIES],
}

/// Everything known about a session's past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Requests learned from; saturates at 2^24 - 1.
    pub requests: u32,
    /// When one was last learned from.
    pub learned: Timestamp,
    /// Known networks, most recent first.
    pub networks: [Option<KnownNetwork>; NETWORKS],
    /// Changes back to a network left minutes ago, and when the last one was (minutes since the epoch).
    pub switches: u8,
    /// Minutes since the epoch of the last switch.
    pub switched: u32,
    /// Autonomous systems taken up after the first one; saturates.
    pub moves: u8,
    /// Position of the last request that had one.
    pub location: Option<Location>,
    /// Known clients, most recent first.
    pub user_agents: [Option<UserAgent>; CLIENTS],
    /// Digests of known TLS fingerprints, most recent first; 0 is empty.
    pub ja4: [u32; CLIENTS],
    /// Last posture heard.
    pub posture: Option<Posture>,
    /// When posture last changed, in seconds since the epoch.
    pub posture_since: u32,
    /// Digest of the key that the credential is bound to; 0 when it never was.
    pub binding: u32,
    /// Digest of the granted scope; 0 when unknown.
    pub scope: u32,
    /// Entries in the granted scope.
    pub scope_size: u8,
    /// Highest tier used.
    pub tier: Tier,
    /// Bloom filter of the sensitive endpoints used.
    pub endpoints: u32,
    /// Bloom filter of the collections used.
    pub resources: u32,
    /// Allowed requests since the client last changed: its network, program or key. Saturates, and begins there.
    pub settled: u8,
    /// Collections first used since then, 0..=15.
    pub strays: u8,
    /// Requests in a row that came without the key that the session is bound to, 0..=15.
    pub unbound: u8,
    /// Digest of the endpoint used last; 0 is none.
    pub endpoint: u16,
    /// When the step-up route was last answered with success, in minutes since the epoch; 0 is never.
    pub stepped_up: u32,
    /// When posture was last heard, in minutes since the epoch; 0 is never.
    pub posture_heard: u32,
    /// Hours of the day (UTC) at which the session was used, one bit each.
    pub hours: u32,
    /// The last gap between two requests, as `pace` has it.
    pub last_gap: u16,
    /// Mix of actions.
    pub mix: Mix,
    /// Linear counter of the targets touched.
    pub targets: [u8; TARGET_BYTES],
    /// Share of past requests that touched a target never touched before, in 1/65536.
    pub novelty: u16,
    /// Usual gap between requests: base-2 logarithm of milliseconds, in 1/1024.
    pub pace: u16,
    /// CUSUM of targets never touched before, in 1/1024 nat.
    pub target_sum: u16,
    /// CUSUM of exports, in 1/1024 nat.
    pub export_sum: u16,
    /// CUSUM of refused requests, in 1/1024 nat.
    pub error_sum: u16,
    /// Writes let through.
    pub writes: u16,
    /// Exports let through.
    pub exports: u16,
}

impl Baseline {
    /// Whether the session has a past worth comparing with.
    pub fn mature(&self) -> bool {
        self.requests >= MATURE
    }

    /// The known networks, most recent first.
    pub fn known_networks(&self) -> impl Iterator<Item = &KnownNetwork> {
        self.networks.iter().flatten()
    }

    /// Whether this autonomous system is known.
    pub fn knows_asn(&self, asn: u32) -> bool {
        self.known_networks().any(|known| known.asn == asn)
    }

    /// Whether this session changes its autonomous system every few requests, as work that is scheduled across clouds
    /// does: it stayed fewer than 20 requests at one, on average. So is a session that has not made 20 requests yet.
    pub fn restless(&self) -> bool {
        self.requests < u32::from(self.moves).saturating_add(1).saturating_mul(20)
    }

    /// Whether this target was touched before. A linear counter answers `true` for some that were not, never the reverse.
    pub fn knows_target(&self, target: u32) -> bool {
        let (byte, bit) = target_bit(target);
        self.targets.get(byte).is_some_and(|byte| byte & bit != 0)
    }

    /// Whether the request touches a target that this session never touched.
    pub fn is_new_target(&self, facts: &Facts) -> bool {
        facts.action.target.is_some_and(|target| !self.knows_target(target))
    }

    /// How many different targets were touched, by the bits that are lit: as many as light so many on average (Whang et al.,
    /// 1990). Never too many up to a dozen; up to 200 two times in three within a tenth; beyond, the bits run out.
    pub fn targets_touched(&self) -> u16 {
        let lit = self.targets.iter().fold(0, |sum: u32, byte| sum.saturating_add(byte.count_ones()));
        // The next bit takes 160 / dark targets on average; in 1/1024.
        let step =
            |lit: u32| TARGET_BITS.saturating_mul(1024).checked_div(TARGET_BITS.saturating_sub(lit)).unwrap_or(0);
        let sum = (0..lit).fold(0, |sum: u32, lit| sum.saturating_add(step(lit)));
        u16::try_from(sum / 1024).unwrap_or(u16::MAX)
    }

    /// Whether this collection was used before (Bloom filter with two hashes).
    pub fn knows_resource(&self, resource: u32) -> bool {
        let bits = endpoint_bits(resource);
        self.resources & bits == bits
    }

    /// Whether the client is not the one that this session knows: another network, TLS library or key, and for people
    /// another program; machines' tools are many.
    pub fn changes(&self, facts: &Facts) -> bool {
        let (network, device) = (&facts.network, &facts.device);
        let known = |holds: &dyn Fn(&KnownNetwork) -> bool| self.known_networks().any(holds);
        let moved = self.known_networks().next().is_some()
            && (network.prefix.is_some_and(|prefix| !known(&|known| known.prefix == prefix))
                || network.asn.is_some_and(|asn| !self.knows_asn(asn)));
        let program = device.user_agent.is_some_and(|new| {
            let mut clients = self.user_agents.iter().flatten().peekable();
            clients.peek().is_some() && !clients.any(|known| (known.family, known.os) == (new.family, new.os))
        });
        let key = self.binding != 0
            && match device.binding {
                Binding::Bound(key) => key != self.binding,
                Binding::None | Binding::Unproven => true,
            };
        let machine = matches!(facts.actor, crate::facts::Actor::Service | crate::facts::Actor::ApiKey);
        moved || program && !machine || key || device.ja4.is_some_and(|ja4| self.new_tls_stack(ja4))
    }

    /// Whether this fingerprint's cipher suites are those of no known one, when one of the same transport is known.
    pub fn new_tls_stack(&self, ja4: u32) -> bool {
        let stack = ja4 >> 16;
        let known = self.ja4.iter().filter(|known| **known != 0).map(|known| known >> 16);
        let mut same = known.filter(|known| known >> 15 == stack >> 15).peekable();
        same.peek().is_some() && same.all(|known| known != stack)
    }

    /// Whether this request goes to the same endpoint as the one before, within a second and a half.
    pub fn repeats(&self, facts: &Facts) -> bool {
        self.endpoint != 0
            && self.endpoint == tiny(facts.action.endpoint)
            && facts.action.target.is_none()
            && facts.now.since(self.learned).millis() < 1_500
    }

    /// Whether this sensitive endpoint was used before (Bloom filter with two hashes).
    pub fn knows_endpoint(&self, endpoint: u32) -> bool {
        let bits = endpoint_bits(endpoint);
        self.endpoints & bits == bits
    }

    /// Whether this is a change back to a network that was left within ten minutes: one half of taking turns.
    pub fn is_switch(&self, facts: &Facts) -> bool {
        let Some(asn) = facts.network.asn else { return false };
        let minute = facts.now.seconds() / 60;
        let mut known = self.known_networks();
        let elsewhere = known.next().is_some_and(|latest| latest.asn != asn && minute.saturating_sub(latest.seen) < 10);
        elsewhere && known.any(|other| other.asn == asn && minute.saturating_sub(other.seen) < 10)
    }

    /// Switches in a row, this one included, if they came within ten minutes of each other.
    pub fn switches_with(&self, facts: &Facts) -> u8 {
        let minute = facts.now.seconds() / 60;
        let kept = if minute.saturating_sub(self.switched) < 10 { self.switches } else { 0 };
        kept.saturating_add(u8::from(self.is_switch(facts)))
    }

    /// Learns a request that was let through.
    pub fn learn(&mut self, facts: &Facts) {
        self.learn_continuity(facts);
        self.learn_network(facts);
        self.learn_device(facts);
        let (action, grant) = (&facts.action, &facts.grant);
        if let Some(scope) = grant.scope {
            (self.scope, self.scope_size) = (scope, grant.scope_size);
        }
        if action.tier >= Tier::Sensitive {
            self.endpoints |= endpoint_bits(action.endpoint);
        }
        self.tier = self.tier.max(action.tier);
        self.mix.learn(category(action.access, action.tier), self.requests);
        self.learn_rhythm(facts);
        self.hours |= hour_bit(facts.now);
        if let Some((byte, bit)) = action.target.map(target_bit)
            && let Some(slot) = self.targets.get_mut(byte)
        {
            *slot |= bit;
        }
        match action.access {
            Access::Export => self.exports = self.exports.saturating_add(1),
            Access::Write | Access::Admin => self.writes = self.writes.saturating_add(1),
            Access::Read => {}
        }
        self.requests = self.requests.saturating_add(1).min(0x00ff_ffff);
        self.learned = facts.now.max(self.learned);
    }

    /// Learns what must never wait for trust: posture is a state, not a habit.
    pub fn hear_posture(&mut self, facts: &Facts) {
        if facts.device.posture.is_some() {
            self.posture_heard = facts.now.seconds() / 60;
        }
        if let Some(posture) = facts.device.posture
            && self.posture != Some(posture)
        {
            self.posture = Some(posture);
            self.posture_since = facts.now.seconds();
        }
    }

    /// Learns how the upstream answered.
    pub fn learn_outcome(&mut self, outcome: &Outcome, action: &Action, now: Timestamp) {
        if action.step_up && (200..300).contains(&outcome.status) {
            self.stepped_up = now.seconds() / 60;
        }
    }

    /// Whether the client is still the one that it was, and what else it does since it is not.
    fn learn_continuity(&mut self, facts: &Facts) {
        let changes = self.changes(facts);
        let stray = facts.action.tier > Tier::Public && !self.knows_resource(facts.action.resource);
        self.settled = match (self.requests, changes) {
            (0, _) => u8::MAX,
            (_, true) => 0,
            (_, false) => self.settled.saturating_add(1),
        };
        if changes {
            self.strays = 0;
        }
        self.strays = self.strays.saturating_add(u8::from(stray)).min(15);
        if facts.action.tier > Tier::Public {
            self.resources |= endpoint_bits(facts.action.resource);
        }
        self.endpoint = tiny(facts.action.endpoint);
        let bound = matches!(facts.device.binding, Binding::Bound(_));
        self.unbound = if self.binding == 0 || bound { 0 } else { self.unbound.saturating_add(1).min(15) };
    }

    /// The gap before this request, as `pace` has it. Below 64 ms nothing is told apart: calls in parallel are no haste.
    pub fn gap(&self, facts: &Facts) -> u16 {
        log2(facts.now.since(self.learned).millis().max(64))
    }

    /// How often targets are new, and how fast requests follow each other.
    fn learn_rhythm(&mut self, facts: &Facts) {
        if self.requests == 0 {
            self.novelty = usual_novelty(facts.actor);
        } else {
            let gap = self.gap(facts);
            // A hurry must last before it becomes the pace; the first gaps only begin to say what that is.
            let hurried = gap.saturating_add(1_024) < self.pace;
            let span = if self.requests < 4 {
                3
            } else if hurried {
                64
            } else {
                8
            };
            self.last_gap = gap;
            self.pace = if self.pace == 0 { gap } else { towards(self.pace, gap, span) };
        }
        let seen = if self.is_new_target(facts) { u16::MAX } else { 0 };
        // What is usual counts as eight requests, so that the first ones do not decide alone. For agents as forty: their
        // sessions are short, and what is usual among them is known from real ones.
        let prior = if facts.actor == crate::facts::Actor::Agent { 41 } else { 9 };
        let span = u16::try_from(self.requests.saturating_add(prior).min(64)).unwrap_or(64);
        self.novelty = towards(self.novelty, seen, span);
    }

    fn learn_network(&mut self, facts: &Facts) {
        if let Some(asn) = facts.network.asn
            && self.known_networks().next().is_some()
            && !self.knows_asn(asn)
        {
            self.moves = self.moves.saturating_add(1);
        }
        if self.is_switch(facts) {
            self.switches = self.switches_with(facts);
            self.switched = facts.now.seconds() / 60;
        }
        if let Some(location) = facts.network.location {
            self.location = Some(location);
        }
        if let Some(network) = KnownNetwork::of(&facts.network, facts.now) {
            to_front(&mut self.networks, network, KnownNetwork::same_place);
        }
    }

    fn learn_device(&mut self, facts: &Facts) {
        let device = &facts.device;
        if let Some(user_agent) = device.user_agent {
            // An upgrade replaces what it upgrades, so the slots stay for clients that really differ.
            to_front(&mut self.user_agents, user_agent, |a, b| (a.family, a.os) == (b.family, b.os));
        }
        if let Some(ja4) = device.ja4.filter(|ja4| *ja4 != 0) {
            let [latest, older] = self.ja4;
            self.ja4 = if latest == ja4 { [latest, older] } else { [ja4, latest] };
        }
        if let Binding::Bound(key) = device.binding {
            self.binding = key;
        }
    }
}

/// Moves `item` to the front of a small most-recent-first list, replacing the one it equals or the last.
fn to_front<T: Copy, const N: usize>(list: &mut [Option<T>; N], item: T, same: impl Fn(&T, &T) -> bool) {
    let mut carried = Some(item);
    for slot in list.iter_mut() {
        let old = std::mem::replace(slot, carried);
        match old {
            Some(old) if same(&old, &item) => return,
            None => return,
            _ => carried = old,
        }
    }
}

/// A moving average over `span` values after one more.
fn towards(average: u16, value: u16, span: u16) -> u16 {
    let step = average.abs_diff(value).checked_div(span).unwrap_or(0);
    if value > average { average.saturating_add(step) } else { average.saturating_sub(step) }
}

/// Base-2 logarithm in 1/1024, with the fraction taken as linear (at most .09 too low). 0 and 1 give 1, which tells a
/// pace from none.
fn log2(value: u64) -> u16 {
    let Some(whole) = value.checked_ilog2().filter(|whole| *whole > 0) else { return 1 };
    let above = value.saturating_sub(1u64.wrapping_shl(whole));
    let fraction = above.saturating_mul(1024).wrapping_shr(whole);
    let logarithm = u64::from(whole).saturating_mul(1024).saturating_add(fraction);
    u16::try_from(logarithm).unwrap_or(u16::MAX)
}

/// How often targets are new in sessions of this kind, in 1/65536. Agents look up what each task names: four in five in
/// traces of real ones. People return to what they work on. Assumed for the others.
fn usual_novelty(actor: crate::facts::Actor) -> u16 {
    use crate::facts::Actor;
    match actor {
        Actor::Agent => 52_429,
        Actor::Service | Actor::ApiKey => 39_322,
        Actor::Human => 26_214,
    }
}

/// The category of an action in the mix: reads and writes by how sensitive, exports, administration.
pub fn category(access: Access, tier: Tier) -> usize {
    match (access, tier >= Tier::Sensitive) {
        (Access::Read, false) => 0,
        (Access::Read, true) => 1,
        (Access::Write, false) => 2,
        (Access::Write, true) => 3,
        (Access::Export, _) => 4,
        (Access::Admin, _) => 5,
    }
}

impl Mix {
    /// The mix after one more action of this category, when `before` actions were learned.
    pub fn learn(&mut self, category: usize, before: u32) {
        // A plain average while there is little to average, so that the past is right from the start.
        let count = before.saturating_add(1).min(64);
        for (index, (recent, past)) in self.recent.iter_mut().zip(self.past.iter_mut()).enumerate() {
            let (near, far) = if index == category { (u8::MAX, u16::MAX) } else { (0, 0) };
            let span = u8::try_from(count.min(8)).unwrap_or(8);
            *recent = if near > *recent {
                recent.saturating_add(near.saturating_sub(*recent).div_ceil(span))
            } else {
                recent.saturating_sub(recent.saturating_sub(near).div_ceil(span))
            };
            let span = u16::try_from(count).unwrap_or(64);
            *past = if far > *past {
                past.saturating_add(far.saturating_sub(*past).div_ceil(span))
            } else {
                past.saturating_sub(past.saturating_sub(far).div_ceil(span))
            };
        }
    }

    /// How far the recent mix is from the past, in 1/256: the sum over categories of (recent - past)^2 / (past + 5%).
    pub fn drift(&self) -> u32 {
        self.recent.iter().zip(self.past).fold(0u32, |sum, (recent, past)| {
            let recent = u32::from(*recent).saturating_mul(257);
            let gap = u64::from(recent.abs_diff(u32::from(past)));
            let expected = u64::from(past).saturating_add(3277);
            let term = gap.saturating_mul(gap).checked_div(expected.saturating_mul(256)).unwrap_or(0);
            sum.saturating_add(u32::try_from(term).unwrap_or(u32::MAX))
        })
    }

    /// Share of exports in the past, in 1/65536.
    pub fn past_exports(&self) -> u16 {
        let [_, _, _, _, exports, ..] = self.past;
        exports
    }
}

/// The byte of the linear counter and the bit in it that stand for `target`.
fn target_bit(target: u32) -> (usize, u8) {
    let [low, high, ..] = target.to_le_bytes();
    (usize::from(low) % TARGET_BYTES, 1u8.wrapping_shl(u32::from(high)))
}

/// The hour of the day (UTC), as a bit of [`Baseline::hours`].
pub fn hour_bit(now: Timestamp) -> u32 {
    1u32.wrapping_shl(now.seconds() / 3600 % 24)
}

/// 16 bits of an endpoint's digest, never 0.
fn tiny(endpoint: u32) -> u16 {
    let [_, _, a, b] = endpoint.to_le_bytes();
    u16::from_le_bytes([a, b]).max(1)
}

fn endpoint_bits(endpoint: u32) -> u32 {
    let [a, b, ..] = endpoint.to_le_bytes();
    1u32.wrapping_shl(u32::from(a)) | 1u32.wrapping_shl(u32::from(b))
}

#[cfg(test)]
mod tests;

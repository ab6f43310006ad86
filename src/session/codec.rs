//! A session in 256 bytes, little-endian, every field at a fixed place.
//! Integrity is the bucket's business (`bucket.rs`); here a byte pattern that no session has is an error.

use crate::{
    baseline::{Baseline, KnownNetwork, Mix},
    bounds::{IGNORED_MOST, IGNORED_SLOTS, LEDGER_LINES, NETWORKS, RELAPSES, SESSION_BYTES},
    evidence::{Ledger, Line},
    facts::{
        ACTORS, Country, Location, NetworkKind, TIERS,
        device::{Family, Os, Posture, UserAgent},
    },
    score::LEVELS,
    session::{Ignored, Sanction, Session, Standing},
    signal::{Decibans, Kind},
    time::Timestamp,
};

/// Version of this layout; part of every bucket's header, so that a new layout meets no old bytes.
pub const VERSION: u8 = 5;

/// Minutes are stored in 24 bits from 2020 on, which lasts until 2051.
const MINUTES_2020: u32 = 26_297_280;

/// Bytes that are no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// Not 256 bytes.
    Length,
    /// A field holds a value that none has.
    Value,
}

/// Writes a session down.
pub fn encode(session: &Session) -> [u8; SESSION_BYTES] {
    let mut bytes = [0; SESSION_BYTES];
    let mut out = Writer { left: &mut bytes };
    let (standing, past) = (&session.standing, &session.baseline);
    out.u48(session.seen.millis());
    out.u48(past.learned.millis());
    out.u32(session.created);
    out.u24(session.requests);
    out.u24(past.requests);
    out.u8(number(&ACTORS, session.actor) | number(&LEVELS, standing.level) << 2 | number(&TIERS, past.tier) << 4);
    out.u8(past.posture.map_or(0, posture_byte)
        | u8::from(standing.acr_satisfied) << 2
        | standing.relapses.min(RELAPSES) << 3);
    let (sanction, until) = match standing.sanction {
        Sanction::None => (0, 0),
        Sanction::Suspended(until) => (1, until),
        Sanction::Revoked => (2, 0),
        Sanction::Approved(until) => (3, until),
    };
    let ignored = standing.ignored;
    out.u8(sanction | ignored.slot.min(7) << 2 | ignored.count.min(7) << 5);
    for seconds in [until, standing.sanctioned, standing.level_since, standing.auth_time, standing.challenged] {
        out.u32(seconds);
    }
    for network in past.networks {
        write_network(&mut out, network);
    }
    out.u8(past.switches);
    out.minutes(past.switched);
    let location = past.location.unwrap_or(NOWHERE);
    out.put(location.latitude.to_le_bytes());
    out.put(location.longitude.to_le_bytes());
    for client in past.user_agents {
        out.u16(client.map_or(0, |client| client.family.code()));
        out.u8(client.map_or(NO_CLIENT, |client| client.os.code()));
        out.u16(client.map_or(0, |client| client.version));
    }
    past.ja4.iter().for_each(|ja4| out.u32(*ja4));
    out.u32(past.posture_since);
    out.minutes(past.posture_heard);
    out.u32(past.binding);
    out.u32(past.scope);
    out.u8(past.scope_size);
    out.u32(past.endpoints);
    out.u32(past.resources);
    out.u8(past.settled);
    out.u8(past.strays.min(15) | past.unbound.min(15) << 4);
    out.u16(past.endpoint);
    out.minutes(past.stepped_up);
    out.u24(past.hours);
    out.u16(past.last_gap);
    out.put(past.mix.recent);
    past.mix.past.iter().for_each(|share| out.u16(*share));
    out.put(past.targets);
    for count in [past.novelty, past.pace, past.target_sum, past.export_sum, past.error_sum, past.writes, past.exports]
    {
        out.u16(count);
    }
    out.u8(past.moves);
    let mut lines = session.evidence.lines();
    for _ in 0..LEDGER_LINES {
        // Five bits of kind, eleven of strength in 1/32 deciban.
        let line = lines.next();
        out.u16(line.map_or(0, |line| u16::from(line.kind.number()) << 11 | line.strength.units()));
        out.u32(line.map_or(0, |line| line.at));
    }
    bytes
}

/// Reads a session.
///
/// # Errors
/// [`CodecError::Length`] unless there are exactly 256 bytes, [`CodecError::Value`] for a value that no session has.
pub fn decode(bytes: &[u8]) -> Result<Session, CodecError> {
    if bytes.len() != SESSION_BYTES {
        return Err(CodecError::Length);
    }
    let mut input = Reader { bytes };
    let mut session = Session { seen: Timestamp::from_millis(input.u48()?), ..Session::default() };
    let past = &mut session.baseline;
    past.learned = Timestamp::from_millis(input.u48()?);
    session.created = input.u32()?;
    session.requests = input.u24()?;
    past.requests = input.u24()?;
    let words = input.u8()?;
    session.actor = value(&ACTORS, words & 3)?;
    session.standing.level = value(&LEVELS, words >> 2 & 3)?;
    past.tier = value(&TIERS, words >> 4)?;
    let words = input.u8()?;
    past.posture = posture(words & 3);
    session.standing.acr_satisfied = words & 4 != 0;
    session.standing.relapses = Some(words >> 3).filter(|count| *count <= RELAPSES).ok_or(CodecError::Value)?;
    session.standing = read_standing(&mut input, session.standing)?;
    for network in &mut past.networks {
        *network = read_network(&mut input)?;
    }
    past.switches = input.u8()?;
    past.switched = input.minutes()?;
    let location =
        Location { latitude: i16::from_le_bytes(input.take()?), longitude: i16::from_le_bytes(input.take()?) };
    past.location = (location != NOWHERE).then_some(location);
    read_rest(&mut input, past)?;
    session.evidence = read_ledger(&mut input)?;
    // What is left is reserved; a version that uses it has another number.
    if input.bytes.iter().any(|byte| *byte != 0) { Err(CodecError::Value) } else { Ok(session) }
}

fn read_standing(input: &mut Reader<'_>, mut standing: Standing) -> Result<Standing, CodecError> {
    let packed = input.u8()?;
    let kind = packed & 3;
    standing.ignored = Ignored { count: packed >> 5, slot: packed >> 2 & 7 };
    let until = input.u32()?;
    standing.sanction = match (kind, until) {
        (0, 0) => Sanction::None,
        (1, until) => Sanction::Suspended(until),
        (2, 0) => Sanction::Revoked,
        (3, until) => Sanction::Approved(until),
        _ => return Err(CodecError::Value),
    };
    standing.sanctioned = input.u32()?;
    standing.level_since = input.u32()?;
    standing.auth_time = input.u32()?;
    standing.challenged = input.u32()?;
    Ok(standing)
}

fn read_rest(input: &mut Reader<'_>, past: &mut Baseline) -> Result<(), CodecError> {
    for client in &mut past.user_agents {
        let (family, code, version) = (Family::from_code(input.u16()?), input.u8()?, input.u16()?);
        let os = Os::from_code(code);
        *client = match code {
            NO_CLIENT if (family.code(), version) == (0, 0) => None,
            code if os.code() != code => return Err(CodecError::Value),
            _ => Some(UserAgent { family, os, version }),
        };
    }
    for ja4 in &mut past.ja4 {
        *ja4 = input.u32()?;
    }
    past.posture_since = input.u32()?;
    past.posture_heard = input.minutes()?;
    past.binding = input.u32()?;
    past.scope = input.u32()?;
    past.scope_size = input.u8()?;
    past.endpoints = input.u32()?;
    past.resources = input.u32()?;
    past.settled = input.u8()?;
    let packed = input.u8()?;
    (past.strays, past.unbound) = (packed & 15, packed >> 4);
    past.endpoint = input.u16()?;
    past.stepped_up = input.minutes()?;
    past.hours = input.u24()?;
    past.last_gap = input.u16()?;
    let mut mix = Mix { recent: input.take()?, ..Mix::default() };
    for share in &mut mix.past {
        *share = input.u16()?;
    }
    past.mix = mix;
    past.targets = input.take()?;
    past.novelty = input.u16()?;
    past.pace = input.u16()?;
    past.target_sum = input.u16()?;
    past.export_sum = input.u16()?;
    past.error_sum = input.u16()?;
    past.writes = input.u16()?;
    past.exports = input.u16()?;
    past.moves = input.u8()?;
    Ok(())
}

fn read_ledger(input: &mut Reader<'_>) -> Result<Ledger, CodecError> {
    let mut lines = [None; LEDGER_LINES];
    for slot in &mut lines {
        let (packed, at) = (input.u16()?, input.u32()?);
        let [_, high] = packed.to_le_bytes();
        *slot = match (high >> 3, Decibans::raw(packed & 0x07ff)) {
            (0, Decibans::ZERO) if at == 0 => None,
            (kind, strength) => Some(Line { kind: Kind::from_number(kind).ok_or(CodecError::Value)?, strength, at }),
        };
    }
    let ledger = Ledger::from_lines(lines.into_iter().flatten());
    // Lines are written in order of kind, from the front.
    let mut kept = ledger.lines();
    if lines.iter().all(|line| line.as_ref() == kept.next()) { Ok(ledger) } else { Err(CodecError::Value) }
}

const NOWHERE: Location = Location { latitude: i16::MIN, longitude: i16::MIN };
const NO_CLIENT: u8 = u8::MAX;
const NO_NETWORK: u8 = u8::MAX;

fn write_network(out: &mut Writer<'_>, network: Option<KnownNetwork>) {
    let known = network.unwrap_or_default();
    out.u16(known.prefix);
    out.u32(known.asn);
    out.put(known.country.map_or([0, 0], |country| country.0));
    out.u8(match (network, known.kind) {
        (None, _) => NO_NETWORK,
        (_, NetworkKind::Access) => 0,
        (_, NetworkKind::Hosting) => 1,
        (_, NetworkKind::Anonymizer) => 2,
    });
    out.minutes(known.seen);
}

fn read_network(input: &mut Reader<'_>) -> Result<Option<KnownNetwork>, CodecError> {
    let (prefix, asn, country, kind, seen) =
        (input.u16()?, input.u32()?, input.take::<2>()?, input.u8()?, input.minutes()?);
    let country = match country {
        [0, 0] => None,
        letters => Some(Country::parse(&letters).filter(|c| c.0 == letters).ok_or(CodecError::Value)?),
    };
    let kind = match kind {
        NO_NETWORK if (prefix, asn, country, seen) == (0, 0, None, 0) => return Ok(None),
        0 => NetworkKind::Access,
        1 => NetworkKind::Hosting,
        2 => NetworkKind::Anonymizer,
        _ => return Err(CodecError::Value),
    };
    Ok(Some(KnownNetwork { prefix, asn, country, kind, seen }))
}

fn number<T: PartialEq, const N: usize>(words: &[(T, &str); N], wanted: T) -> u8 {
    (0u8..).zip(words).find(|(_, (word, _))| *word == wanted).map_or(0, |(number, _)| number)
}

fn value<T: Copy, const N: usize>(words: &[(T, &str); N], number: u8) -> Result<T, CodecError> {
    words.get(usize::from(number)).map(|(word, _)| *word).ok_or(CodecError::Value)
}

fn posture_byte(posture: Posture) -> u8 {
    match posture {
        Posture::Compliant => 1,
        Posture::NotCompliant => 2,
        Posture::Unknown => 3,
    }
}

fn posture(byte: u8) -> Option<Posture> {
    match byte {
        1 => Some(Posture::Compliant),
        2 => Some(Posture::NotCompliant),
        3 => Some(Posture::Unknown),
        _ => None,
    }
}

/// Fills a block from the front. What does not fit is dropped; a test proves that everything fits.
struct Writer<'a> {
    left: &'a mut [u8],
}

impl Writer<'_> {
    /// Fields have sizes that the compiler knows: copies of other sizes are calls out of the module, and there would be a
    /// hundred of them.
    #[inline(always)]
    fn put<const N: usize>(&mut self, from: [u8; N]) {
        if let Some((field, left)) = std::mem::take(&mut self.left).split_first_chunk_mut::<N>() {
            *field = from;
            self.left = left;
        }
    }
    fn u8(&mut self, value: u8) {
        self.put([value]);
    }
    fn u16(&mut self, value: u16) {
        self.put(value.to_le_bytes());
    }
    fn u24(&mut self, value: u32) {
        let [a, b, c, _] = value.min(0x00ff_ffff).to_le_bytes();
        self.put([a, b, c]);
    }
    fn u32(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }
    fn u48(&mut self, value: u64) {
        let [a, b, c, d, e, f, ..] = value.min(0xffff_ffff_ffff).to_le_bytes();
        self.put([a, b, c, d, e, f]);
    }
    fn minutes(&mut self, since_1970: u32) {
        self.u24(since_1970.saturating_sub(MINUTES_2020));
    }
}

/// Takes fields off the front.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let (head, tail) = self.bytes.split_first_chunk::<N>().ok_or(CodecError::Length)?;
        self.bytes = tail;
        Ok(*head)
    }
    fn u8(&mut self) -> Result<u8, CodecError> {
        let [byte] = self.take()?;
        Ok(byte)
    }
    fn u16(&mut self) -> Result<u16, CodecError> {
        Ok(u16::from_le_bytes(self.take()?))
    }
    fn u24(&mut self) -> Result<u32, CodecError> {
        let [a, b, c] = self.take()?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }
    fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_le_bytes(self.take()?))
    }
    fn u48(&mut self) -> Result<u64, CodecError> {
        let [a, b, c, d, e, f] = self.take()?;
        Ok(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }
    fn minutes(&mut self) -> Result<u32, CodecError> {
        Ok(match self.u24()? {
            0 => 0,
            minutes => minutes.saturating_add(MINUTES_2020),
        })
    }
}

/// The count and the slot of ignored challenges have three bits each.
const _: () = assert!(IGNORED_MOST <= 7 && IGNORED_SLOTS <= 8, "more of them need another layout version");

/// Networks stored, for the size check below.
const _: () = assert!(NETWORKS == 4, "another number of networks needs another layout version");

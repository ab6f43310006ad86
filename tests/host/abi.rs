//! The proxy-wasm ABI (0.2.1) as numbers and bytes. No host behaviour here.

/// Whose rules the host plays by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// proxy-wasm-cpp-host inside Envoy (also Istio, Envoy Gateway).
    #[default]
    Envoy,
    /// ngx_wasm_module inside Kong.
    Kong,
    /// A host without shared data, ticks and queues (APISIX); otherwise as Envoy.
    Bare,
}

/// What a host call returns to the module.
pub mod status {
    pub const OK: u32 = 0;
    pub const NOT_FOUND: u32 = 1;
    pub const BAD_ARGUMENT: u32 = 2;
    pub const INVALID_MEMORY: u32 = 6;
    pub const CAS_MISMATCH: u32 = 8;
    pub const INTERNAL_FAILURE: u32 = 10;
    pub const UNIMPLEMENTED: u32 = 12;
}

/// Which callback the module is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Start,
    Configure,
    Tick,
    RequestHeaders,
    RequestBody,
    ResponseHeaders,
    ResponseBody,
    CallResponse,
    Log,
    Done,
}

/// A header map: names lower-cased in Envoy, as sent in Kong; values any bytes; order kept.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The first value under `name`, whatever its case.
pub fn find<'a>(pairs: &'a Pairs, name: &[u8]) -> Option<&'a [u8]> {
    let found = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(&found.1)
}

/// Count, then a (name length, value length) each, then both with a NUL behind them.
pub(super) fn encode_pairs(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in pairs {
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in pairs {
        bytes.extend(name.iter().chain(&[0]).chain(value).chain(&[0]));
    }
    bytes
}

/// `None` for anything that [`encode_pairs`] would not have written.
pub(super) fn decode_pairs(bytes: &[u8]) -> Option<Pairs> {
    if bytes.is_empty() {
        return Some(Pairs::new());
    }
    let word = |at: usize| -> Option<usize> {
        let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(word) as usize)
    };
    let count = word(0)?;
    let mut at = 4 + count.checked_mul(8)?;
    let mut text = |len: usize| -> Option<Vec<u8>> {
        let text = bytes.get(at..at + len)?;
        at += len + 1;
        (bytes.get(at - 1) == Some(&0)).then(|| text.to_vec())
    };
    let mut pairs = Pairs::new();
    for index in 0..count {
        pairs.push((text(word(4 + index * 8)?)?, text(word(8 + index * 8)?)?));
    }
    (at == bytes.len()).then_some(pairs)
}

/// CRC-32 (IEEE 802.3), as nginx computes it for shared-memory keys.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

//! Keyed digests: what stands for tokens, keys, addresses and names in everything that is kept.
//! SipHash-2-4 with 128 bits of output and a configured secret (Aumasson and Bernstein, 2012).

use crate::facts::SessionKey;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// The key of every digest. Sessions are found again only under the same secret.
#[derive(Clone, Copy)]
pub struct DigestKey {
    seeded: SipHasher24,
}

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

/// What a digest is of. The same bytes in two roles give two unrelated digests.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Role {
    /// A session's identity.
    Session = 1,
    /// A subject.
    Subject = 2,
    /// A network prefix.
    Prefix = 3,
    /// A TLS fingerprint.
    Fingerprint = 4,
    /// A key that a credential is bound to.
    Binding = 5,
    /// One entry of a scope.
    Scope = 6,
    /// A route or tool.
    Endpoint = 7,
    /// An object touched.
    Target = 8,
    /// A collection of objects.
    Resource = 9,
    /// A token's payload, to know it again within one worker.
    Payload = 10,
}

/// Reads hex digits, exactly as many as fill `into`. False when the text is anything else.
pub fn read_hex(text: &str, into: &mut [u8]) -> bool {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.len() == into.len()
        && into.iter_mut().zip(pairs).all(|(slot, pair)| match pair {
            [high, low] => digit(high).zip(digit(low)).map(|(high, low)| *slot = high << 4 | low).is_some(),
            _ => false,
        })
}

impl DigestKey {
    /// A key from a secret of any length.
    pub fn new(secret: &[u8]) -> Self {
        // The secret is condensed with a public key, so that every byte of it counts.
        let mut condense = SipHasher24::new_with_key(b"session-risk/key");
        condense.write(secret);
        Self { seeded: SipHasher24::new_with_key(&condense.finish128().as_bytes()) }
    }

    /// A digest without parts so far.
    pub fn begin(&self, role: Role) -> Digest {
        let mut hasher = self.seeded;
        hasher.write_u8(role.number());
        Digest { hasher }
    }

    /// The digest of these parts in their order.
    pub fn digest(&self, role: Role, parts: &[&[u8]]) -> [u8; 16] {
        let mut digest = self.begin(role);
        parts.iter().for_each(|part| digest.part(part));
        digest.finish()
    }

    /// A session key. Never all zero, which means "no entry" in the table.
    pub fn session(&self, parts: &[&[u8]]) -> SessionKey {
        SessionKey::of(self.digest(Role::Session, parts))
    }

    /// 32 bits of a digest, never 0, which means "unknown" wherever these are kept.
    pub fn short(&self, role: Role, parts: &[&[u8]]) -> u32 {
        short(self.digest(role, parts))
    }

    /// 16 bits of a digest, never 0.
    pub fn tiny(&self, role: Role, parts: &[&[u8]]) -> u16 {
        let [a, b, ..] = self.digest(role, parts);
        u16::from_le_bytes([a, b]).max(1)
    }
}

/// 32 bits of a whole digest, never 0.
pub fn short([a, b, c, d, ..]: [u8; 16]) -> u32 {
    u32::from_le_bytes([a, b, c, d]).max(1)
}

/// A digest that is being made, part by part.
#[derive(Clone, Copy)]
pub struct Digest {
    hasher: SipHasher24,
}

impl Digest {
    /// Adds a part with its length, so that no two lists of parts look alike.
    pub fn part(&mut self, part: &[u8]) {
        self.hasher.write(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.hasher.write(part);
    }

    /// The digest of all parts.
    pub fn finish(self) -> [u8; 16] {
        self.hasher.finish128().as_bytes()
    }
}

impl Role {
    const fn number(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::Subject => 2,
            Self::Prefix => 3,
            Self::Fingerprint => 4,
            Self::Binding => 5,
            Self::Scope => 6,
            Self::Endpoint => 7,
            Self::Target => 8,
            Self::Resource => 9,
            Self::Payload => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_roles_and_boundaries_separate_digests() {
        let key = DigestKey::new(b"one secret of 16 bytes");
        let other = DigestKey::new(b"another secret, longer");
        let digest = key.digest(Role::Session, &[b"ab", b"c"]);
        assert_eq!(digest, key.digest(Role::Session, &[b"ab", b"c"]));
        assert_ne!(digest, other.digest(Role::Session, &[b"ab", b"c"]));
        assert_ne!(digest, key.digest(Role::Target, &[b"ab", b"c"]));
        assert_ne!(digest, key.digest(Role::Session, &[b"a", b"bc"]));
    }
}

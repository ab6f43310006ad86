//! Which half a session is in: the one that is tuned on, or the one that is reported on. A subject's sessions are in one
//! half, whatever the order of the trace: what somebody does in one session says much about the next.

use crate::replay::eval::corpus::Corpus;
use siphasher::sip::SipHasher24;
use std::hash::Hasher;

/// Public on purpose: the same trace is split in the same way everywhere, and nobody gains by foreseeing it.
const KEY: &[u8; 16] = b"session-risk/two";

/// For each session of a corpus, whether it is in the tuning half.
pub fn halves(corpus: &Corpus) -> Vec<bool> {
    corpus.lives.iter().map(|life| tuning(&life.subject, &life.session)).collect()
}

/// A keyed hash of the subject decides, and of the session where no subject is known.
fn tuning(subject: &str, session: &str) -> bool {
    let (kind, name) = if subject.is_empty() { (0, session) } else { (1, subject) };
    let mut hasher = SipHasher24::new_with_key(KEY);
    hasher.write_u8(kind);
    hasher.write(name.as_bytes());
    hasher.finish() & 1 == 0
}

//! How well a session's linear counter tells how many targets it touched.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use crate::facts::digest::{DigestKey, Role};

/// Sessions that touched `count` objects with digests as they come: what they are taken to have touched.
fn taken_for(count: u32) -> Vec<u16> {
    let key = DigestKey::new(b"a secret for targets");
    let session = |seed: u32| {
        let mut past = Baseline::default();
        for number in 0..count {
            let name = [seed.to_le_bytes(), number.to_le_bytes()];
            let (byte, bit) = target_bit(key.short(Role::Target, &[name.as_flattened()]));
            past.targets.iter_mut().skip(byte).take(1).for_each(|slot| *slot |= bit);
        }
        past.targets_touched()
    };
    (0..400).map(session).collect()
}

#[test]
fn a_dozen_targets_are_never_taken_for_more_and_hundreds_for_about_as_many() {
    assert!(taken_for(0).iter().all(|taken| *taken == 0));
    for count in 1..=12 {
        assert!(taken_for(count).iter().all(|taken| u32::from(*taken) <= count), "{count}");
    }
    // Count, how far off one in three is at most, and how far the average.
    for (count, spread, bias) in [(12, 1, 1), (50, 4, 1), (100, 8, 2), (200, 18, 6)] {
        let taken = taken_for(count);
        let off = |taken: &&u16| u32::from(**taken).abs_diff(count);
        let far = taken.iter().filter(|taken| off(taken) > spread).count();
        assert!(far * 3 < taken.len(), "{count}: {far} of {} are off by more than {spread}", taken.len());
        let mean = taken.iter().map(|taken| u32::from(*taken)).sum::<u32>() / u32::try_from(taken.len()).unwrap();
        assert!(mean.abs_diff(count) <= bias, "{count}: {mean} on average");
    }
}

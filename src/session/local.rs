//! A store in the VM's own memory, for hosts without shared data. Every worker then has sessions of its own.

use super::table::{Cas, Store, StoreError, Written};
use std::collections::BTreeMap;

/// Values in memory, with compare-and-swap numbers as a shared store would have them.
#[derive(Debug, Default)]
pub struct LocalStore {
    values: BTreeMap<Box<[u8]>, (Cas, Vec<u8>)>,
}

impl Store for LocalStore {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        into.clear();
        Ok(self.values.get(key).map(|(cas, value)| {
            into.extend_from_slice(value);
            *cas
        }))
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        match (self.values.get_mut(key), cas) {
            (Some((stored, old)), Some(cas)) if *stored == cas => {
                *stored = cas.checked_add(1).unwrap_or(Cas::MIN);
                old.clear();
                old.extend_from_slice(value);
                Ok(Written::Stored)
            }
            (None, None) => {
                self.values.insert(key.into(), (Cas::MIN, value.to_vec()));
                Ok(Written::Stored)
            }
            _ => Ok(Written::Mismatch),
        }
    }
}

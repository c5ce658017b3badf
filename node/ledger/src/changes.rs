//! What changed since it was last asked, as bytes for a store.

use crate::codec::Writer;
use crate::ledger::{Ledger, READ_AHEAD};

/// Changed records in the order of their keys, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    bytes: Writer,
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    key_end: usize,
    value_end: usize,
    deleted: bool,
}

impl Changes {
    /// Records, deleted ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.as_slice().len()
    }

    /// Canonical key and value of each record; no value says that it is gone.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let bytes = self.bytes.as_slice();
        let mut start = 0;
        self.items.iter().filter_map(move |item| {
            let key = bytes.get(start..item.key_end)?;
            let value = bytes.get(item.key_end..item.value_end)?;
            start = item.value_end;
            Some((key, (!item.deleted).then_some(value)))
        })
    }
}

impl Ledger {
    /// Takes every record that was sealed since the last call, each as it is now.
    ///
    /// Between [`Ledger::seal`] and the next entry this is exactly what makes
    /// an older copy of [`Ledger::records`] a new one.
    pub fn take_changes(&mut self) -> Changes {
        let records = self.changed.take_sorted();
        let mut changes = Changes::default();
        // Growing would copy all of it again and again.
        let bytes = records.iter().map(|record| self.expected_bytes(*record));
        changes.bytes.reserve(bytes.fold(0, usize::saturating_add));
        changes.items.reserve(records.len());
        for few in records.chunks(READ_AHEAD) {
            self.read_ahead(few.iter().filter_map(|record| record.balances_of()));
            for record in few {
                record.write(&mut changes.bytes);
                let key_end = changes.size_bytes();
                let deleted = self.write_value(*record, &mut changes.bytes).is_none();
                let value_end = changes.size_bytes();
                changes.items.push(Item { key_end, value_end, deleted });
            }
        }
        changes
    }
}

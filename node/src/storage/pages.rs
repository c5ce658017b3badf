//! Pages: records with dense numbers lie in the store many together.
//!
//! A page holds up to 4,096 records whose keys differ only in their last number.
//! A write holds only the records of the page that changed; RocksDB joins what
//! was written to a page when it merges tables, or when the page is read. So a
//! changed account costs its bytes and not a record of RocksDB's.
//!
//! A page is a list of slots in ascending order: the place in the page (u16),
//! the length of the value (u32), the value.

use registry_ledger::{Changes, is_dense};
use rocksdb::MergeOperands;

use super::StorageError;

/// Records of a page.
pub(super) const SLOTS: u32 = 4_096;
const NUMBER_BYTES: usize = size_of::<u32>();
/// Bytes of a slot before its value.
const SLOT_HEADER_BYTES: usize = size_of::<u16>() + size_of::<u32>();

/// What a write does to one key of the store.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Put(&'a [u8]),
    Delete,
    /// Replaces these slots of a page.
    Merge(&'a [u8]),
}

/// Takes the steps that write the changes, in the order of their keys.
pub(super) fn steps(
    changes: &Changes,
    mut take: impl FnMut(&[u8], Step<'_>) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let (mut page, mut next_page) = (Vec::new(), Vec::new());
    let mut slots = Vec::new();
    for (key, value) in changes.iter() {
        let dense = is_dense(key);
        set_page_key(&mut next_page, if dense { key } else { &[] });
        if next_page != page {
            if !slots.is_empty() {
                take(&page, Step::Merge(&slots))?;
                slots.clear();
            }
            std::mem::swap(&mut page, &mut next_page);
        }
        match (dense, value) {
            (true, Some(value)) => push_slot(&mut slots, key, value)?,
            (true, None) => return Err(unfit(key, "is dense and cannot be removed")),
            (false, Some(value)) => take(key, Step::Put(value))?,
            (false, None) => take(key, Step::Delete)?,
        }
    }
    if slots.is_empty() { Ok(()) } else { take(&page, Step::Merge(&slots)) }
}

fn unfit(key: &[u8], why: &str) -> StorageError {
    StorageError::Corrupt { what: "a ledger record".into(), why: format!("{key:02x?} {why}") }
}

/// The records of a page, as keys and values in order.
pub(super) fn records(
    page_key: &[u8],
    page: &[u8],
    mut take: impl FnMut(&[u8], &[u8]),
) -> Result<(), &'static str> {
    const NO_PAGE: &str = "its key is no page's";
    let (prefix, number) = page_key.split_last_chunk::<NUMBER_BYTES>().ok_or(NO_PAGE)?;
    let first = u32::from_be_bytes(*number).checked_mul(SLOTS).ok_or(NO_PAGE)?;
    let mut key = prefix.to_vec();
    for slot in slots(page) {
        let slot = slot.ok_or("its slots do not fit")?;
        let number = first.checked_add(slot.place.into()).ok_or(NO_PAGE)?;
        key.truncate(prefix.len());
        key.extend_from_slice(&number.to_be_bytes());
        take(&key, slot.value);
    }
    Ok(())
}

/// RocksDB's question: what a page is after these writes. No answer means that
/// one of them is corrupt.
pub(super) fn join(_: &[u8], before: Option<&[u8]>, written: &MergeOperands) -> Option<Vec<u8>> {
    join_pages(before.into_iter().chain(written))
}

fn join_pages<'a>(pages: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut newest: Vec<&[u8]> = vec![&[]; SLOTS as usize];
    for page in pages {
        for slot in slots(page) {
            let slot = slot?;
            *newest.get_mut(usize::from(slot.place))? = slot.whole;
        }
    }
    Some(newest.concat())
}

struct Slot<'a> {
    place: u16,
    value: &'a [u8],
    /// The same with its header.
    whole: &'a [u8],
}

/// The slots of a page; `None` for one that is not whole, which ends them.
fn slots(page: &[u8]) -> impl Iterator<Item = Option<Slot<'_>>> {
    let mut rest = Some(page).filter(|page| !page.is_empty());
    std::iter::from_fn(move || {
        let slot = first_slot(rest.take()?);
        rest = slot.as_ref().map(|(_, after)| *after).filter(|after| !after.is_empty());
        Some(slot.map(|(slot, _)| slot))
    })
}

fn first_slot(page: &[u8]) -> Option<(Slot<'_>, &[u8])> {
    let (place, after) = page.split_first_chunk()?;
    let (length, _) = after.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (whole, after) = page.split_at_checked(SLOT_HEADER_BYTES.checked_add(length)?)?;
    let value = &whole[SLOT_HEADER_BYTES..];
    Some((Slot { place: u16::from_be_bytes(*place), value, whole }, after))
}

fn push_slot(slots: &mut Vec<u8>, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
    let number = key.last_chunk().map_or(0, |number| u32::from_be_bytes(*number));
    let place = u16::try_from(number % SLOTS).map_err(|_| unfit(key, "has no place"))?;
    let length = u32::try_from(value.len()).map_err(|_| unfit(key, "is too long"))?;
    slots.extend_from_slice(&place.to_be_bytes());
    slots.extend_from_slice(&length.to_be_bytes());
    slots.extend_from_slice(value);
    Ok(())
}

/// Key of the page that a dense record lies in; nothing for no record.
fn set_page_key(page: &mut Vec<u8>, key: &[u8]) {
    page.clear();
    let Some((prefix, number)) = key.split_last_chunk::<NUMBER_BYTES>() else { return };
    page.extend_from_slice(prefix);
    page.extend_from_slice(&(u32::from_be_bytes(*number) / SLOTS).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn key(number: u32) -> Vec<u8> {
        [&[7][..], &number.to_be_bytes()].concat()
    }

    /// What one write puts into the page of these records.
    fn written(records: &BTreeMap<u32, Vec<u8>>) -> Vec<u8> {
        let mut slots = Vec::new();
        for (number, value) in records {
            push_slot(&mut slots, &key(*number), value).expect("fits");
        }
        slots
    }

    fn read(page_key: &[u8], page: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, &'static str> {
        let mut found = BTreeMap::new();
        records(page_key, page, |key, value| {
            found.insert(key.to_vec(), value.to_vec());
        })?;
        Ok(found)
    }

    #[test]
    fn a_page_is_the_newest_of_each_record_however_the_writes_are_joined() {
        // Numbers of page 2 in a fixed disorder, with values of all lengths.
        let number = |seed: u32| 2 * SLOTS + seed.wrapping_mul(2_654_435_761) % SLOTS;
        let writes: Vec<BTreeMap<u32, Vec<u8>>> = (0..20_u32)
            .map(|round| {
                let value = |seed: u32| vec![round as u8; (seed % 50) as usize];
                (0..300).map(|seed| (number(seed * (round + 1)), value(seed + round))).collect()
            })
            .collect();
        let newest: BTreeMap<Vec<u8>, Vec<u8>> =
            writes.iter().flatten().map(|(number, value)| (key(*number), value.clone())).collect();
        let pages: Vec<Vec<u8>> = writes.iter().map(written).collect();
        let mut page_key = Vec::new();
        set_page_key(&mut page_key, &key(number(1)));
        assert_eq!(page_key, key(2));
        for cut in 0..=pages.len() {
            let (older, newer) = pages.split_at(cut);
            let join = |pages: &[Vec<u8>]| join_pages(pages.iter().map(Vec::as_slice));
            let halves = [join(older).expect("whole"), join(newer).expect("whole")];
            let page = join(&halves).expect("whole");
            assert_eq!(read(&page_key, &page).as_ref(), Ok(&newest));
        }
    }

    #[test]
    fn first_and_last_number_have_a_place() {
        for number in [0, SLOTS - 1, SLOTS, u32::MAX] {
            let page = written(&BTreeMap::from([(number, b"held".to_vec())]));
            let mut page_key = Vec::new();
            set_page_key(&mut page_key, &key(number));
            let found = BTreeMap::from([(key(number), b"held".to_vec())]);
            assert_eq!(read(&page_key, &page), Ok(found));
        }
    }

    #[test]
    fn a_damaged_page_is_neither_joined_nor_read() {
        let page = written(&BTreeMap::from([(5, b"five".to_vec()), (6, b"six".to_vec())]));
        let whole_slots = [0, SLOT_HEADER_BYTES + 4];
        for length in (0..page.len()).filter(|length| !whole_slots.contains(length)) {
            let cut = &page[..length];
            assert_eq!(join_pages([cut].into_iter()), None, "cut to {length}");
            assert!(read(&key(0), cut).is_err(), "cut to {length}");
        }
        let no_place = [&[0x10, 0][..], &page[2..]].concat();
        assert_eq!(join_pages([&no_place[..]].into_iter()), None);
        // The last page has no room for it.
        assert!(read(&key(u32::MAX / SLOTS), &no_place).is_err());
        assert!(read(&key(u32::MAX), &page).is_err(), "there is no such page");
        assert!(read(&[7], &page).is_err(), "no key of a page");
    }
}

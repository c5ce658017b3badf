//! Canonical bytes: big-endian integers, text and lists with their length in
//! front. One value has exactly one encoding.

/// Stored bytes that are not what this version writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("corrupt record {key}: {problem}")]
pub struct CorruptRecord {
    /// The record's key in hexadecimal.
    pub key: String,
    /// What does not fit.
    pub problem: String,
}

/// What a reader found wrong; the caller knows which record it read.
pub(crate) type Problem = String;

/// Appends to a byte string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(128))
    }

    /// What was written since the last [`Writer::clear`].
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Starts anew in the same room.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    /// Numbers that are small as a rule: seven bits a byte, the least significant
    /// first, the high bit set in all bytes of a number but the last.
    pub(crate) fn shorts<const N: usize>(&mut self, values: [i64; N]) {
        const MOST_BYTES: usize = 10;
        let mut bytes = [[0; MOST_BYTES]; N];
        let room = bytes.as_flattened_mut();
        let mut used = 0_usize;
        let mut push = |byte: u8| {
            if let Some(place) = room.get_mut(used) {
                *place = byte;
                used = used.saturating_add(1);
            }
        };
        for value in values {
            let mut rest = value.cast_unsigned();
            while rest >= 0x80 {
                push((rest & 0x7f) as u8 | 0x80);
                rest >>= 7;
            }
            push(rest as u8);
        }
        self.raw(bytes.as_flattened().get(..used).unwrap_or_default());
    }

    /// Number of items that follow, as a short number.
    pub(crate) fn short_count(&mut self, items: usize) {
        match u8::try_from(items) {
            Ok(few) if few < 0x80 => self.u8(few),
            _ => self.shorts([i64::try_from(items).unwrap_or(i64::MAX)]),
        }
    }

    /// Bytes whose number is fixed by the format.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Number of items that follow. Lists are bounded far below u32.
    pub(crate) fn count(&mut self, items: usize) {
        self.u32(u32::try_from(items).unwrap_or(u32::MAX));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    /// A presence byte, then the value.
    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Takes values from the front of a byte string.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// A record value of the given format.
    pub(crate) fn record(bytes: &'a [u8], format: u8) -> Result<Self, Problem> {
        let mut reader = Self(bytes);
        match reader.u8()? {
            found if found == format => Ok(reader),
            found => Err(format!("format {found}, this version reads {format}")),
        }
    }

    /// Nothing may be left over.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("{} bytes too many", self.0.len())) }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| format!("ends {count} bytes short of a value"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Problem> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Problem> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("{other} is no flag")),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Problem> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Problem> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Problem> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Problem> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// A number as [`Writer::shorts`] writes it, and not any longer.
    pub(crate) fn short(&mut self) -> Result<i64, Problem> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = (byte != 0 || shift == 0) && value >> shift == bits;
                return if shortest { Ok(value.cast_signed()) } else { break };
            }
        }
        Err("a short number is too long".to_owned())
    }

    pub(crate) fn text(&mut self) -> Result<String, Problem> {
        let length = self.u32()?;
        let bytes = self.take(usize::try_from(length).map_err(|e| e.to_string())?)?;
        String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// A counted list.
    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let count = self.u32()?;
        // Grown as items appear: a corrupt count must not reserve memory.
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }
}

/// Reads an enum stored as its small number.
pub(crate) fn known<T>(value: Option<T>, what: &str) -> Result<T, Problem> {
    value.ok_or_else(|| format!("unknown {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: i64) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.shorts([value]);
        writer.finish()
    }

    fn read(bytes: &[u8]) -> Result<i64, Problem> {
        let mut reader = Reader::new(bytes);
        let value = reader.short()?;
        reader.finish().map(|()| value)
    }

    #[test]
    fn short_numbers_are_golden() {
        assert_eq!(written(0), [0]);
        assert_eq!(written(127), [0x7f]);
        assert_eq!(written(128), [0x80, 1]);
        assert_eq!(written(300), [0xac, 2]);
        assert_eq!(written(i64::MAX), [[0xff; 8].as_slice(), &[0x7f]].concat());
        assert_eq!(written(-1), [[0xff; 9].as_slice(), &[1]].concat());
        let mut several = Writer::new();
        several.shorts([1, 128, 0]);
        several.short_count(127);
        several.short_count(128);
        assert_eq!(several.finish(), [1, 0x80, 1, 0, 0x7f, 0x80, 1]);
    }

    #[test]
    fn short_numbers_are_read_back() {
        let powers = (0..63).map(|bit| 1_i64 << bit);
        for value in powers.flat_map(|power| [power - 1, power, -power]).chain([i64::MIN]) {
            assert_eq!(read(&written(value)), Ok(value));
        }
    }

    #[test]
    fn a_number_has_one_short_form() {
        let (longer, too_large) = ([0x80, 0], [[0xff; 9].as_slice(), &[2]].concat());
        let endless = [0x80; 11];
        for bytes in [&longer[..], &[0xff, 0x80, 0], &too_large, &endless, &[0x80], &[]] {
            assert!(read(bytes).is_err(), "{bytes:?} was read");
        }
    }
}

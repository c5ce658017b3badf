//! Bytes to values and back, strictly: every value has one encoding.

/// Bytes that are not what `docs/formats.md` says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {problem}")]
pub struct DecodeError {
    /// Bytes read before the one at fault.
    pub at: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads values from the front of some bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the first byte on.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next value.
    ///
    /// # Errors
    /// When the bytes end before it or have no such value.
    pub fn read<T: Wire>(&mut self) -> Result<T, DecodeError> {
        T::read(self)
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => self.fail(format!("{left} bytes are left over")),
        }
    }

    /// An error at the byte that was read last.
    pub(crate) fn bad<T>(&self, problem: impl Into<String>) -> Result<T, DecodeError> {
        Err(DecodeError { at: self.at.saturating_sub(1), problem: problem.into() })
    }

    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, DecodeError> {
        Err(DecodeError { at: self.at, problem: problem.into() })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let left = &self.bytes[self.at..];
        match left.get(..count) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => self.fail(format!("{count} bytes are needed, {} are left", left.len())),
        }
    }
}

/// A value with one encoding.
pub trait Wire: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When the bytes are no such value.
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError>;
    /// Appends it.
    fn put(&self, to: &mut Vec<u8>);
}

/// A value whose bytes are those of its fields, one behind the other.
macro_rules! wire_struct {
    ($name:ident: $($field:ident),+ $(,)?) => {
        impl $crate::journal::bytes::Wire for $name {
            fn read(
                from: &mut $crate::journal::bytes::Reader<'_>,
            ) -> Result<Self, $crate::journal::bytes::DecodeError> {
                Ok(Self { $($field: from.read()?,)+ })
            }
            fn put(&self, to: &mut Vec<u8>) {
                $(self.$field.put(to);)+
            }
        }
    };
}

pub(crate) use wire_struct;

/// A byte as it is.
impl Wire for u8 {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(from.take(1)?[0])
    }
    fn put(&self, to: &mut Vec<u8>) {
        to.push(*self);
    }
}

/// A short number: seven bits a byte, the least significant first, in its
/// shortest form.
impl Wire for u64 {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte: u8 = from.read()?;
            let bits = Self::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return from.bad("a number of more than 64 bits");
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return match byte == 0 && shift > 0 {
                    true => from.bad("a number that is not in its shortest form"),
                    false => Ok(value),
                };
            }
        }
        from.bad("a number of more than 64 bits")
    }
    fn put(&self, to: &mut Vec<u8>) {
        let mut left = *self;
        while left >= 0x80 {
            to.push(u8::try_from(left & 0x7f).unwrap_or_default() | 0x80);
            left >>= 7;
        }
        to.push(u8::try_from(left).unwrap_or_default());
    }
}

/// A short number of 32 bits.
impl Wire for u32 {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let value: u64 = from.read()?;
        value.try_into().or_else(|_| from.bad(format!("{value} has more than 32 bits")))
    }
    fn put(&self, to: &mut Vec<u8>) {
        u64::from(*self).put(to);
    }
}

/// A signed number as a short one: twice the value, or for a negative value
/// twice its distance from -1, plus 1.
impl Wire for i64 {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let short: u64 = from.read()?;
        let half = (short >> 1).cast_signed();
        Ok(if short & 1 == 0 { half } else { !half })
    }
    fn put(&self, to: &mut Vec<u8>) {
        let twice = (self << 1).cast_unsigned();
        (if *self < 0 { !twice } else { twice }).put(to);
    }
}

/// A flag: 0 or 1.
impl Wire for bool {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.read::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            other => from.bad(format!("{other} is no flag")),
        }
    }
    fn put(&self, to: &mut Vec<u8>) {
        to.push((*self).into());
    }
}

/// Length in bytes and UTF-8.
impl Wire for String {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length: u64 = from.read()?;
        let Ok(length) = usize::try_from(length) else { return from.bad("text is too long") };
        let bytes = from.take(length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => from.bad("text is not UTF-8"),
        }
    }
    fn put(&self, to: &mut Vec<u8>) {
        (self.len() as u64).put(to);
        to.extend(self.as_bytes());
    }
}

/// Bytes of a fixed number, such as a hash.
impl<const N: usize> Wire for [u8; N] {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(from.take(N)?);
        Ok(bytes)
    }
    fn put(&self, to: &mut Vec<u8>) {
        to.extend(self);
    }
}

/// 0, or 1 and the value.
impl<T: Wire> Wire for Option<T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(if from.read()? { Some(from.read()?) } else { None })
    }
    fn put(&self, to: &mut Vec<u8>) {
        self.is_some().put(to);
        if let Some(value) = self {
            value.put(to);
        }
    }
}

/// A count and the items.
impl<T: Wire> Wire for Vec<T> {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count: u64 = from.read()?;
        // Every item has a byte at least, so a false count ends with the bytes.
        (0..count).map(|_| from.read()).collect()
    }
    fn put(&self, to: &mut Vec<u8>) {
        (self.len() as u64).put(to);
        self.iter().for_each(|item| item.put(to));
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((from.read()?, from.read()?))
    }
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
    }
}

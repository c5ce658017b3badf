//! A list that grows without moving what it holds.

use std::ops::Range;

/// Items per segment.
const SEGMENT: usize = 4_096;

/// A list in segments of one size: growing copies nothing and needs no more
/// memory than the next segment.
#[derive(Clone, Debug)]
pub(crate) struct Segmented<T> {
    segments: Vec<Vec<T>>,
    length: usize,
}

impl<T> Default for Segmented<T> {
    fn default() -> Self {
        Self { segments: Vec::new(), length: 0 }
    }
}

impl<T> Segmented<T> {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn push(&mut self, item: T) {
        match self.segments.last_mut() {
            Some(segment) if segment.len() < SEGMENT => segment.push(item),
            _ => {
                let mut segment = Vec::with_capacity(SEGMENT);
                segment.push(item);
                self.segments.push(segment);
            }
        }
        self.length = self.length.saturating_add(1);
    }

    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.segments.get(at / SEGMENT)?.get(at % SEGMENT)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.segments.get_mut(at / SEGMENT)?.get_mut(at % SEGMENT)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.segments.iter().flatten()
    }

    /// The items at these places, as far as there are any.
    pub(crate) fn range(&self, places: Range<usize>) -> impl Iterator<Item = &T> + Clone {
        let end = places.end.min(self.length);
        (places.start..end).filter_map(|at| self.get(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_places_across_segments() {
        let mut list = Segmented::default();
        let count = 2 * SEGMENT + 3;
        (0..count).for_each(|item| list.push(item));
        assert_eq!(list.len(), count);
        assert!(list.iter().copied().eq(0..count));
        assert!(list.range(SEGMENT - 1..SEGMENT + 2).copied().eq(SEGMENT - 1..SEGMENT + 2));
        assert!(list.range(count - 1..count + 9).copied().eq(count - 1..count));
        *list.get_mut(SEGMENT).unwrap() = 7;
        assert_eq!((list.get(SEGMENT), list.get(count)), (Some(&7), None));
    }
}

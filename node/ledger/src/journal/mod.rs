//! The journal: every change of the registry as an event, for ever.
//!
//! The ledger keeps the Merkle tree over all events, which is part of its
//! state; the events themselves go to the store and are not kept in memory.

mod event;
mod index;
mod posting;
mod tree;

use crate::codec::{Problem, Reader, Writer, known};
use crate::command::Entry;
use crate::formats::TradesHasher;
use crate::ledger::Ledger;
use crate::records::{FORMAT, RecordKey};
use crate::stored::Stored;
use crate::types::Date;

pub use event::{Event, Subject, What};
pub use posting::{CashPosition, CashPot, GoodsPot, Position, Posting};
pub use tree::{Tree, leaf_hash};

/// What the ledger knows of its events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    tree: Tree,
    /// Of the log entry that is being applied.
    open: Vec<Event>,
    /// Sealed and not taken yet.
    sealed: Vec<SealedEvent>,
    actor: String,
    log_index: u64,
}

/// An event with its number in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedEvent {
    /// From 1.
    pub ordinal: u64,
    /// Its canonical bytes.
    pub bytes: Vec<u8>,
    /// Whose history it belongs to.
    pub subjects: Vec<Subject>,
}

impl Ledger {
    /// The tree over all sealed events.
    #[must_use]
    pub fn journal(&self) -> &Tree {
        &self.journal.tree
    }

    /// Takes the events sealed since the last call.
    pub fn take_events(&mut self) -> Vec<SealedEvent> {
        std::mem::take(&mut self.journal.sealed)
    }

    /// Notes who is behind the events of a command.
    pub(crate) fn attribute_events(&mut self, entry: &Entry) {
        self.attribute_events_to(&entry.actor, entry.log_index);
    }

    pub(crate) fn attribute_events_to(&mut self, actor: &str, log_index: u64) {
        actor.clone_into(&mut self.journal.actor);
        self.journal.log_index = log_index;
    }

    /// Writes down what has just been done. Everything that changes the
    /// registry ends with this.
    pub(crate) fn record(&mut self, what: What, postings: Vec<Posting>) {
        self.touch(RecordKey::Journal);
        let (now, ordinal) = (self.now, self.next_event());
        let journal = &mut self.journal;
        journal.open.push(Event {
            ordinal,
            log_index: journal.log_index,
            ledger_time: now,
            actor: journal.actor.clone(),
            what,
            postings,
        });
    }

    /// Number of the event that will be written down next.
    pub(crate) fn next_event(&self) -> u64 {
        let open = u64::try_from(self.journal.open.len()).unwrap_or(u64::MAX);
        self.journal.tree.leaves().saturating_add(open).saturating_add(1)
    }

    /// Writes down one more single trade; those of one log entry that follow
    /// each other are one event.
    pub(crate) fn record_settled_trade(&mut self, date: Date, sequence: u64) {
        let Journal { open, actor, .. } = &mut self.journal;
        let last = open.last_mut().filter(|event| event.actor == *actor);
        if let Some(Event {
            what: What::TradesSettled { date: of, first_sequence, count, .. }, ..
        }) = last
            && *of == date
            && first_sequence.saturating_add(u64::from(*count)) == sequence
        {
            *count = count.saturating_add(1);
            return;
        }
        // Hashed once the last of them is there.
        let (first_sequence, count, trades_sha256) = (sequence, 1, [0; 32]);
        self.record(What::TradesSettled { date, first_sequence, count, trades_sha256 }, Vec::new());
    }

    /// Appends the entry's events to the tree.
    pub(crate) fn seal_events(&mut self) {
        for mut event in std::mem::take(&mut self.journal.open) {
            if let What::TradesSettled { date, first_sequence, count, trades_sha256 } =
                &mut event.what
            {
                *trades_sha256 = self.hash_trades(*date, *first_sequence, *count);
            }
            let bytes = event.to_bytes();
            self.journal.tree.push(leaf_hash(&bytes));
            let mut subjects = event.subjects();
            subjects.extend(self.trade_subjects(&event.what));
            self.journal.sealed.push(SealedEvent { ordinal: event.ordinal, bytes, subjects });
        }
    }

    fn hash_trades(&self, date: Date, first_sequence: u64, count: u32) -> [u8; 32] {
        let mut hasher = TradesHasher::new(date);
        let first = first_sequence.saturating_sub(1);
        let end = first.saturating_add(count.into());
        if let (Some(day), Ok(first), Ok(end)) =
            (self.days.get(&date), usize::try_from(first), usize::try_from(end))
        {
            day.slots.range(first..end).for_each(|slot| hasher.add(&slot.trade));
        }
        hasher.finish()
    }

    /// Absent before the first event.
    pub(crate) fn write_journal(&self, writer: &mut Writer) -> Option<()> {
        let tree = &self.journal.tree;
        if tree.leaves() == 0 {
            return None;
        }
        writer.u8(FORMAT);
        tree.leaves().write(writer);
        tree.edge().write(writer);
        Some(())
    }
}

impl Journal {
    pub(crate) fn read(value: &[u8]) -> Result<Self, Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let leaves = Stored::read(&mut reader)?;
        let edge = Stored::read(&mut reader)?;
        reader.finish()?;
        let tree = known(Tree::from_parts(leaves, edge), "tree")?;
        Ok(Self { tree, ..Self::default() })
    }
}

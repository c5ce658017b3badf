//! Plays one seed's commands to the model and to the ledger.

use std::collections::BTreeMap;
use std::fmt;

use registry_ledger::{Answer, Entry, Ledger};

use super::compare::{Difference, compare_state, same, without_sentence};
use super::{Model, Rng, Workload};

/// How often each kind of answer was seen.
pub type Seen = BTreeMap<String, u64>;

/// One seed's run.
pub struct Run {
    seed: u64,
    model: Model,
    ledger: Ledger,
    workload: Workload,
    commands: u64,
    check_every: u64,
    /// Log index of the commands that are not sealed yet.
    unsealed: Option<u64>,
    /// Whether one of them may have changed something.
    accepted: bool,
    /// What a store that follows the sealed changes holds.
    store: BTreeMap<Vec<u8>, Vec<u8>>,
    seen: Seen,
}

/// A difference, and how to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The run's seed.
    pub seed: u64,
    /// Number of the command, from 1.
    pub command_number: u64,
    /// The command.
    pub entry: Option<Entry>,
    /// What differs.
    pub difference: Difference,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, command_number, entry, difference } = self;
        writeln!(f, "seed {seed}, command {command_number}: {difference}")?;
        if let Some(entry) = entry {
            writeln!(f, "  {}", shortened(&format!("{entry:?}")))?;
        }
        write!(
            f,
            "replay: REGISTRY_MODEL_SEED={seed} REGISTRY_MODEL_COMMANDS={command_number} \
             cargo test --release -p registry-chaos-tests --test model ledger_answers"
        )
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(3_000).collect();
    if short.len() < text.len() {
        short.push_str(" …");
    }
    short
}

impl Run {
    /// A run of `seed` against `model`; the whole state is compared after every `check_every` commands.
    #[must_use]
    pub fn new(seed: u64, model: Model, check_every: u64) -> Self {
        Self {
            seed,
            model,
            ledger: Ledger::new(),
            workload: Workload::new(seed),
            commands: 0,
            check_every,
            unsealed: None,
            accepted: false,
            store: BTreeMap::new(),
            seen: Seen::new(),
        }
    }

    /// Plays so many commands, then compares the state.
    ///
    /// # Errors
    /// The first difference.
    pub fn play(&mut self, commands: u64) -> Result<&Seen, Box<Failure>> {
        for _ in 0..commands {
            self.step()?;
        }
        self.check().map_err(|difference| self.failure(None, difference))?;
        for name in self.model.encumbrances() {
            *self.seen.entry(name).or_default() += 1;
        }
        Ok(&self.seen)
    }

    fn failure(&self, entry: Option<Entry>, difference: Difference) -> Box<Failure> {
        Box::new(Failure { seed: self.seed, command_number: self.commands, entry, difference })
    }

    fn step(&mut self) -> Result<(), Box<Failure>> {
        let entry = self.workload.next_entry(&self.model);
        self.commands += 1;
        if self.unsealed != Some(entry.log_index) {
            self.seal().map_err(|difference| self.failure(None, difference))?;
            self.unsealed = Some(entry.log_index);
        }
        let expected = self.model.apply(&entry);
        let found = without_sentence(self.ledger.apply(&entry));
        self.note(&found);
        self.accepted |= found.outcome.is_ok();
        same(|| "the answer".to_owned(), &expected, &found)
            .map_err(|difference| self.failure(Some(entry), difference))?;
        if self.commands.is_multiple_of(self.check_every) {
            self.check().map_err(|difference| self.failure(None, difference))?;
        }
        Ok(())
    }

    fn note(&mut self, answer: &Answer) {
        let name = match &answer.outcome {
            Ok(receipt) => {
                let debug = format!("{receipt:?}");
                debug.split([' ', '(']).next().unwrap_or_default().to_owned()
            }
            Err(rejection) => rejection.reason.code().to_owned(),
        };
        *self.seen.entry(name).or_default() += 1;
    }

    /// Ends a log entry: the store follows, and refusals alone leave the digest as it was.
    fn seal(&mut self) -> Result<(), Difference> {
        let before = self.ledger.state_digest();
        let sealed = self.ledger.seal();
        for (key, value) in self.ledger.take_changes().iter() {
            match value {
                Some(value) => self.store.insert(key.to_vec(), value.to_vec()),
                None => self.store.remove(key),
            };
        }
        if !self.accepted {
            same(|| "digest after refusals only".to_owned(), &before, &sealed.state_digest)?;
        }
        self.accepted = false;
        self.unsealed = None;
        let told = (self.ledger.state_digest(), self.ledger.answers_digest());
        same(|| "sealed digests".to_owned(), &(sealed.state_digest, sealed.answers_digest), &told)
    }

    /// Compares the whole state, then goes on with a ledger that was loaded from its records.
    fn check(&mut self) -> Result<(), Difference> {
        self.seal()?;
        compare_state(&self.model, &self.ledger)?;
        let broken = |what: &str, error: String| Difference {
            what: what.to_owned(),
            expected: "no error".to_owned(),
            found: error,
        };
        self.ledger.check_invariants().map_err(|e| broken("invariants", format!("{e:?}")))?;
        let digests = (self.ledger.state_digest(), self.ledger.answers_digest());
        same(|| "recomputed digests".to_owned(), &digests, &self.ledger.recompute_digests())?;
        let mut records = self.ledger.records();
        let stored: Vec<_> = self.store.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        same(|| "records of the sealed changes".to_owned(), &records, &stored)?;
        let mut rng = Rng::new(self.commands);
        for last in (1..records.len()).rev() {
            records.swap(last, rng.below(last as u64 + 1) as usize);
        }
        self.ledger = Ledger::load(records).map_err(|e| broken("loading", format!("{e:?}")))?;
        let loaded = (self.ledger.state_digest(), self.ledger.answers_digest());
        same(|| "digests after loading".to_owned(), &digests, &loaded)?;
        same(|| "records after loading".to_owned(), &stored, &self.ledger.records())
    }
}

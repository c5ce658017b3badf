//! Two callers, each bound to its own city, that ask for different things under the
//! same request id, again and again: one ledger grants at most one of them. Both
//! granted is a split brain.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{ProbeAccount, Sample, deposit, log_index};
use crate::registry::RegistryClient;

/// Both sides ask under a new request id each time so much has passed.
const SLOT: Duration = Duration::from_millis(100);

/// A contest under way.
#[derive(Debug)]
pub struct Contest {
    stop: watch::Sender<bool>,
    sides: Vec<(String, JoinHandle<BTreeMap<u64, Sample>>)>,
    began: Instant,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct ContestLog {
    /// By side: what it asked for, by the number in the request id.
    pub sides: Vec<(String, BTreeMap<u64, Sample>)>,
}

/// A contest counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contested {
    /// Request ids that more than one side asked under.
    pub by_several: usize,
    /// Request ids granted to one side.
    pub granted_once: usize,
    /// Request ids granted to more than one side: split brain.
    pub granted_twice: usize,
}

impl Contest {
    /// Begins; each side is its name and a client that asks the nodes of its city
    /// only. `name` is part of each request id.
    #[must_use]
    pub fn start(sides: Vec<(String, RegistryClient)>, name: &str, account: ProbeAccount) -> Self {
        let (stop, stopped) = watch::channel(false);
        let began = Instant::now();
        let sides = sides.into_iter().enumerate().map(|(side, (city, registry))| {
            let (name, stopped) = (name.to_owned(), stopped.clone());
            // What tells the sides apart: the amount.
            let amount_yuan = format!("0.{:02}", side + 1);
            let task = tokio::spawn(async move {
                let mut asked = BTreeMap::new();
                while !*stopped.borrow() {
                    let slot = began.elapsed().as_millis() / SLOT.as_millis();
                    let slot = u64::try_from(slot).unwrap_or(u64::MAX);
                    if let std::collections::btree_map::Entry::Vacant(free) = asked.entry(slot) {
                        let request = deposit(format!("{name}-{slot}"), account, &amount_yuan);
                        let asked_at = Instant::now();
                        let answer = registry.deposit(request).await;
                        let answer = answer.map(|reply| log_index(reply.stamp));
                        let outcome = answer.map_err(|error| error.to_string());
                        free.insert(Sample { began: asked_at, ended: Instant::now(), outcome });
                    }
                    let next = SLOT * u32::try_from(slot + 1).unwrap_or(u32::MAX);
                    let at = (began + next).max(Instant::now());
                    tokio::time::sleep_until(at.into()).await;
                }
                asked
            });
            (city, task)
        });
        Self { stop, sides: sides.collect(), began }
    }

    /// When it began.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Ends it after what is under way.
    pub async fn stop(self) -> ContestLog {
        self.stop.send_replace(true);
        let sides =
            self.sides.into_iter().map(async |(city, task)| (city, task.await.unwrap_or_default()));
        ContestLog { sides: join_all(sides).await }
    }
}

impl ContestLog {
    /// Counts them.
    #[must_use]
    pub fn counted(&self) -> Contested {
        let mut ids: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
        for (number, sample) in self.sides.iter().flat_map(|(_, asked)| asked) {
            let (asked, granted) = ids.entry(*number).or_default();
            *asked += 1;
            *granted += usize::from(sample.outcome.is_ok());
        }
        let count = |of: fn(&(usize, usize)) -> bool| ids.values().filter(|id| of(id)).count();
        Contested {
            by_several: count(|(asked, _)| *asked > 1),
            granted_once: count(|(_, granted)| *granted == 1),
            granted_twice: count(|(_, granted)| *granted > 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_granted_on_both_sides_is_a_split_brain() {
        let now = Instant::now();
        let sample = |granted: bool| Sample {
            began: now,
            ended: now,
            outcome: if granted { Ok(1) } else { Err("refused".to_owned()) },
        };
        let side = |granted: &[(u64, bool)]| {
            granted.iter().map(|(number, granted)| (*number, sample(*granted))).collect()
        };
        let sides = vec![
            ("shanghai".to_owned(), side(&[(0, true), (1, true), (2, false), (3, true)])),
            ("wuhan".to_owned(), side(&[(0, false), (1, true), (2, false)])),
        ];
        let counted = ContestLog { sides }.counted();
        let expected = Contested { by_several: 3, granted_once: 2, granted_twice: 1 };
        assert_eq!(counted, expected);
    }
}

//! What a probe saw, and what came of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::StreamExt as _;

use super::{ProbeAccount, Sample, deposit, log_index};
use crate::error::ClientError;
use crate::registry::RegistryClient;

/// What each write pays in.
pub(super) const AMOUNT_YUAN: &str = "0.01";
/// Writes asked for again at once.
const CALLERS: usize = 32;
/// Time for one of them.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a probe saw.
#[derive(Clone, Debug)]
pub struct ProbeLog {
    /// Names it: part of each request id.
    pub name: String,
    /// Where it wrote.
    pub account: ProbeAccount,
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Its writes; the place in the list is the number in the request id.
    pub writes: Vec<Sample>,
    /// Its linearizable reads.
    pub reads: Vec<Sample>,
}

/// Whether what was acknowledged is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// Acknowledged writes that were asked for again.
    pub asked: usize,
    /// Those that were answered otherwise than at first: what the answer was.
    pub lost: Vec<String>,
    /// Log positions of the lost ones.
    pub lost_positions: BTreeSet<u64>,
}

pub(super) fn request_id(name: &str, number: usize) -> String {
    format!("{name}-{number}")
}

impl ProbeLog {
    /// Writes that were answered.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.writes.iter().filter(|sample| sample.outcome.is_ok()).count()
    }

    /// What went wrong, writes and reads.
    #[must_use]
    pub fn failures(&self) -> Vec<&str> {
        let all = self.writes.iter().chain(&self.reads);
        all.filter_map(|sample| sample.outcome.as_ref().err().map(String::as_str)).collect()
    }

    /// Longest time in which no write was answered, from the start to the end.
    #[must_use]
    pub fn longest_write_gap(&self) -> Duration {
        longest_gap(&self.writes, self.began, self.ended)
    }

    /// Longest time in which no read was answered.
    #[must_use]
    pub fn longest_read_gap(&self) -> Duration {
        longest_gap(&self.reads, self.began, self.ended)
    }

    /// Longest time between two moments in which no write, or no read, was answered.
    #[must_use]
    pub fn longest_gap_within(&self, from: Instant, until: Instant) -> Duration {
        longest_gap(&self.writes, from, until).max(longest_gap(&self.reads, from, until))
    }

    /// Times without an answered write that lasted so long at least: from and until.
    #[must_use]
    pub fn write_gaps(&self, least: Duration) -> Vec<(Instant, Instant)> {
        let gaps = gaps(&self.writes, self.began, self.ended).into_iter();
        gaps.filter(|(from, until)| until.saturating_duration_since(*from) >= least).collect()
    }

    /// Asks for every acknowledged write again under its own request id: the answer
    /// must be the same, at the same place in the log.
    ///
    /// # Errors
    /// The first that could not be asked for.
    pub async fn presence(&self, registry: &RegistryClient) -> Result<Presence, ClientError> {
        let registry = &registry.with_timeout(PATIENCE);
        let acknowledged = self.writes.iter().enumerate().filter_map(|(number, sample)| {
            sample.outcome.as_ref().ok().map(|position| (number, *position))
        });
        let mut asked = futures::stream::iter(acknowledged)
            .map(async |(number, position)| {
                let id = request_id(&self.name, number);
                let again = registry.deposit(deposit(id.clone(), self.account, AMOUNT_YUAN)).await;
                (id, position, again.map(|reply| log_index(reply.stamp)))
            })
            .buffer_unordered(CALLERS);
        let mut presence = Presence::default();
        while let Some((id, position, again)) = asked.next().await {
            presence.asked += 1;
            let found = match again {
                Ok(again) if again == position => continue,
                Ok(again) => format!("is at {again} now"),
                Err(ClientError::Rejected(rejected)) => format!("is refused now: {rejected}"),
                Err(other) => return Err(other),
            };
            presence.lost_positions.insert(position);
            presence.lost.push(format!("write {id}, acknowledged at {position}, {found}"));
        }
        Ok(presence)
    }
}

fn longest_gap(samples: &[Sample], from: Instant, until: Instant) -> Duration {
    let gaps = gaps(samples, from, until).into_iter();
    let lengths = gaps.map(|(from, until)| until.saturating_duration_since(from));
    lengths.max().unwrap_or_default()
}

/// The times between two answers, the first from the beginning and the last to the end.
fn gaps(samples: &[Sample], from: Instant, until: Instant) -> Vec<(Instant, Instant)> {
    let answered = samples.iter().filter(|sample| sample.outcome.is_ok()).map(|of| of.ended);
    let within = answered.filter(|at| (from..until).contains(at));
    let mut last = from;
    within.chain([until]).map(|at| (std::mem::replace(&mut last, at), at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_counted_within_the_window_and_failures_do_not_end_it() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let sample = |ms, ok: bool| Sample {
            began: at(ms),
            ended: at(ms),
            outcome: if ok { Ok(ms) } else { Err("no".to_owned()) },
        };
        let samples = [
            sample(10, true),
            sample(20, true),
            sample(50, false),
            sample(90, true),
            sample(95, true),
        ];
        assert_eq!(longest_gap(&samples, start, at(100)), Duration::from_millis(70));
        assert_eq!(longest_gap(&samples, at(40), at(100)), Duration::from_millis(50));
        assert_eq!(longest_gap(&samples, at(40), at(80)), Duration::from_millis(40));
        assert_eq!(longest_gap(&[], at(1), at(3)), Duration::from_millis(2));
        let log = ProbeLog {
            name: String::new(),
            account: ProbeAccount { account_id: 1, bank_id: 102 },
            began: start,
            ended: at(130),
            writes: samples.to_vec(),
            reads: vec![],
        };
        let notable = log.write_gaps(Duration::from_millis(35));
        assert_eq!(notable, [(at(20), at(90)), (at(95), at(130))]);
        assert_eq!(log.longest_gap_within(start, at(130)), Duration::from_millis(130), "no reads");
    }
}

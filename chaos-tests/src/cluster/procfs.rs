//! What Linux says of a process: processor time, memory, command line.

use std::fs;

/// `USER_HZ`, in which `/proc/<pid>/stat` counts; 100 on every Linux that
/// Rust's standard targets run on.
const TICKS_PER_SECOND: u64 = 100;

/// Processor time and peak memory of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// User and system time.
    pub cpu_us: u64,
    /// Greatest resident set so far; 0 for a process that has exited.
    pub peak_rss_kib: u64,
    /// Resident set now; 0 for a process that has exited.
    pub rss_kib: u64,
}

impl ProcessUsage {
    /// What the calling process has used so far.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self::of(std::process::id()).unwrap_or_default()
    }

    /// Reads a process that runs or waits to be reaped.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        Some(Self {
            cpu_us: cpu_us(&stat)?,
            peak_rss_kib: kib(&status, "VmHWM:").unwrap_or(0),
            rss_kib: kib(&status, "VmRSS:").unwrap_or(0),
        })
    }

    /// The same node's earlier process and this one, taken together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            cpu_us: self.cpu_us + other.cpu_us,
            peak_rss_kib: self.peak_rss_kib.max(other.peak_rss_kib),
            rss_kib: other.rss_kib,
        }
    }
}

/// Time in which this machine's processors were not idle, of all processes.
#[must_use]
pub fn machine_busy_us() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    busy_ticks(&stat).unwrap_or_default() * (1_000_000 / TICKS_PER_SECOND)
}

/// Arguments of a running process, `None` when there is none.
#[must_use]
pub fn command_line(pid: u32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    Some(arguments.map(|part| String::from_utf8_lossy(part).into_owned()).collect())
}

fn cpu_us(stat: &str) -> Option<u64> {
    // The second field is the name in brackets and may itself hold spaces.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * (1_000_000 / TICKS_PER_SECOND))
}

fn busy_ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
    let ticks: Vec<u64> = line.split_whitespace().map_while(|part| part.parse().ok()).collect();
    Some(ticks.get(..3)?.iter().sum::<u64>() + ticks.get(5..8)?.iter().sum::<u64>())
}

fn kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 9 0 123 456 789";
        assert_eq!(cpu_us(stat), Some(120_000));
    }

    #[test]
    fn peak_memory_is_read_in_kib() {
        let status = "VmPeak:\t  900 kB\nVmHWM:\t  123456 kB\nVmRSS:\t     789 kB\n";
        assert_eq!(kib(status, "VmHWM:"), Some(123_456));
        assert_eq!(kib(status, "VmRSS:"), Some(789));
        assert_eq!(kib("State:\tZ (zombie)\n", "VmHWM:"), None);
    }

    #[test]
    fn idle_time_is_not_busy() {
        let stat = "cpu  1 2 4 1000 2000 8 16 32 9 9\ncpu0 5 5 5 5 5 5 5 5 5 5\n";
        assert_eq!(busy_ticks(stat), Some(63));
        assert_eq!(busy_ticks("intr 5"), None);
    }

    #[test]
    fn this_process_has_used_memory() {
        assert!(ProcessUsage::of_this_process().peak_rss_kib > 0);
    }
}

//! What to do about each reason code: the tables of `docs/errors.md`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const PAGE: &str = include_str!("../../../../docs/errors.md");

/// By reason code.
static REMEDIES: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| rows(PAGE).collect());

/// Reason code and the cell "What to do" of each row.
fn rows(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.trim_end_matches(" |").split(" | ");
        let reason = cells.next()?.trim_end_matches('`');
        Some((reason, cells.nth(2)?))
    })
}

/// The page's sentence.
pub(crate) fn remedy(reason: &str) -> Option<&'static str> {
    REMEDIES.get(reason).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::{self, Asked};
    use crate::exit;
    use crate::task::Task;

    #[test]
    fn every_row_of_the_page_is_found_and_advised_on() {
        let table_rows = PAGE.lines().filter(|line| line.starts_with("| `")).count();
        assert!(table_rows > 100, "{table_rows} rows");
        assert_eq!(REMEDIES.len(), table_rows);
        let asked = Asked { task: Task::Write, role: "registry".to_owned() };
        for (reason, remedy) in rows(PAGE) {
            assert!(remedy.ends_with('.') || remedy.ends_with('`'), "{reason}: {remedy}");
            let advice = advice::for_reason(reason, &asked);
            assert!(!advice.is_empty() && !advice.contains("errors.md"), "{reason}: {advice}");
        }
    }

    #[test]
    fn what_the_page_says_is_said() {
        assert_eq!(remedy("TOO_MANY_PROPOSALS"), Some("Approve, decline or withdraw some first."));
        assert_eq!(remedy("NO_SUCH_REASON"), None);
    }

    #[test]
    fn reasons_that_no_node_gives_are_on_the_page() {
        for reason in exit::OWN_REASONS {
            assert!(PAGE.contains(&format!("- `{reason}`:")), "{reason} is not on the page");
        }
    }
}

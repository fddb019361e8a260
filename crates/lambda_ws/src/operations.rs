#![doc = include_str!("../OPERATIONS.md")]

#[cfg(test)]
mod tests {
    use crate::metrics::Metric;
    use crate::sender::{ACCOUNT_THROTTLED, ALL_GONE};
    use std::collections::BTreeSet;

    const PAGE: &str = include_str!("../OPERATIONS.md");

    fn first_column(heading: &str) -> Vec<&'static str> {
        let (_, section) = PAGE.split_once(heading).expect("the page has it");
        let section = section.split("\n# ").next().unwrap_or_default();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let cells = rows.filter_map(|row| row.split_once(" |").map(|(cell, _)| cell));
        let names = cells.flat_map(|cell| cell.split(", "));
        names.map(|name| name.trim_matches('`')).collect()
    }

    #[test]
    fn the_page_lists_all_metrics_and_no_others() {
        let listed = first_column("# Metrics");
        let known = Metric::ALL.map(|metric| format!("{metric:?}"));
        assert_eq!(listed, known);
    }

    #[test]
    fn the_alarms_are_on_metrics_that_there_are() {
        let known = Metric::ALL.map(|metric| format!("{metric:?}"));
        for name in first_column("# Alarms") {
            let is_aws = name.starts_with("AWS/");
            assert!(is_aws || known.contains(&name.to_owned()), "{name}");
        }
    }

    #[test]
    fn the_queries_are_for_members_and_messages_that_lines_have() {
        let listed: BTreeSet<_> = first_column("# Logs").into_iter().collect();
        let blocks: Vec<_> = PAGE.split("```").skip(1).step_by(2).collect();
        let queries = blocks.iter().filter(|block| block.starts_with("text"));
        let logged = [ACCOUNT_THROTTLED, ALL_GONE];
        let mut messages = 0;
        for query in queries {
            for word in query.split(|c: char| !c.is_ascii_alphanumeric() && c != '@') {
                let is_member = word.ends_with("Id") || ["connection", "request"].contains(&word);
                assert!(!is_member || listed.contains(word), "{word}");
            }
            for message in query.split('"').skip(1).step_by(2) {
                if message.contains(' ') {
                    messages += 1;
                    assert!(logged.contains(&message), "`{message}` is not logged");
                }
            }
        }
        assert!(messages > 0);
    }
}

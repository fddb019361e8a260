//! Files that a text shows, each in a code block below its name.

use std::path::Path;

/// The files of a section of a markdown text: name and content. A file is a line that names it in
/// backticks, followed by a code block.
///
/// # Panics
///
/// If there is no such section.
pub fn files(markdown: &str, section: &str) -> Vec<(String, String)> {
    let mut lines = section_of(markdown, section).into_iter();
    let mut files = Vec::new();
    let mut named: Option<String> = None;
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.starts_with("```") {
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            let content: String = block.flat_map(|line| [line, "\n"]).collect();
            if let Some(name) = named.take() {
                files.push((name, content));
            }
        } else if !line.is_empty() {
            let name = line.split('`').nth(1);
            let is_file =
                |name: &&str| Path::new(name).extension().is_some() && !name.contains(' ');
            named = name.filter(is_file).map(str::to_owned);
        }
    }
    files
}

/// The lines below a heading, up to the next one of its level or above.
fn section_of<'a>(markdown: &'a str, section: &str) -> Vec<&'a str> {
    let level = |line: &str| line.len() - line.trim_start_matches('#').len();
    let mut in_block = false;
    let mut found = None;
    let mut inside = Vec::new();
    for line in markdown.lines() {
        in_block ^= line.trim_start().starts_with("```");
        let heading = !in_block && line.starts_with('#');
        match found {
            None if heading && line.to_lowercase().contains(&section.to_lowercase()) => {
                found = Some(level(line));
            }
            Some(depth) if heading && level(line) <= depth => break,
            Some(_) => inside.push(line),
            None => {}
        }
    }
    assert!(found.is_some(), "there is no section `{section}`");
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_block_below_its_name() {
        let text = "# A\n`no.rs`\n```\nx\n```\n## Your own project\n\nFirst `a.toml`:\n\n```toml\n# b\na = 1\n```\n\
                    ### More\n`src/main.rs`\n```rust\nfn main() {}\n```\nRun `cargo run`:\n```sh\nx\n```\n# B\n`c.rs`\n```\n```\n";
        let files = files(text, "your own project");
        let expected = [
            ("a.toml", "# b\na = 1\n"),
            ("src/main.rs", "fn main() {}\n"),
        ];
        assert_eq!(files, expected.map(|(n, c)| (n.to_owned(), c.to_owned())));
    }
}

//! Aligned columns.

/// Returns the lines of a table whose columns are aligned. The last column is not padded.
pub(super) fn lines(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Returns a text that cannot control a terminal: names come from clients.
pub(super) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() || is_direction(character) {
            true => safe.extend(character.escape_unicode()),
            false => safe.push(character),
        }
    }
    safe
}

/// Returns whether a character changes the direction of text.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["ID", "USER"]),
            row(["\u{e9}\u{e9}\u{e9}", "x"]),
            row(["b", ""]),
        ];
        let expected = ["ID   USER", "\u{e9}\u{e9}\u{e9}  x", "b"];
        assert_eq!(lines(&rows), expected);
        assert_eq!(lines(&[]), [""; 0]);
    }

    #[test]
    fn a_name_cannot_control_the_terminal() {
        assert_eq!(safe("tea \u{1f375} b\u{e9}"), "tea \u{1f375} b\u{e9}");
        let evil = "\u{1b}[2J\n\u{7}\u{9b}\u{202e}";
        let safe = safe(evil);
        assert_eq!(safe, r"\u{1b}[2J\u{a}\u{7}\u{9b}\u{202e}");
    }
}

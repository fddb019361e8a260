use super::*;
use proptest::prelude::*;
use std::fmt::Write;

#[test]
fn the_expansion_of_aliases_is_limited() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").unwrap();
    }
    let expected = "aliases expand to more than";
    assert!(errors(&text).contains(expected), "{}", errors(&text));
}

#[test]
fn the_length_of_strings_is_limited() {
    let mut text =
        "Resources:\n  T0: { Type: AWS::DynamoDB::Table, Properties: { TableName: aaaaaaaaaa } }\n"
            .to_owned();
    for level in 1..60 {
        let last = level - 1;
        writeln!(text, "  T{level}: {{ Type: AWS::DynamoDB::Table, Properties: {{ TableName: !Sub '${{T{last}}}${{T{last}}}' }} }}").unwrap();
    }
    assert!(errors(&text).contains("the string is longer than"));
}

#[test]
fn the_depth_of_nesting_is_limited() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("!Sub [", "]")] {
        for depth in [60, 250, 300, 5_000] {
            let text = format!("Resources: {}{}", open.repeat(depth), close.repeat(depth));
            errors(&text);
        }
    }
    let block: String = (0..3_000)
        .map(|depth| format!("{}a:\n", " ".repeat(depth % 500)))
        .collect();
    errors(&block);
    let dashes = format!("a: {}", "- ".repeat(10_000));
    errors(&dashes);
    errors(&format!("a:\n  {}x", "- ".repeat(10_000)));
}

#[test]
fn a_long_chain_of_names_does_not_exhaust_the_stack() {
    let mut text = "Resources:\n  T0: { Type: AWS::DynamoDB::Table }\n".to_owned();
    for level in 1..5_000 {
        writeln!(
            text,
            "  T{level}: {{ Type: AWS::DynamoDB::Table, Properties: {{ TableName: !Ref T{} }} }}",
            level - 1
        )
        .unwrap();
    }
    // The evaluation starts at the last name, because then no value is cached.
    let text = format!(
        "{text}  F:\n    Type: AWS::Lambda::Function\n    Properties: {{ FunctionName: !Ref T4999 }}\n"
    );
    errors(&text);
    let mut text = "Conditions:\n  C0: !Equals [a, a]\n".to_owned();
    for level in 1..5_000 {
        writeln!(
            text,
            "  C{level}: !And [!Condition C{0}, !Condition C{0}]",
            level - 1
        )
        .unwrap();
    }
    errors(&format!(
        "{text}Resources:\n  T: {{ Type: AWS::SQS::Queue, Condition: C4999 }}\n"
    ));
}

#[test]
fn a_file_larger_than_the_limit_of_cloudformation_is_rejected() {
    assert!(errors(&"#".repeat(1024 * 1024 + 1)).contains("is larger than 1048576 bytes"));
}

/// Strings with a meaning in YAML or CloudFormation.
const PIECES: &[&str] = &[
    "\n",
    "  ",
    "\t",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "!",
    "!Ref ",
    "!Sub ",
    "!If ",
    "!GetAtt ",
    "&a ",
    "*a",
    "<<: ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "#",
    "%",
    "---\n",
    "...\n",
    "?",
    "${",
    "}",
    "Chat",
    "ChatApi",
    "Fn::Join",
    "null",
    "99999999999",
    "-1",
    "é",
    "\u{0}",
    "\u{feff}",
    "AWS::NoValue",
    "$connect",
    "Properties",
    "Resources:",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// A template with random changes is read or rejected with an error.
    #[test]
    fn a_changed_template_is_read_or_rejected(
        raw in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, prop::sample::select(PIECES)), 1..6),
    ) {
        let mut letters: Vec<char> = if raw { RAW } else { SAM }.chars().collect();
        for (place, length, piece) in changes {
            let from = place.index(letters.len());
            let to = (from + length).min(letters.len());
            letters.splice(from..to, piece.chars());
        }
        let text: String = letters.into_iter().collect();
        if let Err(error) = parse(&text, &Options::default()) {
            prop_assert!(!error.is_empty());
        }
    }

    /// A random selection of lines is read or rejected.
    #[test]
    fn shuffled_lines_are_read_or_rejected(
        lines in prop::collection::vec(prop::sample::select(SAM.lines().chain(RAW.lines()).collect::<Vec<_>>()), 0..80),
    ) {
        let _ = parse(&lines.join("\n"), &Options::default());
    }

    #[test]
    fn any_text_is_read_or_rejected(text in "(?s)[-a-c0-2:!&*%@#'\"|>?{}\\[\\], \t\r\n\u{e9}\u{0}$.~<]{0,60}") {
        let _ = parse(&text, &Options::default());
    }
}

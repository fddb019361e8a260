//! Names of packages that cargo accepts.

/// The dependencies of the project. Cargo rejects a package that depends on its own name.
const DEPENDENCIES: [&str; 3] = ["lambda_ws", "serde", "tokio"];
/// Names that cargo reserves: crates of the standard library, and its folders.
const TAKEN: [&str; 9] = [
    "alloc",
    "build",
    "core",
    "deps",
    "examples",
    "incremental",
    "proc_macro",
    "std",
    "test",
];
const KEYWORDS: [&str; 53] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "_",
];
/// crates.io's limit.
const LONGEST: usize = 64;

/// Checks that cargo, cargo-lambda and templates accept a name.
pub(super) fn check(name: &str) -> Result<String, String> {
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    let other = |letter: char| first(letter) || letter.is_ascii_digit() || letter == '-';
    if !name.starts_with(first) || !name.chars().all(other) || name.len() > LONGEST {
        return Err(format!(
            "not a valid package name: expected a letter, then letters, digits, `-` and `_`, at most {LONGEST} in total; try `tea-room`"
        ));
    }
    if KEYWORDS.contains(&name) {
        return Err(format!("`{name}` is a keyword of Rust; try `my-{name}`"));
    }
    if DEPENDENCIES.contains(&name) || TAKEN.contains(&name) {
        return Err(format!(
            "`{name}` is the name of a crate or folder that the project uses; try `my-{name}`"
        ));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_cargo_takes() {
        for name in ["tea", "tea-room", "tea_room2", "T", "_tea"] {
            assert_eq!(check(name), Ok(name.to_owned()));
        }
        let long = "a".repeat(65);
        for name in [
            "", "2tea", "-tea", "tea room", "tea/room", "..", "tée", "fn", "self", "_", "test",
            "std", "tokio", &long,
        ] {
            let said = check(name).expect_err(name);
            assert!(said.contains("; try `"), "{said}");
        }
    }
}

//! The files of a new project.

pub(super) struct File {
    pub(super) path: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($path:literal in $source:literal),* $(,)?) => {
        &[$(File { path: $path, text: include_str!(concat!("../../../new/", $source)) }),*]
    };
}

/// The files of every project.
const SHARED: &[File] = files![
    // Cargo does not package folders that contain a `Cargo.toml`.
    "Cargo.toml" in "Cargo.toml.template",
    "events/1-connect.json" in "events/1-connect.json",
    "events/2-join.json" in "events/2-join.json",
    "events/3-say.json" in "events/3-say.json",
    "events/4-disconnect.json" in "events/4-disconnect.json",
    "src/main.rs" in "src/main.rs",
];
const SAM: &[File] = files![
    ".gitignore" in "sam/.gitignore",
    "README.md" in "sam/README.md",
    "template.yaml" in "sam/template.yaml",
];
const CDK: &[File] = files![
    ".gitignore" in "cdk/.gitignore",
    "README.md" in "cdk/README.md",
    "app.ts" in "cdk/app.ts",
    "cdk.json" in "cdk/cdk.json",
    "package.json" in "cdk/package.json",
    "tsconfig.json" in "cdk/tsconfig.json",
];

/// The tool that deploys a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Deploy {
    /// AWS SAM, with a template.yaml
    #[default]
    Sam,
    /// The AWS CDK in TypeScript, with an app.ts
    Cdk,
}

impl Deploy {
    /// Returns the files of a project that this tool deploys.
    pub(super) fn files(self) -> impl Iterator<Item = &'static File> {
        let own = match self {
            Self::Sam => SAM,
            Self::Cdk => CDK,
        };
        SHARED.iter().chain(own)
    }
}

impl File {
    /// Returns the text with the name and the library filled in.
    pub(super) fn filled(&self, name: &str, library: &str) -> String {
        self.text
            .replace("{{ project_name }}", name)
            .replace("{{ lambda_ws }}", library)
            .replace("{{ stack_name }}", &stack_name(name))
    }
}

/// Returns a name of a CloudFormation stack: a letter, then letters, digits and `-`. A package can also contain `_`.
fn stack_name(package: &str) -> String {
    let name = package.replace('_', "-");
    match name.trim_start_matches('-') {
        name if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) => name.to_owned(),
        name => format!("app-{name}").trim_end_matches('-').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_blank_is_filled() {
        for file in Deploy::Sam.files().chain(Deploy::Cdk.files()) {
            let text = file.filled("tea", "\"0.1\"");
            assert!(!text.contains("{{"), "{}: {text}", file.path);
            assert!(!text.contains("{%"), "{}: {text}", file.path);
        }
    }

    #[test]
    fn a_stack_has_a_name_that_cloudformation_accepts() {
        for (package, expected) in [
            ("tea-room", "tea-room"),
            ("tea_room2", "tea-room2"),
            ("_tea", "tea"),
            ("__", "app"),
            ("_2tea", "app-2tea"),
        ] {
            assert_eq!(stack_name(package), expected);
        }
    }

    #[test]
    fn the_app_of_the_cdk_has_at_most_60_lines_of_code() {
        let app = Deploy::Cdk.files().find(|file| file.path == "app.ts");
        let lines = app.expect("an app").text.lines().map(str::trim);
        let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
        assert!(code.count() <= 60);
    }

    #[test]
    fn the_folder_holds_nothing_else() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("new");
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).expect("a folder") {
                let path = entry.expect("a file").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path
                    .strip_prefix(&folder)
                    .expect("inside")
                    .to_string_lossy()
                    .into_owned();
                let known = [(SHARED, ""), (SAM, "sam/"), (CDK, "cdk/")]
                    .into_iter()
                    .any(|(files, folder)| {
                        let name = name.strip_prefix(folder).unwrap_or_default();
                        let name = name.strip_suffix(".template").unwrap_or(name);
                        files.iter().any(|file| file.path == name)
                    });
                assert!(known, "{name} is left out of new projects");
            }
        }
    }
}

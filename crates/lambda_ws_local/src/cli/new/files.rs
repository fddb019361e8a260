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

pub(super) const FILES: &[File] = files![
    ".gitignore" in ".gitignore",
    // Cargo does not package folders that contain a `Cargo.toml`.
    "Cargo.toml" in "Cargo.toml.template",
    "README.md" in "README.md",
    "events/1-connect.json" in "events/1-connect.json",
    "events/2-join.json" in "events/2-join.json",
    "events/3-say.json" in "events/3-say.json",
    "events/4-disconnect.json" in "events/4-disconnect.json",
    "src/main.rs" in "src/main.rs",
    "template.yaml" in "template.yaml",
];

impl File {
    /// Returns the text with the name and the library filled in.
    pub(super) fn filled(&self, name: &str, library: &str) -> String {
        self.text
            .replace("{{ project_name }}", name)
            .replace("{{ lambda_ws }}", library)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_blank_is_filled() {
        for file in FILES {
            let text = file.filled("tea", "\"0.1\"");
            assert!(!text.contains("{{"), "{}: {text}", file.path);
            assert!(!text.contains("{%"), "{}: {text}", file.path);
        }
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
                let name = name.strip_suffix(".template").unwrap_or(&name);
                let known = FILES.iter().any(|file| file.path == name);
                assert!(known, "{name} is left out of new projects");
            }
        }
    }
}

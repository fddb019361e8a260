//! The size of the program that is deployed, and of a small program with each feature.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use tests::bench::{Goal, Table};

/// A megabyte has 1 000 000 bytes, as in the command line tools of AWS.
const MB: f64 = 1e6;

/// Makes the archive that is deployed, and prints its size.
const ZIP: &str = "import io, sys, zipfile\n\
    archive = io.BytesIO()\n\
    with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as out:\n\
    \tout.write(sys.argv[1], 'bootstrap')\n\
    print(len(archive.getvalue()))";

/// The features that add code to a program, each with its use in the package `size`.
const FEATURES: [Option<&str>; 4] = [None, Some("jwt"), Some("http"), Some("otel")];

pub(super) fn measure() -> Result<Vec<Table>, Box<dyn Error>> {
    Ok(vec![chat()?, features()?])
}

fn features() -> Result<Table, Box<dyn Error>> {
    let title = "a small program with one feature, in MB";
    let mut table = Table::new(title, "size", &[]);
    let size = |feature| {
        let program = tests::small_function(feature);
        let bytes = std::fs::metadata(&program)?.len();
        Ok::<_, Box<dyn Error>>([bytes as f64 / MB, zipped(&program)? as f64 / MB])
    };
    for feature in FEATURES {
        let name = feature.unwrap_or("the default features");
        let [program, zip] = size(feature)?;
        table.add(&format!("{name}: the program, stripped"), "size", program);
        table.add(&format!("{name}: its ZIP file"), "size", zip);
    }
    Ok(table)
}

fn chat() -> Result<Table, Box<dyn Error>> {
    let program = tests::deployed_chat();
    let mut table = Table::new(
        "the chat as it is deployed, in MB of 1 000 000 bytes",
        "chat",
        &[],
    );
    let figures = [
        (
            "the program, stripped",
            std::fs::metadata(&program)?.len(),
            6.0,
            4.5,
        ),
        ("its ZIP file", zipped(&program)?, 2.6, 2.6),
    ];
    for (name, bytes, must, stretch) in figures {
        table.add(name, "chat", bytes as f64 / MB);
        table.goal(name, Goal::AtMost { must, stretch });
    }
    Ok(table)
}

fn zipped(program: &Path) -> Result<u64, Box<dyn Error>> {
    let python = Command::new("python3")
        .args(["-c", ZIP])
        .arg(program)
        .output();
    let output = python.map_err(|error| format!("python3 makes the ZIP file: {error}"))?;
    let text = String::from_utf8(output.stdout)?;
    let error = || String::from_utf8_lossy(&output.stderr).into_owned();
    text.trim().parse().map_err(|_| error().into())
}

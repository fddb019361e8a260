//! The sizes of the archives that are deployed.

use std::path::Path;
use std::process::Command;

/// Writes the archive of a program, or of a folder without what a package manager leaves in it, and prints its size.
const ZIP: &str = "import io, os, sys, zipfile\n\
    path, archive = sys.argv[1], io.BytesIO()\n\
    with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as out:\n\
    \tif os.path.isfile(path):\n\
    \t\tout.write(path, 'bootstrap')\n\
    \tfor folder, _, files in os.walk(path):\n\
    \t\tif '__pycache__' in folder:\n\
    \t\t\tcontinue\n\
    \t\tfor file in files:\n\
    \t\t\tname = os.path.join(folder, file)\n\
    \t\t\tout.write(name, os.path.relpath(name, path))\n\
    print(len(archive.getvalue()))";

/// Returns the size of the ZIP archive of a file or a folder in KB of 1 000 bytes.
pub(super) fn kilobytes(path: &Path) -> Result<f64, String> {
    let python = Command::new("python3").args(["-c", ZIP]).arg(path).output();
    let output = python.map_err(|error| format!("python3 does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let bytes: f64 = text.trim().parse().map_err(|_| {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        format!("cannot archive {}: {error}", path.display())
    })?;
    Ok(bytes / 1e3)
}

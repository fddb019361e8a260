"""The deployed program."""

import subprocess
import unittest
import zipfile

from harness.programs import ROOT, TARGET, environment_without_aws

# In bytes. A cold start loads the program, and downloads the archive.
PROGRAM = 6_000_000
ARCHIVE = 2_600_000


class Build(unittest.TestCase):
    def test_cargo_lambda_makes_an_archive_that_is_small(self):
        folder = TARGET / "tools/lambda"
        command = ["cargo", "lambda", "build", "--release", "--x86-64", "--output-format", "zip", "--package", "chat"]
        command += ["--lambda-dir", str(folder)]
        subprocess.run(command, cwd=ROOT, env=environment_without_aws(), check=True)
        archive = folder / "chat/bootstrap.zip"
        [program] = zipfile.ZipFile(archive).infolist()
        self.assertEqual(program.filename, "bootstrap")
        self.assertTrue(program.external_attr >> 16 & 0o111, "it can be executed")
        self.assertLess(program.file_size, PROGRAM)
        self.assertLess(archive.stat().st_size, ARCHIVE)

"""The program as it is deployed."""

import subprocess
import unittest
import zipfile

import toolchain

# In bytes. A cold start loads the one, and fetches the other.
PROGRAM = 6_000_000
ARCHIVE = 2_600_000


class Build(unittest.TestCase):
    def test_cargo_lambda_makes_an_archive_that_is_small(self):
        folder = toolchain.TARGET / "tools/lambda"
        command = ["cargo", "lambda", "build", "--release", "--x86-64", "--output-format", "zip", "--package", "chat"]
        command += ["--lambda-dir", str(folder)]
        subprocess.run(command, cwd=toolchain.ROOT, env=toolchain.bare(), check=True)
        archive = folder / "chat/bootstrap.zip"
        [program] = zipfile.ZipFile(archive).infolist()
        self.assertEqual(program.filename, "bootstrap")
        self.assertTrue(program.external_attr >> 16 & 0o111, "it can be executed")
        self.assertLess(program.file_size, PROGRAM)
        self.assertLess(archive.stat().st_size, ARCHIVE)


if __name__ == "__main__":
    unittest.main()

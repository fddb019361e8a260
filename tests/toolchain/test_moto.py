"""The function against another DynamoDB and another management API than those of the gateway: moto's."""

import contextlib
import os
import re
import subprocess
import tempfile
import unittest

import toolchain
from gateway import PATIENCE, ROOT, serve

TABLE = {
    "TableName": "Connections",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ],
}


class Moto(unittest.TestCase):
    def setUp(self):
        toolchain.build("--bin=chat")
        port = toolchain.free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = self.enterContext(tempfile.TemporaryFile("w+"))
        command = [toolchain.TOOLS / "moto_server", "--host", "127.0.0.1", "--port", str(port)]
        moto = self.enterContext(toolchain.running(command, env=toolchain.bare(), stderr=self.log))
        toolchain.listens(moto, port)
        import boto3

        account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        boto3.client("dynamodb", endpoint_url=self.url, **account).create_table(**TABLE)

    @contextlib.contextmanager
    def gateway(self):
        """A gateway whose function keeps its connections in moto."""
        with serve("--", "env", f"AWS_ENDPOINT_URL_DYNAMODB={self.url}", str(toolchain.CHAT)) as gateway:
            gateway.dynamodb = self.url
            yield gateway

    def test_two_people_chat(self):
        with self.gateway() as gateway:
            toolchain.chat(self, gateway)

    def test_its_dynamodb_is_a_store(self):
        command = ["cargo", "run", "--quiet", "--package", "tests", "--bin", "conformance", "--", self.url]
        subprocess.run(command, cwd=ROOT, check=True, timeout=1200)

    def test_its_management_api_is_posted_to(self):
        files = [f"events/{name}.json" for name in ("connect", "who", "say", "disconnect-by-client")]
        endpoints = ["--dynamodb-endpoint", self.url, "--management-endpoint", f"{self.url}/dev"]
        command = ["cargo", "dev", "invoke", *files, *endpoints, "--", str(toolchain.CHAT)]
        done = subprocess.run(command, cwd=ROOT, timeout=PATIENCE, text=True, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.log.seek(0, os.SEEK_SET)
        posted = re.findall(r'"POST /dev/(?:@|%40)connections/\S+ HTTP/1.1" (\d+)', self.log.read())
        # Of `who` and `say`: the greeting is a task.
        self.assertGreaterEqual(len(posted), 2)
        self.assertEqual(set(posted), {"200"})


if __name__ == "__main__":
    unittest.main()

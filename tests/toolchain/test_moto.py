"""The function against another DynamoDB than that of the gateway, and against another management API: moto's."""

import contextlib
import json
import subprocess
import types
import unittest
import urllib.parse

import toolchain
from gateway import ROOT, serve

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


def create_table(url):
    import boto3

    account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("dynamodb", endpoint_url=url, **account).create_table(**TABLE)


class Moto(unittest.TestCase):
    def setUp(self):
        toolchain.build("--bin=chat")
        port = toolchain.free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [toolchain.TOOLS / "moto_server", "--host", "127.0.0.1", "--port", str(port)]
        moto = self.enterContext(toolchain.running(command, env=toolchain.bare(), stderr=subprocess.DEVNULL))
        toolchain.listens(moto, port)
        create_table(self.url)

    @contextlib.contextmanager
    def gateway(self):
        """A gateway whose function keeps its connections in moto."""
        with serve("--", "env", f"AWS_ENDPOINT_URL_DYNAMODB={self.url}", str(toolchain.CHAT)) as gateway:
            gateway.dynamodb = self.url
            yield gateway

    def test_two_people_chat(self):
        with self.gateway() as gateway:
            toolchain.chat(self, gateway)


class Management(unittest.TestCase):
    def test_what_a_client_is_answered_is_posted_to_another_management_api(self):
        from moto.apigatewaymanagementapi.models import apigatewaymanagementapi_backends as backends
        from moto.server import ThreadedMotoServer

        toolchain.build("--bin=chat")
        # In this process, so that what it was sent can be looked at.
        moto = ThreadedMotoServer("127.0.0.1", port=0)
        moto.start()
        self.addCleanup(moto.stop)
        host, port = moto.get_host_and_port()
        url = f"http://{host}:{port}"
        create_table(url)
        files = [ROOT / "events/connect.json", ROOT / "events/who.json"]
        toolchain.expected(types.SimpleNamespace(dynamodb=url, management=url), files)
        client = json.loads(files[-1].read_text())["requestContext"]["connectionId"]
        [account] = backends.values()
        # It names connections as their paths do, and puts what each was sent together.
        said = account["us-east-1"].connections[urllib.parse.quote(client)].data.decode()
        self.assertIn('{"type":"members","room":"lobby","users":["ann"]}', said)


if __name__ == "__main__":
    unittest.main()

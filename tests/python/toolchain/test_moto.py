"""The function uses the DynamoDB and the management API of moto."""

import contextlib
import json
import types
import unittest
import urllib.parse
import urllib.request

from harness import emulators
from harness.client import chat
from harness.gateway import serve
from harness.programs import CHAT, ROOT, build

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
        import boto3
        from moto.server import ThreadedMotoServer

        build("chat")
        # In this process, so that a test can read what it received.
        moto = ThreadedMotoServer("127.0.0.1", port=0)
        moto.start()
        self.addCleanup(moto.stop)
        self.url = "http://{}:{}".format(*moto.get_host_and_port())
        # All servers of this process share their state.
        urllib.request.urlopen(f"{self.url}/moto-api/reset", b"").close()
        account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        boto3.client("dynamodb", endpoint_url=self.url, **account).create_table(**TABLE)

    @contextlib.contextmanager
    def gateway(self):
        """Serves a gateway whose function keeps its connections in moto."""
        with serve("--", "env", f"AWS_ENDPOINT_URL_DYNAMODB={self.url}", str(CHAT)) as gateway:
            gateway.dynamodb = self.url
            yield gateway

    def test_two_users_chat(self):
        with self.gateway() as gateway:
            chat(self, gateway)

    def test_a_response_is_posted_to_another_management_api(self):
        from moto.apigatewaymanagementapi.models import apigatewaymanagementapi_backends as backends

        files = [ROOT / "events/connect.json", ROOT / "events/who.json"]
        emulators.invoke_directly(types.SimpleNamespace(dynamodb=self.url, management=self.url), files)
        client = json.loads(files[-1].read_text())["requestContext"]["connectionId"]
        [account] = backends.values()
        # Its ids are percent-encoded. It appends the posts to a connection.
        said = account["us-east-1"].connections[urllib.parse.quote(client)].data.decode()
        self.assertIn('{"type":"members","room":"lobby","users":["ann"]}', said)

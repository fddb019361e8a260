"""The function against another DynamoDB than that of the gateway, and against another management API: moto's."""

import contextlib
import json
import types
import unittest
import urllib.parse
import urllib.request

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


class Moto(unittest.TestCase):
    def setUp(self):
        import boto3
        from moto.server import ThreadedMotoServer

        toolchain.build("--bin=chat")
        # In this process, so that what it was sent can be looked at.
        moto = ThreadedMotoServer("127.0.0.1", port=0)
        moto.start()
        self.addCleanup(moto.stop)
        self.url = "http://{}:{}".format(*moto.get_host_and_port())
        # What it has, it has for all of this process's.
        urllib.request.urlopen(f"{self.url}/moto-api/reset", b"").close()
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

    def test_what_a_client_is_answered_is_posted_to_another_management_api(self):
        from moto.apigatewaymanagementapi.models import apigatewaymanagementapi_backends as backends

        files = [ROOT / "events/connect.json", ROOT / "events/who.json"]
        toolchain.expected(types.SimpleNamespace(dynamodb=self.url, management=self.url), files)
        client = json.loads(files[-1].read_text())["requestContext"]["connectionId"]
        [account] = backends.values()
        # It names connections as their paths do, and puts what each was sent together.
        said = account["us-east-1"].connections[urllib.parse.quote(client)].data.decode()
        self.assertIn('{"type":"members","room":"lobby","users":["ann"]}', said)


if __name__ == "__main__":
    unittest.main()

"""The policies allow exactly the calls of the function."""

import fnmatch
import unittest

from harness.client import Client, chat, has_connections
from harness.gateway import serve
from harness.programs import ROOT, TARGET, TIMEOUT, build_examples
from samcli.yamlhelper import yaml_parse
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SERVICES = {"dynamodb", "execute-api", "lambda"}


def allowed():
    """Returns the actions and resources of the template's policies: ARNs without account, region and API."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    documents = list(resources["Chat"]["Properties"]["Policies"])
    documents += [
        resource["Properties"]["PolicyDocument"]
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Policy"
    ]
    pairs = set()
    for statement in (statement for document in documents for statement in document["Statement"]):
        assert statement["Effect"] == "Allow" and statement.keys() == {"Effect", "Action", "Resource"}, statement
        for action in listed(statement["Action"]):
            for resource in listed(by_default(statement["Resource"])):
                pairs.add((action, plain(resource)))
    return pairs


def by_default(value):
    """Returns the branch of a Fn::If that the default parameters take: without a function for tasks."""
    match value:
        case {"Fn::If": ["HasTaskFunction", _, no]}:
            return no
    return value


def listed(one):
    return one if isinstance(one, list) else [one]


def plain(resource):
    """Returns the gateway's name of a resource."""
    match resource:
        case {"Fn::GetAtt": ["Connections", "Arn"]}:
            return "table/Connections"
        # In any version: AWS checks the ARN with the version if the call names a version.
        case {"Fn::GetAtt": ["Chat", "Arn"]} | {"Fn::Sub": "${Chat.Arn}:*"}:
            return "function:Chat*"
        case {"Fn::Sub": text} if ":${ChatApi}/${StageName}/" in text:
            return text.rpartition("/${StageName}/")[2]
    raise AssertionError(f"{resource} is not a resource that this suite can compare")


class Permissions(unittest.TestCase):
    def setUp(self):
        self.called = set()

    def note(self, gateway):
        functions = gateway.admin("permissions")["functions"]
        for actions in functions.values():
            self.called |= {(action, resource) for action, resources in actions.items() for resource in resources}

    def chat(self):
        """Uses every path of the chat, and of the library."""
        with serve() as gateway:
            chat(self, gateway)
            with Client(gateway, "user=ann") as ann:
                ann.send(action="join", room="tea")
                self.assertEqual(ann.receive()["type"], "entered")
                ann.send(action="direct", to="ann", text="hello, me")
                self.assertEqual(ann.receive()["type"], "direct")
                ann.send(action="direct", to="nobody", text="hello")
                self.assertEqual(ann.receive()["error"]["code"], "no_such_user")
            has_connections(gateway, 0)
            self.note(gateway)

    def example(self, name, *queries):
        """Serves an example of the library, and connects clients."""
        program = TARGET / "debug/examples" / name
        gateway = self.enterContext(serve("--", str(program)))
        clients = []
        for query in queries:
            client = connect(f"{gateway.websocket}?{query}", open_timeout=TIMEOUT)
            clients.append(self.enterContext(client))
        return gateway, clients

    def test_the_policies_allow_exactly_the_calls(self):
        build_examples("logout", "poll", "presence")
        self.chat()

        # The application's own values.
        gateway, (ann,) = self.example("poll", "user=ann")
        for _ in range(2):
            ann.send('{"action":"vote","option":"tea"}')
            ann.recv(timeout=TIMEOUT)
        ann.send('{"action":"count"}')
        self.assertEqual(ann.recv(timeout=TIMEOUT), '{"tea":1}')
        self.note(gateway)

        # Presence.
        gateway, (ann, bob) = self.example("presence", "user=ann", "user=bob")
        bob.close()
        while "left" not in ann.recv(timeout=TIMEOUT):
            pass
        self.note(gateway)

        # Disconnecting a user.
        gateway, (phone, laptop) = self.example("logout", "user=ann", "user=ann")
        phone.send('{"action":"logout"}')
        with self.assertRaises(ConnectionClosed):
            laptop.recv(timeout=TIMEOUT)
        has_connections(gateway, 0)
        self.note(gateway)

        allowed_pairs = allowed()
        self.assertEqual({action.partition(":")[0] for action, _ in allowed_pairs}, SERVICES)

        def is_allowed(call):
            return any(call[0] == action and fnmatch.fnmatchcase(call[1], resource) for action, resource in allowed_pairs)

        def is_called(pair):
            return any(action == pair[0] and fnmatch.fnmatchcase(resource, pair[1]) for action, resource in self.called)

        self.assertEqual([call for call in sorted(self.called) if not is_allowed(call)], [], "called and not allowed")
        self.assertEqual([pair for pair in sorted(allowed_pairs) if not is_called(pair)], [], "allowed and not called")

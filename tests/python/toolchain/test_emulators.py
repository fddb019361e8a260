"""Events and a chat in programs that replace Lambda: `cargo lambda watch`, and the Runtime Interface Emulator, which
`sam local invoke` runs in its container."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from websockets.sync.client import connect

from harness import emulators
from harness.client import Client, chat, has_connections
from harness.emulators import EVENTS, gateway_with
from harness.gateway import serve
from harness.programs import (
    CHAT,
    ROOT,
    TARGET,
    TIMEOUT,
    build,
    build_examples,
    environment_without_aws,
    fetch_json,
    free_port,
)


class Emulators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        build("chat")
        with serve("--", str(CHAT)) as gateway:
            cls.expected = emulators.invoke_directly(gateway, EVENTS)

    def answers(self, invoke):
        self.assertEqual(len(self.expected), len(EVENTS))
        for file, expected in zip(EVENTS, self.expected, strict=True):
            with self.subTest(event=file.name):
                self.assertEqual(invoke(file), expected)

    def test_the_emulator_answers_every_event_like_the_gateway(self):
        # A task would arrive together with the next event. Only the gateway queues events.
        def alone(port, environment):
            return emulators.emulator(port, environment | {"SEND_TASKS": "0"})

        with gateway_with(alone, emulators.emulator_url) as (_, port):
            url = emulators.emulator_url(port)
            self.answers(lambda file: fetch_json(url, file.read_bytes()))

    def test_cargo_lambda_answers_every_event_like_the_gateway(self):
        with gateway_with(emulators.watch, emulators.watch_url) as (_, port):
            self.answers(lambda file: cargo_lambda_invoke(port, file))

    def test_one_program_serves_sockets_a_schedule_an_upload_and_http_through_the_emulator(self):
        build_examples("http")

        def example(port, environment):
            return emulators.emulator(port, environment | {"SEND_TASKS": "0"}, TARGET / "debug/examples/http")

        with gateway_with(example, emulators.emulator_url) as (gateway, port):
            url = emulators.emulator_url(port)

            def invoke(name, **changes):
                event = json.loads((ROOT / f"events/other/{name}.json").read_text())
                return fetch_json(url, json.dumps(event | changes).encode())

            http = json.loads((ROOT / "events/other/http.json").read_text())
            context = http["requestContext"] | {"http": http["requestContext"]["http"] | {"path": "/tickets"}}
            asked = {"rawPath": "/tickets", "requestContext": context, "headers": {"x-user": "ann"}, "body": ""}
            ticket = invoke("http", **asked)
            self.assertEqual(ticket["statusCode"], 200, ticket)
            with connect(f"{gateway.websocket}?ticket={ticket['body']}", open_timeout=TIMEOUT) as ann:
                for name in ("schedule", "s3"):
                    self.assertEqual(invoke(name), 1, name)
                    self.assertEqual(ann.recv(timeout=TIMEOUT), "tick", name)
                published = invoke("http")
                self.assertEqual((published["statusCode"], published["body"]), (200, "1 sent"))
                self.assertEqual(ann.recv(timeout=TIMEOUT), "hello")
                # The program has no handler for this event, and serves the next one.
                failed = invoke("sqs")
                self.assertEqual(failed["errorType"], "PublishError", failed)
                self.assertEqual(invoke("schedule"), 1)
                self.assertEqual(ann.recv(timeout=TIMEOUT), "tick")
            has_connections(gateway, 0)

    def test_two_users_chat_through_cargo_lambda_watch(self):
        with gateway_with(emulators.watch, emulators.watch_url) as (gateway, _):
            chat(self, gateway)

    def test_two_users_chat_through_the_emulator(self):
        with gateway_with(emulators.emulator, emulators.emulator_url) as (gateway, _):
            chat(self, gateway)


def cargo_lambda_invoke(port, file):
    command = ["cargo", "lambda", "invoke", "--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    command += ["chat", "--data-file", str(file)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment_without_aws(), check=True, stdout=subprocess.PIPE, timeout=TIMEOUT
    )
    return json.loads(done.stdout)


class SamLocal(unittest.TestCase):
    """The environment that SAM gives the function: `sam local invoke --env-vars events/local/env.json`."""

    # The ports that README.md and the environment file name.
    PORTS = {"management": 3001, "dynamodb": 8000, "lambda": 3002}

    @classmethod
    def setUpClass(cls):
        build("chat")
        cls.file = json.loads((ROOT / "events/local/env.json").read_text())

    def environment(self, values):
        from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
        from samcli.lib.providers.sam_function_provider import SamFunctionProvider
        from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

        stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
        provider = SamFunctionProvider(stacks)
        runner = LocalLambdaRunner(None, provider, str(ROOT), str(ROOT), env_vars_values=values)
        return runner._make_env_vars(provider.get("Chat")).resolve()

    def test_the_environment_file_is_sufficient_to_use_a_gateway(self):
        port = free_port()
        with serve("--lambda-port", str(port), "--no-auth", "--", str(CHAT)) as gateway:
            text = json.dumps(self.file)
            there = {
                "management": gateway.management.removesuffix("/dev"),
                "dynamodb": gateway.dynamodb,
                "lambda": f"http://127.0.0.1:{port}",
            }
            for name, url in there.items():
                documented = f"http://127.0.0.1:{self.PORTS[name]}"
                self.assertIn(documented, text)
                text = text.replace(documented, url)
            environment = self.environment(json.loads(text))
            for name, value in json.loads(text)["Chat"].items():
                self.assertEqual(environment.get(name), value, "SAM passes what the template names")
            with Client(gateway, "user=ann") as ann:
                (connection,) = gateway.connections()
                event = json.loads((ROOT / "events/say.json").read_text())
                event["requestContext"]["connectionId"] = connection
                event["requestContext"]["connectedAt"] = gateway.connected_at(connection)
                emulated = free_port()
                with emulators.emulator(emulated, environment):
                    url = emulators.emulator_url(emulated)
                    response = fetch_json(url, json.dumps(event).encode())
                self.assertEqual(response["statusCode"], 200)
                self.assertEqual(ann.receive()["text"], "hello, all")

    def test_the_function_answers_without_the_environment_file(self):
        environment = self.environment({})
        self.assertNotIn("amazonaws", environment.get("AWS_ENDPOINT_URL_DYNAMODB", ""))
        port = free_port()
        with emulators.emulator(port, environment):
            event = (ROOT / "events/connect.json").read_bytes()
            response = fetch_json(emulators.emulator_url(port), event)
        self.assertEqual(response["statusCode"], 200)


class Deploy(unittest.TestCase):
    def test_the_documented_command_deploys_the_program(self):
        build("chat")
        chapter = (ROOT / "crates/lambda_ws/docs/deployment.md").read_text()
        chapter = chapter.replace("PROGRAM", "chat")
        (command,) = (
            part.strip()
            for line in chapter.splitlines()
            for part in line.split("&&")
            if part.strip().startswith("cargo lambda deploy")
        )
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder, "chat/bootstrap")
            program.parent.mkdir()
            shutil.copy(CHAT, program)
            dry = [*command.split(), "--dry", "--lambda-dir", folder]
            account = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
            done = subprocess.run(
                dry,
                cwd=ROOT,
                env=environment_without_aws(**account),
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                timeout=TIMEOUT,
            )
            self.assertIn(str(program.parent), done.stdout)
        self.assertIn("architecture x86_64", done.stdout)

"""The TypeScript client, in a browser."""

import subprocess
import unittest
import urllib.request

from harness.browser import Browser
from harness.programs import ROOT, TIMEOUT, eventually, running

FOLDER = ROOT / "crates/lambda_ws_client/js"
MESSAGES = 300


class Client(unittest.TestCase):
    """The minified file of the package, and a server with random faults. `npm ci` and `npm run build` run before."""

    @classmethod
    def setUpClass(cls):
        command = [str(FOLDER / "node_modules/.bin/node"), "test/page.ts"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = cls.enterClassContext(running(command, cwd=FOLDER, text=True, **pipes))
        cls.addClassCleanup(process.stdin.close)
        cls.page = process.stdout.readline().strip()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.browser.driver.get(self.page)
        self.wait("the room is entered", "return window.sockets > 0")

    def wait(self, what, script):
        return eventually(what, lambda: self.browser.run(script))

    def call(self, path):
        urllib.request.urlopen(f"{self.page}{path}", timeout=TIMEOUT).close()

    def test_each_message_arrives_once_and_in_order(self):
        self.call("storm")
        self.wait("the last message", f"return window.seqs.at(-1) === {MESSAGES}")
        self.assertEqual(self.browser.run("return window.seqs"), list(range(1, MESSAGES + 1)))
        self.assertEqual(self.browser.run("return window.gaps"), [])
        self.assertGreater(self.browser.run("return window.sockets"), 2, "connections were cut and replaced")

    def test_without_a_network_the_client_waits_for_it(self):
        self.browser.run("dispatchEvent(new Event('offline'))")
        self.call("cut")
        self.wait("the connection is lost", "return client.state === 'waiting'")
        # Longer than the greatest back-off.
        state = "const done = arguments[0]; setTimeout(() => done(client.state), 500)"
        self.assertEqual(self.browser.driver.execute_async_script(state), "waiting")
        self.browser.run("dispatchEvent(new Event('online'))")
        self.wait("the connection is open again", "return client.state === 'open'")

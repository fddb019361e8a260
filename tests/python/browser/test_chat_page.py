"""The chat's page, in a browser."""

import json
import tempfile
import unittest

from harness.browser import Browser
from harness.client import Client
from harness.gateway import serve, serve_for
from harness.programs import eventually, fetch_json, free_port

# The number of messages that the chat keeps of a room.
HISTORY = 100
TEXTS = "return [...document.querySelectorAll('.message .text')].map((one) => one.textContent)"


class Page(unittest.TestCase):
    """Users in tabs of one browser. Each has their own name."""

    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def enter(self, name, room="lobby"):
        """Opens the chat in a new tab."""
        self.browser.driver.switch_to.new_window("tab")
        self.browser.driver.get(self.gateway.page)
        self.browser.fill("#name", name)
        self.browser.fill("#room", room)
        self.browser.click("#enter button")
        self.browser.see("#state", "online")
        return self.browser.driver.current_window_handle

    def to(self, tab):
        self.browser.driver.switch_to.window(tab)

    def say(self, text):
        self.browser.see("#send:enabled")
        self.browser.fill("#text", text)
        self.browser.click("#send")

    def texts(self):
        """Returns the texts of the messages that the page shows."""
        return self.browser.run(TEXTS)


class ChatPage(Page):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        serve_for(cls)

    def test_two_users_chat(self):
        see = self.browser.see
        ann = self.enter("ann")
        see(".note", "Welcome, ann!")
        bob = self.enter("bob")
        see("#people", "ann")
        self.say("hello, Ann")
        see(".message.mine .text", "hello, Ann")
        self.to(ann)
        see(".note", "bob joined")
        see(".message .text", "hello, Ann")
        self.browser.click("#people button", "bob")
        self.say("a secret")
        see(".message.direct.mine", "you to bob (direct)")
        self.to(bob)
        see(".message.direct", "ann to you (direct)")
        see(".message.direct .text", "a secret")
        self.browser.fill("#other", "garden")
        self.browser.click("#join button")
        see("#title", "garden")
        self.say("nobody is here")
        see(".message.mine .text", "nobody is here")
        self.to(ann)
        see(".note", "bob left")
        self.assertEqual(self.browser.all(".text", "nobody is here"), [])
        self.assertEqual(self.browser.nameless(), [])
        self.assertEqual(self.browser.complaints(), [])

    def test_a_connection_reconnects_after_a_close_and_a_reload(self):
        self.enter("cat", "attic")
        user = json.dumps({"connection": self.connection_of("attic")}).encode()
        self.assertEqual(fetch_json(f"{self.gateway.console}api/close", user)["status"], 204)
        self.browser.see(".note", "It reconnects automatically")
        self.browser.see(".note", "You are back in attic")
        self.browser.see("#state", "online")
        self.say("still here")
        self.browser.see(".message .text", "still here")
        self.browser.driver.refresh()
        self.browser.see("#state", "online")
        self.browser.see("#title", "attic")
        self.browser.see(".message .text", "still here")

    def connection_of(self, room):
        """Returns the id of the only connection in a room."""

        def look():
            return [sk for pk, sk in self.gateway.keys() if pk == f"R#chat/{room}"]

        (member,) = eventually(f"a member of {room}", look)
        return member.split("#")[1]

    def test_a_name_that_is_not_valid_is_rejected_before_a_request(self):
        self.browser.driver.switch_to.new_window("tab")
        self.browser.driver.get(self.gateway.page)
        self.browser.fill("#name", "no name")
        self.browser.click("#enter button")
        self.assertTrue(self.browser.run("return document.querySelector('#name').matches(':invalid')"))
        self.assertTrue(self.browser.all("#door"))

    def test_it_fits_a_phone(self):
        self.enter("dan", "phone")
        self.browser.resize(390, 780)
        self.assertFalse(self.browser.overflows())
        self.browser.click("#menu")
        self.browser.see("#people", "dan")

    def test_a_new_user_and_a_reload_see_the_history_once(self):
        with Client(self.gateway, "user=eve&room=library") as eve:
            for number in range(3):
                eve.send(action="say", text=f"book {number}")
                eve.receive()
        self.enter("fay", "library")
        self.browser.see(".note", "Welcome, fay!")
        self.assertEqual(self.texts(), ["book 0", "book 1", "book 2"])
        self.say("book 3")
        self.browser.see(".message .text", "book 3")
        self.browser.driver.refresh()
        self.browser.see(".note", "You are back in library")
        self.assertEqual(self.texts(), ["book 0", "book 1", "book 2", "book 3"])
        self.assertEqual(self.browser.all(".note", "missed"), [])

    def test_plain_clients_and_pages_see_each_other(self):
        with Client(self.gateway, "user=gil&room=mixed") as gil:
            self.enter("hal", "mixed")
            self.assertEqual(gil.receive(), {"type": "joined", "users": ["hal"], "room": "mixed"})
            self.browser.see("#people", "gil")
            self.say("hello, gil")
            said = {"type": "said", "user": "hal", "room": "mixed", "text": "hello, gil"}
            self.assertEqual(gil.receive(), said)
            gil.send(action="say", text="hello, hal")
            self.browser.see(".message .text", "hello, hal")
            gil.send(action="direct", to="hal", text="psst")
            self.browser.see(".message.direct .text", "psst")
        self.browser.see(".note", "gil left")
        self.assertEqual(self.texts(), ["hello, gil", "hello, hal", "psst"])

    def test_the_page_shows_the_errors_of_its_messages(self):
        self.enter("ida", "errors")
        with Client(self.gateway, "user=jon&room=errors"):
            self.browser.click("#people button", "jon")
        self.browser.see(".note", "jon left")
        self.say("are you there?")
        self.browser.see(".note.bad", "the user `jon` is not connected")


class Reconnect(Page):
    """A page that is offline while the gateway restarts and others write."""

    def miss(self, count):
        """Shows `before`, goes offline, lets others write, comes back, and waits for the last of their messages."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        options = {"port": free_port()}
        arguments = ["--quiet", "--data", f"{folder}/tables"]
        with serve(*arguments, **options) as self.gateway:
            self.enter("ann", "tea")
            self.say("before")
            self.browser.see(".message .text", "before")
            self.network(False)
        with serve(*arguments, **options) as self.gateway:
            self.browser.see("#state", "no network")
            with Client(self.gateway, "user=bob&room=tea") as bob:
                for number in range(count):
                    bob.send(action="say", text=f"message {number}")
                    bob.receive()
            self.assertEqual(self.texts(), ["before"])
            self.network(True)
            self.browser.see(".note", "You are back in tea")
            self.browser.see(".message .text", f"message {count - 1}")
            self.say("after")
            self.browser.see(".message .text", "after")

    def network(self, is_online):
        """Gives the page a network, or takes it away."""
        conditions = {"offline": not is_online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.browser.driver.execute_cdp_cmd("Network.enable", {})
        self.browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def test_a_page_that_comes_back_has_every_message_once_and_in_order(self):
        self.miss(HISTORY)
        expected = ["before", *(f"message {number}" for number in range(HISTORY)), "after"]
        self.assertEqual(self.texts(), expected)
        self.assertEqual(self.browser.all(".note", "missed"), [])

    def test_a_page_that_missed_messages_says_how_many(self):
        self.miss(HISTORY + 30)
        expected = ["before", *(f"message {number}" for number in range(30, HISTORY + 30)), "after"]
        self.assertEqual(self.texts(), expected)
        (notice,) = self.browser.all(".note", "missed")
        self.assertEqual(notice.text, "You missed 30 messages.")

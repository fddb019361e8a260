"""The console's page, in a browser."""

import unittest
import urllib.parse

from harness.browser import Browser
from harness.client import Client
from harness.crowd import Crowd
from harness.gateway import serve_for
from harness.programs import eventually, fetch_json
from selenium.webdriver.support.select import Select

VIEWS = ["clients", "invocations", "connections", "rooms", "tables", "figures", "knobs"]

# As many as the page has to show without stalling.
CLIENTS = 5000

# How late the page's timers are, in ms, over a second and a half of them.
LATE = """
const done = arguments[0];
const late = [];
let last = performance.now();
const timer = setInterval(() => {
  late.push(performance.now() - last);
  last = performance.now();
  if (late.length < 30) return;
  clearInterval(timer);
  late.sort((one, other) => one - other);
  done(late[15] - 50);
}, 50);
"""


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        serve_for(cls)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.view("clients")
        self.browser.run("localStorage.clear()")
        self.browser.driver.refresh()
        self.browser.see("#live", "live")

    def view(self, name):
        self.browser.driver.get(f"{self.gateway.console}#{name}")
        self.browser.see(f"#tab-{name}[aria-selected=true]")

    def connect(self, query):
        """Connects a client; its card."""
        last = self.last_client()
        self.browser.fill(".connect textarea", query)
        self.browser.click("#connect")
        new = eventually("another client", lambda: (found := self.last_client()) > last and found)
        return self.browser.see(f'.client[data-client="{new}"]')

    def last_client(self):
        """The number of the newest client."""
        return max((client["client"] for client in self.ask("api/clients")), default=0)

    def send(self, card, text):
        eventually("an open client", lambda: card.get_attribute("data-state") == "open")
        (field,) = card.find_elements("css selector", ".composer textarea")
        field.send_keys(text)
        (button,) = card.find_elements("css selector", ".composer button.primary")
        button.click()

    def ask(self, path):
        return fetch_json(urllib.parse.urljoin(self.gateway.console, path))

    def test_a_rejected_connect_shows_401_and_links_to_its_invocation(self):
        card = self.connect("user=")
        eventually("a rejection", lambda: "rejected: 401" in card.text)
        self.assertIn("Unauthorized", card.text)
        eventually("what the function logged", lambda: "function logged" in card.text)
        self.browser.click(".client .link", "Show the invocation")
        self.browser.see(".detail h2", "$connect")
        self.browser.see(".detail h2 .pill.bad", "401")

    def test_clients_talk_and_text_that_is_not_json_is_marked(self):
        ann, bob = self.connect("user=ann\nroom=tea"), self.connect("user=bob\nroom=tea")
        eventually("an open client", lambda: bob.get_attribute("data-state") == "open")
        self.send(ann, '{"action":"say","text":"hello"}')
        for card in (ann, bob):
            eventually("what was said", lambda: '"text":"hello"' in card.text)
        (field,) = bob.find_elements("css selector", ".composer textarea")
        field.send_keys('{"action":')
        eventually("a mark", lambda: "This is not valid JSON" in bob.text)
        self.browser.driver.refresh()
        again = self.browser.text(".client", '"text":"hello"')
        self.assertIn("open", again, "a reload closes no client")

    def test_an_invocation_opens_to_its_timeline_and_is_replayed(self):
        card = self.connect("user=cat\nroom=attic")
        self.send(card, '{"action":"who"}')
        eventually("an answer", lambda: '"type":"members"' in card.text)
        self.view("invocations")
        self.browser.click(".row", "who")
        timeline = self.browser.text(".detail .steps", "The function answers")
        for step in ["The event arrives", "Environment", "dynamodb", "POST @connections"]:
            self.assertIn(step, timeline)
        self.assertNotIn("likely", timeline, "it is certain whose calls these are")
        self.browser.see(".detail .code", '"routeKey": "$default"')
        before = len(self.browser.all(".row", "who"))
        self.browser.click(".detail button", "Replay")
        self.browser.see(".replayed", "answered after")
        self.browser.see(".replayed .code", '"statusCode": 200')
        eventually("the invocation of the replay", lambda: len(self.browser.all(".row", "who")) > before)

    def test_the_console_posts_and_closes_like_a_backend(self):
        card = self.connect("user=dan\nroom=cellar")
        eventually("an open client", lambda: card.get_attribute("data-state") == "open")
        self.view("connections")
        self.browser.click(".row", "dan")
        self.browser.fill(".poster textarea", "from the backend")
        self.browser.click(".poster button", "Post")
        self.browser.see(".poster .hint", "Sent to 1 of 1")
        self.browser.click(".detail button", "Show DynamoDB items")
        self.browser.see(".detail", "3 items contain this connection")
        self.browser.click(".detail button", "Close")
        self.view("clients")
        self.browser.see(".client", "from the backend")
        self.browser.see(".client .pill", "closed: 1000")

    def test_faults_and_limits_are_switched(self):
        self.view("knobs")
        self.browser.fill("[data-fault=throttle]", "50%")
        self.browser.click("button", "Set faults")
        self.browser.see("#notice", "throttle 50%")
        self.assertEqual(self.ask("/_admin/faults")["faults"], {"throttle": "50%"})
        self.browser.click("button", "All off")
        eventually("no faults", lambda: self.ask("/_admin/faults")["faults"] == {})
        self.browser.click("label", "Limit rates")
        eventually("limits", lambda: self.ask("api/knobs")["throttle"] is not None)
        self.browser.click("label", "Limit rates")
        eventually("no limits", lambda: self.ask("api/knobs")["throttle"] is None)
        self.browser.click("label", "Stop processes between events")
        eventually("no freeze", lambda: self.ask("api/knobs")["freeze"] is False)
        self.browser.click("label", "Stop processes between events")
        eventually("a freeze", lambda: self.ask("api/knobs")["freeze"] is True)

    def test_tables_and_figures_show_the_gateways_data(self):
        card = self.connect("user=eve\nroom=garden")
        eventually("an open client", lambda: card.get_attribute("data-state") == "open")
        self.view("tables")
        self.browser.click(".row", "R#garden")
        self.browser.see(".detail .code", '"pk": "R#garden"')
        self.view("figures")
        self.browser.see(".figures tbody th", "$connect")

    def test_the_log_of_a_room_is_shown_page_by_page(self):
        with Client(self.gateway, "user=hal&room=diary") as hal, Client(self.gateway, "user=ida&room=other") as ida:
            ida.send(action="say", text="elsewhere")
            ida.receive()
            for number in range(1, 131):
                hal.send(action="say", text=f"entry {number}")
                hal.receive()
        self.view("rooms")
        rooms = Select(self.browser.see(".rooms-view select"))
        eventually("the rooms", lambda: any(one.text == "chat/diary" for one in rooms.options))
        rooms.select_by_visible_text("chat/diary")
        self.browser.see(".toolbar .facts dd", "130")
        self.browser.see(".row", "entry 130")
        status = self.browser.text(".toolbar [role=status]", "100 messages")
        self.assertRegex(status, r":130 to \w+:31$")
        self.browser.click(".toolbar button", "Older")
        self.browser.see(".row", "entry 30")
        self.browser.see(".toolbar [role=status]", "30 messages")
        self.assertEqual(self.browser.all(".row", "entry 130"), [])
        self.browser.see(".toolbar button:disabled", "Older")
        self.browser.click(".row", "entry 29")
        self.browser.see(".detail .facts", ":29")
        self.browser.see(".detail .code", '"text": "entry 29"')
        self.assertEqual(self.browser.all(".row", "elsewhere"), [])
        self.browser.click(".toolbar button", "Newest")
        self.browser.see(".row", "entry 130")

    def test_settings_survive_a_reload(self):
        self.browser.click("#theme")
        self.view("invocations")
        self.browser.fill("input[type=search]", "needle")
        self.browser.driver.get(self.gateway.console)
        self.browser.driver.refresh()
        self.browser.see("#tab-invocations[aria-selected=true]")
        field = self.browser.see("input[type=search]")
        self.assertEqual(field.get_attribute("value"), "needle")
        self.assertEqual(self.browser.run("return document.documentElement.dataset.theme"), "light")

    def test_every_view_fits_a_phone_has_labels_and_breaks_no_policy(self):
        self.addCleanup(self.browser.resize, 1400, 900)
        self.connect("user=fay\nroom=hall")
        for width, scheme in [(390, "dark"), (1400, "light")]:
            self.browser.resize(width, 800)
            self.browser.prefer(scheme)
            for view in VIEWS:
                self.view(view)
                with self.subTest(view=view, width=width):
                    self.assertFalse(self.browser.overflows())
                    self.assertEqual(self.browser.nameless(), [])
        self.assertEqual(self.browser.complaints(), [])

    def test_keys_move_through_the_list(self):
        self.connect("user=gus\nroom=roof")
        self.view("invocations")
        self.browser.see(".row", "$connect")
        keys = self.browser.see(".list")
        keys.send_keys("\ue015")
        self.browser.see(".row[aria-selected=true]")
        self.browser.see(".detail .steps")


class CrowdedConsole(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        serve_for(cls, "--quiet", "--template", "tests/fixtures/open.yaml")
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def test_five_thousand_connections_keep_the_page_responsive(self):
        see = self.browser.see
        self.browser.driver.get(f"{self.gateway.console}#connections")
        see("#live", "live")
        with Crowd(self.gateway.websocket, CLIENTS, talking=20):
            see(".toolbar", "5,000 open")
            rows = len(self.browser.all(".row"))
            self.assertTrue(0 < rows < 100, f"{rows} rows are in the page")
            last = self.browser.run("return [...console_model.connections.keys()].at(-1)")
            self.browser.fill("input[type=search]", last)
            see(".toolbar", "1 of 5,000")
            see(".row", last)
            self.browser.click("#tab-invocations")
            see(".row", "message")
            late = self.browser.driver.execute_async_script(LATE)
            self.assertLess(late, 500, "half of the page's timers are later, in ms")
            self.browser.click("#tab-figures")
            see(".chart", "5,000 open")
        eventually("an empty list", lambda: self.browser.run("return console_model.connections.size") == 0)
        self.assertEqual(self.browser.complaints(), [])

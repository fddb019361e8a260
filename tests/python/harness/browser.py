"""Debian's Chromium, and functions that look at a page."""

import shutil
import tempfile

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from .programs import TIMEOUT, eventually

# Nothing but the page: no sandbox for root, no GPU, and no talk with anybody.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

# The name of a field or a button, as a screen reader says it.
NAMELESS = """
return [...document.querySelectorAll("button, input, select, textarea")].filter((one) =>
  one.checkVisibility() && !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length))
  .map((one) => one.outerHTML);
"""


# At one moment: what is drawn anew a moment later cannot be missed, nor be half of it.
SHOWN = """
const [selector, text] = arguments;
return [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility() && one.innerText.includes(text));
"""
TEXT = """
const [selector, text] = arguments;
const shown = [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
return shown.map((one) => one.innerText).find((one) => one.includes(text));
"""


class Browser:
    """A Chromium with a profile of its own."""

    def __init__(self, width=1400, height=900):
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        options = Options()
        options.binary_location = shutil.which("chromium")
        for flag in [*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={self.profile}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = Service(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_script_timeout(TIMEOUT)

    def quit(self):
        """Ends it."""
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def resize(self, width, height):
        """Gives the page this size, also one that no window may have."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme):
        """Has the system prefer light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def all(self, selector, text=""):
        """The elements of a selector that show a text."""
        return self.run(SHOWN, selector, text)

    def see(self, selector, text=""):
        """Waits for an element that shows a text."""
        return eventually(f"`{selector}` with `{text}`", lambda: self.all(selector, text))[0]

    def text(self, selector, text=""):
        """Waits for an element that shows a text, and returns all that it shows."""
        return eventually(f"`{selector}` with `{text}`", lambda: self.run(TEXT, selector, text))

    def click(self, selector, text=""):
        """Clicks on an element, also on one that is drawn again meanwhile."""

        def look():
            try:
                found = self.all(selector, text)
                if found:
                    found[0].click()
                return found
            except StaleElementReferenceException:
                return None

        eventually(f"`{selector}` with `{text}` to click on", look)

    def fill(self, selector, text):
        """Writes into a field, in the place of what is there."""
        field = self.see(selector)
        field.clear()
        field.send_keys(text)

    def run(self, script, *arguments):
        """Runs a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self):
        """What the browser has complained about: broken policies, errors of scripts."""
        severe = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        # A gateway that answers with a refusal is no error of the page.
        return [line for line in severe if "Failed to load resource" not in line]

    def nameless(self):
        """Fields and buttons that a screen reader cannot name."""
        return self.run(NAMELESS)

    def overflows(self):
        """Whether the page is wider than its window."""
        return self.run("return document.scrollingElement.scrollWidth > innerWidth")

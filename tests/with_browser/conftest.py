"""A real Chromium, run by Selenium. Without one these tests fail in CI, else they are skipped."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import run
from phase4_5.review.server import address, review_server

ROOT = Path(__file__).parents[2]
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTH, HEIGHT = 1280, 900


def _require_browser():
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    try:
        import selenium  # noqa: F401
    except ModuleNotFoundError:
        missing.append("selenium")
    if missing:
        why = f"not installed: {', '.join(missing)}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """The browser; tests take `browser`."""
    _require_browser()
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    binary = shutil.which("chromium")
    assert binary is not None
    options.binary_location = binary
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # An alert is a finding of the tests, not something to click away.
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.get("about:blank")
    yield driver
    driver.quit()


class Browser:
    """A tab of the browser, with the few words in which these tests speak of a page."""

    def __init__(self, driver):
        self.driver = driver
        self.expected_failures: tuple[str, ...] = ()

    def open(self, url, width=WIDTH):
        self.resize(width)
        self.driver.get(url)
        self.wait(lambda: self.js("return document.readyState") == "complete")

    def resize(self, width):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def js(self, script, *values):
        return self.driver.execute_script(script, *values)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def text(self, selector):
        return self.js("return document.querySelector(arguments[0])?.textContent", selector)

    def texts(self, selector):
        return self.js(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
            selector,
        )

    def click(self, selector):
        element = self.one(selector)
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def open_examples(self, direction, coefficient):
        """Click on a point of a curve."""
        self.click(f'#direction-{direction} .target[data-coefficient="{coefficient}"]')

    def link(self, key):
        """Follow a link to an example."""
        self.js("location.hash = 'example=' + encodeURIComponent(arguments[0])", key)
        task_id = key.split("|")[2]
        self.wait(lambda: self.text(".head h3").startswith(f"Task {task_id}"))

    @property
    def example(self):
        """The key of the example in the address."""
        return self.js("return decodeURIComponent(location.hash)").removeprefix("#example=")

    def keys(self, text, selector="body"):
        self.one(selector).send_keys(text)

    def choose(self, name, value):
        """Set a filter."""
        self.js(
            "const e = document.getElementById('filter-' + arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event(e.tagName === 'INPUT' ? 'input' : 'change'))",
            name,
            value,
        )

    def wait(self, condition, seconds=20):
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.driver, seconds, 0.05).until(lambda _: condition())

    def new_tab(self):
        self.driver.switch_to.new_window("tab")
        return self.driver.current_window_handle

    def switch(self, tab):
        self.driver.switch_to.window(tab)

    @contextmanager
    def offline(self):
        """Without any server within reach."""
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {"offline": True, **conditions}
        )
        yield
        self.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {"offline": False, **conditions}
        )


@pytest.fixture
def browser(chromium):
    """A fresh tab; afterwards: no dialog, no error in the console, no request to elsewhere."""
    first = chromium.current_window_handle
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    tab = Browser(chromium)
    tab.new_tab()
    yield tab
    assert not tab.js("return window.pwned"), "a text was executed"
    errors = [
        entry["message"]
        for entry in chromium.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
        and not any(words in entry["message"] for words in tab.expected_failures)
    ]
    asked = _requested(chromium)
    for handle in chromium.window_handles:
        if handle != first:
            chromium.switch_to.window(handle)
            chromium.close()
    chromium.switch_to.window(first)
    assert errors == []
    own = ("file:///", "data:", "http://127.0.0.1:")
    assert [url for url in asked if not url.startswith(own)] == []


def _requested(chromium):
    messages = [
        json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")
    ]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


@pytest.fixture
def serve():
    """Start the real review server of a run's folder; gives the address."""
    with ExitStack() as servers:
        yield lambda folder: address(servers.enter_context(review_server(folder, "Ada")))


@pytest.fixture
def review():
    """`python run.py review`; gives the address and what stops it."""
    processes = []

    def stop(process):
        process.terminate()
        process.wait()
        process.stdout.close()

    def start(data, *arguments):
        command = [sys.executable, "run.py", "review", "--data-dir", str(data), *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        found = (re.search(r"http://127\.0\.0\.1:\d+/\S+/", line) for line in lines)
        return next(match.group() for match in found if match), lambda: stop(process)

    yield start
    for process in processes:
        stop(process)


@pytest.fixture(scope="session")
def drawn(whole, tmp_path_factory):
    """A finished run with its pictures: only to be read."""
    data = tmp_path_factory.mktemp("drawn")
    shutil.copytree(whole, data, dirs_exist_ok=True)
    assert run.main(["report", "--data-dir", str(data)]) == 0
    return data


@pytest.fixture
def run_folder(drawn, tmp_path):
    """A copy of Phase 4.5's outputs on the embedded model."""
    return shutil.copytree(drawn / "phase4_5", tmp_path / "phase4_5")

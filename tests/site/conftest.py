"""A built site in a browser without a window: ``FASTMLP_SITE=docs/_build pytest tests/site``."""

import base64
import contextlib
import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LOOK = (HERE / "look.js").read_text(encoding="utf-8")
BOX = """const box = arguments[0].getBoundingClientRect();
return [box.x + scrollX, box.y + scrollY, box.width, box.height];"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = [
    "--headless=new",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # a page needs no network
]


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    if "FASTMLP_SITE" not in os.environ:
        pytest.skip("FASTMLP_SITE does not name a built site")
    folder = Path(os.environ["FASTMLP_SITE"]).resolve()
    assert (folder / "index.html").is_file(), f"there is no site in FASTMLP_SITE={folder}"
    return folder


@pytest.fixture(scope="session")
def pages(site):
    """The addresses of all pages, relative to the site."""
    found = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return [page for page in found if not page.startswith(("_static/", "_downloads/"))]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and prints no line for each of them."""

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Answers a browser that may have left before the answer came."""

    def handle_error(self, request, address):
        pass


class Window:
    """A browser's window: pages of a server on screens of any size, in light or dark."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def screen(self, width, scale=1, dark=False):
        """Pretend to be a screen of this width in CSS pixels."""
        size = {"width": width, "height": 900, "screenWidth": width, "screenHeight": 900}
        size |= {"deviceScaleFactor": scale, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, page):
        """Open a page and return what its console says: errors, and files that are not there."""
        self.driver.get(self.address + page)
        said = self.driver.get_log("browser")
        return [entry["message"] for entry in said if entry["level"] in ("SEVERE", "WARNING")]

    def look(self, *asked):
        """Measure the page that is open, see look.js."""
        return self.driver.execute_script(LOOK, asked)

    def picture(self, element):
        """Return an element as drawn, as the bytes of a PNG."""
        box = self.driver.execute_script(BOX, element)
        clip = dict(zip(("x", "y", "width", "height"), box, strict=True), scale=1)
        asked = {"format": "png", "captureBeyondViewport": True, "clip": clip}
        drawn = self.driver.execute_cdp_cmd("Page.captureScreenshot", asked)
        return base64.b64decode(drawn["data"])


@pytest.fixture(scope="session")
def chrome(site):
    """Debian's Chromium or Google's Chrome; who has neither skips the test."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    # The only pages opened are our own; as root, in a container, Chromium has no sandbox.
    for option in [*OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    chrome = webdriver.Chrome(options=options, service=service)
    yield chrome
    chrome.quit()


@contextlib.contextmanager
def shown(folder, driver):
    """Serve a folder while there is a window on it."""
    with Server(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Window(driver, f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def spoilt(chrome):
    """What the page of mistakes says and looks like."""
    with shown(HERE, chrome) as window:
        return looked_at(window, "spoilt.html")


@pytest.fixture(scope="session")
def window(site, chrome):
    """A window on the site."""
    with shown(site, chrome) as window:
        yield window


@pytest.fixture(scope="session")
def seen(window, pages):
    """What every page says and looks like on a phone."""
    return {page: looked_at(window, page) for page in pages}


def looked_at(window, page):
    """Open a page on a phone's screen and measure it in light and in dark."""
    window.screen(390, scale=2)
    console = window.open(page)
    light = window.look("layout", "pictures", "formulas", "contrast")
    window.screen(390, scale=2, dark=True)
    return {"console": console, **light, "dark": window.look("contrast")["contrast"]}

"""The report's page in a real browser: what it shows and says at a phone's width and at a desktop's, for 5 hosts and for 500.

Needs Debian's chromium-driver. Screenshots go into reports/page.
"""

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report import document as report

from tests.support.browser import ask, free_port, session
from tests.unit.plugin_utils.report.made_up_runs import fleet

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "reports" / "page"
PHONE, TABLET, DESKTOP = 390, 900, 1300
LONGEST = 4000  # pixels of a screenshot

View = Callable[[int, int, bool], str]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a browser's session."""
    port = free_port()
    with subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL) as driver:
        address = session(f"http://127.0.0.1:{port}", str(tmp_path_factory.mktemp("profile")), logs=True)
        yield address
        ask(address, method="DELETE")
        driver.terminate()


def command(browser: str, name: str, **parameters: Any) -> Any:
    """Give the browser a command of its developer tools."""
    return ask(f"{browser}/goog/cdp/execute", {"cmd": name, "params": parameters})


def script(browser: str, text: str) -> Any:
    """Run a script in the page and return its value."""
    return ask(f"{browser}/execute/sync", {"script": text, "args": []})


@pytest.fixture(scope="module")
def view(browser: str, tmp_path_factory: pytest.TempPathFactory) -> View:
    """Return a function that shows the page of a fleet at a width and takes a screenshot."""
    place = tmp_path_factory.mktemp("pages")
    SHOTS.mkdir(parents=True, exist_ok=True)

    def show(hosts: int, width: int, dark: bool = False) -> str:
        page = place / f"{hosts}.html"
        if not page.exists():
            page.write_text(report.page(report.document(fleet(hosts))))
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
        command(browser, "Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        command(browser, "Emulation.setEmulatedMedia", features=[scheme])
        ask(f"{browser}/url", {"url": page.as_uri()})
        height = min(LONGEST, script(browser, "return document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = command(browser, "Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        name = f"{hosts}-hosts-{width}{'-dark' if dark else ''}.png"
        (SHOTS / name).write_bytes(base64.b64decode(shot["data"]))
        return browser

    return show


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, TABLET, DESKTOP])
@pytest.mark.parametrize("hosts", [5, 500])
def test_it_fits_the_screen_without_a_complaint_of_the_browser(view: View, hosts: int, width: int, dark: bool) -> None:
    browser = view(hosts, width, dark)
    assert script(browser, "return document.documentElement.scrollWidth") <= width
    assert ask(f"{browser}/se/log", {"type": "browser"}) == []
    assert script(browser, "return performance.getEntriesByType('resource').map(one => one.name)") == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("hosts", [5, 500])
def test_a_screen_reader_finds_tables_with_headers(view: View, hosts: int, width: int) -> None:
    nodes = command(view(hosts, width, False), "Accessibility.getFullAXTree")["nodes"]
    found: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            found.setdefault(node["role"]["value"], []).append(str(node.get("name", {}).get("value", "")))
    assert found["heading"][0].startswith(f"{hosts} hosts: ")
    assert {"What went wrong", "The fleet", "Time by step"} <= {*found["region"]}
    assert any(name.startswith(("Each host", "Hosts of which")) for name in found["table"])
    assert "lab003.example.org" in json.dumps(found["rowheader"])
    assert len(found["columnheader"]) >= 11
    assert len(found["cell"]) > 10 * min(hosts, 15)
    assert all(name for role in ("region", "table", "article") for name in found[role])
    assert found["main"]


@pytest.mark.parametrize(("words", "hosts"), [("gpu", 100), ("LAB unreachable", 20), ("lab007", 1), ("nothing", 0)])
def test_hosts_can_be_searched(view: View, words: str, hosts: int) -> None:
    text, rows = script(
        view(500, DESKTOP, False),
        f"""
        document.querySelectorAll('details').forEach(one => {{ one.open = true; }});
        const box = document.getElementById('filter');
        box.value = {words!r};
        box.dispatchEvent(new Event('input'));
        return [document.getElementById('shown').textContent,
                [...document.querySelectorAll('#hosts tbody tr')].filter(row => row.offsetHeight > 0).length];
        """,
    )
    assert (text, rows) == (f"{hosts} of 500 hosts", hosts)


def test_a_keyboard_reaches_all_that_opens(view: View) -> None:
    reached = script(
        view(5, PHONE, False),
        "return [...document.querySelectorAll('summary, a, input')].filter(one => one.tabIndex < 0).length",
    )
    assert reached == 0

"""Opens a page in headless Chromium and prints the text that its reader sees, that in components' own trees as well.

Runs on a test host that has Debian's chromium-driver: `python3 browser.py URL WORD…` waits until the page shows all the words, or for
too long. No package beside the standard library is needed: the driver speaks plain HTTP.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from typing import Any

PATIENCE = 60  # seconds
CHROMIUM = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000"]
SCRIPT = """
const seen = [document.title];
const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) seen.push(node.nodeValue);
    if (['SCRIPT', 'STYLE'].includes(node.nodeName)) return;
    if (node.shadowRoot) walk(node.shadowRoot);
    node.childNodes.forEach(walk);
};
walk(document.body);
return seen.join(' ').replace(/\\s+/g, ' ');
"""


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def ask(address: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
    """Ask the driver for something."""
    data = None if method == "DELETE" else json.dumps(body or {}).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)["value"]


def session(driver: str, profile: str, logs: bool = False) -> str:
    """Start a browser, once the driver listens, which keeps what pages write to its console if asked to; return its address."""
    options: dict[str, Any] = {"goog:chromeOptions": {"args": [*CHROMIUM, f"--user-data-dir={profile}"]}}
    if logs:
        options["goog:loggingPrefs"] = {"browser": "ALL"}
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return f"{driver}/session/" + str(
                ask(f"{driver}/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]
            )
        except urllib.error.HTTPError as error:
            sys.exit(error.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def main() -> None:
    """Show the page."""
    url, *words = sys.argv[1:]
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            browser = session(f"http://127.0.0.1:{port}", profile)
            ask(f"{browser}/url", {"url": url})
            deadline, text = time.monotonic() + PATIENCE, ""
            while time.monotonic() < deadline:
                text = ask(f"{browser}/execute/sync", {"script": SCRIPT, "args": []})
                if all(word in text for word in words):
                    break
                time.sleep(0.5)
            print(text)
            ask(browser, method="DELETE")
        finally:
            driver.terminate()
            driver.wait()


if __name__ == "__main__":
    main()

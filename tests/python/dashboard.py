"""Looks at the dashboard with a real browser: headless Chromium, driven by Playwright.

Usage: dashboard.py CHROMIUM URL PICTURES
Reads commands from standard input, a line each, and answers each with a line of JSON.
"""

import json
import sys

from playwright.sync_api import sync_playwright

chromium, url, pictures = sys.argv[1:]

# Whether a canvas shows more than one colour.
PAINTED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
  return seen.size;
}"""


# A curve whose clock is set back by an hour, and the days of a week in which clocks change.
CLOCKS = """async () => {
  const { Curve, ticks } = await import("/assets/curve.js");
  const curve = new Curve(null);
  for (let i = 0; i < 100; i += 1) curve.push({ time: 10000 + i });
  for (let i = 0; i < 10; i += 1) curve.push({ time: 6400 + i });
  const days = ticks(Date.UTC(2026, 2, 25, 10) / 1000, Date.UTC(2026, 3, 1, 10) / 1000, 86400);
  const hours = ticks(Date.UTC(2026, 2, 28, 20) / 1000, Date.UTC(2026, 2, 29, 12) / 1000, 14400);
  return {
    after: curve.rows.map((row) => row.time),
    days: days.map((t) => [new Date(1000 * t).getDate(), new Date(1000 * t).getHours()]),
    hours: hours.map((t) => new Date(1000 * t).getHours()),
  };
}"""

# Whether audio comes in: with readings that move on, that stand still, that start anew, and without a device.
FLOW = """async () => {
  const { Flow } = await import("/assets/flow.js");
  const flow = new Flow();
  const note = (seconds, t, state = "running", epoch = [0, 0]) => flow.note({ epoch, t, source: { state } }, seconds);
  return {
    moving: [note(100, 5), note(101, 6)],
    still: [note(102.9, 6), note(103, 6), note(5000, 6)],
    anew: [note(5001, 6, "running", [0, 1]), note(5003, 6, "running", [0, 1]), note(5004, 0.5, "running", [0, 1])],
    gone: [note(5004.1, 0.6, "waiting", [0, 1]), note(5004.2, 0.7, "running", [0, 1])],
  };
}"""


def until(page, expression, argument=None):
    """Waits until the expression holds. Playwright's own way needs `eval`, which the page forbids."""
    for _ in range(600):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(100)
    raise TimeoutError(expression)


def answer(**values):
    print(json.dumps(values), flush=True)


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    )
    page = browser.new_page(
        viewport={"width": 1280, "height": 900}, color_scheme="dark", timezone_id="Europe/Berlin"
    )
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    foreign = []
    page.on("request", lambda request: None if request.url.startswith(url) else foreign.append(request.url))
    asked = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(url)))
    refused = []
    page.on("response", lambda answer: refused.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.goto(url)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "numbers":
            # They move: two different times, and a score.
            until(page, "() => /^[0-9]+$/.test(document.getElementById('number').textContent)")
            first = page.text_content("#song")
            until(page, "before => document.getElementById('song').textContent !== before", first)
            answer(number=page.text_content("#number"), song=page.text_content("#song"))
        elif command == "pictures":
            until(page, "() => document.getElementById('mel').width > 300")
            answer(mel=page.eval_on_selector("#mel", PAINTED), curve=page.eval_on_selector("#curve", PAINTED),
                   classes=page.locator("#classes li").count(), songs=page.locator("#songs tr").count())
        elif command == "state":
            until(page, "state => document.getElementById('link').dataset.state === state", rest[0])
            answer(state=rest[0])
        elif command == "asked":
            until(page, "() => document.getElementById('ask').open")
            answer(before=asked)
        elif command == "token":
            page.fill("#token", rest[0])
            with page.expect_navigation():
                page.click("#ask button")
            until(page, "() => document.getElementById('link').dataset.state === 'open'")
            answer(asks=page.evaluate("document.getElementById('ask').open"))
        elif command == "keys":
            page.keyboard.press("2")
            pressed = page.get_attribute("#ranges [data-seconds='3600']", "aria-pressed")
            page.keyboard.press("1")
            page.keyboard.press("d")
            theme = page.get_attribute("html", "data-theme")
            page.keyboard.press("d")
            page.keyboard.press("Tab")
            answer(pressed=pressed, theme=theme, focused=page.evaluate("document.activeElement.className"))
        elif command == "clocks":
            answer(**page.evaluate(CLOCKS))
        elif command == "flow":
            answer(**page.evaluate(FLOW))
        elif command == "notice":
            page.evaluate("document.getElementById('device').dispatchEvent(new Event('change'))")
            until(page, "() => !document.getElementById('notice').hidden")
            # Readings come meanwhile, and do not take it away.
            before = page.text_content("#song")
            until(page, "before => document.getElementById('song').textContent !== before", before)
            answer(text=page.text_content("#notice"), hidden=page.get_attribute("#notice", "hidden"))
            page.keyboard.press("Escape")
            until(page, "() => document.getElementById('notice').hidden")
        elif command == "picture":
            name, width, height, scheme = rest
            page.evaluate("document.activeElement.blur(); localStorage.clear(); delete document.documentElement.dataset.theme")
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": int(width), "height": int(height)})
            page.wait_for_timeout(300)
            page.screenshot(path=f"{pictures}/{name}.png", full_page=True)
            answer(overflow=page.evaluate("document.documentElement.scrollWidth - innerWidth"))
        elif command == "problems":
            answer(problems=problems, foreign=foreign, refused=refused)
    browser.close()

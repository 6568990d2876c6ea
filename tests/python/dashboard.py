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

# A curve of eight days in the longest range, without a server that remembers them.
DAYS = """async () => {
  const { Curve } = await import("/assets/curve.js");
  const curve = new Curve(null);
  curve.seconds = 604800;
  for (let i = 0; i < 8 * 17280; i += 1) {
    curve.push({ time: 5 * i, momentary: i % 2 ? 20 : 40, window: i % 2 ? 60 : null, integrated: null });
  }
  const { rows } = curve;
  const [old, now] = [rows[100], rows.at(-1).time];
  return {
    few: rows.length < 3000,
    days: Math.round((now - rows[0].time) / 86400),
    sorted: rows.every((row, i) => i === 0 || row.time > rows[i - 1].time),
    old: [old.time % 1008, Math.round(old.momentary), old.window, old.integrated],
    fine: rows.filter((row) => row.time > now - 300).length,
  };
}"""

# The songs of a long range: those of a poll come on top of those that were known.
LATEST = """async () => {
  const { Curve } = await import("/assets/curve.js");
  const curve = new Curve(null);
  const latest = (...ids) => ids.map((id) => ({ id, start: 10 * id }));
  const ids = () => curve.songs.map((song) => song.id);
  curve.takeLatest(latest(4, 3, 2, 1), true);
  curve.takeLatest(latest(6, 5, 4), false);
  const more = ids();
  curve.takeLatest(latest(9), true);
  return { more, all: ids() };
}"""

# The range of colours beside that of sorted values, how often a picture is drawn, and what is left when
# another meter begins.
MEL = """async () => {
  const { Mel } = await import("/assets/mel.js");
  const canvas = document.createElement("canvas");
  const mel = new Mel(canvas);
  let [seed, index, drawn] = [1, 0, 0];
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  // Every eighth is silence.
  const frame = () => Array.from({ length: 64 }, (_, i) => (i % 8 ? Math.round(-80 + 75 * random()) : -100));
  const push = () => {
    mel.push({ index, frame_rate: 21.5, db: Array.from({ length: 7 }, frame) });
    index += 7;
  };
  const silent = mel.range();
  for (let i = 0; i < 120; i += 1) push();
  const values = mel.columns.flat().filter((db) => db > -95).sort((a, b) => a - b);
  const at = (part) => values[Math.floor(part * values.length)];
  const sorted = [at(0.08), at(0.996)];
  const range = mel.range();
  canvas.getContext("2d").putImageData = () => { drawn += 1; };
  mel.draw();
  mel.draw();
  const once = drawn;
  push();
  mel.draw();
  mel.push({ index: 0, frame_rate: 21.5, db: [frame()] });
  const left = mel.counts.reduce((sum, count) => sum + count, 0);
  return { silent, sorted, range, drawn: [once, drawn], left };
}"""

# A page for which the song is a device that was chosen.
AS_DEVICE = """{
  const Usual = WebSocket;
  window.WebSocket = class extends Usual {
    set onmessage(listener) {
      const as = (data) => data.replace('"host":"file"', '"host":"test"');
      super.onmessage = listener && ((event) => listener({ data: as(event.data) }));
    }
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
        elif command == "days":
            answer(**page.evaluate(DAYS))
        elif command == "latest":
            answer(**page.evaluate(LATEST))
        elif command == "mel":
            answer(**page.evaluate(MEL))
        elif command == "range":
            with page.expect_request(lambda request: "songs?from=" in request.url) as songs:
                page.keyboard.press(rest[0])
            history = [path for path in asked if "history?" in path]
            page.keyboard.press("1")
            answer(songs=songs.value.url, history=history[-1])
        elif command == "lost":
            until(page, "() => document.getElementById('caption').textContent === 'no connection'")
            answer(dim=page.evaluate("document.getElementById('number').hasAttribute('data-quiet')"),
                   link=page.text_content("#link"))
        elif command == "model":
            until(page, "name => document.getElementById('worth').textContent.startsWith(name + ' ')", rest[0])
            answer(classes=page.locator("#classes li > span:first-child").all_text_contents())
        elif command == "devices":
            other, ids = browser.new_page(), []
            other.add_init_script(AS_DEVICE)

            def list_devices(route):
                ids.append(f"device-{len(ids)}")
                route.fulfill(json=[{"id": id, "name": id, "host": "test", "kind": "input"} for id in ids])

            other.route("**/api/v1/devices", list_devices)
            other.goto(url)
            until(other, "() => document.getElementById('device').textContent.endsWith('device-0')")
            other.focus("#device")
            until(other, "() => document.getElementById('device').textContent.endsWith('device-1')")
            answer(listed=other.text_content("#device"))
            other.close()
        elif command == "stale":
            # A page with an old token, for which a minute goes by as soon as it asks for the new one.
            stale, tries = browser.new_page(), []
            stale.clock.install()
            stale.on("websocket", lambda socket: tries.append(socket.url))
            stale.on("request", lambda request: tries.append(request.url) if "/api/" in request.url else None)
            stale.goto(f"{url}#token=an-old-token")
            until(stale, "() => document.getElementById('ask').open")
            before = len(tries)
            stale.clock.run_for(60000)
            stale.evaluate("fetch('/assets/icon.svg').then((answer) => answer.ok)")
            answer(before=before, after=len(tries))
            stale.close()
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

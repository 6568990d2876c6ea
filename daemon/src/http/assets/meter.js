// The reading of the moment: number, bars, classes, health.

const byId = (id) => document.getElementById(id);
const whole = (score) => (score == null ? "–" : score.toFixed(0));

export function clock(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

function bar(id, value, text) {
  const meter = byId(id);
  meter.value = value ?? 0;
  meter.parentElement.querySelector("b").textContent = text;
}

const CAPTIONS = {
  scoring: "window score, 0–100",
  silence: "silence",
  listening: "listening …",
};
const STATES = {
  starting: "starting",
  running: "running",
  resting: "resting: nothing plays",
  waiting: "waiting for the device",
  ended: "ended",
};

const HISTORIES = { off: "off", writing: "written", failing: "cannot be written" };
const times = (n) => ["never", "once"][n] ?? `${n} times`;

// `flows` says whether audio comes in; else the scores are those of a while ago.
export function show(reading, flows) {
  const number = byId("number");
  // Before there is a window, the momentary score is a first impression, and looks like one.
  const impression = reading.status === "listening" ? reading.momentary : null;
  number.textContent = whole(reading.window ?? impression);
  number.toggleAttribute("data-quiet", !flows || reading.status !== "scoring");
  byId("now").toggleAttribute("data-listening", reading.status === "listening");
  byId("caption").textContent =
    reading.source.state === "resting" ? "nothing plays"
    : reading.source.state === "ended" ? "the end"
    : !flows ? "nothing comes in"
    : impression != null ? "first impression"
    : CAPTIONS[reading.status];
  for (const id of ["momentary", "window", "integrated"]) bar(id, reading[id], whole(reading[id]));
  bar("coverage", 100 * reading.coverage, `${(100 * reading.coverage).toFixed(0)} %`);
  bar("level", 100 * (1 + reading.level_db / 60), `${reading.level_db.toFixed(1)} dB`);
  const hook = reading.hook;
  byId("hook").querySelector("b").textContent = hook
    ? `${clock(hook.start_s)}–${clock(hook.end_s)} (${whole(hook.score)})`
    : "–";
  showSong(reading);
  showHealth(reading);
}

// Without a connection the scores are those of a while ago.
export function showLost() {
  byId("number").toggleAttribute("data-quiet", true);
  byId("caption").textContent = "no connection";
}

function showSong({ song, source, t }) {
  const what = song?.title ? [song.artist, song.title].filter(Boolean).join(" – ") : source.device;
  byId("song").textContent = `${what || "–"} · ${clock(t)}`;
  document.title = what ? `${what} · Earworm` : "Earworm";
}

function showHealth(reading) {
  const { source, health } = reading;
  const rows = [
    ["state", STATES[source.state]],
    ["sound system", source.host || "–"],
    ["rate", source.rate ? `${source.rate} Hz` : "–"],
    ["samples dropped", reading.dropped],
    ["invalid samples", reading.invalid],
    ["waits to be scored", `${health.lag_s.toFixed(2)} s`],
    ["opened again", times(health.reconnects)],
    ["gaps", health.gaps ? `${health.gaps} (${health.gap_s.toFixed(1)} s)` : "0"],
    ["over- and underruns", health.xruns],
    ["history", HISTORIES[health.history]],
  ];
  const list = byId("health");
  const text = rows.map(([name, value]) => `${name}\t${value}`).join("\n");
  if (list.dataset.text !== text) {
    list.dataset.text = text;
    list.replaceChildren(...rows.flatMap(([name, value]) => [cell("dt", name), cell("dd", value)]));
  }
  const problem = reading.failure ?? source.problem ?? health.history_problem;
  byId("problem").hidden = !problem;
  byId("problem").textContent = problem ?? "";
}

export function cell(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}

// One bar for each class of the model, in place of those of the model before.
export function makeClasses(model) {
  const list = byId("classes");
  byId("classes-panel").hidden = model.classes.length < 2;
  const rows = model.classes.map(({ name, meaning }) => {
    const row = document.createElement("li");
    row.title = meaning;
    row.classList.toggle("score", name === model.score_class);
    const meter = document.createElement("meter");
    meter.max = 1;
    meter.ariaLabel = name;
    row.append(cell("span", name.replaceAll("_", " ")), meter, cell("span", "–"));
    return [name, row];
  });
  list.replaceChildren(...rows.map(([, row]) => row));
  return (details) => {
    for (const [name, row] of rows) {
      const value = details?.[name];
      row.children[1].value = value ?? 0;
      row.children[2].textContent = value == null ? "–" : `${(100 * value).toFixed(0)} %`;
    }
  };
}

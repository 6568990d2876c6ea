// The dashboard: brings the parts together.

import { ask, follow, hasToken } from "./api.js";
import { Curve } from "./curve.js";
import { Flow } from "./flow.js";
import { Mel } from "./mel.js";
import { makeClasses, show, showLost } from "./meter.js";
import { showSongs } from "./songs.js";

const byId = (id) => document.getElementById(id);
const curve = new Curve(byId("curve"));
const mel = new Mel(byId("mel"));
const flow = new Flow();
let showClasses = () => {};
let reading = null;
let ahead = 0;
let changed = false;
// Whether the stream has just been opened, and the server may be another one than before.
let opened = false;

// The server's clock, which is not always ours.
const now = () => Date.now() / 1000 + ahead;

// What went wrong with a request: shown for a while, apart from what is the matter with the device.
let noticed = 0;
function notice(text) {
  const element = byId("notice");
  element.textContent = text;
  element.hidden = false;
  clearTimeout(noticed);
  noticed = setTimeout(() => { element.hidden = true; }, 10000);
}

function quietly(work) {
  return async (...given) => {
    try {
      await work(...given);
    } catch (error) {
      notice(error.message);
    }
  };
}

const loadModel = quietly(async () => {
  const model = await ask("/api/v1/model");
  const auc = model.metrics.find((m) => m.name === "auc" && m.scope === "all");
  const two = (value) => value.toFixed(2);
  byId("worth").textContent = `${model.name} · ` + (auc
    ? `test AUC ${two(auc.value)} (${two(auc.low)}–${two(auc.high)}); a coin: 0.50`
    : "test AUC not measured");
  showClasses = makeClasses(model);
});

// Whether there is a history that can be asked for.
const remembers = () => reading !== null && reading.health.history !== "off";

// When the range was loaded last, in milliseconds; null if it must be loaded.
let loaded = null;

const loadHistory = quietly(async () => {
  loaded = null;
  if (!remembers()) return;
  const { seconds, step } = curve;
  // At whole steps: all pages ask the same, and the server looks once.
  const from = Math.floor((now() - seconds) / step) * step;
  const { rows } = await ask(`/api/v1/history?from=${from}&resolution=${step}`);
  // Another range may have been chosen meanwhile, and its own answer be here already.
  if (seconds !== curve.seconds) return;
  curve.load(rows);
  changed = true;
  const { songs } = await ask(`/api/v1/songs?from=${from}&limit=5000`);
  if (seconds !== curve.seconds) return;
  curve.takeLatest(songs, true);
  changed = true;
  loaded = performance.now();
});

const loadSongs = quietly(async () => {
  const most = 200;
  const { songs } = remembers() ? await ask(`/api/v1/songs?limit=${most}`) : { songs: [] };
  curve.takeLatest(songs, songs.length < most);
  showSongs(songs, remembers());
  changed = true;
});

// What is asked already is not asked again.
let listing = null;
async function listDevices() {
  listing ??= ask("/api/v1/devices").finally(() => { listing = null; });
  const devices = await listing;
  // Another sound system's devices cannot be chosen without its name.
  const host = reading?.source.host;
  const ours = devices.filter((device) => !host || device.host === host);
  const isHeard = ({ kind, id }) => kind !== "output" || !ours.some((d) => d.id === `${id}.monitor`);
  return ours.filter(isHeard).map(({ name, id }) => [name, id]);
}

// Lists the devices and shows which is listened to; `ifOther` where others can be chosen than before, as one
// may just be being chosen.
const loadDevices = quietly(async (ifOther = false) => {
  const select = byId("device");
  select.disabled = reading?.source.host === "file";
  const options = select.disabled
    ? [[reading.source.device, reading.source.device]]
    : [["what the default output plays", ""], ...await listDevices()];
  const text = JSON.stringify(options);
  if (ifOther && select.dataset.listed === text) return;
  select.dataset.listed = text;
  select.replaceChildren(...options.map(([name, id]) => new Option(name, id)));
  if (reading?.source.chosen) select.value = reading.source.device;
});

function take(message) {
  if (message.type === "mel") {
    mel.push(message);
  } else {
    const before = reading;
    reading = message;
    ahead = message.time - Date.now() / 1000;
    // Not by the clocks of the day, which may be set.
    const flows = flow.note(message, performance.now() / 1000);
    show(message, flows);
    showClasses(message.details);
    const live = flows && message.status === "scoring";
    const value = (score) => (live ? score : null);
    curve.push({
      time: message.time,
      momentary: value(message.momentary),
      window: value(message.window),
      integrated: value(message.integrated),
    });
    const other = (key) => JSON.stringify(before?.[key]) !== JSON.stringify(message[key]);
    if (opened) {
      opened = false;
      loadHistory();
      loadSongs();
    } else if (before && (other("song") || other("epoch"))) loadSongs();
    if (!before || other("source")) loadDevices();
  }
  changed = true;
}

function state(name) {
  const link = byId("link");
  link.dataset.state = name;
  link.textContent = name === "open" ? "live" : "no connection; trying again …";
  opened = name === "open";
  if (opened) loadModel();
  else showLost();
}

function chooseRange(button) {
  for (const other of byId("ranges").children) other.ariaPressed = String(other === button);
  curve.seconds = Number(button.dataset.seconds);
  // Without a history they are all there is.
  if (remembers()) curve.rows = [];
  changed = true;
  loadHistory();
}

function turnTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  changed = true;
}

const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;
const reset = quietly(() => ask("/api/v1/reset", {}));
byId("notice").onclick = ({ target }) => { target.hidden = true; };
// Links carry no token.
byId("links").hidden = hasToken();
byId("theme").onclick = turnTheme;
byId("reset").onclick = reset;
byId("ranges").onclick = ({ target }) => target.dataset.seconds && chooseRange(target);
byId("device").onchange = quietly(({ target }) => {
  const chosen = ask("/api/v1/device", { device: target.value || null });
  // What was refused is not shown as chosen.
  chosen.catch(() => loadDevices());
  return chosen;
});
// Some may have come and gone meanwhile.
byId("device").onfocus = () => loadDevices(true);
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") byId("notice").hidden = true;
  if (/^(input|select)$/i.test(event.target.tagName)) return;
  const range = byId("ranges").children[Number(event.key) - 1];
  if (range) chooseRange(range);
  else if (event.key.toLowerCase() === "r") reset();
  else if (event.key.toLowerCase() === "d") turnTheme();
});
addEventListener("resize", () => { changed = true; });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { changed = true; });

// A hidden page draws nothing: the browser does not call.
function draw() {
  if (changed) {
    changed = false;
    mel.draw();
    curve.draw(now());
  }
  requestAnimationFrame(draw);
}
draw();
setInterval(() => {
  if (document.hidden || byId("link").dataset.state !== "open") return;
  loadSongs();
  // What comes in meanwhile is drawn as well; this brings what was missed while the page slept.
  const old = curve.seconds > 3600 && performance.now() - loaded > 1000 * curve.step;
  if (loaded === null || old) loadHistory();
}, 10000);
follow(take, state);

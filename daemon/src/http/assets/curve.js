// The score over time: lines, songs in turns of shade, hooks marked.

import { named, prepare } from "./colours.js";

const GUTTER = 34;
const AXIS = 22;
const LINES = [["momentary", 1, 0.7], ["integrated", 1.5, 1], ["window", 2.5, 1]];
// By how many seconds they are ago, how many seconds of rows become one: a range has some 600 of them.
const THINNED = [[86400, 1008], [3600, 144], [300, 6]];
// After so many new rows the old ones are thinned.
const THIN_AFTER = 60;
const STEPS = [30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

export class Curve {
  constructor(canvas) {
    this.canvas = canvas;
    this.seconds = 300;
    this.rows = [];
    this.pushed = 0;
    this.songs = [];
  }

  // Seconds of a step of the range, as the server has them.
  get step() {
    return Math.max(1, Math.round(this.seconds / 600));
  }

  // Readings come ten times a second; two are enough for the eye.
  push(row) {
    const last = this.rows.at(-1);
    if (last && row.time < last.time) {
      // The clock was set back: what was ahead of it would stand in the way until it comes there again.
      this.rows = this.rows.filter((r) => r.time < row.time);
    } else if (last && row.time - last.time < 0.45) return;
    this.rows.push(row);
    const first = this.rows.findIndex((r) => r.time >= row.time - this.seconds - 5);
    if (first > 60) this.rows.splice(0, first);
    this.pushed += 1;
    if (this.pushed % THIN_AFTER === 0) this.rows = thinned(this.rows, row.time);
  }

  // What the server remembers, up to where our own rows begin.
  load(rows) {
    const from = rows.at(-1)?.time ?? 0;
    this.rows = [...rows, ...this.rows.filter((row) => row.time > from)];
  }

  // The songs heard last, latest first: all there are, or all since the first of them.
  takeLatest(songs, all) {
    const since = all ? -Infinity : songs.at(-1).start;
    this.songs = [...this.songs.filter((song) => song.start < since), ...[...songs].reverse()];
  }

  draw(now) {
    const { context: c, width, height } = prepare(this.canvas);
    const [right, bottom] = [width - 4, height - AXIS];
    const from = now - this.seconds;
    const x = (time) => GUTTER + ((time - from) / this.seconds) * (right - GUTTER);
    const y = (score) => bottom - (score / 100) * (bottom - 8);
    c.clearRect(0, 0, width, height);
    c.font = "12px system-ui, sans-serif";
    c.textBaseline = "middle";
    this.shadeSongs(c, x, from, now, bottom, right);
    c.lineWidth = 1;
    c.strokeStyle = named("grid");
    c.fillStyle = named("dim");
    c.textAlign = "right";
    for (const score of [0, 25, 50, 75, 100]) {
      line(c, [[GUTTER, y(score)], [right, y(score)]]);
      c.fillText(score, GUTTER - 8, y(score));
    }
    this.times(c, x, from, now, bottom, width);
    this.nameSongs(c, x, now, bottom, right);
    c.save();
    c.beginPath();
    c.rect(GUTTER, 0, right - GUTTER, bottom + 2);
    c.clip();
    for (const [name, size, opacity] of LINES) this.line(c, name, size, opacity, x, y, from);
    c.restore();
  }

  shadeSongs(c, x, from, now, bottom, right) {
    // Asking for a colour takes longer than drawing with it.
    const [shade, mark] = [named("grid"), named("hook")];
    const fill = (colour, opacity, left, top, width, height) => {
      c.globalAlpha = opacity;
      c.fillStyle = colour;
      c.fillRect(left, top, width, height);
    };
    for (const { id, start, end, hook } of this.songs) {
      const [a, b] = [Math.max(GUTTER, x(start)), Math.min(right, x(end ?? now))];
      if (b <= a) continue;
      // By its number, so that it keeps its shade when others come and go.
      fill(shade, id % 2 ? 0.5 : 0.25, a, 8, b - a, bottom - 8);
      if (!hook?.start || hook.end <= from) continue;
      const [h, k] = [Math.max(GUTTER, x(hook.start)), Math.min(right, x(hook.end))];
      // In a song of a few dots it would cover all of it.
      const wide = b - a > 6;
      if (wide) fill(mark, 0.2, h, 8, Math.max(2, k - h), bottom - 8);
      fill(mark, 1, h, 5, Math.max(wide ? 2 : 1, k - h), 3);
    }
    c.globalAlpha = 1;
  }

  nameSongs(c, x, now, bottom, right) {
    c.fillStyle = named("text");
    c.textAlign = "left";
    for (const { start, end, title } of this.songs) {
      const [a, b] = [Math.max(GUTTER, x(start)), Math.min(right, x(end ?? now))];
      if (b - a > 60 && title) c.fillText(fitted(c, title, b - a - 10), a + 5, bottom - 10);
    }
  }

  times(c, x, from, now, bottom, width) {
    const most = Math.max(2, Math.floor(width / 90));
    const step = STEPS.find((s) => this.seconds / s <= most) ?? 86400;
    c.textAlign = "center";
    for (const t of ticks(from, now, step)) {
      if (x(t) < GUTTER + 14 || x(t) > width - 32) continue;
      line(c, [[x(t), 8], [x(t), bottom + 4]]);
      const date = new Date(1000 * t);
      const label = step >= 86400
        ? date.toLocaleDateString([], { weekday: "short", day: "numeric" })
        : date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: step < 60 ? "2-digit" : undefined });
      c.fillText(label, x(t), bottom + 13);
    }
  }

  line(c, name, size, opacity, x, y, from) {
    const gap = Math.max(3, this.seconds / 100);
    c.strokeStyle = named(name);
    c.globalAlpha = opacity;
    c.lineWidth = size;
    c.lineJoin = "round";
    let run = [];
    let last = null;
    const flush = () => { if (run.length > 1) line(c, run); run = []; };
    for (const row of this.rows) {
      if (row.time < from - gap) continue;
      const score = row[name];
      if (score == null || (last !== null && row.time - last > gap)) flush();
      if (score != null) run.push([x(row.time), y(score)]);
      last = row.time;
    }
    flush();
    c.globalAlpha = 1;
  }
}

// Rows in order, and no more of them than can be told apart: those of a step that has passed are one, with
// their means, as the server's are.
export function thinned(rows, now) {
  const steps = [];
  for (const row of rows) {
    const start = (step) => Math.floor(row.time / step) * step;
    const [, step] = THINNED.find(([age, s]) => start(s) + s <= now - age) ?? [0, 0];
    const last = steps.at(-1);
    if (step && last?.step === step && last.time === start(step)) last.rows.push(row);
    else steps.push({ step, time: step ? start(step) : row.time, rows: [row] });
  }
  return steps.map(({ time, rows: [first, ...others] }) => {
    if (!others.length) return first;
    return { time, ...Object.fromEntries(LINES.map(([name]) => [name, mean([first, ...others], name)])) };
  });
}

function mean(rows, name) {
  const scores = rows.map((row) => row[name]).filter((score) => score != null);
  return scores.length ? scores.reduce((sum, score) => sum + score, 0) / scores.length : null;
}

// Times from `from` to `to` at whole steps of the local clock, which may change its offset in between.
export function ticks(from, to, step) {
  const offset = (t) => new Date(1000 * t).getTimezoneOffset() * 60;
  // Offsets are whole steps of half an hour and less.
  const turn = step > 1800 ? offset : () => offset(from);
  const found = [];
  // From a step before, as the offset may have grown since.
  for (let local = (Math.ceil((from - offset(from)) / step) - 1) * step; ; local += step) {
    const t = local + turn(local + offset(from));
    if (t > to) return found;
    if (t >= from) found.push(t);
  }
}

// As much of a text as there is room for.
function fitted(c, text, room) {
  if (c.measureText(text).width <= room) return text;
  let end = text.length;
  while (end > 0 && c.measureText(`${text.slice(0, end).trimEnd()}…`).width > room) end -= 1;
  return `${text.slice(0, end).trimEnd()}…`;
}

function line(c, points) {
  c.beginPath();
  points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
  c.stroke();
}

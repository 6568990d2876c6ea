// The last half minute as mel bands, newest on the right.

import { magma } from "./colours.js";

const SECONDS = 30;
// The server sends whole decibels between these.
const [LEAST, MOST] = [-200, 100];

export class Mel {
  constructor(canvas) {
    this.canvas = canvas;
    this.columns = [];
    this.most = 0;
    this.next = null;
    // How often each value is there.
    this.counts = new Uint32Array(MOST - LEAST + 1);
    // Whether there is something that has not been drawn.
    this.fresh = false;
  }

  push({ index, frame_rate, db }) {
    this.most = Math.ceil(SECONDS * frame_rate);
    if (this.next !== null && index < this.next) this.drop(this.columns.length);
    this.next = index + db.length;
    this.columns.push(...db);
    this.count(db, 1);
    this.drop(Math.max(0, this.columns.length - this.most));
    this.fresh = true;
  }

  // Forgets the oldest columns.
  drop(columns) {
    this.count(this.columns.splice(0, columns), -1);
  }

  count(columns, times) {
    for (const column of columns) {
      for (const db of column) this.counts[db - LEAST] += times;
    }
  }

  draw() {
    const bands = this.columns.at(-1)?.length;
    if (!bands || !this.fresh) return;
    this.fresh = false;
    // Drawn one dot a value; the browser scales it.
    if (this.canvas.width !== this.most || this.canvas.height !== bands) {
      this.canvas.width = this.most;
      this.canvas.height = bands;
    }
    const [floor, top] = this.range();
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(this.most, bands);
    const pixels = new Uint32Array(image.data.buffer);
    const colours = new Uint32Array(magma.buffer);
    pixels.fill(colours[0]);
    const left = this.most - this.columns.length;
    this.columns.forEach((column, x) => {
      for (let band = 0; band < bands; band++) {
        const value = (column[band] - floor) / (top - floor);
        const colour = Math.max(0, Math.min(255, Math.round(255 * value)));
        pixels[(bands - 1 - band) * this.most + left + x] = colours[colour];
      }
    });
    context.putImageData(image, 0, 0);
  }

  // Which decibels are black and which pale, fitted to what is shown, as in the terminal.
  range() {
    // Digital silence says nothing about how dark quiet sound is.
    const first = -94 - LEAST;
    const total = this.counts.subarray(first).reduce((sum, count) => sum + count, 0);
    // The value below which this part of all values is.
    const at = (part) => {
      let below = Math.min(Math.floor(part * total), total - 1);
      for (let i = first; total && i < this.counts.length; i++) {
        if (below < this.counts[i]) return i + LEAST;
        below -= this.counts[i];
      }
      return -90;
    };
    const span = Math.max(36, Math.min(80, at(0.996) - at(0.08)));
    const top = Math.max(-30, at(0.996));
    return [top - span, top];
  }
}

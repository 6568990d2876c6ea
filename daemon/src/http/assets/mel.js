// The last half minute as mel bands, newest on the right.

import { magma } from "./colours.js";

const SECONDS = 30;

export class Mel {
  constructor(canvas) {
    this.canvas = canvas;
    this.columns = [];
    this.most = 0;
    this.next = null;
  }

  push({ index, frame_rate, db }) {
    this.most = Math.ceil(SECONDS * frame_rate);
    if (this.next !== null && index < this.next) this.columns = [];
    this.next = index + db.length;
    this.columns.push(...db);
    this.columns.splice(0, this.columns.length - this.most);
  }

  draw() {
    const bands = this.columns.at(-1)?.length;
    if (!bands) return;
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
    const values = this.columns.flat().filter((db) => db > -95).sort((a, b) => a - b);
    const at = (part) => values[Math.min(Math.floor(part * values.length), values.length - 1)] ?? -90;
    const span = Math.max(36, Math.min(80, at(0.996) - at(0.08)));
    const top = Math.max(-30, at(0.996));
    return [top - span, top];
  }
}

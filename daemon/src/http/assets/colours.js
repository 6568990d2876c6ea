// Colours from the style sheet, and matplotlib's "magma".

export function named(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const MAGMA = [
  0x000004, 0x0a0822, 0x1d1147, 0x36106b, 0x51127c, 0x6a1c81, 0x832681, 0x9c2e7f, 0xb73779,
  0xcf4070, 0xe55064, 0xf4695c, 0xfb8761, 0xfea571, 0xfec287, 0xfde0a1, 0xfcfdbf,
];

// 256 colours as bytes: red, green, blue, opacity.
export const magma = (() => {
  const table = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (MAGMA.length - 1);
    const below = Math.min(Math.floor(place), MAGMA.length - 2);
    for (let c = 0; c < 3; c++) {
      const at = (k) => (MAGMA[k] >> (16 - 8 * c)) & 0xff;
      table[4 * i + c] = at(below) + (at(below + 1) - at(below)) * (place - below);
    }
    table[4 * i + 3] = 255;
  }
  return table;
})();

// Makes a canvas as fine as the screen, and gives its context and its size in CSS pixels.
export function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = canvas.getBoundingClientRect();
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

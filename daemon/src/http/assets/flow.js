// Whether readings move on. The last one stays what it was when a device is unplugged or a sound
// server dies, and the server goes on sending it as a sign of life.

// Seconds after which a reading that stands still is one of the past, as the history has it.
const STALE = 2;

export class Flow {
  constructor() {
    this.latest = null;
    this.moved = 0;
  }

  // Takes note of a reading at `seconds` on a clock that does not go back; says whether audio comes in.
  note({ epoch, t, source }, seconds) {
    const latest = JSON.stringify([epoch, t]);
    if (latest !== this.latest) [this.latest, this.moved] = [latest, seconds];
    return source.state === "running" && seconds - this.moved < STALE;
  }
}

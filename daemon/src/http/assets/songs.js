// The table of songs.

import { cell, clock } from "./meter.js";

const whole = (score) => (score == null ? "–" : score.toFixed(0));

export function showSongs(songs, remembered) {
  const none = document.getElementById("no-songs");
  none.hidden = songs.length > 0;
  none.textContent = remembered ? "No song has been heard yet." : "Songs are not kept: the history is off.";
  const rows = songs.map((song) => {
    const row = document.createElement("tr");
    const when = new Date(1000 * song.start);
    const today = when.toDateString() === new Date().toDateString();
    const time = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const day = when.toLocaleDateString([], { day: "numeric", month: "short" });
    const name = [song.artist, song.title].filter(Boolean).join(" – ") || "unnamed";
    const hook = song.hook
      ? `${clock(song.hook.start_s)}–${clock(song.hook.end_s)} (${whole(song.hook.score)})`
      : "–";
    row.append(
      cell("td", today ? time : `${day} ${time}`),
      cell("td", name),
      cell("td", whole(song.score)),
      cell("td", hook),
      cell("td", clock(song.heard_s)),
    );
    return row;
  });
  document.getElementById("songs").replaceChildren(...rows);
}

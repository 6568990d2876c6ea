// The way to the server: requests with the token, and a stream that comes back by itself.

// Milliseconds without a message after which a connection is taken for dead: the server gives a sign of
// life every second.
const SILENCE = 5000;
// Milliseconds for an answer; the server itself gives up after ten seconds.
const PATIENCE = 15000;

let token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  // Out of the address, so that it is not shared with it.
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname);
} else {
  token = sessionStorage.getItem("token");
}

// Whether the token is missing or wrong. Then nothing is asked until there is another one: each try counts
// as a guess, and too many shut out the other pages of this computer as well.
let refused = false;

export const hasToken = () => Boolean(token);

function askForToken() {
  refused = true;
  const dialog = document.getElementById("ask");
  if (dialog.open) return;
  dialog.addEventListener("close", () => {
    token = document.getElementById("token").value;
    sessionStorage.setItem("token", token);
    location.reload();
  }, { once: true });
  dialog.showModal();
}

// Fetches JSON; throws with the server's own words.
export async function ask(path, body, patience = PATIENCE) {
  if (refused) throw new Error("the token is missing or wrong");
  const options = { headers: {}, signal: AbortSignal.timeout(patience) };
  if (token) options.headers.authorization = `Bearer ${token}`;
  if (body !== undefined) {
    options.method = "POST";
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options).catch(() => {
    throw new Error("the server does not answer");
  });
  if (response.status === 401) askForToken();
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(answer?.error ?? response.statusText);
  return answer;
}

// Opens the stream and keeps it open; waits a little longer after each failure.
export function follow(onMessage, onState) {
  let wait = 250;
  let socket = null;
  let heard = 0;
  const open = () => {
    // Not by URLSearchParams, which would write a ~ in another way than the server compares it.
    const query = `mel=1${token ? `&token=${encodeURIComponent(token)}` : ""}`;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/api/v1/stream?${query}`);
    heard = performance.now();
    socket.onopen = () => {
      wait = 250;
      heard = performance.now();
      onState("open");
    };
    socket.onmessage = (event) => {
      heard = performance.now();
      onMessage(JSON.parse(event.data));
    };
    socket.onclose = lose;
  };
  const lose = async () => {
    const lost = socket;
    socket = null;
    // One that is dead may take long to close. What it says until then is of the past.
    lost.onopen = lost.onmessage = lost.onclose = null;
    lost.close();
    onState("lost");
    // A browser does not tell why there is no stream. If it is the token, this asks for it.
    await ask("/api/v1/reading", undefined, SILENCE).catch(() => {});
    if (refused) return;
    setTimeout(open, wait);
    wait = Math.min(2 * wait, 4000);
  };
  // A server that is frozen, a computer that has slept and a phone out of reach close nothing.
  setInterval(() => {
    if (socket && performance.now() - heard > SILENCE) lose();
  }, 1000);
  open();
}

// The way to the server: requests with the token, and a stream that comes back by itself.

let token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  // Out of the address, so that it is not shared with it.
  sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname);
} else {
  token = sessionStorage.getItem("token");
}

export const hasToken = () => Boolean(token);

function askForToken() {
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
export async function ask(path, body) {
  const options = { headers: {} };
  if (token) options.headers.authorization = `Bearer ${token}`;
  if (body !== undefined) {
    options.method = "POST";
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  if (response.status === 401) askForToken();
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(answer?.error ?? response.statusText);
  return answer;
}

// Opens the stream and keeps it open; waits a little longer after each failure.
export function follow(onMessage, onState) {
  let wait = 250;
  const open = () => {
    // Not by URLSearchParams, which would write a ~ in another way than the server compares it.
    const query = `mel=1${token ? `&token=${encodeURIComponent(token)}` : ""}`;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/stream?${query}`);
    socket.onopen = () => { wait = 250; onState("open"); };
    socket.onmessage = (event) => onMessage(JSON.parse(event.data));
    socket.onclose = () => {
      onState("lost");
      setTimeout(open, wait);
      wait = Math.min(2 * wait, 4000);
    };
  };
  open();
}

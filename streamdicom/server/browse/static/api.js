// Requests of the page, with the token of the address that the command has printed.
//
// The token stays in the session of the tab. Another tab of the page asks for it by a channel of the origin.

const KEY = "streamdicom-token";
const CHANNEL = "streamdicom-token";
const PATIENCE = 400; // ms for another tab to answer

let token = "";
const listeners = new Set();

/** An answer other than success. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body.error || `The server answered ${status}`);
    this.status = status;
    this.changed = Boolean(body.changed);
  }
}

/** Call a function with each error that says that a source has changed, or that the server is gone. */
export function onTrouble(listener) {
  listeners.add(listener);
}

/** Find the token: in the address, which loses it, in the session, or in another tab. */
export async function findToken() {
  const found = /^#token=([\w-]+)&?(.*)$/.exec(location.hash);
  if (found) {
    token = found[1];
    sessionStorage.setItem(KEY, token);
    history.replaceState(null, "", `${location.pathname}${found[2] ? `#${found[2]}` : ""}`);
  } else {
    token = sessionStorage.getItem(KEY) || "";
  }
  const channel = new BroadcastChannel(CHANNEL);
  if (!token) {
    token = await asked(channel);
    if (token) sessionStorage.setItem(KEY, token);
  }
  channel.onmessage = ({ data }) => {
    if (data === "wanted" && token) channel.postMessage({ token });
  };
  return Boolean(token);
}

function asked(channel) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(""), PATIENCE);
    channel.onmessage = ({ data }) => {
      if (data && data.token) {
        clearTimeout(timer);
        resolve(data.token);
      }
    };
    channel.postMessage("wanted");
  });
}

function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") query.append(name, one);
    }
  }
  const text = query.toString();
  return `/api/${path}${text ? `?${text}` : ""}`;
}

async function request(path, parameters = {}, { signal, method = "GET", body = null } = {}) {
  let response;
  try {
    response = await fetch(address(path, parameters), {
      method,
      signal,
      body: body === null ? null : JSON.stringify(body),
      headers: { Authorization: `Bearer ${token}` },
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    if (error.name !== "AbortError") {
      for (const listener of listeners) listener({ gone: true, message: "The server has stopped; start the command again" });
    }
    throw error;
  }
  if (!response.ok) {
    const error = new ApiError(response.status, await response.json().catch(() => ({})));
    if (error.changed || response.status === 401) {
      for (const listener of listeners) listener({ changed: error.changed, denied: response.status === 401, message: error.message });
    }
    throw error;
  }
  return response;
}

/** Return the JSON of an answer. */
export async function get(path, parameters, options) {
  return (await request(path, parameters, options)).json();
}

export const post = (path, parameters = {}, body = null, options = {}) =>
  get(path, parameters, { ...options, method: "POST", body });

/** Return the bytes of an answer, and its headers. */
export async function bytes(path, parameters, options) {
  const response = await request(path, parameters, options);
  return { headers: response.headers, data: await response.arrayBuffer() };
}

/** Call a function with each line of JSON of an answer, until it ends or the signal stops it. */
export async function lines(path, parameters, take, options) {
  const response = await request(path, parameters, options);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const parts = (held + value).split("\n");
    held = parts.pop();
    for (const part of parts) if (part) take(JSON.parse(part));
  }
}

// Calls to the server. Each returns its result or throws Refused.

import { goToLogin } from "./login/redirect.js";
import { locale } from "./language.js";
import { text } from "./texts.js";

/** The server's error, or that it could not be reached (status 0). */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The URL of `path` in a chat; "" is the first chat. */
export function address(path, chat, more = {}) {
  const query = String(new URLSearchParams({ ...(chat && { chat }), ...more }));
  return query ? `${path}?${query}` : path;
}

async function ask(path, options = {}) {
  const headers = { "Accept-Language": locale, ...options.headers };
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options, headers });
  } catch {
    throw new Refused(text("network"), 0);
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  if (body.login) goToLogin(body.login);
  throw new Refused(body.error ?? text("server"), response.status);
}

const read = async (path) => (await ask(path)).json();

export const logOut = () => ask("/logout", { method: "POST" });

let session = null;
let hasLogin = false;

/** Start or renew the browser's session. */
async function renewSession() {
  const renewed = await (await ask("/api/session", { method: "POST" })).json();
  hasLogin = renewed.has_login;
  return renewed;
}

/** Return the session, started once per page. */
export function openSession() {
  // Pages that load at the same time must not start two sessions.
  session ??= (navigator.locks?.request("hearsay.session", renewSession) ?? renewSession()).catch((error) => {
    session = null;
    throw error;
  });
  return session;
}

/** The chats used last, or last before a moment, and the open one: { chats, next }. */
export const loadChats = (open, before = "") => read(address("/api/chats", open, before && { before }));

/** The last entries of a chat, or those before a job: { entries, has_more }. */
export const loadHistory = (chat, before = "") => read(address("/api/history", chat, before && { before }));

/** Where these words stand in any chat. */
export const findWords = async (q) => (await read(address("/api/search", "", { q }))).found;

export const loadCommands = () => read("/api/commands");

export const loadChoices = (chat) => read(address("/api/choices", chat));

export const loadMoments = async (path) => (await read(path)).segments;

export async function pressButton(chat, id, token) {
  const body = JSON.stringify({ id, token });
  const headers = { "Content-Type": "application/json" };
  return (await (await ask(address("/api/buttons", chat), { method: "POST", headers, body })).json()).entry;
}

/** Load the audio at a URL; a Blob is returned as it is. */
export async function loadSound(sound) {
  return sound instanceof Blob ? sound : (await ask(sound)).blob();
}

/** The last message of each queue that is being sent. */
const sent = new Map();

/**
 * Send a message; the same id twice is one message. like: the chat whose settings a new chat copies.
 * queues: the message is sent after the last one of each, and joins the first: they keep their order.
 * prepare: called when it is the message's turn. signal: stops it.
 */
export function sendMessage(chat, fields, { queues = ["texts"], signal, ...options } = {}) {
  const keys = queues.map((name) => `${chat} ${name}`);
  const before = Promise.all(keys.map((key) => sent.get(key)));
  const sending = before.then(() => post(chat, fields, { ...options, signal }));
  sent.set(keys[0], sending.catch(() => {}));
  return new Promise((resolve, reject) => {
    // A message that waits for its turn is stopped at once too.
    signal?.addEventListener("abort", () => reject(new Refused("", 0)));
    sending.then(resolve, reject);
  });
}

async function post(chat, fields, { onProgress = () => {}, prepare, like = "", signal }) {
  await prepare?.();
  await openSession();
  if (signal?.aborted) throw new Refused("", 0);
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) form.append(name, value, fields.name);
    else if (name !== "name" && value !== undefined && value !== "") form.append(name, value);
  }
  // fetch reports no upload progress.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    signal?.addEventListener("abort", () => request.abort());
    request.onerror = request.onabort = () => reject(new Refused(text("network"), 0));
    request.onload = () => {
      const body = request.response ?? {};
      if (request.status === 200) resolve(body.entry);
      else reject(new Refused(body.error ?? text("server"), request.status));
    };
    request.open("POST", address("/api/messages", chat, like && { like }));
    request.setRequestHeader("Accept-Language", locale);
    request.responseType = "json";
    request.send(form);
  });
}

/** Follow a chat's events until `signal` stops it; returns a function that reconnects at once. */
export function followEvents(chat, onEvent, onLink, signal) {
  let wait_ms = 500;
  let waiting = 0;
  let socket = null;
  const open = () => {
    clearTimeout(waiting);
    waiting = 0;
    socket = new WebSocket(location.origin.replace("http", "ws") + address("/api/events", chat));
    socket.onopen = () => {
      wait_ms = 500;
      onLink(true);
    };
    socket.onmessage = (event) => onEvent(JSON.parse(event.data));
    socket.onclose = () => {
      if (signal.aborted) return;
      onLink(false);
      // After the login has expired no socket opens, without a reason.
      if (hasLogin) renewSession().catch(() => {});
      waiting = setTimeout(open, wait_ms);
      wait_ms = Math.min(wait_ms * 2, 5000);
    };
  };
  open();
  signal.addEventListener("abort", () => {
    clearTimeout(waiting);
    socket.close();
  });
  return () => waiting && open();
}

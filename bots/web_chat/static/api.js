// The server, as the page sees it. Each call either returns what was asked for or throws Refused.

import { text } from "./texts.js";

/** What the server said, or that it could not be reached (status 0). */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(text("network"), 0);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error ?? text("network"), response.status);
  return body;
}

export const openSession = () => call("/api/session", { method: "POST" });

export const loadHistory = async () => (await call("/api/history")).entries;

export const loadCommands = () => call("/api/commands");

export async function pressButton(id, token) {
  const body = JSON.stringify({ id, token });
  const headers = { "Content-Type": "application/json" };
  return (await call("/api/buttons", { method: "POST", headers, body })).entry;
}

/** The sound at an address; a sound that is here already stays as it is. */
export async function loadSound(sound) {
  if (sound instanceof Blob) return sound;
  const response = await fetch(sound, { credentials: "same-origin" });
  if (!response.ok) throw new Refused(text("network"), response.status);
  return response.blob();
}

/** Send a message; the same id may be sent again, it stays one message. */
export function sendMessage(fields, onProgress) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) form.append(name, value, fields.name);
    else if (name !== "name" && value !== undefined && value !== "") form.append(name, value);
  }
  // fetch does not tell how much was sent.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onerror = request.onabort = () => reject(new Refused(text("network"), 0));
    request.onload = () => {
      const body = request.response ?? {};
      if (request.status === 200) resolve(body.entry);
      else reject(new Refused(body.error ?? text("network"), request.status));
    };
    request.open("POST", "/api/messages");
    request.responseType = "json";
    request.send(form);
  });
}

/** Follow the chat's events for as long as the page lives. */
export function followEvents(onEvent, onLink) {
  let wait_ms = 500;
  const open = () => {
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/events`);
    socket.onopen = () => {
      wait_ms = 500;
      onLink(true);
    };
    socket.onmessage = (event) => onEvent(JSON.parse(event.data));
    socket.onclose = () => {
      onLink(false);
      setTimeout(open, wait_ms);
      wait_ms = Math.min(wait_ms * 2, 5000);
    };
  };
  open();
}

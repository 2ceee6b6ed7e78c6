// Calls of the operator's view to the server. Each returns its result or throws.

import { goToLogin } from "../login/redirect.js";
import { text } from "./texts.js";

const WAIT_MS = 15_000;

async function call(path, options = {}) {
  const signal = AbortSignal.timeout(WAIT_MS);
  const response = await fetch(`/operator/${path}`, { credentials: "same-origin", signal, ...options });
  const body = await response.json().catch(() => ({}));
  if (body.login) goToLogin(body.login);
  if (!response.ok) throw new Error(body.error ?? text("network"));
  return body;
}

export const loadState = () => call("api/state");
export const loadFigures = () => call("api/figures");
export const loadProblems = async () => (await call("api/problems")).problems;
export const loadJobs = async (show, limit) => (await call(`api/jobs?show=${show}&limit=${limit}`)).jobs;
export const loadJob = (id) => call(`api/jobs/${encodeURIComponent(id)}`);
export const retryJob = (id) => call(`api/jobs/${encodeURIComponent(id)}/retry`, { method: "POST" });

export async function leave() {
  await call("logout", { method: "POST" });
  goToLogin("/operator/login");
}

// The login form: of the page at /login, of the operator's view at /operator/login.

import { fill, words } from "/static/language.js";

const texts = words.login;

const byId = (id) => document.getElementById(id);
const area = location.pathname.replace(/\/login$/, "");
const next = area || "/";

function fillTexts() {
  document.documentElement.lang = words.lang;
  document.title = texts[area ? "operator" : "page"];
  byId("title").textContent = document.title;
  byId("label").textContent = texts.password;
  byId("enter").textContent = texts.enter;
  byId("name").value = area ? "operator" : "hearsay";
}

/** Count down to the next allowed attempt. */
function wait(seconds) {
  byId("enter").disabled = seconds > 0;
  byId("wrong").textContent = seconds > 0 ? fill(texts.wait, { seconds }) : "";
  if (seconds > 0) setTimeout(wait, 1000, seconds - 1);
  else byId("password").focus();
}

async function enter(event) {
  event.preventDefault();
  byId("enter").disabled = true;
  byId("wrong").textContent = "";
  try {
    const response = await fetch(`${area}/login`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ password: byId("password").value }),
    });
    if (response.ok) return location.replace(next);
    byId("password").select();
    const seconds = Number(response.headers.get("Retry-After"));
    if (seconds > 0) return wait(seconds);
    byId("wrong").textContent = (await response.json()).error;
  } catch {
    byId("wrong").textContent = texts.network;
  }
  byId("enter").disabled = false;
}

/** After a link from another site the browser is logged in, but did not send the cookie. */
async function skipIfLoggedIn() {
  const response = await fetch(`${area}/login/state`).catch(() => null);
  if (response?.ok && (await response.json()).is_in) location.replace(next);
}

fillTexts();
byId("form").addEventListener("submit", enter);
skipIfLoggedIn();

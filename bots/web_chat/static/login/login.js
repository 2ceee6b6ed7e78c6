// The login form: of the page at /login, of the operator's view at /operator/login.

const TEXTS = {
  en: {
    enter: "Log in",
    network: "Cannot reach the server.",
    operator: "Hearsay · Operator",
    page: "Hearsay",
    password: "Password",
    wait: "Too many attempts. Try again in {seconds} s.",
  },
  zh: {
    enter: "登录",
    network: "无法连接服务器。",
    operator: "Hearsay · 运维",
    page: "Hearsay",
    password: "密码",
    wait: "尝试次数过多，请在 {seconds} 秒后重试。",
  },
};
const language = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
const texts = TEXTS[language];

const byId = (id) => document.getElementById(id);
const area = location.pathname.replace(/\/login$/, "");
const next = area || "/";

function fillTexts() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = texts[area ? "operator" : "page"];
  byId("title").textContent = document.title;
  byId("label").textContent = texts.password;
  byId("enter").textContent = texts.enter;
  byId("name").value = area ? "operator" : "hearsay";
}

/** Count down to the next allowed attempt. */
function wait(seconds) {
  byId("enter").disabled = seconds > 0;
  byId("wrong").textContent = seconds > 0 ? texts.wait.replace("{seconds}", seconds) : "";
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

// A sound that the page still holds, with a button and a line.

import { icon, make } from "./dom.js";
import { formatDuration, text } from "./texts.js";

/** seconds: the length, where it is known better than the browser knows it. */
export function makePlayer(sound, seconds) {
  const audio = new Audio(URL.createObjectURL(sound));
  audio.preload = "metadata";
  const length = () => (Number.isFinite(audio.duration) ? audio.duration : (seconds ?? 0));
  const button = make("button", { type: "button", class: "round small", "aria-label": text("play") }, icon("play"));
  const line = make("input", { type: "range", min: 0, max: 1000, value: 0, "aria-label": text("position") });
  const clock = make("span", { class: "clock" }, formatDuration(length()));
  const show = () => {
    const isPlaying = !audio.paused;
    button.replaceChildren(icon(isPlaying ? "pause" : "play"));
    button.setAttribute("aria-label", text(isPlaying ? "pause" : "play"));
    const share = length() ? Math.min(1, audio.currentTime / length()) : 0;
    line.value = share * 1000;
    line.style.setProperty("--share", `${share * 100}%`);
    clock.textContent = formatDuration(isPlaying || audio.currentTime ? audio.currentTime : length());
  };
  button.addEventListener("click", () => (audio.paused ? audio.play().catch(() => {}) : audio.pause()));
  line.addEventListener("input", () => {
    audio.currentTime = (line.value / 1000) * length();
  });
  for (const event of ["play", "pause", "timeupdate", "loadedmetadata", "ended"]) {
    audio.addEventListener(event, show);
  }
  const player = make("div", { class: "player" }, button, line, clock);
  // Some voice notes (AMR, SILK) are unknown to browsers.
  audio.addEventListener("error", () => {
    player.hidden = true;
  });
  return player;
}

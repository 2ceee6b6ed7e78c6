// An audio player: button, slider and clock.

import { loadSound } from "./api.js";
import { icon, make } from "./dom.js";
import { takeFloor } from "./speaker.js";
import { formatDuration, text } from "./texts.js";

const TICK_MS = 200;

/**
 * Returns the element and playFrom(second).
 * sound: a Blob, or a URL that is loaded when first played.
 * seconds: the length, where the browser does not know it.
 * stream: the same audio while it is streamed; the player continues where it stops.
 * onPosition(second): called while it plays. onGone: called if it cannot be played.
 */
export function makePlayer(sound, { seconds, stream, onPosition = () => {}, onGone } = {}) {
  const audio = new Audio();
  const length = () => (Number.isFinite(audio.duration) ? audio.duration : (seconds ?? 0));
  const isPlaying = () => Boolean(stream?.isPlaying) || !audio.paused;
  const position = () => (stream?.isPlaying ? stream.position_s : audio.currentTime);
  const button = make("button", { type: "button", class: "round small", "aria-label": text("play") }, icon("play"));
  const line = make("input", { type: "range", min: 0, max: 1000, value: 0, "aria-label": text("position") });
  const clock = make("span", { class: "clock" });
  const player = make("div", { class: "player" }, button, line, clock);
  const hide = () => {
    player.hidden = true;
    onGone?.();
  };
  const open = async () => {
    if (!audio.src) audio.src = URL.createObjectURL(await loadSound(sound));
  };
  const pause = () => {
    stream?.stop();
    audio.pause();
  };
  const play = async () => {
    takeFloor(pause);
    stream?.stop();
    try {
      await open();
    } catch {
      hide();
      return;
    }
    // A format that the browser cannot play (AMR, SILK) fires the event "error".
    await audio.play().catch(() => {});
  };
  const show = () => {
    const now = isPlaying() ? "pause" : "play";
    if (button.getAttribute("aria-label") !== text(now)) {
      button.replaceChildren(icon(now));
      button.setAttribute("aria-label", text(now));
    }
    const share = length() ? Math.min(1, position() / length()) : 0;
    line.value = share * 1000;
    line.style.setProperty("--share", `${share * 100}%`);
    line.setAttribute("aria-valuetext", formatDuration(position()));
    const shown_s = isPlaying() || position() ? position() : length();
    clock.textContent = shown_s ? formatDuration(shown_s) : "";
    onPosition(isPlaying() || position() ? position() : -1);
    if (stream?.isPlaying) setTimeout(show, TICK_MS);
  };
  button.addEventListener("click", () => (isPlaying() ? pause() : play()));
  line.addEventListener("input", () => {
    const isOn = isPlaying();
    stream?.stop();
    audio.currentTime = (line.value / 1000) * length();
    if (isOn) play();
    else show();
  });
  for (const event of ["play", "pause", "timeupdate", "loadedmetadata", "ended"]) {
    audio.addEventListener(event, show);
  }
  audio.addEventListener("error", hide);
  if (sound instanceof Blob) open();
  if (stream) stream.onStop = (reached_s) => (audio.currentTime = reached_s);
  show();
  const playFrom = (second) => {
    audio.currentTime = second;
    return play();
  };
  return { element: player, playFrom };
}

// The message box: type, read aloud, choose, drop, paste, record.

import { drawLevels } from "./levels.js";
import { keep, recall } from "./memory.js";
import { Recorder } from "./recorder.js";
import { openSpeakBar } from "./speak.js";
import { takeFloor } from "./speaker.js";
import { isComposing, openSuggestions } from "./suggest.js";
import { formatCount, formatDuration, text } from "./texts.js";

/** As the server's limit; a box that takes no more would cut what is pasted without a word. */
const MAX_CHARS = 20_000;
const isNarrow = matchMedia("(max-width: 480px)");
const byId = (id) => document.getElementById(id);

/**
 * Connect the box; `currentChat()` returns the open chat, `complain` shows and `announce` reads out a sentence.
 * Returns showDraft(), to be called when another chat is opened.
 */
export function openComposer(currentChat, { complain, announce }) {
  const box = byId("box");
  const speak = openSpeakBar(currentChat, () => fit());
  const fit = () => {
    const isTyped = Boolean(box.value.trim());
    // On a phone the whole sentence does not fit.
    box.placeholder = text(speak.isOn ? "box_speak" : isNarrow.matches ? "box_short" : "box");
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 160)}px`;
    byId("send").hidden = !isTyped && !speak.isOn;
    byId("record").hidden = isTyped || speak.isOn;
    byId("tip").hidden = !/^\/say\s/.test(box.value);
    if (!byId("tip").hidden) byId("tip").textContent = text("tip_say");
  };
  const change = () => {
    keep(`draft.${currentChat().name}`, box.value);
    currentChat().guessAbout(speak.isOn ? "" : box.value);
    fit();
  };
  const send = () => {
    const typed = box.value.trim();
    if (!typed) return;
    if (typed.length > MAX_CHARS) {
      complain(text("too_long", { limit: formatCount(MAX_CHARS) }, MAX_CHARS));
      return;
    }
    complain("");
    currentChat().sendText(speak.isOn ? speak.write(typed) : typed);
    // Each press of the button reads one text aloud: the next message is an ordinary one again.
    speak.toggle(false);
    box.value = "";
    change();
  };
  const sendFiles = (files) => {
    const refusals = files.map((file) => currentChat().sendFile(file));
    complain(refusals.filter(Boolean).join(" "));
  };
  box.addEventListener("input", change);
  const suggest = openSuggestions(box, byId("commands"), change);
  box.addEventListener("keydown", (event) => {
    if (suggest(event)) return;
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    send();
  });
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
    box.focus();
  });
  connectFiles(sendFiles);
  const record = connectRecorder(currentChat, { complain, announce });
  byId("hint-record").addEventListener("click", record);
  byId("hint-file").addEventListener("click", () => byId("file").click());
  byId("hint-say").addEventListener("click", () => {
    speak.toggle(true);
    box.focus();
  });
  byId("hint-help").addEventListener("click", () => currentChat().sendText("/help"));
  isNarrow.addEventListener("change", fit);
  return () => {
    box.value = recall(`draft.${currentChat().name}`);
    fit();
  };
}

function connectFiles(sendFiles) {
  const chooser = byId("file");
  byId("attach").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    sendFiles([...chooser.files]);
    chooser.value = "";
  });
  document.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    // Office programs add a picture of the words.
    const isText = types.includes("text/plain") && types.includes("text/html");
    if (!files.length || isText) return;
    event.preventDefault();
    sendFiles([...files]);
  });
  let depth = 0;
  const show = (change) => {
    depth = change ? depth + change : 0;
    byId("drop").hidden = depth <= 0;
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => hasFiles(event) && show(1));
  document.addEventListener("dragleave", (event) => hasFiles(event) && show(-1));
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(0);
    sendFiles([...event.dataTransfer.files]);
  });
}

function connectRecorder(currentChat, { complain, announce }) {
  let recorder = null;
  let chat = null;
  let ticking = 0;
  const show = (isRecording) => {
    byId("composer").hidden = isRecording;
    byId("recording").hidden = !isRecording;
    clearInterval(ticking);
    byId(isRecording ? "finish" : "record").focus();
  };
  const start = async () => {
    if (byId("record").disabled || !byId("recording").hidden) return;
    complain("");
    takeFloor();
    const fresh = new Recorder();
    try {
      byId("record").disabled = true;
      await fresh.start(drawLevels(byId("levels")));
    } catch (error) {
      complain(error.message, start);
      return;
    } finally {
      byId("record").disabled = false;
    }
    recorder = fresh;
    // Sent to the chat where it started, even if another one is open by then.
    chat = currentChat();
    byId("clock").textContent = formatDuration(0);
    show(true);
    announce(text("recording"));
    ticking = setInterval(() => {
      byId("clock").textContent = formatDuration(recorder.seconds);
    }, 250);
  };
  const finish = async () => {
    if (byId("finish").disabled) return;
    byId("finish").disabled = true;
    const { sound, name, seconds } = await recorder.finish();
    byId("finish").disabled = false;
    show(false);
    complain(chat.sendFile(sound, { name, kind: "voice", seconds }));
  };
  const discard = () => {
    if (byId("finish").disabled) return;
    recorder.discard();
    show(false);
  };
  // The second click of a double click on the button that stood in this place is none.
  const press = (event) => event.detail < 2 && start();
  byId("record").addEventListener("click", press);
  byId("finish").addEventListener("click", finish);
  byId("discard").addEventListener("click", discard);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !byId("recording").hidden) discard();
  });
  return press;
}

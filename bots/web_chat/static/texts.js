// Every text of the page, in English and Chinese.

const TEXTS = {
  en: {
    about: "About:",
    about_off: "Not about this",
    ask: "Ask about this",
    ask_answer: "Ask about this answer",
    ask_transcript: "Ask about this recording",
    attach: "Choose a file",
    box: "Message, or / for a command",
    clip: "Recording",
    commands: "Commands",
    composer: "New message",
    copied: "Copied",
    copy: "Copy",
    dead: "This did not work.",
    discard: "Discard the recording",
    drop: "Drop it here, and it is written down",
    empty_text: "Record yourself, or hand over a voice note, a call or a video. The words appear here.",
    empty_title: "Say it, read it.",
    finish: "Stop and send",
    heard: "Heard. Writing it down …",
    hint_file: "Choose or drop a file",
    hint_help: "See what else there is",
    hint_record: "Record",
    hint_say: "Hear a text",
    log: "Conversation",
    mic_denied: "The microphone is not allowed. Allow it for this page in the browser’s settings.",
    mic_missing: "No microphone was found.",
    network: "The connection broke off.",
    no_file: "This is no file that can be sent.",
    offline: "Connecting again …",
    pause: "Pause",
    play: "Play",
    position: "Position",
    record: "Record",
    recording: "Recording",
    refused: "Not possible.",
    retry: "Retry",
    save: "Save {name}",
    send: "Send",
    sentence: "Say this",
    show_all: "Show all",
    show_less: "Show less",
    speaking: "Speaking …",
    spoken: "Spoken",
    stop: "Stop",
    thinking: "One moment …",
    tip_say: "Before the text you may choose: voice:NAME style:\"warm, slow\". /voice lets you hear the voices.",
    too_large: "This file is too large: the limit is {size}.",
    transcript: "Transcript",
    upload: "Sending … {percent} %",
    you: "You",
  },
  zh: {
    about: "关于：",
    about_off: "不针对这一条",
    ask: "就此提问",
    ask_answer: "就这个回答提问",
    ask_transcript: "就这段录音提问",
    attach: "选择文件",
    box: "输入消息，或用 / 输入命令",
    clip: "录音",
    commands: "命令",
    composer: "新消息",
    copied: "已复制",
    copy: "复制",
    dead: "没有成功。",
    discard: "丢弃录音",
    drop: "拖放到这里，即可转成文字",
    empty_text: "录一段话，或者交来一条语音、一段通话、一个视频。文字会显示在这里。",
    empty_title: "说出来，读出来。",
    finish: "停止并发送",
    heard: "已收到，正在转写……",
    hint_file: "选择或拖入文件",
    hint_help: "看看还能做什么",
    hint_record: "录音",
    hint_say: "朗读文字",
    log: "对话",
    mic_denied: "麦克风未获许可。请在浏览器设置中允许此页面使用麦克风。",
    mic_missing: "没有找到麦克风。",
    network: "连接中断了。",
    no_file: "这个文件无法发送。",
    offline: "正在重新连接……",
    pause: "暂停",
    play: "播放",
    position: "播放位置",
    record: "录音",
    recording: "正在录音",
    refused: "无法处理。",
    retry: "重试",
    save: "保存 {name}",
    send: "发送",
    sentence: "请读这句",
    show_all: "显示全部",
    show_less: "收起",
    speaking: "正在说……",
    spoken: "已说出",
    stop: "停止",
    thinking: "请稍候……",
    tip_say: "文字前可以加：voice:名称 style:\"温暖，慢一点\"。用 /voice 试听各种声音。",
    too_large: "文件太大：上限为 {size}。",
    transcript: "文字",
    upload: "正在发送…… {percent}%",
    you: "你",
  },
};

export const language = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";

/** The text called `key`, with its {names} filled in. */
export function text(key, values = {}) {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Put the texts into the elements that ask for them. */
export function fillTexts(root) {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
    if (element.tagName === "BUTTON") element.title = text(element.dataset.label);
  }
  for (const element of root.querySelectorAll("[data-placeholder]")) {
    element.placeholder = text(element.dataset.placeholder);
  }
}

/** 83 seconds are "1:23". */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** 1500 bytes are "1.5 kB". */
export function formatSize(bytes) {
  const unit = bytes < 1e3 ? "byte" : bytes < 1e6 ? "kilobyte" : "megabyte";
  const value = bytes / { byte: 1, kilobyte: 1e3, megabyte: 1e6 }[unit];
  const style = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 };
  return new Intl.NumberFormat(navigator.language, style).format(value);
}

/** The time of day; with the date if it was not today. */
export function formatTime(iso) {
  const moment = new Date(iso);
  const isToday = moment.toDateString() === new Date().toDateString();
  const style = { hour: "numeric", minute: "2-digit" };
  if (!isToday) Object.assign(style, { month: "short", day: "numeric" });
  return new Intl.DateTimeFormat(navigator.language, style).format(moment);
}

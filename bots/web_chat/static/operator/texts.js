// Every text of the operator's view, in English and Chinese.

const TEXTS = {
  en: {
    alive: "Available",
    answer_saved: "Answer saved",
    attempts_1: "1 attempt",
    attempts_n: "{n} attempts",
    audio_tokens: "{n} audio",
    cached_tokens: "{n} cached",
    calls_1: "1 call",
    calls_minute: "Calls this minute",
    calls_n: "{n} calls",
    chart_table: "Show as table",
    chat: "Chat",
    close: "Close",
    command: "Command",
    crashes: "The process stopped {n} times while it ran",
    day: "Last 24 hours",
    day_more: "median {median}, p95 {p95}",
    day_none: "no requests",
    days_30: "30 days",
    dead: "Dead letters",
    dead_about: "Jobs that failed on every attempt. The sender was notified. Retry runs a job again from the start.",
    dead_none: "None. Every request was answered.",
    delivered: "Delivered",
    delivery_none: "Not sent yet",
    ended_as: "Ended: {state}",
    ended_took: "{time} after it was received",
    engines: "Models",
    error: "Error",
    fails_1: "The last call failed",
    fails_n: "The last {n} calls failed",
    given_none: "no failed jobs",
    given_some: "need attention",
    given_up: "Dead letters",
    heard: "Recording transcribed",
    heard_pieces_1: "1 piece saved",
    heard_pieces_n: "{n} pieces saved",
    hears: "Transcriber",
    hour: "Hour",
    hours_24: "24 hours",
    job: "Job {id}",
    jobs: "Jobs",
    jobs_chart: "Jobs per hour",
    jobs_none: "No jobs here.",
    kept: "Saved; further attempts do not pay for it again",
    last_error: "Last error: {error}, {time}",
    leave: "Log out",
    live: "Up {time}",
    lost: "Connection lost. Reconnecting …",
    median: "Median",
    model: "Model",
    more: "Show more",
    network: "Cannot reach the server.",
    next_run: "Next attempt",
    no_errors: "No failures",
    not_alive: "Unavailable",
    now_running: "Running now",
    off: "off",
    operator: "Operator",
    p95: "95th percentile",
    part: "Part {n}: {state}",
    paused: "Paused for {time}",
    pending: "sending",
    placeholder: "Live message: {state}",
    platform: "Platform",
    platforms: "Platforms",
    probe_alive: "daily probe succeeded {time}",
    probe_failed: "daily probe failed {time}: {error}",
    problems: "Recent warnings and errors",
    problems_about: "The last 200 since the start. Search the log for an id.",
    problems_none: "None since the start.",
    programs: "API keys, today",
    queue: "Queue",
    queue_empty: "empty",
    queue_later: "{n} scheduled",
    queue_oldest: "oldest waiting for {time}",
    queue_running: "{n} running",
    ready: "ready",
    reasoning_tokens: "{n} reasoning",
    received: "Received",
    retried: "Job {id} is queued again.",
    retry: "Retry",
    retry_job: "Retry job {id}",
    sent: "sent",
    show_all: "All",
    show_ended: "Ended",
    show_open: "Open",
    sound: "{time} of audio",
    sound_kept: "The audio is stored here",
    speaks: "Synthesizer",
    spent: "Usage",
    spent_none: "No calls in the last 30 days.",
    stale: "waiting to be edited",
    state_cancelled: "cancelled",
    state_dead: "dead letter",
    state_done: "done",
    state_refused: "refused",
    state_running: "running",
    state_waiting: "waiting",
    times: "× {n}",
    tokens: "{n} tokens",
    tokens_minute: "Tokens this minute",
    told: "Notified of the delay",
    took: "took {time}",
    tried: "Attempts",
    understands: "Answerer",
    unlimited: "{used} used",
    unready: "not ready",
    used_of: "{used} of {limit}",
    wait_chart: "Time to reply",
    waits: "Waiting for its first attempt",
    web: "Web page",
    will_end: "Will end as {state} once delivered",
  },
  zh: {
    alive: "可用",
    answer_saved: "回答已保存",
    attempts_1: "尝试 1 次",
    attempts_n: "尝试 {n} 次",
    audio_tokens: "音频 {n}",
    cached_tokens: "缓存 {n}",
    calls_1: "1 次调用",
    calls_minute: "本分钟调用",
    calls_n: "{n} 次调用",
    chart_table: "以表格查看",
    chat: "会话",
    close: "关闭",
    command: "命令",
    crashes: "运行期间进程停止过 {n} 次",
    day: "最近 24 小时",
    day_more: "中位数 {median}，p95 {p95}",
    day_none: "没有请求",
    days_30: "30 天",
    dead: "死信",
    dead_about: "所有尝试均失败的任务，已通知发送者。“重试”会从头重新运行。",
    dead_none: "没有。所有请求都已回复。",
    delivered: "已送达",
    delivery_none: "尚未发送",
    ended_as: "结束：{state}",
    ended_took: "收到后 {time}",
    engines: "模型",
    error: "错误",
    fails_1: "上次调用失败",
    fails_n: "最近 {n} 次调用失败",
    given_none: "没有失败的任务",
    given_some: "需要处理",
    given_up: "死信",
    heard: "录音已转写",
    heard_pieces_1: "已保存 1 段",
    heard_pieces_n: "已保存 {n} 段",
    hears: "转写",
    hour: "时段",
    hours_24: "24 小时",
    job: "任务 {id}",
    jobs: "任务",
    jobs_chart: "每小时任务数",
    jobs_none: "这里没有任务。",
    kept: "已保存，后续尝试不会重复付费",
    last_error: "上次错误：{error}，{time}",
    leave: "退出登录",
    live: "已运行 {time}",
    lost: "连接中断，正在重试……",
    median: "中位数",
    model: "模型",
    more: "显示更多",
    network: "无法连接服务器。",
    next_run: "下次尝试",
    no_errors: "没有失败",
    not_alive: "不可用",
    now_running: "正在运行",
    off: "未启用",
    operator: "运维",
    p95: "95 百分位",
    part: "第 {n} 部分：{state}",
    paused: "已暂停 {time}",
    pending: "发送中",
    placeholder: "实时消息：{state}",
    platform: "平台",
    platforms: "平台",
    probe_alive: "每日探测成功（{time}）",
    probe_failed: "每日探测失败（{time}）：{error}",
    problems: "最近的警告和错误",
    problems_about: "启动以来的最后 200 条，日志中可按编号查找。",
    problems_none: "启动以来没有警告或错误。",
    programs: "今天的 API 密钥用量",
    queue: "队列",
    queue_empty: "空",
    queue_later: "{n} 个已排期",
    queue_oldest: "最早的已等待 {time}",
    queue_running: "{n} 个正在运行",
    ready: "就绪",
    reasoning_tokens: "推理 {n}",
    received: "已收到",
    retried: "任务 {id} 已重新排队。",
    retry: "重试",
    retry_job: "重试任务 {id}",
    sent: "已发送",
    show_all: "全部",
    show_ended: "已结束",
    show_open: "未完成",
    sound: "音频 {time}",
    sound_kept: "音频保存在这里",
    speaks: "语音合成",
    spent: "用量",
    spent_none: "最近 30 天没有调用。",
    stale: "待修改",
    state_cancelled: "已取消",
    state_dead: "死信",
    state_done: "完成",
    state_refused: "已拒绝",
    state_running: "运行中",
    state_waiting: "等待中",
    times: "× {n}",
    tokens: "{n} 词元",
    tokens_minute: "本分钟词元",
    told: "已通知需要更长时间",
    took: "用时 {time}",
    tried: "尝试",
    understands: "回答",
    unlimited: "已用 {used}",
    unready: "未就绪",
    used_of: "{used} / {limit}",
    wait_chart: "回复用时",
    waits: "等待首次尝试",
    web: "网页",
    will_end: "送达后将结束：{state}",
  },
};

const language = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";

/** The text called `key`, with its {names} filled in. */
export function text(key, values = {}) {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The text for one or for several. */
export const textOf = (key, n) => text(`${key}_${n === 1 ? "1" : "n"}`, { n: formatCount(n) });

/** Fill in the texts that elements name in data-text and data-label. */
export function fillTexts(root) {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = `Hearsay · ${text("operator")}`;
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
    element.title = text(element.dataset.label);
  }
}

const locale = navigator.language;
const number = new Intl.NumberFormat(locale);
const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
// Where the day has twelve hours "6 PM" is enough.
const is12 = clock.resolvedOptions().hour12;
const hour = is12 ? new Intl.DateTimeFormat(locale, { hour: "numeric" }) : clock;
const moment = new Intl.DateTimeFormat(locale, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "narrow" });

export const formatCount = (count) => number.format(count);
export const formatMany = (count) => (count < 10_000 ? number.format(count) : compact.format(count));
export const formatClock = (iso) => clock.format(new Date(iso));
export const formatHour = (iso) => hour.format(new Date(iso));
export const formatMoment = (iso) => moment.format(new Date(iso));

function formatUnit(value, unit, digits = 0) {
  const style = { style: "unit", unit, unitDisplay: "narrow", maximumFractionDigits: digits };
  return new Intl.NumberFormat(locale, style).format(value);
}

/** 83 seconds are "1m 23s". */
export function formatSeconds(seconds) {
  if (seconds === 0) return "0";
  if (seconds < 10) return formatUnit(seconds, "second", 1);
  const whole = Math.round(seconds);
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24];
  const minutes = Math.floor(whole / 60) % 60;
  const parts = [
    [days, "day"],
    [hours, "hour"],
    [minutes, "minute"],
    [whole % 60, "second"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const shown = parts.slice(first, first + 2).filter(([value]) => value > 0);
  return shown.map(([value, unit]) => formatUnit(value, unit)).join(" ");
}

/** A time relative to now. */
export function formatAgo(iso, now = Date.now()) {
  const seconds = (new Date(iso) - now) / 1000;
  const units = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(Math.trunc(seconds), "second");
}

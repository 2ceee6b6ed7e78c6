// Streamed audio, played while it arrives.

/** Delay of the first sample: what a browser needs to start in time. */
const LEAD_S = 0.04;

let context = null;
let rate_hz = 24000;
let hushCurrent = () => {};

/** Stop what plays: only one sound plays at a time. `hush` will stop the new one. */
export function takeFloor(hush = () => {}) {
  if (hush === hushCurrent) return;
  hushCurrent();
  hushCurrent = hush;
}

/** Call it during a user action: before one browsers play nothing. */
export function wakeSpeaker() {
  context ??= new AudioContext({ sampleRate: rate_hz });
  const woken = context;
  woken.resume().then(() => rest(woken));
}

const playing = new Set();

/** Suspend an idle context, which costs power. */
function rest(idle) {
  if (![...playing].some((stream) => stream.context === idle)) idle.suspend();
}

/** A context of this sample rate, so that pieces join without gaps. */
function openContext(rate) {
  if (rate !== rate_hz || !context) {
    rate_hz = rate;
    context = new AudioContext({ sampleRate: rate });
  }
  context.resume();
  return context;
}

function decode(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return Float32Array.from(new Int16Array(bytes.buffer), (sample) => sample / 32768);
}

/** One streamed reply; `onChange` is called when it starts, stops or ends. */
export class Stream {
  constructor(onChange) {
    this.onChange = onChange;
    // Called with the position when it is stopped.
    this.onStop = () => {};
    this.nodes = new Set();
    // Frames received, and the context's frame at which the next one plays.
    this.taken = 0;
    this.next = 0;
    this.isStopped = false;
    this.isComplete = false;
    this.hush = () => this.stop();
  }

  get isPlaying() {
    return playing.has(this);
  }

  /** Seconds played so far. */
  get position_s() {
    if (!this.context) return 0;
    const waiting = Math.max(0, this.next - this.context.currentTime * this.rate_hz);
    return Math.max(0, this.taken - waiting) / this.rate_hz;
  }

  /** Play the next piece of base64, without what a retried job sends again. */
  feed({ pcm, rate_hz: rate, at_s }) {
    if (this.isStopped || navigator.userActivation?.hasBeenActive === false) return;
    const samples = decode(pcm);
    const begin = Math.round(at_s * rate);
    const fresh = samples.subarray(Math.max(0, this.taken - begin));
    if (!fresh.length) return;
    if (!this.context) this.#begin(rate);
    this.taken = begin + samples.length;
    this.#schedule(fresh);
  }

  /** All audio has arrived. */
  complete() {
    this.isComplete = true;
    this.#endIfHeard();
  }

  stop() {
    if (this.isStopped) return;
    this.isStopped = true;
    if (this.isPlaying) this.onStop(this.position_s);
    for (const node of this.nodes) node.stop();
    this.nodes.clear();
    this.#leave();
  }

  #begin(rate) {
    takeFloor(this.hush);
    this.rate_hz = rate;
    this.context = openContext(rate);
    playing.add(this);
    this.onChange();
  }

  #schedule(samples) {
    const { context: output, rate_hz: rate } = this;
    const buffer = output.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const node = new AudioBufferSourceNode(output, { buffer });
    node.connect(output.destination);
    const now = output.currentTime * rate;
    if (this.next < now) this.next = Math.ceil(now + LEAD_S * rate);
    node.start(this.next / rate);
    this.next += samples.length;
    this.nodes.add(node);
    node.onended = () => {
      this.nodes.delete(node);
      this.#endIfHeard();
    };
  }

  #endIfHeard() {
    if (this.isComplete && !this.nodes.size) this.#leave();
  }

  #leave() {
    if (!playing.delete(this)) return;
    rest(this.context);
    this.onChange();
  }
}

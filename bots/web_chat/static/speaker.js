// Sound that is played while it still comes.

/** Between now and the first sample: what a browser needs to be in time. */
const LEAD_S = 0.04;

let context = null;
let rate_hz = 24000;
let hushCurrent = () => {};

/** Only one sound is heard at a time: silence the one before. `hush` will silence the new one. */
export function takeFloor(hush = () => {}) {
  if (hush === hushCurrent) return;
  hushCurrent();
  hushCurrent = hush;
}

/** Call it while the person does something: before that browsers play nothing. */
export function wakeSpeaker() {
  context ??= new AudioContext({ sampleRate: rate_hz });
  const woken = context;
  woken.resume().then(() => rest(woken));
}

const playing = new Set();

/** A context at work costs power. */
function rest(idle) {
  if (![...playing].some((stream) => stream.context === idle)) idle.suspend();
}

/** A context of this rate, so that pieces are joined sample by sample. */
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

/** One text that is being spoken; `onChange` is told when it begins, stops or ends. */
export class Stream {
  constructor(onChange) {
    this.onChange = onChange;
    // Told how far it came when it is stopped.
    this.onStop = () => {};
    this.nodes = new Set();
    // Frames of the whole that were taken, and the context's frame at which the next one plays.
    this.taken = 0;
    this.next = 0;
    this.isStopped = false;
    this.isComplete = false;
    this.hush = () => this.stop();
  }

  get isPlaying() {
    return playing.has(this);
  }

  /** Seconds of the whole that were heard. */
  get position_s() {
    if (!this.context) return 0;
    const waiting = Math.max(0, this.next - this.context.currentTime * this.rate_hz);
    return Math.max(0, this.taken - waiting) / this.rate_hz;
  }

  /** Play the next piece of base64; what was played already, before a second try, is left out. */
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

  /** No more will come. */
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

// The microphone.

import { text } from "./texts.js";

const FORMS = [
  ["audio/webm;codecs=opus", "webm"],
  ["audio/ogg;codecs=opus", "ogg"],
  ["audio/mp4", "m4a"],
];

/** One recording: `start`, then `finish` or `discard`. */
export class Recorder {
  /** Start; `onLevel` gets the level (0 to 1) of every frame. */
  async start(onLevel) {
    this.stream = await this.#openMicrophone();
    const [mime, ending] = FORMS.find(([type]) => MediaRecorder.isTypeSupported(type)) ?? ["", "bin"];
    this.name = `voice.${ending}`;
    this.pieces = [];
    this.recorder = new MediaRecorder(this.stream, mime ? { mimeType: mime, audioBitsPerSecond: 32000 } : {});
    this.recorder.ondataavailable = (event) => this.pieces.push(event.data);
    // It also stops by itself, when the microphone is unplugged.
    this.stopped = new Promise((resolve) => (this.recorder.onstop = resolve));
    this.recorder.start(1000);
    this.startedAt = performance.now();
    this.#measure(onLevel);
  }

  get seconds() {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** Stop; returns the recording, its file name and its length. */
  async finish() {
    const seconds = this.seconds;
    this.#stop();
    await this.stopped;
    this.#close();
    return { sound: new Blob(this.pieces, { type: this.recorder.mimeType }), name: this.name, seconds };
  }

  discard() {
    this.#stop();
    this.#close();
  }

  #stop() {
    if (this.recorder.state !== "inactive") this.recorder.stop();
  }

  async #openMicrophone() {
    if (!window.isSecureContext) throw new Error(text("mic_insecure"));
    if (!navigator.mediaDevices || !window.MediaRecorder) throw new Error(text("mic_missing"));
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    } catch (error) {
      throw new Error(text(error.name === "NotAllowedError" ? "mic_denied" : "mic_missing"));
    }
  }

  #measure(onLevel) {
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    analyser.fftSize = 1024;
    this.context.createMediaStreamSource(this.stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const look = () => {
      if (this.context.state === "closed") return;
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      onLevel(Math.min(1, Math.sqrt(power) * 4));
      requestAnimationFrame(look);
    };
    look();
  }

  #close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }
}

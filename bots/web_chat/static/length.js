// The length of a chosen file, which only the browser knows until it is transcribed.

/** Longest time that a file is kept waiting for this. */
const WAIT_MS = 1500;

/** Add the length to an entry that is about to be sent, so that it is known after a reload too. */
export async function addLength(entry) {
  if (entry.fields.duration_s) return;
  const seconds = await measure(entry.sound);
  if (!seconds) return;
  entry.fields.duration_s = seconds.toFixed(2);
  entry.file = { ...entry.file, duration_s: Number(entry.fields.duration_s) };
}

/** The seconds of a Blob, 0 if the browser cannot tell. */
function measure(blob) {
  const url = URL.createObjectURL(blob);
  const audio = new Audio();
  audio.preload = "metadata";
  return new Promise((resolve) => {
    audio.onloadedmetadata = () => resolve(Number.isFinite(audio.duration) ? audio.duration : 0);
    audio.onerror = () => resolve(0);
    setTimeout(() => resolve(0), WAIT_MS);
    audio.src = url;
  }).finally(() => {
    // It would go on loading what is gone.
    audio.onerror = null;
    audio.removeAttribute("src");
    audio.load();
    // Browsers may have begun another request for it.
    setTimeout(() => URL.revokeObjectURL(url), WAIT_MS);
  });
}

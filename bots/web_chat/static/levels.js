// The level of a running recording, drawn as bars that move to the left.

const BAR_PX = 3;
const STEP_PX = 5;
const STEP_MS = 60;

/** Returns a function that takes the level (0 to 1) of every frame. */
export function drawLevels(canvas) {
  const bars = [];
  let peak = 0;
  let last_ms = 0;
  return (level) => {
    peak = Math.max(peak, level);
    const now_ms = performance.now();
    if (now_ms - last_ms < STEP_MS) return;
    last_ms = now_ms;
    bars.push(peak);
    peak = 0;
    draw(canvas, bars);
  };
}

function draw(canvas, bars) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  bars.splice(0, bars.length - Math.ceil(width / STEP_PX));
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = getComputedStyle(canvas).color;
  bars.forEach((bar, index) => {
    const tall = Math.max(BAR_PX, bar * height);
    const x = width - (bars.length - index) * STEP_PX;
    pen.beginPath();
    pen.roundRect(x, (height - tall) / 2, BAR_PX, tall, BAR_PX / 2);
    pen.fill();
  });
}

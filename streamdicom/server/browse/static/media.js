// Frames as pictures, and waveforms as curves.

import { bytes, get } from "./api.js";
import { counted, make } from "./dom.js";

const PIXELS = ["7FE00010", "7FE00008", "7FE00009"];
const WAVEFORM = "54000100";
const HEIGHT = 110; // px of a curve
const LEVEL_STEP = 0.01; // of the width of the window, for a pixel of a drag

export class Pictures {
  constructor() {
    this.id = "image";
    this.title = "Image";
    this.number = -1;
  }

  fits(tags) {
    return PIXELS.some((tag) => tags?.has(tag));
  }

  show(panel, number) {
    if (this.number !== number) {
      this.number = number;
      this.frame = 0;
      this.window = null;
      this.canvas = make("canvas", { role: "img", "aria-label": "Frame", tabindex: 0 });
      this.note = make("p", { role: "status" });
      const field = (label, input) => make("label", {}, `${label} `, input);
      this.frameField = make("input", { type: "number", min: 1, value: 1, id: "frame-number" });
      this.center = make("input", { type: "number", step: "any", id: "window-center" });
      this.width = make("input", { type: "number", step: "any", min: 1, id: "window-width" });
      this.reset = make("button", { type: "button" }, "Window of the data set");
      this.controls = make("div", { class: "controls" }, field("Frame", this.frameField), field("Center", this.center), field("Width", this.width), this.reset);
      panel.replaceChildren(make("div", { class: "picture" }, this.controls, this.note, this.canvas));
      this.frameField.addEventListener("change", () => this.go(Number(this.frameField.value) - 1));
      for (const one of [this.center, this.width]) one.addEventListener("change", () => this.setWindow(Number(this.center.value), Number(this.width.value)));
      this.reset.addEventListener("click", () => this.setWindow(null));
      this.canvas.addEventListener("keydown", (event) => this.key(event));
      this.canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.go(this.frame + Math.sign(event.deltaY));
      }, { passive: false });
      this.canvas.addEventListener("pointermove", (event) => this.drag(event));
    }
    this.draw();
  }

  go(frame) {
    this.frame = Math.max(0, Math.min((this.frames || 1) - 1, frame));
    this.draw();
  }

  setWindow(center, width) {
    this.window = center === null ? null : [center, Math.max(1, width)];
    this.draw();
  }

  key(event) {
    const frame = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (frame) this.go(this.frame + frame);
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const [center, width] = this.used || [0, 1];
      this.setWindow(center + width * 0.05 * (event.key === "ArrowUp" ? 1 : -1), width);
    } else return;
    event.preventDefault();
  }

  drag(event) {
    if (!(event.buttons & 1) || !this.used) return;
    const [center, width] = this.window || this.used;
    this.setWindow(center + event.movementY * width * LEVEL_STEP, width * (1 + event.movementX * LEVEL_STEP));
  }

  async draw() {
    if (this.isBusy) {
      this.isDue = true;
      return;
    }
    this.isBusy = true;
    const { number } = this;
    try {
      const parameters = { number, frame: this.frame };
      if (this.window) Object.assign(parameters, { center: this.window[0], width: this.window[1] });
      const { headers, data } = await bytes("frame", parameters);
      if (number === this.number) this.paint(JSON.parse(headers.get("X-Picture")), new Uint8Array(data));
    } catch (error) {
      if (number === this.number) {
        this.note.textContent = error.message;
        this.canvas.hidden = true;
      }
    } finally {
      this.isBusy = false;
      if (this.isDue) {
        this.isDue = false;
        this.draw();
      }
    }
  }

  paint(facts, data) {
    const { width, height, samples, frames } = facts;
    this.frames = frames;
    this.used = facts.window;
    this.canvas.hidden = false;
    this.canvas.width = width;
    this.canvas.height = height;
    this.canvas.classList.toggle("small", width < 384);
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      for (let sample = 0; sample < 3; sample++) image.data[4 * pixel + sample] = data[samples === 1 ? pixel : samples * pixel + sample];
      image.data[4 * pixel + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    this.frameField.max = frames;
    this.frameField.value = this.frame + 1;
    for (const one of [this.center, this.width, this.reset]) one.disabled = !facts.window;
    if (facts.window) [this.center.value, this.width.value] = facts.window.map((value) => Number(value.toFixed(2)));
    this.note.textContent = `${counted(facts.columns)} × ${counted(facts.rows)}, ${facts.photometric}, frame ${counted(this.frame + 1)} of ${counted(frames)}`;
    this.canvas.setAttribute("aria-label", `Frame ${this.frame + 1} of ${frames}`);
  }
}

export class Waveforms {
  constructor() {
    this.id = "waveform";
    this.title = "Waveform";
    this.shown = "";
  }

  fits(tags) {
    return Boolean(tags?.has(WAVEFORM));
  }

  async show(panel, number, group = 0) {
    const key = `${number}:${group}`;
    if (this.shown === key) return;
    this.shown = key;
    panel.replaceChildren(make("p", { role: "status" }, "…"));
    let found;
    try {
      found = await get("waveform", { number, group });
    } catch (error) {
      this.shown = "";
      panel.replaceChildren(make("p", { class: "fault", role: "status" }, error.message));
      return;
    }
    if (this.shown !== key) return;
    const choice = make("select", { id: "waveform-group" }, ...found.groups.map((label, place) => make("option", { value: place, selected: place === group }, label)));
    choice.addEventListener("change", () => this.show(panel, number, Number(choice.value)));
    const seconds = found.samples / found.frequency;
    panel.replaceChildren(
      make("p", {}, make("label", { for: "waveform-group" }, "Group "), choice, ` ${counted(found.samples)} samples, ${found.frequency} Hz, ${seconds.toFixed(2)} s`),
      ...found.channels.map((channel) => curve(channel, Math.max(300, panel.clientWidth - 40))));
  }
}

function curve({ label, units, points }, width) {
  const least = Math.min(...points);
  const most = Math.max(...points);
  const canvas = make("canvas", { role: "img", class: "curve", "aria-label": `${label}: ${least} to ${most} ${units}` });
  canvas.width = width;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  context.fillStyle = style.getPropertyValue("--back");
  context.fillRect(0, 0, width, HEIGHT);
  context.strokeStyle = style.getPropertyValue("--accent");
  context.beginPath();
  points.forEach((value, place) => {
    const x = (place / Math.max(1, points.length - 1)) * (width - 1);
    const y = HEIGHT - 5 - ((value - least) / (most - least || 1)) * (HEIGHT - 10);
    if (place) context.lineTo(x, y);
    else context.moveTo(x, y);
  });
  context.stroke();
  return make("figure", {}, make("figcaption", {}, `${label}: ${least} to ${most} ${units}`), canvas);
}

// The list of all data sets, or of those that a search has found.

import { get } from "./api.js";
import { counted, make } from "./dom.js";
import { Rows } from "./scroll.js";

const BLOCK = 50; // rows of a request
const MAX_BLOCKS = 60; // that are held
const COLUMNS_KEY = "streamdicom-columns";
const DEFAULT = ["PatientName", "PatientID", "StudyDate", "Modality", "SeriesDescription", "InstanceNumber"];
const SOURCE = "source";

export class DatasetList {
  /** @param {HTMLElement} host The pane. @param {object} options `chosen(number)`, `statistics(column)`, `marked()`. */
  constructor(host, { chosen, open, statistics, marked }) {
    this.columns = stored();
    this.options = { chosen, open, statistics, marked };
    this.view = null; // numbers of data sets that a search has found, or null for all
    this.total = 0;
    this.blocks = new Map();
    this.requests = new Map();
    this.marks = new Set();
    this.header = make("div", { role: "rowgroup" });
    this.grid = make("div", { id: "grid", role: "grid", "aria-label": "Data sets", "aria-multiselectable": "false" });
    host.append(this.grid);
    this.rows = new Rows(this.grid, {
      header: this.header,
      draw: (index) => this.draw(index),
      chosen: (index) => chosen(this.numberOf(index)),
      open: () => open(),
    });
    this.header.className = "head";
    this.grid.addEventListener("keydown", (event) => {
      if (event.key === " " && event.target === this.grid) {
        this.toggleMark(this.numberOf(this.rows.current));
        event.preventDefault();
      }
    });
    this.drawHeader();
  }

  numberOf(index) {
    return this.view ? this.view.numbers[index] : index;
  }

  /** The number of the current data set, or -1. */
  get current() {
    return this.rows.current < 0 ? -1 : this.numberOf(this.rows.current);
  }

  drawHeader() {
    const cells = [make("div", { role: "columnheader", class: "mark" }, make("span", { title: "Marked" }, "✓")), make("div", { role: "columnheader", class: "number" }, make("span", {}, "#"))];
    for (const name of this.columns) {
      const button = make("button", { type: "button", title: `${name}: statistics and order`, tabindex: 0, on: { click: () => this.options.statistics(name) } }, name);
      cells.push(make("div", { role: "columnheader", class: width(name) }, button));
    }
    this.header.replaceChildren(make("div", { role: "row", class: "head", "aria-rowindex": 1 }, ...cells));
  }

  setColumns(names) {
    this.columns = names;
    localStorage.setItem(COLUMNS_KEY, JSON.stringify(names));
    this.drawHeader();
    this.forget();
  }

  /** Forget all rows, and read them again. */
  forget() {
    for (const request of this.requests.values()) request.abort();
    this.requests.clear();
    this.blocks.clear();
    this.rows.redraw();
  }

  /** Set the number of all data sets. */
  setTotal(total) {
    const before = this.total;
    this.total = total;
    if (!this.view && total !== before) {
      const block = Math.floor(before / BLOCK); // it may have been short
      if (before % BLOCK && this.blocks.has(block)) {
        this.blocks.delete(block);
        this.rows.update(block * BLOCK, BLOCK);
      }
      this.rows.setCount(total);
    }
  }

  /** Show some data sets; null for all. */
  setView(view) {
    const number = this.current;
    this.view = view;
    this.rows.current = -1;
    this.forget();
    this.rows.setCount(view ? view.count : this.total);
    const index = view ? view.numbers.subarray(0, view.count).indexOf(number) : number;
    if (number >= 0 && index >= 0) this.rows.choose(index, { notify: false, center: true });
    else this.rows.moveTo(0);
  }

  /** Show more data sets of a search that goes on. */
  grown() {
    const block = Math.floor(this.rows.count / BLOCK);
    if (this.rows.count % BLOCK) {
      this.blocks.delete(block);
      this.rows.update(block * BLOCK, BLOCK);
    }
    this.rows.setCount(this.view.count);
  }

  /** Make a data set the current one, by its number. */
  select(number, options = {}) {
    const index = this.view ? this.view.numbers.subarray(0, this.view.count).indexOf(number) : number;
    if (index >= 0) this.rows.choose(index, { center: true, ...options });
    return index >= 0;
  }

  toggleMark(number) {
    if (number < 0) return;
    if (!this.marks.delete(number)) this.marks.add(number);
    this.rows.redraw();
    this.options.marked();
  }

  draw(index) {
    const number = this.numberOf(index);
    const block = Math.floor(index / BLOCK);
    const held = this.blocks.get(block);
    const row = held?.[index - block * BLOCK];
    if (!held) this.request(block);
    const isMarked = this.marks.has(number);
    const element = make("div", { role: "row", class: `${row ? "" : "pending"} ${isMarked ? "marked" : ""}` });
    const mark = make("div", { role: "gridcell", class: "mark", on: { click: (event) => { event.stopPropagation(); this.toggleMark(number); } } }, isMarked ? "✓" : "");
    element.append(mark, make("div", { role: "rowheader", class: "number" }, counted(number)));
    if (row?.error && !row.cells) {
      element.append(make("div", { role: "gridcell", class: "fault" }, row.error));
      return element;
    }
    this.columns.forEach((name, column) => {
      const text = row ? row.cells[column] : column ? "" : "…";
      element.append(make("div", { role: "gridcell", class: width(name), title: text }, text));
    });
    if (row?.error) element.append(make("div", { role: "gridcell", class: "fault" }, row.error));
    return element;
  }

  async request(block) {
    if (this.requests.has(block)) return;
    const [first, last] = this.rows.visible();
    for (const [other, request] of this.requests) {
      if ((other + 1) * BLOCK < first - BLOCK || other * BLOCK > last + BLOCK) {
        request.abort();
        this.requests.delete(other);
      }
    }
    const controller = new AbortController();
    this.requests.set(block, controller);
    const start = block * BLOCK;
    const parameters = { columns: this.columns.join(",") };
    if (this.view) parameters.numbers = Array.from(this.view.numbers.subarray(start, Math.min(start + BLOCK, this.view.count))).join(",");
    else Object.assign(parameters, { start, count: BLOCK });
    try {
      const found = await get("rows", parameters, { signal: controller.signal });
      this.blocks.set(block, found.rows);
      if (this.blocks.size > MAX_BLOCKS) this.blocks.delete(this.blocks.keys().next().value);
      this.rows.update(start, BLOCK);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.blocks.set(block, Array(BLOCK).fill({ error: error.message }));
      this.rows.update(start, BLOCK);
    } finally {
      if (this.requests.get(block) === controller) this.requests.delete(block);
    }
  }
}

function width(name) {
  return name === SOURCE ? "cell wide" : "cell";
}

function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(COLUMNS_KEY));
    if (Array.isArray(found) && found.every((name) => typeof name === "string")) return found;
  } catch {
    // the default
  }
  return DEFAULT;
}

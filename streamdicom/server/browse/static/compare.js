// Two data sets side by side: the elements that differ.

import { get } from "./api.js";
import { counted, make } from "./dom.js";
import { Rows } from "./scroll.js";

const CLASSES = { left: "only-left", right: "only-right", vr: "differs", value: "differs" };
const WORDS = { left: "only left", right: "only right", vr: "another VR", value: "another value" };

export class Compare {
  /** @param {object} options `go(number, path)` shows an element. */
  constructor({ go }) {
    this.id = "compare";
    this.title = "Comparison";
    this.other = null; // the number of the other data set
    this.go = go;
    this.shown = "";
  }

  fits() {
    return this.other !== null;
  }

  async show(panel, number) {
    const key = `${number}:${this.other}`;
    if (this.other === null || this.shown === key) return;
    this.shown = key;
    panel.className = "panel diff";
    panel.replaceChildren(make("p", { class: "empty" }, "…"));
    let found;
    try {
      found = await get("compare", { left: number, right: this.other });
    } catch (error) {
      this.shown = "";
      panel.replaceChildren(make("p", { class: "empty fault" }, error.message));
      return;
    }
    if (this.shown !== key) return;
    const count = found.differences.length;
    const text = count ? `${counted(count)}${found.cut ? " or more" : ""} differences` : "No differences";
    const faults = found.faults.map((fault, side) => fault && make("p", { class: "fault" }, `#${counted(side ? this.other : number)} is not readable to its end: ${fault}`));
    const grid = make("div", { id: "differences", role: "grid", "aria-label": "Differences" });
    const cell = (name, label) => make("div", { role: "columnheader", class: name }, make("span", {}, label));
    const header = make("div", { class: "head", role: "rowgroup" }, make("div", { role: "row", class: "head", "aria-rowindex": 1 }, cell("name", "Element"), cell("side", `#${counted(number)}`), cell("side", `#${counted(this.other)}`)));
    panel.replaceChildren(make("p", { class: "summary", role: "status" }, text), ...faults.filter(Boolean), grid);
    const rows = new Rows(grid, {
      header,
      draw: (index) => draw(found.differences[index]),
      open: (index) => {
        const difference = found.differences[index];
        this.go(difference.left ? number : this.other, difference.path);
      },
    });
    rows.setCount(count);
  }
}

function draw(difference) {
  const side = (one) => {
    const text = one ? `${one.vr ? `${one.vr} ` : ""}${one.value}` : "–";
    return make("div", { role: "gridcell", class: `side ${one ? CLASSES[difference.kind] : ""}`, title: text }, text);
  };
  const name = make("div", { role: "rowheader", class: "name", title: `${difference.path}: ${WORDS[difference.kind]}` }, make("span", { class: "tag mono" }, difference.path), make("span", {}, difference.keyword));
  return make("div", { role: "row" }, name, side(difference.left), side(difference.right));
}

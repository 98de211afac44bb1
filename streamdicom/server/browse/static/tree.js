// The elements of a data set as a tree, of which each level is read when it is opened.

import { get } from "./api.js";
import { ancestorsOf, parentOf } from "./address.js";
import { counted, make, plural } from "./dom.js";
import { Rows } from "./scroll.js";

const MORE = 500; // rows of a level that are read at once
const INDENT = 14; // px

export class Tree {
  /** @param {HTMLElement} host The panel. @param {object} options `chosen(node)`. */
  constructor(host, { chosen }) {
    this.chosen = chosen;
    this.number = -1;
    this.nodes = []; // the visible ones, in order
    this.keywords = new Map(); // by tag
    this.issues = new Map(); // by path
    this.inner = new Set(); // paths with an issue below
    this.grid = make("div", { id: "tree", role: "treegrid", "aria-label": "Elements", class: "tree" });
    host.append(this.grid);
    this.rows = new Rows(this.grid, {
      draw: (index) => this.draw(this.nodes[index], index),
      chosen: (index) => chosen(this.nodes[index]),
      open: (index) => this.toggle(this.nodes[index]),
    });
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("click", (event) => {
      if (event.target.closest(".toggle")) this.toggle(this.nodes[this.rows.indexOf(event.target)]);
    });
  }

  keywordOf(tag) {
    return this.keywords.get(tag) || "";
  }

  /** Show a data set; return what the server says of it. */
  async show(number, signal) {
    const found = await get("tree", { number }, { signal });
    this.number = number;
    this.issues.clear();
    this.inner.clear();
    this.nodes = this.nodesOf(found.rows, 0, "", found);
    this.rows.current = -1;
    this.rows.setCount(this.nodes.length);
    this.rows.moveTo(0);
    return found;
  }

  nodesOf(rows, level, parent, found) {
    const nodes = rows.map((row) => {
      if (row.tag && row.keyword) this.keywords.set(row.tag, row.keyword);
      return { row, level, path: row.path, isOpen: false };
    });
    if (found.total > (found.first || 0) + rows.length) {
      nodes.push({ more: (found.first || 0) + rows.length, total: found.total, level, parent, path: `${parent} more` });
    }
    if (found.error) nodes.push({ fault: found.error, level, path: `${parent} fault` });
    return nodes;
  }

  /** Show the deviations of the data set at their elements. */
  setIssues(issues) {
    this.issues.clear();
    this.inner.clear();
    for (const issue of issues) {
      if (!this.issues.has(issue.path)) this.issues.set(issue.path, []);
      this.issues.get(issue.path).push(issue);
      for (const path of ancestorsOf(parentOf(issue.path))) this.inner.add(path);
    }
    this.rows.redraw();
  }

  isBranch(node) {
    return Boolean(node.row) && (node.row.kind === "item" || (node.row.kind === "sequence" && node.row.items > 0));
  }

  async toggle(node) {
    if (!node) return;
    if (node.more) await this.readMore(node);
    else if (!this.isBranch(node)) return;
    else if (node.isOpen) this.close(node);
    else await this.open(node);
  }

  close(node) {
    const index = this.nodes.indexOf(node);
    let end = index + 1;
    while (end < this.nodes.length && this.nodes[end].level > node.level) end++;
    this.nodes.splice(index + 1, end - index - 1);
    node.isOpen = false;
    this.changed(index);
  }

  async open(node) {
    if (node.isOpen) return;
    node.isOpen = true;
    const number = this.number;
    const found = await get("tree", { number, path: node.path });
    if (number !== this.number || !node.isOpen) return;
    const index = this.nodes.indexOf(node);
    this.nodes.splice(index + 1, 0, ...this.nodesOf(found.rows, node.level + 1, node.path, { ...found, error: null }));
    this.changed(index);
  }

  async readMore(node) {
    const number = this.number;
    const found = await get("tree", { number, path: node.parent, start: node.more, count: MORE });
    const index = this.nodes.indexOf(node);
    if (number !== this.number || index < 0) return;
    this.nodes.splice(index, 1, ...this.nodesOf(found.rows, node.level, node.parent, { ...found, error: null, first: node.more }));
    this.changed(index);
  }

  changed(index) {
    this.rows.setCount(this.nodes.length);
    if (this.rows.current > index) this.rows.current = Math.min(this.rows.current, this.nodes.length - 1);
  }

  /** Open what is around a path, and make it the current row. */
  async reveal(path) {
    for (const around of ancestorsOf(path)) {
      let node = this.nodes.find((one) => one.path === around);
      while (!node) {
        const more = this.nodes.find((one) => one.more && one.parent === parentOf(around));
        if (!more) return false;
        await this.readMore(more);
        node = this.nodes.find((one) => one.path === around);
      }
      if (around === path) {
        this.rows.choose(this.nodes.indexOf(node), { center: true });
        return true;
      }
      await this.open(node);
    }
    return false;
  }

  key(event) {
    if (event.target !== this.grid || event.altKey || event.ctrlKey || event.metaKey) return;
    const node = this.nodes[this.rows.current];
    if (event.key === "ArrowRight" && node) {
      if (this.isBranch(node) && !node.isOpen) this.open(node);
      else if (node.isOpen) this.rows.choose(this.rows.current + 1);
    } else if (event.key === "ArrowLeft" && node) {
      if (node.isOpen) this.close(node);
      else {
        const parent = parentOf(node.path);
        const index = this.nodes.findIndex((one) => one.path === parent);
        if (index >= 0) this.rows.choose(index);
      }
    } else if (event.key === "*" && node) {
      this.openBelow(node);
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Open an element with all levels below, within reason. */
  async openBelow(node) {
    const waiting = [node];
    for (let left = 200; left && waiting.length; left--) {
      const one = waiting.shift();
      if (!this.isBranch(one)) continue;
      await this.open(one);
      const index = this.nodes.indexOf(one);
      for (let at = index + 1; at < this.nodes.length && this.nodes[at].level > one.level; at++) {
        if (this.nodes[at].level === one.level + 1) waiting.push(this.nodes[at]);
      }
    }
  }

  draw(node, index) {
    const indent = make("span", { class: "indent" });
    indent.style.width = `${node.level * INDENT}px`;
    if (node.more) {
      const text = `${counted(node.total - node.more)} more; Enter shows them`;
      const button = make("button", { type: "button", class: "toggle more", tabindex: -1, "aria-label": text }, "…");
      return make("div", { role: "row", "aria-level": node.level + 1 }, make("div", { role: "gridcell", class: "name" }, indent, button, make("span", {}, text)));
    }
    if (node.fault) {
      const place = node.fault.offset === null ? "" : ` (byte ${counted(node.fault.offset)})`;
      return make("div", { role: "row", "aria-level": node.level + 1 }, make("div", { role: "gridcell", class: "fault" }, indent, `Not readable from here: ${node.fault.message}${place}`));
    }
    const { row } = node;
    const isBranch = this.isBranch(node);
    const toggle = make("button", { type: "button", class: "toggle", tabindex: -1, "aria-label": isBranch ? (node.isOpen ? "Fold" : "Unfold") : null, hidden: false, disabled: !isBranch }, isBranch ? (node.isOpen ? "▾" : "▸") : "");
    if (!isBranch) toggle.setAttribute("aria-hidden", "true");
    const element = make("div", { role: "row", class: row.private ? "private" : "", "aria-level": node.level + 1, "aria-expanded": isBranch ? node.isOpen : null });
    const name = make("div", { role: "rowheader", class: "name" }, indent, toggle);
    if (row.kind === "item") {
      name.append(make("span", { class: "keyword" }, `Item ${row.item}`));
    } else {
      name.append(make("span", { class: "tag mono" }, `(${row.tag.slice(0, 4)},${row.tag.slice(4)})`), make("span", { class: "keyword", title: row.keyword || row.name || "" }, row.keyword || row.name || (row.private ? "private" : "unknown")));
      if (row.creator) name.append(make("span", { class: "creator" }, row.creator));
    }
    element.append(name, make("div", { role: "gridcell", class: "vr mono" }, row.vr || ""), make("div", { role: "gridcell", class: "value", title: shown(row) }, shown(row)), make("div", { role: "gridcell", class: "length" }, lengthOf(row)), this.flag(node));
    return element;
  }

  flag(node) {
    const issues = this.issues.get(node.path);
    if (issues) {
      const worst = ["error", "warning", "slight", "note"].find((severity) => issues.some((issue) => issue.severity === severity));
      const title = issues.map((issue) => `${issue.code}: ${issue.message}`).join("\n");
      return make("div", { role: "gridcell", class: `flag severity-${worst}`, title, "aria-label": `${worst}: ${title}` }, worst === "note" ? "i" : "!");
    }
    const isInner = this.inner.has(node.path);
    return make("div", { role: "gridcell", class: "flag severity-inner", "aria-label": isInner ? "A deviation below" : null }, isInner ? "·" : "");
  }
}

function shown(row) {
  if (row.kind === "item") return row.value || plural(row.elements, "element");
  if (row.kind === "sequence") return plural(row.items, "item");
  if (row.kind === "bytes") return row.fragments === undefined ? hexOf(row) : `${plural(row.fragments, "fragment")}`;
  if (row.kind === "reference") return `→ ${row.value}`;
  return row.value;
}

function hexOf(row) {
  return row.hex.replace(/(..)/g, "$1 ").trim() + (row.hex.length / 2 < row.length ? " …" : "");
}

function lengthOf(row) {
  if (row.kind === "bytes") return plural(row.length, "byte");
  if (row.kind === "item") return counted(row.elements);
  if (row.count > 1) return `${counted(row.count)} values`;
  return row.length ? counted(row.length) : "";
}

// One data set: its elements, its JSON, its deviations.

import { get } from "./api.js";
import { formatHash, keywordPath, pydicomCode } from "./address.js";
import { copy, counted, make, plural, size } from "./dom.js";
import { Tree } from "./tree.js";

const PATIENCE = 100; // ms in which the rows of the list are read, before the deviations
const TABS = [["elements", "Elements"], ["json", "JSON"], ["deviations", "Deviations"]];

export class DatasetView {
  /** @param {HTMLElement} host The pane. @param {object} options `moved(number, path)` when another place is shown. */
  constructor(host, { moved, extra = [] }) {
    this.host = host;
    this.moved = moved;
    this.number = -1;
    this.path = "";
    this.controller = new AbortController();
    this.extra = new Map(extra.map((one) => [one.id, one]));
    this.tabs = make("div", { class: "tabs", role: "tablist", "aria-label": "Views of the data set" });
    this.panels = new Map();
    this.buttons = new Map();
    for (const [id, title] of [...TABS, ...extra.map((one) => [one.id, one.title])]) {
      const button = make("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, "aria-selected": false, tabindex: -1, hidden: this.extra.has(id), on: { click: () => this.openTab(id) } }, title);
      const panel = make("div", { class: `panel ${id === "elements" ? "" : "scrolls"}`, role: "tabpanel", id: `panel-${id}`, "aria-labelledby": `tab-${id}`, tabindex: id === "elements" ? null : 0, hidden: true });
      this.buttons.set(id, button);
      this.panels.set(id, panel);
      this.tabs.append(button);
    }
    this.tabs.addEventListener("keydown", (event) => this.tabKey(event));
    this.where = make("span", { class: "where" });
    this.bar = make("div", { class: "tabs" });
    this.tabs.classList.remove("tabs");
    this.bar.append(this.tabs, this.where);
    host.append(this.bar, ...this.panels.values());
    this.tree = new Tree(this.panels.get("elements"), { chosen: (node) => this.chosen(node) });
    this.detail = make("div", { class: "detail", id: "detail", tabindex: 0, role: "region", "aria-label": "The element", hidden: true });
    this.panels.get("elements").append(this.detail);
    this.tab = "elements";
    this.bar.hidden = true;
    this.empty = make("p", { class: "empty" }, "Choose a data set.");
    host.append(this.empty);
  }

  tabKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const ids = [...this.buttons.keys()].filter((id) => !this.buttons.get(id).hidden);
    const next = ids[(ids.indexOf(this.tab) + step + ids.length) % ids.length];
    this.openTab(next);
    this.buttons.get(next).focus();
    event.preventDefault();
  }

  /** Show the tabs that the data set has. */
  showTabs() {
    for (const [id, one] of this.extra) this.buttons.get(id).hidden = !one.fits(this.tags);
    this.openTab(this.buttons.get(this.tab).hidden ? "elements" : this.tab);
  }

  openTab(id) {
    this.tab = id;
    for (const [one, panel] of this.panels) {
      panel.hidden = one !== id;
      this.buttons.get(one).setAttribute("aria-selected", one === id);
      this.buttons.get(one).tabIndex = one === id ? 0 : -1;
    }
    if (id === "elements") this.tree.rows.resized();
    if (id === "json") this.showJson();
    if (id === "deviations") this.showDeviations();
    this.extra.get(id)?.show(this.panels.get(id), this.number);
  }

  /** Show a data set, and an element of it. */
  async show(number, path = "") {
    if (number === this.number) {
      if (path !== this.path) await this.reveal(path);
      return;
    }
    this.controller.abort();
    this.controller = new AbortController();
    const { signal } = this.controller;
    this.number = number;
    this.path = "";
    this.issues = null;
    this.detail.hidden = true;
    try {
      const found = await this.tree.show(number, signal);
      if (signal.aborted) return;
      this.empty.hidden = true;
      this.bar.hidden = false;
      this.format = found.source.format;
      this.where.textContent = `#${counted(number)}  ${found.source.name}  byte ${counted(found.start)}`;
      this.where.title = this.where.textContent;
      this.tags = new Set(this.tree.nodes.filter((node) => node.row && node.row.kind !== "reference").map((node) => node.row.tag)); // of what is there
      this.showTabs();
      if (path) await this.reveal(path);
      if (this.tab !== "deviations") await new Promise((resolve) => setTimeout(resolve, PATIENCE));
      if (!signal.aborted) await this.readIssues(signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.number = -1;
      this.bar.hidden = true;
      for (const panel of this.panels.values()) panel.hidden = true;
      this.empty.hidden = false;
      this.empty.textContent = error.message;
    }
  }

  async readIssues(signal) {
    const found = await get("deviations", { number: this.number }, { signal });
    this.issues = found;
    this.tree.setIssues(found.deviations);
    const count = found.total + (found.fault ? 1 : 0);
    this.buttons.get("deviations").textContent = count ? `Deviations (${counted(count)})` : "Deviations";
    if (this.tab === "deviations") this.showDeviations();
    const node = this.tree.nodes[this.tree.rows.current];
    if (node?.row) this.showDetail(node);
  }

  async reveal(path) {
    if (this.tab !== "elements") this.openTab("elements");
    if (!(await this.tree.reveal(path))) this.moved(this.number, this.path);
  }

  chosen(node) {
    if (!node.row) return;
    this.path = node.path;
    this.moved(this.number, node.path);
    this.showDetail(node);
  }

  showDetail(node) {
    const { row } = node;
    const keywordOf = (tag) => this.tree.keywordOf(tag);
    const names = keywordPath(row.path, keywordOf);
    const text = make("pre", { class: "raw", "aria-label": "JSON" }, "…");
    const caption = make("h2", {}, "JSON");
    const value = make("div", { class: "whole" });
    const title = row.kind === "item" ? `Item ${row.item}` : row.keyword || row.name || `(${row.tag.slice(0, 4)},${row.tag.slice(4)})`;
    const facts = make("dl", { class: "facts" });
    const fact = (name, content) => content && facts.append(make("dt", {}, name), make("dd", {}, content));
    fact("Path", make("code", {}, `#${this.number}/${row.path}`));
    fact("Keywords", make("code", {}, names));
    fact("VR", row.vr);
    fact("Creator", row.creator);
    fact("Byte offset", counted(row.offset));
    fact("Length", row.kind === "bytes" ? `${size(row.length)}${row.fragments === undefined ? "" : `, ${plural(row.fragments, "fragment")}`}` : "");
    const issues = this.tree.issues.get(row.path) || [];
    const button = (label, action) => make("button", { type: "button", on: { click: action } }, label);
    const buttons = make("div", { class: "buttons" },
      button("Copy link", () => copy(`${location.origin}/${formatHash({ number: this.number, path: row.path })}`, "the link")),
      button("Copy JSON", async () => copy((await get("json", { number: this.number, path: row.path })).text, "the JSON")),
      button("Copy keywords", () => copy(names, "the keyword path")),
      button("Copy pydicom", () => copy(pydicomCode(row.path, keywordOf), "the code")));
    this.detail.hidden = false;
    this.detail.replaceChildren(make("h2", {}, title), buttons, issues.length ? issueList(issues) : "", make("div", { class: "beside" }, make("div", {}, facts, value), make("div", {}, caption, text)));
    this.fillDetail(row, value, text, caption);
  }

  async fillDetail(row, value, text, caption) {
    const { number } = this;
    const { signal } = this.controller;
    try {
      const found = await get("json", { number, path: row.path }, { signal });
      text.textContent = found.text + (found.cut ? " …" : "");
      caption.textContent = found.source ? "JSON of the source" : "As JSON";
      if (row.kind === "item" || row.kind === "sequence") return;
      showValue(value, row, await get("value", { number, path: row.path }, { signal }));
    } catch (error) {
      if (error.name !== "AbortError") text.textContent = error.message;
    }
  }

  async showJson() {
    const panel = this.panels.get("json");
    const { number } = this;
    panel.replaceChildren(make("p", {}, "…"));
    try {
      const found = await get("json", { number });
      if (number !== this.number) return;
      let { text } = found;
      if (!found.cut) {
        try {
          text = indented(text);
        } catch {
          // as it is
        }
      }
      const title = found.source ? "The data set as the source has it, indented" : "The data set as JSON";
      panel.replaceChildren(make("div", { class: "buttons" }, make("button", { type: "button", on: { click: () => copy(found.text, "the JSON") } }, "Copy JSON")), make("p", {}, title + (found.cut ? ", cut" : "")), make("pre", {}, text));
    } catch (error) {
      panel.replaceChildren(make("p", { class: "fault" }, error.message));
    }
  }

  showDeviations() {
    const panel = this.panels.get("deviations");
    const found = this.issues;
    if (!found) {
      panel.replaceChildren(make("p", {}, "…"));
      return;
    }
    const items = found.deviations.map((issue) => {
      const place = issue.path
        ? make("button", { type: "button", on: { click: () => this.show(this.number, issue.path).then(() => this.reveal(issue.path)) } }, keywordPath(issue.path, (tag) => this.tree.keywordOf(tag)))
        : make("span", {}, "the data set");
      return make("li", {}, issueText(issue), " ", place);
    });
    const fault = found.fault ? make("p", { class: "fault" }, `Not readable to the end: ${found.fault.message}${found.fault.offset === null ? "" : ` (byte ${counted(found.fault.offset)})`}`) : "";
    const more = found.total - found.deviations.length;
    panel.replaceChildren(fault, items.length ? make("ul", { class: "issues" }, ...items) : make("p", {}, found.fault ? "" : "No deviations from the standard in form and values."), more ? make("p", {}, `${counted(more)} more`) : "");
  }
}

function issueText(issue) {
  const place = issue.offset === null ? "" : `, byte ${counted(issue.offset)}`;
  const clause = issue.clause ? ` (${issue.clause})` : "";
  return make("span", { title: issue.meaning }, make("strong", { class: `severity-${issue.severity}` }, `${issue.severity} ${issue.code}`), `: ${issue.message}${issue.message.includes(issue.clause) ? "" : clause}${place}`);
}

function issueList(issues) {
  return make("ul", { class: "issues" }, ...issues.map((issue) => make("li", {}, issueText(issue))));
}

function showValue(host, row, found) {
  const more = found.total > found.shown ? `the first ${counted(found.shown)} of ${counted(found.total)}` : "";
  if (found.kind === "bytes") {
    host.replaceChildren(make("p", {}, more ? `Bytes, ${more}` : "Bytes"), make("pre", { class: "hex" }, hexDump(found.hex)));
  } else if (found.kind === "names") {
    const body = found.values.map((groups) => make("tr", {}, ...groups.map((text) => make("td", {}, text))));
    host.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...["Alphabetic", "Ideographic", "Phonetic"].map((name) => make("th", { scope: "col" }, name)))), make("tbody", {}, ...body)));
  } else {
    const title = found.total === 1 ? "Value" : `${counted(found.total)} values`;
    host.replaceChildren(make("p", {}, more ? `Values, ${more}` : title), make("pre", {}, found.values.join("\n") + (found.cut ? " …" : "")));
  }
}

/** Lines of 16 bytes: the offset, hexadecimal digits, and ASCII. */
export function hexDump(hex) {
  const lines = [];
  for (let start = 0; start < hex.length; start += 32) {
    const bytes = hex.slice(start, start + 32).match(/../g);
    const text = bytes.map((byte) => parseInt(byte, 16)).map((code) => (code >= 32 && code < 127 ? String.fromCharCode(code) : ".")).join("");
    lines.push(`${(start / 2).toString(16).padStart(6, "0")}  ${bytes.join(" ").padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}

/** JSON text indented without a change of numbers, which JSON.parse would round. */
export function indented(text) {
  let depth = 0;
  let result = "";
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) || [];
  tokens.forEach((token, index) => {
    const next = tokens[index + 1];
    if (token === "{" || token === "[") {
      depth++;
      result += next === "}" || next === "]" ? token : `${token}\n${"  ".repeat(depth)}`;
    } else if (token === "}" || token === "]") {
      depth--;
      const before = tokens[index - 1];
      result += before === "{" || before === "[" ? token : `\n${"  ".repeat(depth)}${token}`;
    } else if (token === ",") {
      result += `,\n${"  ".repeat(depth)}`;
    } else {
      result += token === ":" ? ": " : token;
    }
  });
  return result;
}

// Searches, orders and statistics: answers that arrive line by line and can be stopped.

import { lines } from "./api.js";
import { byId, counted, dialog, make, plural, toast } from "./dom.js";

const TOKEN = /([\w.(),]+)=(?:"([^"]*)"|(\S*))|"([^"]*)"|(\S+)/g;

/** Split a text such as `Modality=CT "GE MEDICAL" smith` into conditions and words. */
export function parseQuery(text) {
  const select = [];
  const word = [];
  for (const [, name, quoted, plain, phrase, single] of text.matchAll(TOKEN)) {
    if (name !== undefined) select.push(`${name}=${quoted ?? plain}`);
    else word.push(phrase ?? single);
  }
  return { select, word: word.filter(Boolean) };
}

/** Numbers that are appended, for any number of them. */
export class Numbers {
  constructor() {
    this.numbers = new Uint32Array(1024);
    this.count = 0;
  }

  append(more) {
    if (this.count + more.length > this.numbers.length) {
      const larger = new Uint32Array(Math.max(2 * this.numbers.length, this.count + more.length));
      larger.set(this.numbers.subarray(0, this.count));
      this.numbers = larger;
    }
    this.numbers.set(more, this.count);
    this.count += more.length;
  }
}

export class Search {
  /** @param {DatasetList} list The list that shows the result. */
  constructor(list) {
    this.list = list;
    this.query = null; // of the result that is shown
    this.order = ""; // the column by which it is ordered
    this.controller = null;
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.start(byId("search").value);
    });
    byId("search-stop").addEventListener("click", () => this.stop());
    byId("search-clear").addEventListener("click", () => this.clear());
    this.note = make("p", { class: "found", role: "status", "aria-live": "polite", hidden: true });
    byId("search-form").append(this.note);
  }

  get isRunning() {
    return this.controller !== null;
  }

  stop() {
    this.controller?.abort();
  }

  clear() {
    this.stop();
    this.query = null;
    this.order = "";
    this.show("");
    byId("search-clear").hidden = true;
    this.list.setView(null);
  }

  show(text) {
    this.note.hidden = !text;
    this.note.textContent = text;
  }

  async start(text) {
    const query = parseQuery(text);
    if (!query.select.length && !query.word.length) {
      this.clear();
      return;
    }
    await this.run("search", query, "");
  }

  /** Order what is shown by a column. */
  async sort(column, descending) {
    await this.run("sort", this.query || { select: [], word: [] }, column, { column, descending: descending ? "1" : null });
  }

  async run(path, query, order, parameters = {}) {
    this.stop();
    const controller = new AbortController();
    this.controller = controller;
    const view = new Numbers();
    byId("search-stop").hidden = false;
    byId("search-clear").hidden = false;
    let isShown = path === "search";
    if (isShown) this.list.setView(view);
    let last = {};
    const share = () => (last.count ? `${Math.floor((100 * last.done) / last.count)} %` : "0 %");
    try {
      this.show(path === "search" ? "Searching" : "Ordering");
      await lines(path, { ...query, ...parameters }, (line) => {
        if (line.error) throw new Error(line.error);
        last = { ...last, ...line };
        if (line.numbers?.length || line.complete) {
          if (!isShown) this.list.setView(view);
          isShown = true;
          view.append(line.numbers || []);
          this.list.grown();
        }
        if (!line.complete) this.show(path === "search" ? `${counted(view.count)} found, ${share()} searched` : `${share()} read`);
      }, { signal: controller.signal });
      const faults = last.faults ? `, ${plural(last.faults, "data set")} not readable` : "";
      this.show(path === "search" ? `${counted(view.count)} found${faults}` : `ordered by ${order}`);
      this.query = query;
      this.order = order;
    } catch (error) {
      if (error.name === "AbortError") {
        if (this.controller === controller) this.show(path === "search" ? `${counted(view.count)} found, stopped at ${share()}` : "stopped");
        this.query = path === "search" ? query : this.query;
      } else {
        this.show("");
        toast(error.message);
        this.list.setView(null);
        byId("search-clear").hidden = true;
      }
    } finally {
      if (this.controller === controller) {
        this.controller = null;
        byId("search-stop").hidden = true;
      }
    }
  }

  /** Show the statistics of a column of what is shown. */
  async statistics(column) {
    const controller = new AbortController();
    const order = (label, descending) => make("button", { type: "button", on: { click: () => { box.close(); this.sort(column, descending); } } }, label);
    const body = make("div", { role: "status" }, "0 % read");
    const box = dialog(column, make("div", { class: "buttons" }, order("Ascending", false), order("Descending", true)), body);
    box.addEventListener("close", () => controller.abort());
    try {
      await lines("statistics", { ...(this.query || {}), column }, (line) => {
        if (line.error) throw new Error(line.error);
        if (line.statistics) body.replaceChildren(...this.described(line.statistics, column, box));
        else body.textContent = `${Math.floor((100 * line.done) / line.count)} % read`;
      }, { signal: controller.signal });
    } catch (error) {
      if (error.name !== "AbortError") body.textContent = error.message;
    }
  }

  described(found, column, box) {
    const facts = make("dl", { class: "facts" });
    const fact = (name, text) => facts.append(make("dt", {}, name), make("dd", {}, text));
    fact("Data sets", counted(found.count));
    fact("Empty or missing", counted(found.empty));
    fact("Different values", counted(found.distinct));
    if (found.bins) fact("Range", `${found.edges[0]} to ${found.edges[found.edges.length - 1]}, mean ${found.mean}`);
    else if (found.least !== null) fact("Range", `${found.least} to ${found.most}`);
    if (found.faults) fact("Not readable", counted(found.faults));
    const parts = [facts];
    if (found.bins?.length > 1) parts.push(histogram(found));
    const most = found.top.length ? found.top[0][1] : 1;
    const isExact = /^[\w]+$/.test(column);
    const rows = found.top.map(([text, count]) => {
      const meter = make("span", { class: "meter" });
      meter.style.width = `${Math.max(1, (count / most) * 120)}px`;
      const search = () => {
        box.close();
        byId("search").value = `${column}=${/\s|"/.test(text) ? `"${text.replace(/"/g, "")}"` : text}`;
        byId("search-form").requestSubmit();
      };
      const isSearchable = isExact && column !== "source" && text && !text.includes("\\") && !text.includes('"') && text.length <= 250;
      const value = isSearchable ? make("button", { type: "button", on: { click: search } }, text) : text;
      return make("tr", {}, make("td", {}, value), make("td", { class: "count" }, counted(count)), make("td", {}, meter));
    });
    if (rows.length) {
      const head = make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Value"), make("th", { scope: "col" }, "Data sets"), make("td", {})));
      parts.push(make("table", {}, make("caption", {}, found.distinct > found.top.length ? "Most frequent values" : "Values"), head, make("tbody", {}, ...rows)));
    }
    return parts;
  }
}

function histogram({ bins, edges }) {
  const most = Math.max(...bins);
  const bars = bins.map((count, place) => {
    const bar = make("span", { title: `${edges[place]} to ${edges[place + 1]}: ${counted(count)}` });
    bar.style.height = `${(count / most) * 100}%`;
    return bar;
  });
  const text = `Histogram from ${edges[0]} to ${edges[edges.length - 1]}, at most ${counted(most)} in a bar`;
  return make("div", {}, make("div", { class: "bars", role: "img", "aria-label": text }, ...bars), make("p", {}, `${edges[0]} – ${edges[edges.length - 1]}`));
}

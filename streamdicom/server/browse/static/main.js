// The page: its parts, its keys, and the address.

import { findToken, get, onTrouble, post } from "./api.js";
import { formatHash, parseHash } from "./address.js";
import { Compare } from "./compare.js";
import { DatasetView } from "./dataset.js";
import { byId, counted, dialog, make, plural, size, toast } from "./dom.js";
import { bindExport } from "./export.js";
import { DatasetList } from "./list.js";
import { Pictures, Waveforms } from "./media.js";
import { Search } from "./search.js";

const POLL = 250; // ms between looks at the progress

const KEYS = [
  ["g", "go to a number or a SOP Instance UID"],
  ["/", "search"],
  ["Esc", "stop a search; leave a field"],
  ["l, t", "the list, the elements"],
  ["↑ ↓ j k", "another row"],
  ["Page Up, Page Down, Home, End", "rows further away"],
  ["Enter", "in the list: the elements; in the elements: fold or unfold"],
  ["← →", "in the elements: fold, unfold, the level above"],
  ["*", "in the elements: unfold all levels"],
  ["[ ]", "the data set before, after"],
  ["Space", "in the list: mark a data set"],
  ["d", "compare two marked data sets, the current one with a marked one, or with one of the same UID"],
  ["c", "columns"],
  ["e", "export"],
  ["?", "these keys"],
];

class Page {
  constructor() {
    this.compare = new Compare({ go: (number, path) => this.go({ number, path, compare: null }).then(() => this.view.openTab("elements")) });
    this.view = new DatasetView(byId("dataset"), {
      moved: (number, path) => this.setHash({ number, path, compare: this.compare.other }),
      extra: [this.compare, new Pictures(), new Waveforms()],
    });
    this.list = new DatasetList(byId("list"), {
      chosen: (number) => this.show(number),
      open: () => this.view.tree.grid.focus(),
      statistics: (column) => this.search.statistics(column),
      marked: () => {},
    });
    this.search = new Search(this.list);
    this.status = { count: 0, complete: false };
    bindExport(this);
    byId("jump-form").addEventListener("submit", (event) => this.jump(event));
    byId("columns").addEventListener("click", () => this.chooseColumns());
    byId("diff").addEventListener("click", () => this.compareMarked());
    byId("help").addEventListener("click", () => this.showKeys());
    byId("problems").addEventListener("click", () => this.showProblems());
    byId("skip").addEventListener("click", (event) => {
      event.preventDefault();
      this.list.grid.focus();
    });
    byId("banner").querySelector("button").addEventListener("click", () => this.reload());
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("hashchange", () => this.follow());
    onTrouble((trouble) => this.trouble(trouble));
    this.split();
  }

  async start() {
    if (!(await findToken())) {
      this.trouble({ denied: true, message: "Open the address that the command has printed: it has the token of this page" });
      return;
    }
    await this.poll();
    this.list.grid.focus();
    if (!(await this.follow()) && this.status.count) this.list.select(0);
  }

  async poll() {
    try {
      const status = await get("status");
      const isFirst = !this.status.count && status.count;
      this.status = status;
      this.list.setTotal(status.count);
      this.showStatus();
      if (isFirst && this.wanted === undefined && parseHash(location.hash) === null) this.list.select(0);
      if (this.wanted !== undefined && this.wanted < status.count) this.follow();
      if (!status.complete) setTimeout(() => this.poll(), POLL);
    } catch {
      // the banner says why
    }
  }

  showStatus() {
    const { count, done, total, complete, sources, problems, more_problems: more } = this.status;
    const bar = byId("progress");
    bar.hidden = complete;
    if (total) {
      bar.max = total;
      bar.value = Math.min(done, total);
    } else {
      bar.removeAttribute("value");
    }
    const found = plural(count, "data set");
    byId("status").textContent = complete ? found : `${found} so far, ${size(done)}${total ? ` of ${size(total)}` : ""}`;
    byId("source").textContent = sources.join(", ");
    byId("source").title = sources.join("\n");
    document.title = `${(sources[0] || "").split("/").pop()} – streamdicom`;
    const button = byId("problems");
    button.hidden = !problems.length;
    button.textContent = plural(problems.length + more, "problem");
  }

  showProblems() {
    const { problems, more_problems: more } = this.status;
    dialog("Not shown", make("ul", {}, ...problems.map((text) => make("li", {}, text))), more ? make("p", {}, `${counted(more)} more`) : "");
  }

  showKeys() {
    dialog("Keys", make("table", {}, make("tbody", {}, ...KEYS.map(([keys, text]) => make("tr", {}, make("td", {}, make("kbd", {}, keys)), make("td", {}, text))))));
  }

  chooseColumns() {
    const area = make("textarea", { rows: 8, id: "column-names", spellcheck: false });
    area.value = this.list.columns.join("\n");
    const fault = make("p", { class: "fault", role: "alert" });
    const form = make("form", {}, make("label", { for: "column-names" }, "A keyword, a tag or a path such as ReferencedSeriesSequence.SeriesInstanceUID on each line; source is the name of the file."), area, fault, make("div", { class: "buttons" }, make("button", { type: "submit" }, "Show")));
    const box = dialog("Columns", form);
    area.focus();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const names = area.value.split(/[\s,]+/).filter(Boolean);
      try {
        await get("columns", { names: names.join(",") });
        this.list.setColumns(names);
        box.close();
      } catch (error) {
        fault.textContent = error.message;
      }
    });
  }

  async jump(event) {
    event.preventDefault();
    const text = byId("jump").value.trim();
    const place = parseHash(text.startsWith("#") ? text : `#${text}`);
    if (place) {
      this.go(place);
    } else if (/^[\d.]+$/.test(text)) {
      const { number } = await get("find", { uid: text });
      if (number === null) toast("No data set has this SOP Instance UID");
      else this.go({ number, path: "", compare: null });
    } else {
      toast("Expected a number, a SOP Instance UID or a place such as 17/00081140[0]");
    }
  }

  /** Go to a place. */
  async go(place) {
    if (place.number >= this.status.count) {
      if (this.status.complete) toast(`There are ${counted(this.status.count)} data sets`);
      else {
        this.wanted = place.number;
        toast("This data set is not found yet; it is shown as soon as it is");
      }
      this.setHash(place);
      return;
    }
    this.wanted = undefined;
    this.compare.other = place.compare;
    this.setHash(place);
    if (!this.list.select(place.number, { notify: false })) {
      this.search.clear(); // the data set is not among those found
      this.list.select(place.number, { notify: false });
    }
    await this.view.show(place.number, place.path);
    this.view.showTabs();
    if (place.compare !== null) this.view.openTab("compare");
  }

  /** Compare the marked data sets, or the current one with the marked one. */
  compareMarked() {
    const marks = [...this.list.marks].sort((one, other) => one - other);
    const current = this.list.current;
    if (marks.length === 1 && current >= 0 && current !== marks[0]) this.go({ number: marks[0], path: "", compare: current });
    else if (marks.length >= 2) this.go({ number: marks[0], path: "", compare: marks[1] });
    else this.compareSame();
  }

  /** Compare the current data set with another one of the same SOP Instance UID. */
  async compareSame() {
    const { number } = this.view;
    const uid = this.view.tree.nodes.find((node) => node.row?.tag === "00080018")?.row.value;
    const { numbers } = uid ? await get("find", { uid }) : { numbers: [] };
    const other = numbers.find((one) => one !== number);
    if (other === undefined) toast("No other data set has the same SOP Instance UID; mark two with Space");
    else this.go({ number, path: "", compare: other });
  }

  /** Go to the place of the address. */
  async follow() {
    const place = parseHash(location.hash);
    if (!place) return false;
    await this.go(place);
    return true;
  }

  async show(number) {
    this.compare.other = null;
    this.setHash({ number });
    await this.view.show(number);
  }

  setHash(place) {
    const hash = formatHash(place);
    if (location.hash !== hash) history.replaceState(null, "", hash);
  }

  key(event) {
    const isField = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "Escape") {
      if (this.search.isRunning) this.search.stop();
      else if (isField) event.target.blur();
    }
    if (isField || event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const actions = {
      "/": () => byId("search").focus(),
      g: () => byId("jump").focus(),
      c: () => this.chooseColumns(),
      d: () => byId("diff").click(),
      e: () => byId("export").click(),
      l: () => this.list.grid.focus(),
      t: () => this.view.tree.grid.focus(),
      "[": () => this.list.rows.choose(this.list.rows.current - 1),
      "]": () => this.list.rows.choose(this.list.rows.current + 1),
      "?": () => this.showKeys(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  trouble({ message, changed, gone }) {
    const banner = byId("banner");
    banner.hidden = false;
    banner.querySelector("p").textContent = message;
    banner.querySelector("button").hidden = !changed || gone;
  }

  async reload() {
    try {
      await post("reload");
      location.reload();
    } catch {
      // the banner says why
    }
  }

  /** Let the splitter change the width of the list. */
  split() {
    const splitter = byId("splitter");
    const list = byId("list");
    const set = (percent) => {
      const value = Math.max(15, Math.min(85, percent));
      list.style.flexBasis = `${value}%`;
      splitter.setAttribute("aria-valuenow", Math.round(value));
    };
    splitter.addEventListener("pointerdown", (event) => {
      splitter.setPointerCapture(event.pointerId);
      const move = ({ clientX }) => set((clientX / window.innerWidth) * 100);
      splitter.addEventListener("pointermove", move);
      splitter.addEventListener("pointerup", () => splitter.removeEventListener("pointermove", move), { once: true });
    });
    splitter.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -3, ArrowRight: 3 }[event.key];
      if (step) set(Number(splitter.getAttribute("aria-valuenow")) + step);
    });
  }
}

const page = new Page();
page.start();

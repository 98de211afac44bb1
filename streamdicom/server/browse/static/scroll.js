// Rows of which only the visible ones are elements, for any number of rows.
//
// Browsers bound the height of an element. Beyond it, the scroll bar stands for all rows in proportion, while small
// movements move by their distance.

const MAX_HEIGHT = 8_000_000; // px
const ROW = 24; // px, as in the style sheet
const SETTLED = 120; // ms without scrolling, after which the scroll bar is put right
const EXTRA = 6; // rows beyond the visible ones

export class Rows {
  /**
   * @param {HTMLElement} host The scrolling element, which gets the focus.
   * @param {object} options `draw(index)` returns the element of a row; `open(index)` is called for Enter and a double
   *   click; `chosen(index)` when the current row changes; `header` an element above the rows.
   */
  constructor(host, { draw, chosen = () => {}, open = () => {}, header = null, role = "rowgroup" }) {
    this.host = host;
    this.count = 0;
    this.current = -1;
    this.top = 0; // px of all rows above the view
    this.scale = 1;
    this.last = 0; // the position of the scroll bar
    this.drawn = new Map();
    this.options = { draw, chosen, open };
    this.head = header ? ROW : 0;
    this.layer = document.createElement("div");
    this.layer.className = header ? "layer" : "layer plain";
    this.layer.setAttribute("role", role);
    this.spacer = document.createElement("div");
    this.spacer.className = "spacer";
    this.spacer.setAttribute("role", "presentation");
    this.spacer.append(this.layer);
    host.classList.add("scroller");
    host.tabIndex = 0;
    host.append(...(header ? [header] : []), this.spacer);
    host.addEventListener("scroll", () => this.scrolled(), { passive: true });
    host.addEventListener("keydown", (event) => this.key(event));
    this.layer.addEventListener("click", (event) => this.choose(this.indexOf(event.target)));
    this.layer.addEventListener("dblclick", (event) => open(this.indexOf(event.target)));
    new ResizeObserver(() => this.resized()).observe(host);
    this.frame = 0;
    this.timer = 0;
  }

  get view() {
    return Math.max(0, this.host.clientHeight - this.head);
  }

  get height() {
    return this.count * ROW;
  }

  /** Set the number of rows; the position stays. */
  setCount(count) {
    this.count = count;
    if (this.current >= count) this.current = count - 1;
    this.resized();
  }

  resized() {
    const height = Math.min(this.height, MAX_HEIGHT);
    this.spacer.style.height = `${height}px`;
    const range = height - this.view;
    this.scale = this.height > MAX_HEIGHT && range > 0 ? (this.height - this.view) / range : 1;
    this.moveTo(this.top);
    this.redraw();
  }

  /** Draw all rows anew. */
  redraw() {
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
    this.schedule();
  }

  /** Draw some rows anew. */
  update(first, count) {
    for (let index = first; index < first + count; index++) {
      this.drawn.get(index)?.remove();
      this.drawn.delete(index);
    }
    this.schedule();
  }

  moveTo(top) {
    this.top = Math.max(0, Math.min(top, this.height - this.view));
    this.host.scrollTop = this.top / this.scale;
    this.last = this.host.scrollTop;
    this.schedule();
  }

  scrolled() {
    const position = this.host.scrollTop;
    const distance = position - this.last;
    this.last = position;
    if (!distance) return;
    if (this.scale === 1) {
      this.top = position;
    } else if (Math.abs(distance) <= 2 * this.view) {
      this.top = Math.max(0, Math.min(this.top + distance, this.height - this.view));
      clearTimeout(this.timer);
      const limit = this.spacer.offsetHeight - this.view;
      const isAtEdge = position <= 0 || position >= limit - 1;
      this.timer = setTimeout(() => this.moveTo(this.top), isAtEdge ? 0 : SETTLED);
    } else {
      this.top = position * this.scale;
    }
    this.schedule();
  }

  schedule() {
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.drawNow();
      });
    }
  }

  /** The first and the last visible row. */
  visible() {
    const first = Math.max(0, Math.floor(this.top / ROW));
    return [first, Math.min(this.count - 1, Math.ceil((this.top + this.view) / ROW))];
  }

  drawNow() {
    const [first, last] = this.visible();
    const from = Math.max(0, first - EXTRA);
    const to = Math.min(this.count - 1, last + EXTRA);
    for (const [index, row] of this.drawn) {
      if (index < from || index > to) {
        row.remove();
        this.drawn.delete(index);
      }
    }
    for (let index = from; index <= to; index++) {
      let row = this.drawn.get(index);
      if (!row) {
        row = this.options.draw(index);
        row.classList.add("row");
        row.dataset.index = index;
        row.setAttribute("aria-rowindex", index + 1 + (this.head ? 1 : 0));
        this.mark(row, index);
        this.drawn.set(index, row);
        this.layer.append(row);
      }
      row.style.transform = `translateY(${index * ROW - this.top}px)`;
    }
    this.host.setAttribute("aria-rowcount", this.count + (this.head ? 1 : 0));
    if (this.drawn.has(this.current)) this.host.setAttribute("aria-activedescendant", this.drawn.get(this.current).id);
    else this.host.removeAttribute("aria-activedescendant");
  }

  mark(row, index) {
    row.id = `${this.host.id}-row-${index}`;
    row.classList.toggle("chosen", index === this.current);
    row.setAttribute("aria-selected", index === this.current);
  }

  indexOf(target) {
    const row = target.closest(".row");
    return row ? Number(row.dataset.index) : -1;
  }

  /** Make a row the current one, and show it. */
  choose(index, { notify = true, center = false } = {}) {
    if (index < 0 || index >= this.count) return;
    const before = this.current;
    this.current = index;
    for (const one of [before, index]) if (this.drawn.has(one)) this.mark(this.drawn.get(one), one);
    const top = index * ROW;
    if (top < this.top || top + ROW > this.top + this.view) {
      const isAbove = top < this.top;
      this.moveTo(center ? top - this.view / 2 : isAbove ? top : top + ROW - this.view);
    }
    this.drawNow(); // which asks for rows that are not there, a frame earlier
    if (notify) this.options.chosen(index);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target !== this.host) return;
    const page = Math.max(1, Math.floor(this.view / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      const wanted = this.current + steps[event.key];
      this.choose(Math.max(0, Math.min(this.count - 1, wanted)));
    } else if (event.key === "Enter") {
      this.options.open(this.current);
    } else {
      return;
    }
    event.preventDefault();
  }
}

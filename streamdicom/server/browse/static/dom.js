// Elements of the page. Text always becomes a text node, so that no value is read as markup.

/**
 * Make an element.
 * @param {string} name Its tag.
 * @param {object} properties Attributes; `on` has event listeners, `class` its classes. False and null leave one out.
 * @param {...(Node|string|number|null)} children Its content; texts become text nodes.
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (key === "class") {
      element.className = value;
    } else {
      element.setAttribute(key, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined).map(asNode));
  return element;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

export const byId = (id) => document.getElementById(id);

let toastTimer = 0;

/** Show a short message, which is also read out. */
export function toast(text) {
  let box = document.querySelector(".toast");
  if (!box) {
    box = make("div", { class: "toast", role: "status" });
    document.body.append(box);
  }
  box.hidden = false;
  box.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), 2500);
}

/** Copy a text, and say so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${what}`);
  } catch {
    toast("The browser does not allow copying");
  }
}

/** Open a dialog with a title and a content; return it. */
export function dialog(title, ...content) {
  const heading = make("h2", { id: "dialog-title" }, title);
  const close = make("button", { type: "button", on: { click: () => box.close() } }, "Close");
  const box = make("dialog", { "aria-labelledby": "dialog-title" }, heading, ...content, make("div", { class: "buttons" }, close));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

const NUMBERS = new Intl.NumberFormat("en");

/** A number with thousands separated. */
export const counted = (number) => NUMBERS.format(number);

/** A number and its noun. */
export const plural = (number, noun) => `${counted(number)} ${noun}${number === 1 ? "" : "s"}`;

/** A number of bytes, as people read it. */
export function size(bytes) {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (bytes >= unit) return `${(bytes / unit).toFixed(1)} ${name}`;
  }
  return plural(bytes, "byte");
}

// Export of all data sets, of those found, or of the marked ones.

import { post } from "./api.js";
import { byId, counted, dialog, make } from "./dom.js";

const FORMATS = [
  ["ndjson", "NDJSON: a line of DICOM JSON for each data set"],
  ["dicom", "DICOM files, in a ZIP file"],
  ["parquet", "Parquet: the columns of the list"],
  ["csv", "CSV: the columns of the list"],
];

/** Ask for the form of an export, and download it. */
export function openExport({ list, search, total }) {
  const { query } = search;
  const choices = [];
  if (list.marks.size) choices.push(["marked", `The ${counted(list.marks.size)} marked`]);
  if (list.current >= 0) choices.push(["current", `#${counted(list.current)}`]);
  if (query && (query.select.length || query.word.length)) choices.push(["found", "All that the search finds"]);
  choices.push(["all", `All ${counted(total)}`]);
  const radio = (name, [value, label], place) => make("label", {}, make("input", { type: "radio", name, value, checked: place === 0 }), ` ${label}`);
  const fault = make("p", { class: "fault", role: "alert" });
  const group = (legend, name, options) => make("fieldset", {}, make("legend", {}, legend), ...options.map((option, place) => make("div", {}, radio(name, option, place))));
  const form = make("form", { id: "export-form" }, group("Data sets", "which", choices), group("Form", "format", FORMATS), fault, make("div", { class: "buttons" }, make("button", { type: "submit" }, "Download")));
  const box = dialog("Export", form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = new FormData(form);
    const which = values.get("which");
    const body = { format: values.get("format"), columns: list.columns };
    if (which === "marked") body.numbers = [...list.marks].sort((one, other) => one - other);
    if (which === "current") body.numbers = [list.current];
    if (which === "found") Object.assign(body, query);
    try {
      const { ticket } = await post("export", {}, body);
      const link = make("a", { href: `download/${ticket}`, download: "" });
      document.body.append(link);
      link.click();
      link.remove();
      box.close();
    } catch (error) {
      fault.textContent = error.message;
    }
  });
}

/** Let the button open the dialog. */
export function bindExport(page) {
  byId("export").addEventListener("click", () => openExport({ list: page.list, search: page.search, total: page.status.count }));
}

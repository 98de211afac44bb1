// Links to any place: #17, #17/00081140[0].00081155, #17/00081140[0]?compare=20

/** Parse the part of an address after the hash; null if it names no data set. */
export function parseHash(hash) {
  const found = /^#(\d+)(?:\/([0-9A-Fa-f.[\]]*))?(?:\?compare=(\d+))?$/.exec(decoded(hash));
  if (!found) return null;
  return { number: Number(found[1]), path: (found[2] || "").toUpperCase(), compare: found[3] === undefined ? null : Number(found[3]) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that starts no escape
  }
}

/** The part of an address after the hash, for a place. */
export function formatHash({ number, path = "", compare = null }) {
  return `#${number}${path ? `/${path}` : ""}${compare === null ? "" : `?compare=${compare}`}`;
}

/** The steps of a path: tags, each with the number of an item or null. */
export function stepsOf(path) {
  return path.split(".").filter(Boolean).map((step) => {
    const [, tag, item] = /^([0-9A-F]{8})(?:\[(\d+)\])?$/.exec(step);
    return { tag, item: item === undefined ? null : Number(item) };
  });
}

/** The path around a path: that of the item, the sequence or the data set (""). */
export function parentOf(path) {
  if (path.endsWith("]")) return path.slice(0, path.lastIndexOf("["));
  return path.includes(".") ? path.slice(0, path.lastIndexOf(".")) : "";
}

/** All paths from the outermost to a path itself. */
export function ancestorsOf(path) {
  const found = [];
  for (let one = path; one; one = parentOf(one)) found.unshift(one);
  return found;
}

/** The path with keywords in place of tags. */
export function keywordPath(path, keywordOf) {
  return stepsOf(path).map(({ tag, item }) => `${keywordOf(tag) || tag}${item === null ? "" : `[${item}]`}`).join(".");
}

/** The expression that has a place in pydicom. */
export function pydicomCode(path, keywordOf) {
  let code = "ds";
  for (const { tag, item } of stepsOf(path)) {
    const keyword = keywordOf(tag);
    code += keyword ? `.${keyword}` : `[0x${tag}].value`;
    if (item !== null) code += `[${item}]`;
  }
  return code;
}

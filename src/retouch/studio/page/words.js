// @ts-check
/** What is shown of names and figures. */

/**
 * @param {string} name as the library writes it: "source_weight"
 * @returns {string} "Source weight"
 */
export function inWords(name) {
  const words = name.replaceAll("_", " ").replaceAll("-", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * @param {number} count
 * @returns {string} "3.4 MB"
 */
export function bytesInWords(count) {
  if (count < 1000) return `${count} B`;
  const step = Math.min(Math.floor(Math.log10(count) / 3), 3);
  const figure = count / 1000 ** step;
  return `${figure < 10 ? figure.toFixed(1) : Math.round(figure)} ${["B", "kB", "MB", "GB"][step]}`;
}

/**
 * @param {import("./api.js").Picture} picture
 * @returns {string} "640 × 480, 1.2 MB"
 */
export function sizeInWords(picture) {
  const size = picture.width && picture.height ? `${picture.width} × ${picture.height}` : "latent file";
  return `${size}, ${bytesInWords(picture.bytes)}`;
}

/**
 * @param {number} seconds
 * @returns {string} "4.2 s" or "3 min 5 s"
 */
export function timeInWords(seconds) {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/**
 * @param {number} position 1 for the first that waits
 * @returns {string} "2nd in the queue"
 */
export function positionInWords(position) {
  if (position === 1) return "next in the queue";
  const tens = position % 100;
  const ending = tens > 10 && tens < 14 ? "th" : (["th", "st", "nd", "rd"][position % 10] ?? "th");
  return `${position}${ending} in the queue`;
}

/**
 * @param {unknown} value a fact or an option of any kind
 * @returns {string} short enough for one line
 */
export function valueInWords(value) {
  if (typeof value === "number") {
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value == null) return "none";
  if (Array.isArray(value)) return value.map(valueInWords).join(", ");
  if (typeof value === "object") {
    return Object.entries(value)
      .map(([key, item]) => `${inWords(key)} ${valueInWords(item)}`)
      .join("; ");
  }
  return String(value);
}

/**
 * @param {string} name a file's name
 * @param {string} suffix without the dot
 * @returns {string} the name with that ending in place of its own
 */
export function withSuffix(name, suffix) {
  return `${name.replace(/\.[a-z0-9]{1,5}$/i, "") || "picture"}.${suffix}`;
}

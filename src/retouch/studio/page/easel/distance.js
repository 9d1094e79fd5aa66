// @ts-check
/** Grow and feather of a mask, as the library defines them, on the pixels of a small canvas. */

const FAR = 1e12;

/**
 * @param {Uint8ClampedArray} rgba its alpha is the mask; replaced by the result, which may be soft
 * @param {number} width
 * @param {number} height
 * @param {number} grow in these pixels; negative shrinks
 * @param {number} feather in these pixels
 * @returns {Uint8Array} 1 where the result is above 0
 */
export function changed(rgba, width, height, grow, feather) {
  const count = width * height;
  let inside = new Uint8Array(count);
  for (let i = 0; i < count; i++) inside[i] = rgba[4 * i + 3] >= 128 ? 1 : 0;
  if (grow) inside = grown(inside, width, height, grow);
  const depth = feather > 0 ? squaredDistances(inside, 0, width, height) : null;
  for (let i = 0; i < count; i++) {
    const t = depth && inside[i] ? Math.min(Math.sqrt(depth[i]) / (feather + 1), 1) : inside[i];
    rgba[4 * i + 3] = Math.round(255 * t * t * (3 - 2 * t));
  }
  return inside;
}

/**
 * @param {Uint8Array} inside
 * @param {number} width
 * @param {number} height
 * @param {number} grow
 */
function grown(inside, width, height, grow) {
  const away = squaredDistances(inside, grow > 0 ? 1 : 0, width, height);
  const reach = grow * grow;
  const result = new Uint8Array(inside.length);
  for (let i = 0; i < result.length; i++) result[i] = away[i] <= reach === grow > 0 ? 1 : 0;
  return result;
}

/**
 * Squared Euclidean distance to the nearest pixel of a kind, by lower envelopes of parabolas.
 * @param {Uint8Array} inside
 * @param {number} goal 0 or 1
 * @param {number} width
 * @param {number} height
 * @returns {Float64Array} very large where there is none
 */
function squaredDistances(inside, goal, width, height) {
  const distances = new Float64Array(inside.length);
  for (let i = 0; i < inside.length; i++) distances[i] = inside[i] === goal ? 0 : FAR;
  const longest = Math.max(width, height);
  const line = new Float64Array(longest);
  const vertices = new Int32Array(longest);
  const bounds = new Float64Array(longest + 1);
  for (let x = 0; x < width; x++) envelope(distances, x, width, height, line, vertices, bounds);
  for (let y = 0; y < height; y++) envelope(distances, y * width, 1, width, line, vertices, bounds);
  return distances;
}

/**
 * One line of the distance transform, in place.
 * Source: Felzenszwalb & Huttenlocher, Distance Transforms of Sampled Functions, 2012, algorithm 1.
 * @param {Float64Array} values
 * @param {number} start
 * @param {number} stride
 * @param {number} length
 * @param {Float64Array} line
 * @param {Int32Array} vertices
 * @param {Float64Array} bounds
 */
function envelope(values, start, stride, length, line, vertices, bounds) {
  for (let i = 0; i < length; i++) line[i] = values[start + i * stride];
  let top = 0;
  vertices[0] = 0;
  bounds[0] = -Infinity;
  bounds[1] = Infinity;
  for (let i = 1; i < length; i++) {
    let meet = meeting(line, i, vertices[top]);
    while (meet <= bounds[top]) meet = meeting(line, i, vertices[--top]);
    vertices[++top] = i;
    bounds[top] = meet;
    bounds[top + 1] = Infinity;
  }
  for (let i = 0, k = 0; i < length; i++) {
    while (bounds[k + 1] < i) k++;
    const away = i - vertices[k];
    values[start + i * stride] = away * away + line[vertices[k]];
  }
}

/**
 * @param {Float64Array} line
 * @param {number} i
 * @param {number} k
 */
function meeting(line, i, k) {
  return (line[i] + i * i - (line[k] + k * k)) / (2 * (i - k));
}

// Making elements, and writing numbers. Text goes into the page as text only, never as HTML.

const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
}

const present = (children) => children.flat(Infinity).filter((child) => child != null && child !== false);

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...present(children));
  return element;
}

function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  setAttributes(element, attributes);
  element.append(...present(children));
  return element;
}

const NONE = '–';
const number = (value, digits) => (value == null ? NONE : value.toFixed(digits));
const significant = (value) => (value == null ? NONE : `${Number(value.toPrecision(3))}`);
const percent = (value) => (value == null ? NONE : `${value.toFixed(1)} %`);
const points = (value) =>
  value == null ? NONE : `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(1)}`;
const bounds = (interval, write = (value) => value.toFixed(1)) =>
  interval == null ? '' : `[${write(interval[0])}, ${write(interval[1])}]`;

function pValue(value) {
  if (value == null) return NONE;
  return value < 0.001 ? '< 0.001' : value.toFixed(3);
}

const withCommas = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',');
// A stored time without its T and zone: 2026-11-24 15:00 UTC.
function time(text) {
  const found = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(text ?? '');
  return found ? `${found[1]} ${found[2]}${/(Z|\+00:00)$/.test(text) ? ' UTC' : ''}` : text ?? '';
}
const modeName = (mode) => data.mode_labels[mode ?? ''];
const directionName = (name) => `${name}-steering`;
const rowOf = (direction, coefficient) =>
  direction.results.find((row) => row.coefficient === coefficient);
const byCoefficient = (rows) => new Map((rows ?? []).map((row) => [row.coefficient, row]));

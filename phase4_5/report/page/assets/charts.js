// Curves and bars over the coefficient, as SVG drawn at the width that there is.

// Positions on the axis, from 0 to 1: logarithmic on both sides of 0, which has a place of its
// own; for bars at even distances.
function axisPositions(coefficients, even) {
  const sizes = coefficients.filter((value) => value !== 0).map(Math.abs);
  const smallest = Math.min(...sizes);
  const place = (value) =>
    value === 0 ? 0 : Math.sign(value) * (0.6 + Math.log10(Math.abs(value) / smallest));
  const places = even ? coefficients.map((_, number) => number) : coefficients.map(place);
  const first = Math.min(...places);
  const span = Math.max(...places) - first || 1;
  const shares = places.map((value) =>
    places.length === 1 ? 0.5 : (value - first) / span);
  return new Map(coefficients.map((value, number) => [value, shares[number]]));
}

const MARKERS = {
  circle: 'M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z',
  square: 'M-3.6,-3.6h7.2v7.2h-7.2Z',
  up: 'M0,-4.8L4.6,3.6H-4.6Z',
  down: 'M0,4.8L4.6,-3.6H-4.6Z',
  diamond: 'M0,-5L5,0L0,5L-5,0Z',
  plus: 'M-1.6,-4.8h3.2v3.2h3.2v3.2h-3.2v3.2h-3.2v-3.2h-3.2v-3.2h3.2Z',
};

// From the bottom of a bar to its top.
const MODES = [
  ['passed', 'passed', 'green', null],
  ['wrong_answer', 'wrong answer', 'sky', null],
  ['exception', 'exception', 'orange', 'slash'],
  ['changed_signature', 'changed signature', 'yellow', 'dots'],
  ['missing_function', 'missing function', 'pink', 'backslash'],
  ['parse_error', 'parse error', 'red', null],
  ['degenerate_repetition', 'degenerate repetition', 'blue', 'cross'],
  ['stopped', 'timeout, memory, exit', 'grey', 'level'],
  ['non_finite', 'numbers overflowed', 'ink', null],
  ['empty', 'empty', 'none', 'rings'],
];
const STOPPED = new Set(['timeout', 'memory', 'exited']);

function groupedModes(row) {
  const counts = new Map([['passed', row.n_problems]]);
  for (const [mode, count] of Object.entries(row.failure_modes)) {
    const group = STOPPED.has(mode) ? 'stopped' : mode.split(':')[0];
    counts.set(group, (counts.get(group) ?? 0) + count);
    counts.set('passed', counts.get('passed') - count);
  }
  return counts;
}

const PATTERNS = {
  slash: 'M-1,7L7,-1', backslash: 'M-1,-1L7,7', cross: 'M-1,7L7,-1M-1,-1L7,7', level: 'M0,3H6',
  dots: 'M2,3h2', rings: 'M1.5,3a1.5,1.5 0 1,0 3,0a1.5,1.5 0 1,0 -3,0',
};

function patterns(prefix) {
  return s('defs', {}, Object.entries(PATTERNS).map(([name, path]) =>
    s('pattern', {
      id: `${prefix}-${name}`, width: 6, height: 6, patternUnits: 'userSpaceOnUse',
    }, s('path', { d: path, class: 'hatch' }))));
}

function swatch(entry, prefix) {
  const icon = s('svg', { width: 30, height: 14, viewBox: '0 0 30 14', 'aria-hidden': 'true' });
  if (entry.area) {
    icon.append(s('rect', { x: 1, y: 1, width: 28, height: 12, class: `area ${entry.area}` }));
  }
  if (entry.pattern !== undefined) {
    icon.append(s('rect', { x: 4, y: 1, width: 22, height: 12, class: `bar ${entry.colour}` }));
    if (entry.pattern) {
      icon.append(s('rect', {
        x: 4, y: 1, width: 22, height: 12, fill: `url(#${prefix}-${entry.pattern})`,
      }));
    }
  } else if (entry.colour) {
    icon.append(s('line', {
      x1: 1, x2: 29, y1: 7, y2: 7, class: `curve ${entry.colour}`,
      'stroke-dasharray': entry.dash,
    }));
    if (entry.marker) {
      icon.append(s('path', {
        d: MARKERS[entry.marker], transform: 'translate(15 7)', class: `marker ${entry.colour}`,
      }));
    }
  }
  return h('li', {}, icon, entry.label);
}

let nChartsDrawn = 0;

// One chart. `plan` has: title, unit, max, ticks, coefficients (ascending), marked (a map of
// coefficients to words), and any of band, area, levels, lines, bars; tip(coefficient) gives
// what the pointer is told, open(coefficient) is called on a click.
function chart(plan) {
  const prefix = `chart-${(nChartsDrawn += 1)}`;
  const holder = h('div', { class: 'plot' });
  const tip = h('div', { class: 'tip', hidden: true });
  const legend = h('ul', { class: 'legend' }, plan.legend.map((entry) => swatch(entry, prefix)));
  const figure = h('figure', { class: 'chart' },
    h('figcaption', {}, plan.title), holder, tip, legend);
  let drawnWidth = 0;
  new ResizeObserver((entries) => {
    const width = Math.floor(entries[0].contentRect.width);
    if (width > 0 && width !== drawnWidth) {
      drawnWidth = width;
      holder.replaceChildren(drawChart(plan, width, prefix, tip));
    }
  }).observe(holder);
  return figure;
}

function drawChart(plan, width, prefix, tip) {
  const height = width < 460 ? 240 : 270;
  const box = { left: 46, right: width - 14, top: 22, bottom: height - 40 };
  const inner = Math.min(34, (box.right - box.left) / (2 * plan.coefficients.length + 1));
  const shares = axisPositions(plan.coefficients, Boolean(plan.bars));
  const x = (value) => box.left + inner + shares.get(value) * (box.right - box.left - 2 * inner);
  const y = (value) => box.bottom - (value / plan.max) * (box.bottom - box.top);
  const labels = plan.coefficients.map((value) => `${value}`).join(', ');
  const image = s('svg', {
    width, height, viewBox: `0 0 ${width} ${height}`, role: 'group',
    'aria-label': `${plan.title}, for the coefficients ${labels}`,
  });
  const canvas = { image, box, x, y, plan, prefix };
  image.append(patterns(prefix));
  drawAxes(canvas);
  drawAreas(canvas);
  if (plan.bars) drawBars(canvas);
  (plan.lines ?? []).forEach((line, number) => drawLine(canvas, line, number));
  drawTargets(canvas, tip);
  return image;
}

function drawAxes({ image, box, x, y, plan }) {
  const { bottom, left, right, top } = box;
  if (plan.band) {
    image.append(s('rect', {
      x: left, width: right - left, y: y(plan.band[1]), height: y(plan.band[0]) - y(plan.band[1]),
      class: 'area wanted',
    }));
  }
  for (const value of plan.ticks) {
    image.append(
      s('line', { x1: left, x2: right, y1: y(value), y2: y(value), class: 'grid' }),
      s('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, `${value}`),
    );
  }
  image.append(
    s('text', { x: 4, y: 12, class: 'unit' }, plan.unit),
    s('text', { x: right, y: bottom + 34, 'text-anchor': 'end', class: 'unit' },
      plan.bars ? 'coefficient' : 'coefficient (log scale)'),
    s('line', { x1: left, x2: right, y1: bottom, y2: bottom, class: 'axis' }),
  );
  // The axis is broken beside 0.
  const zero = plan.bars ? -1 : plan.coefficients.indexOf(0);
  if (zero >= 0 && zero + 1 < plan.coefficients.length) {
    const middle = (x(0) + x(plan.coefficients[zero + 1])) / 2;
    image.append(s('path', {
      d: `M${middle - 5},${bottom + 5}l4,-10m2,10l4,-10`, class: 'axis', fill: 'none',
    }));
  }
  // Marked ones first; labels that would touch another one are left out.
  const taken = [];
  const order = [...plan.coefficients].sort((a, b) => plan.marked.has(b) - plan.marked.has(a));
  for (const value of order) {
    const label = plan.labels.get(value);
    const half = label.length * 3.8 + 3;
    image.append(s('line', {
      x1: x(value), x2: x(value), y1: bottom, y2: bottom + 4, class: 'axis',
    }));
    if (taken.every(([low, high]) => x(value) + half < low || x(value) - half > high)) {
      taken.push([x(value) - half, x(value) + half]);
      image.append(s('text', {
        x: x(value), y: bottom + 17, 'text-anchor': 'middle',
        class: plan.marked.has(value) ? 'marked' : null,
      }, label));
    }
  }
  for (const value of plan.marked.keys()) {
    image.append(s('line', { x1: x(value), x2: x(value), y1: top, y2: bottom, class: 'chosen' }));
  }
  for (const level of plan.levels ?? []) {
    image.append(s('line', { x1: left, x2: right, y1: y(level), y2: y(level), class: 'level' }));
  }
}

function drawAreas({ image, x, y, plan }) {
  const { area } = plan;
  if (!area) return;
  const rows = area.rows.length === 1
    ? [-12, 12].map((shift) => [x(area.rows[0][0]) + shift, ...area.rows[0].slice(1)])
    : area.rows.map(([value, ...rest]) => [x(value), ...rest]);
  const edge = [
    ...rows.map(([at, , high]) => `${at},${y(high)}`),
    ...rows.toReversed().map(([at, low]) => `${at},${y(low)}`),
  ];
  image.append(s('polygon', { points: edge.join(' '), class: `area ${area.colour}` }));
}

function drawBars({ image, box, x, y, plan, prefix }) {
  const width = Math.max(5, Math.min(44, 0.76 * smallestGap({ box, x, plan })));
  for (const [value, counts] of plan.bars) {
    let bottom = 0;
    for (const [mode, , colour, pattern] of MODES) {
      const count = counts.get(mode) ?? 0;
      if (count === 0) continue;
      const size = {
        x: x(value) - width / 2, width, y: y(bottom + count), height: y(bottom) - y(bottom + count),
      };
      image.append(s('rect', { ...size, class: `bar ${colour}` }));
      if (pattern) image.append(s('rect', { ...size, fill: `url(#${prefix}-${pattern})` }));
      bottom += count;
    }
  }
}

function smallestGap({ box, x, plan }) {
  const places = plan.coefficients.map(x);
  return Math.min(
    box.right - box.left, ...places.slice(1).map((place, number) => place - places[number]));
}

function drawLine(canvas, line, number) {
  const { image, x, y, plan } = canvas;
  // A little apart, so that equal values and their intervals stay visible.
  const spread = Math.min(plan.spread, (0.8 * smallestGap(canvas)) / plan.lines.length);
  const shift = (number - (plan.lines.length - 1) / 2) * spread;
  const rows = line.rows.filter(([, value]) => value != null);
  const group = s('g', { class: `series ${line.colour}` });
  // A rate that doesn't exist leaves a gap.
  let path = '';
  let broken = true;
  for (const [value, rate] of line.rows) {
    if (rate != null) path += `${broken ? 'M' : 'L'}${x(value) + shift},${y(rate)}`;
    broken = rate == null;
  }
  group.append(s('path', { d: path, class: 'curve', 'stroke-dasharray': line.dash }));
  for (const [value, rate, interval] of rows) {
    const at = x(value) + shift;
    if (interval) {
      const [low, high] = interval.map(y);
      group.append(s('path', {
        d: `M${at - 3},${low}h6M${at - 3},${high}h6M${at},${low}V${high}`, class: 'whisker',
      }));
    }
    if (line.marker) {
      group.append(s('path', {
        d: MARKERS[line.marker], transform: `translate(${at} ${y(rate)})`, class: 'marker',
      }));
    }
  }
  image.append(group);
}

// A strip over each coefficient that can be pointed at, reached by key, and clicked.
function drawTargets({ image, box, x, plan }, tip) {
  const places = plan.coefficients.map(x);
  plan.coefficients.forEach((value, number) => {
    const left = number ? (places[number - 1] + places[number]) / 2 : box.left;
    const right = number < places.length - 1
      ? (places[number] + places[number + 1]) / 2 : box.right;
    const told = plan.tip(value);
    const show = () => {
      tip.replaceChildren(
        h('strong', {}, `coefficient ${plan.labels.get(value)}`),
        h('dl', {}, told.map(([name, words]) => [h('dt', {}, name), h('dd', {}, words)])),
        h('small', {}, 'click for its examples'),
      );
      tip.hidden = false;
      // Beside the pointer, but inside the figure.
      const room = tip.parentElement.clientWidth - tip.offsetWidth;
      const middle = (left + right) / 2;
      const wanted = middle < (box.left + box.right) / 2 ? middle + 24 : middle - 24 - tip.offsetWidth;
      tip.style.left = `${Math.max(0, Math.min(room, wanted))}px`;
    };
    const hide = () => { tip.hidden = true; };
    image.append(s('rect', {
      x: left, width: right - left, y: box.top, height: box.bottom - box.top + 20,
      class: 'target', tabindex: 0, role: 'button', 'data-coefficient': plan.labels.get(value),
      'aria-label': `coefficient ${plan.labels.get(value)}: ${
        told.map(([name, words]) => `${name} ${words}`).join(', ')}; show its examples`,
      onpointerenter: show, onpointerleave: hide, onfocus: show, onblur: hide,
      onclick: () => { hide(); plan.open(value); },
      onkeydown: (event) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          hide();
          plan.open(value);
        }
      },
    }));
  });
}

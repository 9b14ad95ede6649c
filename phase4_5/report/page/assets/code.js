// Two programs side by side: a row for each line, changed parts marked, syntax colours.

// [start, end, kind] of each part of a program, from its run lengths ("k3t1f4").
function colouredParts(program) {
  const parts = [];
  let start = 0;
  for (const [, kind, length] of program.colours.matchAll(/([a-z])(\d+)/g)) {
    parts.push([start, start + Number(length), kind]);
    start += Number(length);
  }
  return parts.length ? parts : [[0, program.code.length, 't']];
}

// The lines of a program, each with the parts that colour it, counted from the line's start.
function linesOf(program) {
  const parts = colouredParts(program);
  let number = 0;
  let start = 0;
  return program.code.split('\n').map((text) => {
    const end = start + text.length;
    const inside = [];
    while (number < parts.length && parts[number][0] < end) {
      const [from, to, kind] = parts[number];
      if (to > start) inside.push([Math.max(from, start) - start, Math.min(to, end) - start, kind]);
      if (to > end) break;
      number += 1;
    }
    start = end + 1;
    return { text, parts: inside };
  });
}

// A line's text as elements: cut where its colour or its mark changes.
function paint({ text, parts }, spans, tag) {
  const cuts = [...new Set([0, text.length, ...parts.flatMap(([a, b]) => [a, b]), ...spans])]
    .sort((a, b) => a - b);
  const pieces = [];
  let part = 0;
  for (let i = 0; i + 1 < cuts.length; i += 1) {
    const [from, to] = [cuts[i], cuts[i + 1]];
    while (part < parts.length && parts[part][1] <= from) part += 1;
    const kind = part < parts.length && parts[part][0] <= from ? parts[part][2] : 't';
    const piece = text.slice(from, to);
    const coloured = kind === 't' ? piece : h('span', { class: `k-${kind}` }, piece);
    const marked = spans.some((edge, number) =>
      number % 2 === 0 && edge <= from && from < spans[number + 1]);
    pieces.push(marked ? h(tag, {}, coloured) : coloured);
  }
  return pieces;
}

function cell(side, line, position, kind, spans = []) {
  const sign = { removed: '−', added: '+', changed: side === 'before' ? '−' : '+' }[kind] ?? '';
  return h('div', { class: `line ${side} ${kind}` },
    h('span', { class: 'gutter', 'data-number': position + 1, 'data-sign': sign }),
    h('code', {}, paint(line, spans, side === 'before' ? 'del' : 'ins')));
}

// Lines that went or came together, as one cell; below the shorter ones it stays empty.
function block(side, lines, start, kind) {
  return h('div', { class: `block ${side}` },
    lines.map((line, number) => cell(side, line, start + number, kind)));
}

// The rows of a diff: [left cell, right cell].
function diffRows(before, after, steps) {
  const left = linesOf(before);
  const right = linesOf(after);
  const rows = [];
  let [i, j] = [0, 0];
  for (let step = 0; step < steps.length; step += 1) {
    if (typeof steps[step] === 'number') {
      for (let n = 0; n < steps[step]; n += 1, i += 1, j += 1) {
        rows.push([cell('before', left[i], i, 'same'), cell('after', right[j], j, 'same')]);
      }
    } else if (steps[step][0] === '~') {
      const [, old, fresh] = steps[step];
      rows.push([
        cell('before', left[i], i, 'changed', old), cell('after', right[j], j, 'changed', fresh),
      ]);
      i += 1;
      j += 1;
    } else {
      // What went and what came at the same place stand side by side.
      const gone = steps[step][0] === '-' ? steps[step][1] : 0;
      const next = gone ? steps[step + 1] : steps[step];
      const come = Array.isArray(next) && next[0] === '+' ? next[1] : 0;
      if (gone && come) step += 1;
      rows.push([
        block('before', left.slice(i, i + gone), i, 'removed'),
        block('after', right.slice(j, j + come), j, 'added'),
      ]);
      i += gone;
      j += come;
    }
  }
  return rows;
}

function diffView(before, after, steps, titles) {
  const same = steps.every((step) => typeof step === 'number');
  return h('div', { class: same ? 'diff same' : 'diff' },
    h('div', { class: 'line before title' }, `− ${titles[0]}`),
    h('div', { class: 'line after title' }, `+ ${titles[1]}`),
    diffRows(before, after, steps).flat());
}

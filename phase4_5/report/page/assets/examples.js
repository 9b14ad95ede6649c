// The examples: filters, list, one of them in detail, and how to move between them.

const FLIPS = {
  flips: ['flips', (example) => example.flip_direction != null],
  'pass-fail': ['pass→fail', (example) => example.flip_direction === 'pass→fail'],
  'fail-pass': ['fail→pass', (example) => example.flip_direction === 'fail→pass'],
  none: ['not flipped', (example) => example.flip_direction == null],
};

data.examples.forEach((example, position) => { example.position = position; });
const examplesByKey = new Map(data.examples.map((example) => [example.key, example]));
const items = new Map();
let shown = data.examples;
let current = null;

const labelOf = (example) =>
  data.directions[example.direction].results[example.coefficient].label;

function option(value, words) {
  return h('option', { value }, words);
}

function buildFilters() {
  const labels = new Map(data.directions.flatMap((direction) =>
    direction.results.map((row) => [row.label, row.coefficient])));
  const modes = new Map();
  for (const { failure_mode: mode } of data.examples) modes.set(mode, (modes.get(mode) ?? 0) + 1);
  const select = (name, label, options) => h('label', {}, h('span', {}, label),
    h('select', { name, id: `filter-${name}`, onchange: applyFilters },
      option('', 'all'), options.map(([value, words]) => option(value, words))));
  fill(byId('filters'),
    select('direction', 'Direction',
      data.directions.map(({ name }, position) => [position, directionName(name)])),
    select('coefficient', 'Coefficient',
      [...labels].sort((a, b) => a[1] - b[1]).map(([label]) => [label, label])),
    select('flip', 'Verdict', Object.entries(FLIPS).map(([value, [words]]) => [value, words])),
    select('mode', 'Outcome', [...modes].sort((a, b) => b[1] - a[1])
      .map(([mode, count]) => [mode ?? 'passed', `${modeName(mode)} (${count})`])),
    data.review && select('mark', 'Mark', [
      ...MARKS.map(([mark, , sign, words]) => [mark, `${sign} ${words}`]),
      ['noted', 'with a note'], ['unmarked', 'unmarked'],
    ]),
    h('label', { class: 'wide' }, h('span', {}, 'Task or text'), h('input', {
      type: 'search', name: 'text', id: 'filter-text', autocomplete: 'off', spellcheck: 'false',
      placeholder: 'task id, or text in the code', oninput: applyFilters,
    })),
    h('button', { type: 'button', id: 'reset', onclick: () => { resetFilters(); applyFilters(); } },
      'Reset'),
  );
  byId('filters').addEventListener('submit', (event) => event.preventDefault());
}

const filter = (name) => byId(`filter-${name}`)?.value ?? '';
const setFilter = (name, value) => { if (byId(`filter-${name}`)) byId(`filter-${name}`).value = value; };

function resetFilters() {
  for (const name of ['direction', 'coefficient', 'flip', 'mode', 'mark', 'text']) setFilter(name, '');
}

function passes(example, text) {
  const mark = filter('mark');
  const entry = mark ? entryOf(example.key) : null;
  return (filter('direction') === '' || example.direction === Number(filter('direction')))
    && (filter('coefficient') === '' || labelOf(example) === filter('coefficient'))
    && (filter('flip') === '' || FLIPS[filter('flip')][1](example))
    && (filter('mode') === '' || (example.failure_mode ?? 'passed') === filter('mode'))
    && (!mark || (mark === 'noted' ? entry.note !== '' : (entry.mark ?? 'unmarked') === mark))
    && (text === '' || hasText(example, text));
}

function hasText(example, text) {
  const problem = data.problems[example.problem];
  return [data.programs[example.program].code, data.programs[problem.baseline].code]
    .some((code) => code.toLowerCase().includes(text)) || String(problem.task_id).includes(text);
}

function applyFilters() {
  const text = filter('text').trim().toLowerCase();
  shown = data.examples.filter((example) => passes(example, text));
  fill(byId('list'), shown.map(itemOf));
  if (!shown.includes(current)) {
    showExample(shown[0] ?? null);
  } else {
    showCount();
    markCurrent();
  }
}

function itemOf(example) {
  if (!items.has(example.key)) {
    const [name, sign, words] = FATES[fateOf(example)];
    const button = h('button', { type: 'button', tabindex: -1, onclick: () => openExample(example) },
      h('span', { class: `fate ${name}`, title: words }, sign),
      h('span', { class: 'task' }, `${data.problems[example.problem].task_id}`),
      h('span', { class: 'where' }, `${data.directions[example.direction].name} ${labelOf(example)}`),
      h('span', { class: 'mode' }, modeName(example.failure_mode)),
      h('span', { class: 'mark' }));
    items.set(example.key, h('li', {}, button));
    showItemMark(example.key);
  }
  return items.get(example.key);
}

function showItemMark(key) {
  const place = items.get(key)?.querySelector('.mark');
  const entry = entries.get(key);
  if (!place || !entry) return;
  const sign = MARKS.find(([mark]) => mark === entry.mark)?.[2] ?? '';
  place.textContent = `${sign}${entry.note ? '✎' : ''}`;
  place.title = [entry.mark, entry.note && 'has a note'].filter(Boolean).join(', ');
}

function showCount(told = '') {
  const place = shown.indexOf(current);
  byId('count').textContent = told || (shown.length
    ? `${place + 1} of ${shown.length}${shown.length < data.examples.length
      ? ` (of ${data.examples.length} in all)` : ''}`
    : 'No example passes these filters.');
}

function markCurrent() {
  byId('list').querySelectorAll('[aria-current]').forEach((button) => {
    button.removeAttribute('aria-current');
    button.tabIndex = -1;
  });
  const button = current && items.get(current.key)?.querySelector('button');
  if (!button) return;
  button.setAttribute('aria-current', 'true');
  button.tabIndex = 0;
  // Scrolls the list only, not the page.
  const list = byId('list');
  const [place, window] = [button.getBoundingClientRect(), list.getBoundingClientRect()];
  if (place.top < window.top || place.bottom > window.bottom) {
    list.scrollTop += place.top - window.top - window.height / 3;
  }
}

function showExample(example) {
  if (current && current !== example) {
    const entry = entries.get(current.key);
    if (data.review && entry) save(entry);
  }
  current = example;
  fill(byId('detail'), example ? detailOf(example) : []);
  markCurrent();
  showCount();
}

// Open an example by a person's wish: it is in the list, in the address, and in view.
function openExample(example, whole = false) {
  if (whole || !shown.includes(example)) {
    resetFilters();
    setFilter('direction', example.direction);
    setFilter('coefficient', labelOf(example));
    current = example;
    applyFilters();
  }
  showExample(example);
  history.replaceState(null, '', `#example=${encodeURIComponent(example.key)}`);
  bringIntoView();
}

function bringIntoView() {
  const bar = byId('bar').getBoundingClientRect().bottom;
  const place = byId('detail').getBoundingClientRect();
  if (place.top < bar || place.top > innerHeight * 0.6) {
    const wide = getComputedStyle(byId('browser')).gridTemplateColumns.split(' ').length > 1;
    (wide ? byId('browser') : byId('detail')).scrollIntoView({ block: 'start' });
  }
}

// All examples of a coefficient, the first flip in view.
function openExamples(name, coefficient) {
  const direction = data.directions.findIndex((found) => found.name === name);
  const position = data.directions[direction].results
    .findIndex((row) => row.coefficient === coefficient);
  const its = data.examples.filter((example) =>
    example.direction === direction && example.coefficient === position);
  const first = its.find((example) => example.flip_direction != null) ?? its[0];
  if (first) openExample(first, true);
  byId('examples').scrollIntoView();
}

function step(by) {
  const next = shown[shown.indexOf(current) + by];
  if (next) openExample(next);
  else showCount(by > 0 ? 'This is the last one.' : 'This is the first one.');
}

function nextFlip() {
  const next = shown.slice(shown.indexOf(current) + 1).find((example) => example.flip_direction != null);
  if (next) openExample(next);
  else showCount('No further flip in this list.');
}

function openFromAddress() {
  const found = /^#example=(.*)$/.exec(location.hash);
  let key = '';
  try {
    key = found ? decodeURIComponent(found[1]) : '';
  } catch {
    // Not an address of this page.
  }
  const example = examplesByKey.get(key);
  if (example) openExample(example);
  return example != null;
}

function startExamples() {
  buildFilters();
  const direction = data.directions.find(({ name }) => data.selected[name]);
  const chosen = direction && data.selected[direction.name].coefficient;
  const its = data.examples.filter((example) => data.directions[example.direction] === direction
    && direction.results[example.coefficient].coefficient === chosen);
  current = its.find((example) => example.flip_direction != null) ?? its[0] ?? data.examples[0] ?? null;
  applyFilters();
  showExample(current);
  whenMarksChange((entry) => showItemMark(entry.key));
  addEventListener('hashchange', openFromAddress);
}

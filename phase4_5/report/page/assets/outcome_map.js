// Each problem under each coefficient: what became of it. A cell opens its example.

// Names of classes; labels, signs and colours are those of the picture of the same.
const verdict = (passed) => (passed ? 'pass' : 'fail');
const FATES = data.outcomes.map(({ before, after, label, sign, colour }) => {
  const name = `fate-${verdict(before)}-${verdict(after)}`;
  document.documentElement.style.setProperty(`--${name}`, colour);
  return [name, sign, `${label}: ${verdict(before)}→${verdict(after)}`];
});
const fateOf = (example) => data.outcomes.findIndex(({ before, after }) =>
  before === data.problems[example.problem].baseline_passed && after === example.steered_passed);

function outcomeMap(direction) {
  const position = data.directions.indexOf(direction);
  const examples = data.examples.filter((example) => example.direction === position);
  // Columns: problems that passed at baseline first, then by task.
  const problems = [...new Set(examples.map((example) => example.problem))].sort((a, b) => {
    const [left, right] = [data.problems[a], data.problems[b]];
    return right.baseline_passed - left.baseline_passed || compareTasks(left.task_id, right.task_id);
  });
  const column = new Map(problems.map((problem, number) => [problem, number]));
  const rows = direction.results.map(() => []);
  for (const example of examples) rows[example.coefficient][column.get(example.problem)] = example;
  const grid = h('div', {
    class: problems.length > 18 ? 'map dense' : 'map', role: 'grid',
    'aria-label': `${directionName(direction.name)}: problems by coefficients`,
    onclick: (event) => {
      const found = event.target.closest('button');
      if (found) openExample(data.examples[Number(found.dataset.example)], true);
    },
    onkeydown: moveInGrid,
  }, rows.map((cells, number) => h('div', { role: 'row' },
    h('span', { role: 'rowheader' }, direction.results[number].label),
    problems.map((_, place) => mapCell(cells[place], direction.results[number].label)))));
  grid.style.setProperty('--problems', problems.length);
  const first = grid.querySelector('button');
  if (first) first.tabIndex = 0;
  return h('div', { class: problems.length > 30 ? 'whole-row' : null },
    h('h3', {}, 'Every problem'),
    h('p', { class: 'small' }, `A row a coefficient, a column a problem: ${
      problems.filter((problem) => data.problems[problem].baseline_passed).length
    } that passed at baseline, then ${
      problems.filter((problem) => !data.problems[problem].baseline_passed).length} that failed.`),
    h('ul', { class: 'legend' }, FATES.map(([name, sign, words]) =>
      h('li', {}, h('span', { class: `fate ${name}`, 'aria-hidden': 'true' }, sign), words))),
    h('div', { class: 'scroll' }, grid));
}

function mapCell(example, label) {
  if (!example) return h('span', { class: 'fate', role: 'gridcell' });
  const [name, sign, words] = FATES[fateOf(example)];
  const task = data.problems[example.problem].task_id;
  return h('span', { role: 'gridcell' }, h('button', {
    type: 'button', class: `fate ${name}`, tabindex: -1, 'data-example': example.position,
    title: `task ${task}, coefficient ${label}: ${words}`,
    'aria-label': `task ${task}, coefficient ${label}: ${words}`,
  }, sign));
}

const compareTasks = (a, b) => String(a).localeCompare(String(b), 'en', { numeric: true });

// Arrow keys go from cell to cell; the map is one stop of the Tab key.
function moveInGrid(event) {
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const cell = event.target.closest('button');
  if (!(event.key in moves) || !cell) return;
  event.preventDefault();
  event.stopPropagation();
  const rows = [...event.currentTarget.children].map((row) => [...row.querySelectorAll('button')]);
  const row = rows.findIndex((cells) => cells.includes(cell));
  const [down, right] = moves[event.key];
  const next = rows[row + down]?.[rows[row].indexOf(cell) + right];
  if (next) {
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

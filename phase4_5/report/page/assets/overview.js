// What the run found: the selected coefficients, and for each direction rule, controls, curves
// and table. `openExamples(direction, coefficient)` is in examples.js.

const PERCENT_TICKS = [0, 20, 40, 60, 80, 100];
const WANTED = { correct: 'correction', incorrect: 'corruption' };
const GLOSSARY = {
  flip: 'a problem whose verdict changed: pass→fail or fail→pass',
  correction: 'of the problems that failed at baseline, those that pass when steered',
  corruption: 'of the problems that passed at baseline, those that fail when steered',
};

function showHeader() {
  const rows = data.directions.flatMap((direction) => direction.results);
  const sizes = [...new Set(rows.map((row) => row.n_problems))];
  fill(byId('subtitle'),
    h('strong', { class: 'model' }, data.model), ' · ',
    data.directions.map((direction) =>
      `${direction.name}: layer ${direction.layer}, latent ${direction.feature_idx}`).join(' · '),
    ` · ${data.residual_site}, ${data.dtype} · ${sizes.join('/')} problems a coefficient · run of `,
    h('time', { datetime: data.timestamp }, time(data.timestamp)),
  );
  fill(byId('mode'), data.review
    ? 'Review: mark examples, and choose a coefficient for each direction. Marks and notes are saved as you go.'
    : ['To mark examples and choose coefficients, type ',
      h('code', {}, 'python3 run.py review'), '.']);
  fill(byId('bar'),
    [
      ['#selected', 'Selected'],
      ...data.directions.map(({ name }) => [`#direction-${name}`, name, h('span', { class: 'more' }, '-steering')]),
      ['#examples', 'Examples'],
      ...(data.review ? [['#choice', 'Choose']] : []),
    ].map(([target, ...words]) => h('a', {
      href: target,
      onclick: (event) => {
        // The address keeps the example.
        event.preventDefault();
        document.querySelector(target).scrollIntoView();
      },
    }, words)),
    h('span', { class: 'fill' }),
    data.review && h('span', { id: 'save-state', role: 'status' }),
    h('button', { type: 'button', id: 'help-button', onclick: () => byId('help').showModal() },
      'Keys ', h('kbd', {}, '?')),
  );
}

// `selected` is what selected_coefficients.json holds now.
function showSelected(selected) {
  fill(byId('cards'), data.directions.map((direction) => {
    const entry = selected[direction.name];
    const heading = h('h3', {}, directionName(direction.name));
    if (!entry) return h('div', { class: 'card' }, heading, h('p', {}, 'nothing selected'));
    // A person's choice stays when a later run has another grid.
    const inGrid = rowOf(direction, entry.coefficient);
    const row = inGrid ?? { ...entry, label: String(entry.coefficient), shortcomings: [] };
    const manual = (entry.selection_method ?? selected.selection_method) === 'manual';
    return h('div', { class: 'card', 'data-direction': direction.name },
      heading,
      h('p', { class: 'big' }, row.label, h('span', { class: manual ? 'badge by' : 'badge' },
        manual
          ? `chosen by ${entry.reviewer ?? selected.reviewer ?? 'a reviewer'}, ${time(selected.timestamp)}`
          : (entry.qualifies ? 'recommended by the rule' : 'none qualifies; this is the nearest'))),
      h('dl', { class: 'facts' },
        fact('flip rate', `${percent(row.flip_rate)} ${bounds(row.flip_rate_interval)}`),
        fact(`${WANTED[direction.name]} rate (wanted)`, rateWithBounds(row, WANTED[direction.name])),
        direction.final_evaluation?.coefficient === entry.coefficient && fact(
          `flip rate on ${direction.final_evaluation.n_problems} held-out problems`,
          `${percent(direction.final_evaluation.flip_rate)} ${
            bounds(direction.final_evaluation.flip_rate_interval)}`),
        fact('by the rule', !inGrid ? 'not among the coefficients of this run'
          : row.shortcomings.length ? `✗ ${row.shortcomings.join('; ')}` : '✓ qualifies'),
        fact('against random directions', verdictWords(direction, entry.coefficient))),
      manual && h('blockquote', { class: 'rationale' }, entry.rationale),
      inGrid && h('button', {
        type: 'button', onclick: () => openExamples(direction.name, entry.coefficient),
      }, 'See its examples'));
  }));
}

const fact = (name, words) => h('div', {}, h('dt', {}, name), h('dd', {}, words));
const rateWithBounds = (row, name) =>
  `${percent(row[`${name}_rate`])} ${bounds(row[`${name}_rate_interval`])}`;

// By the held-out problems if they were run for this coefficient: there are more of them.
function verdictWords({ controls, final_evaluation: held }, coefficient) {
  const heldOut = held?.coefficient === coefficient ? held.control : null;
  const comparison = heldOut ?? controls?.random;
  if (!comparison) return 'not compared';
  const words = { stronger: '✓ stronger', weaker: '✗ weaker', alike: '✗ not told apart' };
  return `${words[comparison.verdict] ?? comparison.verdict}${heldOut ? ', on held-out problems' : ''}`;
}

function directionSection(direction) {
  const title = `direction-${direction.name}-title`;
  return h('section', { id: `direction-${direction.name}`, 'aria-labelledby': title },
    h('h2', { id: title }, directionName(direction.name),
      h('small', {}, `layer ${direction.layer}, latent ${direction.feature_idx}; wanted: ${
        WANTED[direction.name]}, ${GLOSSARY[WANTED[direction.name]]}`)),
    h('div', { class: 'pair' }, recommendation(direction), controlStatements(direction)),
    charts(direction),
    h('h3', {}, 'All coefficients'),
    coefficientTable(direction),
    h('div', { class: 'side' }, outcomeMap(direction), finalEvaluation(direction)));
}

function recommendation({ recommended }) {
  // The rule's text ends with why each other coefficient isn't it.
  const [why, others] = recommended.rationale.split(/ (?=Not chosen: )/, 2);
  return h('div', { class: recommended.qualifies ? 'callout good' : 'callout warn' },
    h('h3', {}, 'What the rule says'),
    h('p', {}, why),
    others && h('details', {}, h('summary', {}, 'Why none of the others'),
      h('p', { class: 'small' }, others)));
}

function controlStatements({ controls: found, final_evaluation: held }) {
  const heading = h('h3', {}, 'Is it the feature, or any strong push?');
  if (!found?.random && !found?.opposite) {
    return h('div', { class: 'callout warn controls' }, heading,
      h('p', { class: 'statement' }, 'No control was run, so a flip may come from any strong push.'));
  }
  // The numbers in brackets, and what follows them, are for those who want them.
  const part = (comparison, what) => {
    if (!comparison) return null;
    const [, words, numbers] = /^(.*?)( \(.*)?$/s.exec(comparison.statement);
    return h('p', { class: 'statement' }, h('small', { class: 'above' }, what), words,
      numbers && h('small', {}, numbers));
  };
  const clear = (held?.control ?? found.random)?.verdict === 'stronger';
  return h('div', { class: `callout controls ${clear ? 'good' : 'warn'}` }, heading,
    part(held?.control, `Coefficient ${held?.coefficient} on held-out problems`),
    part(found.random, 'All coefficients, on the problems of the search'),
    !found.random && h('p', { class: 'statement' },
      'No random direction was run, so a flip may come from any strong push.'),
    part(found.opposite, 'All coefficients, against the opposite'));
}

function charts(direction) {
  const { results } = direction;
  const marked = new Map([[direction.recommended.coefficient, 'recommended']]);
  const chosen = data.selected[direction.name]?.coefficient;
  if (chosen != null && rowOf(direction, chosen)) marked.set(chosen, 'selected');
  const common = {
    coefficients: results.map((row) => row.coefficient),
    labels: new Map(results.map((row) => [row.coefficient, row.label])),
    marked,
    open: (coefficient) => openExamples(direction.name, coefficient),
  };
  const line = (label, key, colour, marker, dash, scale = 1) => ({
    label, colour, marker, dash,
    rows: results.map((row) => [
      row.coefficient, row[key] == null ? null : row[key] * scale,
      row[`${key}_interval`]?.map((bound) => bound * scale),
    ]),
  });
  return h('div', { class: 'charts' },
    flipChart(direction, common, line), effectChart(direction, common, line),
    qualityChart(direction, common, line), modesChart(direction, common));
}

const controlLine = (comparison, key, label, colour, marker, dash) => ({
  label, colour, marker, dash,
  rows: comparison.coefficients.map((row) => [row.coefficient, row[key]]),
});

function flipChart(direction, common, line) {
  const { random, opposite } = direction.controls ?? {};
  const [low, high] = data.rule.flip_rate;
  // The latent's own curve last: on top.
  const lines = [];
  if (random) lines.push(controlLine(random, 'flip_rate', 'random directions, mean', 'pink', null, '7 4'));
  if (opposite) {
    lines.push(controlLine(opposite, 'flip_rate', 'opposite direction', 'orange', 'square', '2 3'));
  }
  lines.push(line('flip rate, 95 % interval', 'flip_rate', 'ink', 'circle'));
  const area = random && {
    colour: 'pink', label: 'random directions, lowest to highest',
    rows: random.coefficients.map((row) =>
      [row.coefficient, Math.min(...row.flip_rates), Math.max(...row.flip_rates)]),
  };
  return chart({
    ...common, title: 'Flip rate', unit: '% of problems', max: 100, ticks: PERCENT_TICKS,
    band: data.rule.flip_rate, area, lines, spread: 0,
    legend: [...lines.toReversed(), ...(area ? [{ area: area.colour, label: area.label }] : []),
      { area: 'wanted', label: `${low}–${high} %: wanted` }],
    tip: (coefficient) => {
      const row = rowOf(direction, coefficient);
      const control = byCoefficient(random?.coefficients).get(coefficient);
      const other = byCoefficient(opposite?.coefficients).get(coefficient);
      return [
        ['flips', `${row.n_flipped} of ${row.n_problems}`],
        ['flip rate', `${percent(row.flip_rate)} ${bounds(row.flip_rate_interval)}`],
        ...(control ? [['random', control.flip_rates.map((rate) => rate.toFixed(1)).join(', ') + ' %']] : []),
        ...(other ? [['opposite', percent(other.flip_rate)]] : []),
      ];
    },
  });
}

function effectChart(direction, common, line) {
  const wanted = WANTED[direction.name];
  const { random } = direction.controls ?? {};
  const lines = [
    line(direction.results.some((row) => row.n_baseline_failed)
      ? 'correction (of baseline failures)' : 'correction: none failed at baseline',
    'correction_rate', 'blue', 'up', '7 4'),
    line(direction.results.some((row) => row.n_baseline_passed)
      ? 'corruption (of baseline passes)' : 'corruption: none passed at baseline',
    'corruption_rate', 'red', 'down', '2 3'),
  ];
  if (random?.coefficients.some((row) => row.wanted_rate != null)) {
    lines.push(controlLine(
      random, 'wanted_rate', `${wanted} by random directions, mean`, 'pink', null, '7 3 2 3'));
  }
  return chart({
    ...common, title: 'Corrections and corruptions', unit: '% of those that could', max: 100,
    ticks: PERCENT_TICKS, lines, spread: 8, legend: lines,
    tip: (coefficient) => {
      const row = rowOf(direction, coefficient);
      return [
        ['fail→pass', `${row.n_fail_to_pass} of ${row.n_baseline_failed}: ${rateWithBounds(row, 'correction')}`],
        ['pass→fail', `${row.n_pass_to_fail} of ${row.n_baseline_passed}: ${rateWithBounds(row, 'corruption')}`],
      ];
    },
  });
}

function qualityChart(direction, common, line) {
  const lowest = data.rule.token_similarity;
  const lines = [
    line('token similarity', 'mean_token_similarity', 'ink', 'circle'),
    line('character similarity', 'mean_char_similarity', 'sky', 'square', '7 4'),
    line('valid syntax', 'valid_syntax_rate', 'green', 'diamond', '7 3 2 3', 0.01),
    line('intact signature', 'signature_intact_rate', 'orange', 'plus', '2 3', 0.01),
  ];
  return chart({
    ...common, title: 'Quality of the code', unit: 'similarity to baseline, or share', max: 1,
    ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], lines, spread: 7, levels: [lowest],
    legend: [...lines, { label: `${lowest}: lowest token similarity`, colour: 'grey' }],
    tip: (coefficient) => {
      const row = rowOf(direction, coefficient);
      return [
        ['tokens', number(row.mean_token_similarity, 2)],
        ['characters', number(row.mean_char_similarity, 2)],
        ['valid syntax', rateWithBounds(row, 'valid_syntax')],
        ['signature', rateWithBounds(row, 'signature_intact')],
      ];
    },
  });
}

function modesChart(direction, common) {
  const bars = direction.results.map((row) => [row.coefficient, groupedModes(row)]);
  const most = Math.max(...direction.results.map((row) => row.n_problems));
  const step = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000].find((size) => most / size <= 6) ?? most;
  const ticks = [];
  for (let value = 0; value <= most; value += step) ticks.push(value);
  return chart({
    ...common, title: 'How programs end', unit: 'programs', max: most, ticks, bars,
    legend: MODES.filter(([mode]) => bars.some(([, counts]) => counts.get(mode)))
      .map(([, label, colour, pattern]) => ({ label, colour, pattern })),
    tip: (coefficient) => {
      const row = rowOf(direction, coefficient);
      return [
        ['passed', `${groupedModes(row).get('passed')}`],
        ...Object.entries(row.failure_modes).slice(0, 8).map(([mode, n]) => [modeName(mode), `${n}`]),
      ];
    },
  });
}

// What the run found: the selected coefficients, and for each direction rule, controls, pictures
// and table. `openExamples(direction, coefficient)` is in examples.js.

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

// Is the given baseline the one that this machine makes? Before any coefficient.
function showNoiseFloor() {
  const { statement, causes, told_first: first } = data.noise_floor;
  fill(byId('noise-floor'), causes.length === 0 ? h('p', { class: 'small' }, statement)
    : h('div', { class: first ? 'callout warn' : 'callout' },
      h('h3', {}, 'Noise floor'),
      h('p', { class: first ? 'statement' : '' }, statement),
      h('details', {}, h('summary', {}, 'Which problems'),
        h('ul', { class: 'small' }, causes.map((cause) => h('li', {}, `${cause.words}: ${
          cause.n_problems} (${cause.n_verdicts} in the verdict): ${cause.task_ids.join(', ')}`))))));
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
          : (entry.qualifies ? 'recommended by the rule' : 'named; none qualifies'))),
      h('p', { class: entry.verdict === 'supported' ? 'verdict yes' : 'verdict no' },
        h('span', {},
          h('strong', {}, VERDICT_SIGNS[entry.verdict], ' ', entry.verdict), ': ', entry.verdict_reason)),
      h('dl', { class: 'facts' },
        fact('flip rate on the search’s problems', `${percent(row.flip_rate)} ${bounds(row.flip_rate_interval)}`),
        fact(`${WANTED[direction.name]} rate (wanted)`, rateWithBounds(row, WANTED[direction.name])),
        direction.final_evaluation?.coefficient === entry.coefficient && fact(
          `${WANTED[direction.name]} rate on ${direction.final_evaluation.n_problems} held-out problems`,
          rateWithBounds(direction.final_evaluation, WANTED[direction.name])),
        ...[['by the search', row], ['by the held-out problems',
          direction.final_evaluation?.coefficient === entry.coefficient && direction.final_evaluation]]
          .map(([words, source]) => source?.weighted && fact(
            `change of the baseline’s pass rate (${percent(source.weighted.pass_rate)}), ${words}`,
            `${points(source.weighted.net_change)} ${bounds(source.weighted.net_change_interval, points)}`)),
        fact('by the rule', !inGrid ? 'not among the coefficients of this run'
          : row.shortcomings.length ? `✗ ${row.shortcomings.join('; ')}` : '✓ qualifies')),
      manual && h('blockquote', { class: 'rationale' }, entry.rationale),
      inGrid && h('button', {
        type: 'button', onclick: () => openExamples(direction.name, entry.coefficient),
      }, 'See its examples'));
  }));
}

const fact = (name, words) => h('div', {}, h('dt', {}, name), h('dd', {}, words));
const rateWithBounds = (row, name) =>
  `${percent(row[`${name}_rate`])} ${bounds(row[`${name}_rate_interval`])}`;

const VERDICT_SIGNS = { supported: '✓', unproven: '?', contradicted: '✗' };

function directionSection(direction) {
  const title = `direction-${direction.name}-title`;
  return h('section', { id: `direction-${direction.name}`, 'aria-labelledby': title },
    h('h2', { id: title }, directionName(direction.name),
      h('small', {}, `${direction.latent}; wanted: ${
        WANTED[direction.name]}, ${GLOSSARY[WANTED[direction.name]]}`)),
    h('div', { class: 'pair' }, recommendation(direction), controlStatements(direction)),
    panels(direction),
    h('h3', {}, 'All coefficients'),
    coefficientTable(direction),
    h('div', { class: 'side' }, outcomeMap(direction), finalEvaluation(direction)));
}

function recommendation({ recommended, dose_response: curve }) {
  // The rule's text ends with why each other coefficient isn't it.
  const [why, others] = recommended.rationale.split(/ (?=Not chosen: )/, 2);
  return h('div', { class: recommended.qualifies ? 'callout good' : 'callout warn' },
    h('h3', {}, 'What the rule says'),
    h('p', {}, why),
    curve && h('p', { class: 'small' }, curve.statement),
    others && h('details', {}, h('summary', {}, 'Why none of the others'),
      h('p', { class: 'small' }, others)));
}

function controlStatements({ controls: found, final_evaluation: held, power }) {
  const heading = h('h3', {}, 'Is it the feature, or any strong push?');
  // The numbers in brackets, and what follows them, are for those who want them.
  const part = (comparison, what) => {
    if (!comparison) return false;
    const [, words, numbers] = /^(.*?)( \((?:[-+−\d]|difference).*)?$/s.exec(comparison.statement);
    return h('p', { class: 'statement' }, h('small', { class: 'above' }, what), words,
      numbers && h('small', {}, numbers));
  };
  const clear = held?.directions?.outcome === 'more';
  return h('div', { class: `callout controls ${clear ? 'good' : 'warn'}` }, heading,
    part(held?.directions, `Coefficient ${held?.coefficient} against random directions`),
    part(held?.latents, `Coefficient ${held?.coefficient} against latents that separate nothing`),
    !held?.directions && h('p', { class: 'statement' },
      'No random direction was tried on held-out problems, so any strong push may do the same.'),
    held && power && h('p', { class: 'small' }, power.statement),
    part(found?.random, 'For comparison: random directions over the grid'),
    part(found?.opposite, 'For comparison: the opposite direction over the grid'));
}

// The numbers of a direction: all coefficients, and the held-out problems.

function coefficientTable(direction) {
  const random = byCoefficient(direction.controls?.random?.coefficients);
  const neighbours = new Map((direction.neighbours ?? []).map((pair) => [pair.lower, pair]));
  const selected = data.selected[direction.name]?.coefficient;
  const rate = (key, title) => [title, (row) => [
    percent(row[key]), h('span', { class: 'bounds' }, bounds(row[`${key}_interval`])),
  ]];
  const columns = [
    ['coefficient', (row) => h('button', {
      type: 'button', class: 'link', onclick: () => openExamples(direction.name, row.coefficient),
      'aria-label': `coefficient ${row.label}: show its examples`,
    }, row.label)],
    ['strength', (row) => row.relative_strength == null ? NONE
      : `${Number((row.relative_strength * 100).toPrecision(3))} %`,
    `length of what is added, as a share of the residual stream’s median norm${scaleWords(direction)}`],
    ['flips', (row) => [`${row.n_flipped} of ${row.n_problems}`,
      h('span', { class: 'bounds' }, percent(row.flip_rate)),
      h('span', { class: 'bounds' }, bounds(row.flip_rate_interval))],
    `${GLOSSARY.flip}; in brackets, here and beside it, 95 % intervals (Wilson)`],
    [...rate('correction_rate', 'correction'), `${GLOSSARY.correction}, in percent`],
    [...rate('corruption_rate', 'corruption'), `${GLOSSARY.corruption}, in percent`],
    ...data.metrics.map((metric) => [metric.label, (row) => [metricValue(metric, row),
      h('span', { class: 'bounds' }, bounds(row[`${metric.name}_interval`]))], metric.meaning]),
    ['McNemar\u00a0p', (row) => [pValue(row.mcnemar_p),
      h('span', { class: 'bounds' }, row.mcnemar_p_holm == null ? '' : `Holm ${pValue(row.mcnemar_p_holm)}`)],
    'are fail→pass and pass→fail equally likely? Below it corrected for all coefficients (Holm)'],
    random.size ? ['minus random', (row) => {
      const found = random.get(row.coefficient);
      return found ? [points(found.difference), h('span', { class: 'bounds' },
        bounds(found.interval, points)), h('span', { class: 'bounds' }, `Holm ${pValue(found.p_holm)}`)]
        : NONE;
    }, 'flip rate minus that of random directions, in points; below it p, corrected (Holm)'] : null,
    neighbours.size ? ['problems needed', (row) => {
      const pair = neighbours.get(row.coefficient);
      if (!pair) return NONE;
      return pair.n_problems_needed == null ? NONE : withCommas(pair.n_problems_needed);
    }, 'problems needed to tell its flip rate from that of the coefficient below it in this table '
      + '(80 % power); –: no difference was seen, or over 10,000 are needed'] : null,
    ['by the rule', (row) => row.shortcomings.length
      ? h('span', { class: 'no', title: row.shortcomings.join('; ') }, `✗ ${shortReason(row)}`)
      : h('span', { class: 'yes' }, '✓ qualifies')],
  ].filter(Boolean);
  const explained = columns.filter(([, , words]) => words);
  const meanings = h('details', {}, h('summary', {}, 'What the columns mean'),
    h('dl', { class: 'meanings small' }, explained.map(([title, , words]) =>
      [h('dt', {}, title), h('dd', {}, words)])));
  return [h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'All coefficients' },
    h('table', { class: 'numbers' },
      h('thead', {}, h('tr', {}, columns.map(([title, , words]) =>
        h('th', { scope: 'col', title: words }, title)))),
      h('tbody', {}, direction.results.map((row) => h('tr', {
        class: [
          row.coefficient === selected ? 'selected' : '', row.shortcomings.length ? '' : 'qualifies',
        ].join(' ').trim(),
        'data-coefficient': row.label,
      }, columns.map(([, show], number) =>
        h(number ? 'td' : 'th', number ? {} : { scope: 'row' }, show(row),
          number === 0 && row.refined && h('span', {
            class: 'bounds', title: 'added by the second stage, between two of the grid',
          }, 'refined')))))))), meanings];
}

function metricValue(metric, source) {
  const value = source?.[metric.name];
  if (metric.unit === '%') return percent(value);
  return metric.unit === 'nats' ? significant(value) : number(value, 2);
}

const scaleWords = ({ residual_norm: scale }) => (scale
  ? `: ${scale.median.toPrecision(3)} over ${withCommas(scale.n_positions)} positions; the direction’s own norm is ${
    scale.direction_norm.toPrecision(3)}` : '');

// "flip rate 12.0 % is below 20 %" in fewer words.
const shortReason = (row) => row.shortcomings
  .map((reason) => reason.replace(/ [\d.e-]+( %| nats)? is below .*/, ' low')
    .replace(/ [\d.e-]+( %| nats)? is above .*/, ' high'))
  .join(', ').replace(/ low(?=, .* low$)/g, '');

function finalEvaluation(direction) {
  const held = direction.final_evaluation;
  if (!held) return null;
  const row = rowOf(direction, held.coefficient);
  const chosen = data.selected[direction.name]?.coefficient;
  const rates = [
    ['correction rate, of failed', 'correction_rate'],
    ['corruption rate, of solved', 'corruption_rate'],
    ['preservation rate, of solved', 'preservation_rate'],
  ];
  const others = data.metrics.filter((metric) => metric.held_out);
  // Rates of all problems can be compared only where both are weighted to the same ones.
  const weighted = row?.weighted && held.weighted;
  // The other side of the corruption rate.
  const preserved = row?.corruption_rate == null ? {} : {
    preservation_rate: 100 - row.corruption_rate,
    preservation_rate_interval: row.corruption_rate_interval
      ?.map((bound) => 100 - bound).toReversed(),
  };
  const both = (source, key) => source?.[key] == null
    ? NONE : [`${percent(source[key])} `,
      h('span', { class: 'inline bounds' }, bounds(source[`${key}_interval`]))];
  return h('div', { class: 'final' },
    h('h3', {}, `Coefficient ${row?.label ?? held.coefficient} on held-out problems`),
    chosen != null && chosen !== held.coefficient && h('p', { class: 'callout warn' },
      `This was run for coefficient ${held.coefficient}, not for the selected ${chosen}.`),
    h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Held-out problems' },
      h('table', { class: 'numbers narrow' },
        h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, ''),
          h('th', { scope: 'col' }, `search, ${row?.n_problems ?? NONE} problems`),
          h('th', { scope: 'col' }, `held out, ${held.n_problems} problems`))),
        h('tbody', {},
          rates.map(([title, key]) => h('tr', {}, h('th', { scope: 'row' }, title),
            h('td', {}, both({ ...row, ...preserved }, key)), h('td', {}, both(held, key)))),
          weighted && h('tr', {}, h('th', { scope: 'row' }, 'flip rate, weighted'),
            h('td', {}, both(row.weighted, 'flip_rate')), h('td', {}, both(held.weighted, 'flip_rate'))),
          weighted && h('tr', {}, h('th', { scope: 'row' }, 'change of pass rate, points, weighted'),
            [row, held].map((source) => h('td', {}, `${points(source.weighted.net_change)} `,
              h('span', { class: 'inline bounds' }, bounds(source.weighted.net_change_interval, points))))),
          held.directions && [
            ['effect wanted, of all problems', 'effect'],
            ['the same, random directions', 'directions_effect'],
          ].map(([title, key]) => h('tr', {}, h('th', { scope: 'row' }, title),
            h('td', {}, NONE), h('td', {}, percent(held.directions[key])))),
          weighted && others.map((metric) => h('tr', {}, h('th', { scope: 'row' }, `${metric.label}, weighted`),
            [row.weighted, held.weighted].map((source) => h('td', {}, metricValue(metric, source), ' ',
              h('span', { class: 'inline bounds' }, bounds(source[`${metric.name}_interval`])))))),
          h('tr', {}, h('th', { scope: 'row' }, 'McNemar p'),
            h('td', {}, pValue(row?.mcnemar_p)), h('td', {}, pValue(held.mcnemar_p)))))),
    held.shortcomings?.length > 0 && h('p', { class: 'no below' },
      `✗ On the held-out problems ${held.shortcomings.join('; ')}.`),
    weighted && h('p', { class: 'small' }, 'Weighted: to the whole baseline, of which '
      + `${percent(held.weighted.pass_rate)} were solved. The search’s problems are half solved and half failed, `
      + 'as far as there are such; the held-out ones are not.'),
    h('p', { class: 'small' }, 'The search chose the coefficient because its rates were good on the '
      + 'search’s problems, so those flatter it; the held-out problems don’t.'));
}

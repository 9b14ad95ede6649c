// The choice of a coefficient for each direction, with its reason.

let seen = null;

function buildChoice() {
  const form = h('form', { id: 'choice-form', autocomplete: 'off' },
    h('p', {}, 'What you save here is what Phase 4.8 uses. Your marks and notes on the chosen '
      + 'coefficients’ examples are saved with it.'),
    h('div', { class: 'pair' }, data.directions.map(choicesOf)),
    h('label', {}, h('span', {}, 'Why these, and not others (needed)'), h('textarea', {
      name: 'rationale', id: 'rationale', rows: 4, required: true, oninput: keepDraft,
      placeholder: 'What you saw in the curves and the examples',
    })),
    h('label', { class: 'short' }, h('span', {}, 'Your name'), h('input', {
      name: 'reviewer', id: 'reviewer', oninput: keepDraft,
    })),
    h('div', { id: 'clash', hidden: true }),
    h('p', { class: 'actions' },
      h('button', { type: 'submit', id: 'save-choice', class: 'main' }, 'Save the choice'),
      h('span', { id: 'choice-state', role: 'status' })));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    saveChoice();
  });
  byId('choice').append(form);
  byId('choice').hidden = false;
}

function choicesOf(direction) {
  const name = `choose-${direction.name}`;
  const radio = (value, ...words) => h('label', { class: 'radio' },
    h('input', { type: 'radio', name, value, checked: value === '', onchange: keepDraft }),
    h('span', {}, words));
  return h('fieldset', {}, h('legend', {}, directionName(direction.name)),
    radio('', 'leave as it is', h('small', { id: `now-${direction.name}` })),
    direction.results.map((row) => radio(row.label,
      h('strong', {}, row.label),
      ` flip rate ${percent(row.flip_rate)} `,
      h('small', { class: row.shortcomings.length ? 'no' : 'yes' },
        row.coefficient === direction.recommended.coefficient
          ? (direction.recommended.qualifies ? '✓ recommended by the rule' : '✗ named, but doesn’t qualify')
          : row.shortcomings.length ? `✗ ${shortReason(row)}` : '✓ qualifies'))));
}

function chosen(direction) {
  const label = byId('choice-form').elements[`choose-${direction.name}`].value;
  return label === '' ? null : direction.results.find((row) => row.label === label).coefficient;
}

function keepDraft() {
  const form = byId('choice-form').elements;
  try {
    sessionStorage.setItem(storeName('choice'), JSON.stringify({
      rationale: form.rationale.value, reviewer: form.reviewer.value,
      ...Object.fromEntries(data.directions.map(({ name }) => [name, form[`choose-${name}`].value])),
    }));
  } catch {
    // A full or forbidden store: the text is still in the page.
  }
}

function recallDraft() {
  let draft = null;
  try {
    draft = JSON.parse(sessionStorage.getItem(storeName('choice')));
  } catch {
    return;
  }
  if (!draft) return;
  const form = byId('choice-form').elements;
  form.rationale.value = draft.rationale ?? '';
  form.reviewer.value = draft.reviewer ?? '';
  for (const { name } of data.directions) form[`choose-${name}`].value = draft[name] ?? '';
}

function takeSelected(selected) {
  const other = selected.timestamp !== data.selected.timestamp;
  seen = selected.timestamp;
  data.selected = selected;
  if (other) {
    showSelected(selected);
    drawDirections();
  }
  for (const direction of data.directions) {
    const row = selected[direction.name] && rowOf(direction, selected[direction.name].coefficient);
    byId(`now-${direction.name}`).textContent = row ? ` (${row.label})` : ' (nothing)';
  }
}

async function saveChoice() {
  const form = byId('choice-form').elements;
  const state = byId('choice-state');
  state.className = '';
  state.textContent = 'Saving…';
  byId('clash').hidden = true;
  await marksSettled();
  try {
    const { status, answer } = await post('select', {
      ...Object.fromEntries(data.directions.map((direction) => [direction.name, chosen(direction)])),
      rationale: form.rationale.value, reviewer: form.reviewer.value, seen,
    });
    if (status === 200) {
      takeSelected(answer.selected);
      state.textContent = 'Saved: see the top of the page.';
      sessionStorage.removeItem(storeName('choice'));
    } else if (status === 409 && answer.selected) {
      state.textContent = '';
      showClash(answer);
    } else {
      throw new Error(answer.error ?? `the server answered ${status}`);
    }
  } catch (error) {
    state.className = 'no';
    state.textContent = `Not saved: ${error.name === 'TypeError' || error.name === 'TimeoutError'
      ? 'the review server doesn’t answer; your text is kept here' : error.message}`;
  }
}

function showClash({ selected }) {
  const clash = byId('clash');
  fill(clash,
    h('p', {}, h('strong', {}, 'Somebody has chosen meanwhile; nothing of yours is saved yet.')),
    h('ul', {}, data.directions.filter(({ name }) => selected[name]).map(({ name }) => {
      const entry = selected[name];
      const manual = (entry.selection_method ?? selected.selection_method) === 'manual';
      return h('li', {}, `${directionName(name)}: ${entry.coefficient}, ${manual
        ? `chosen by ${entry.reviewer ?? selected.reviewer ?? 'a reviewer'}` : 'recommended by the rule'}, ${
        time(selected.timestamp)}`, manual && h('blockquote', { class: 'rationale' }, entry.rationale));
    })),
    h('button', {
      type: 'button', id: 'replace-theirs', onclick: () => { seen = selected.timestamp; saveChoice(); },
    }, 'Save mine over it'), ' ',
    h('button', {
      type: 'button', id: 'take-theirs',
      onclick: () => { takeSelected(selected); clash.hidden = true; },
    }, 'Keep theirs'));
  clash.hidden = false;
}

async function fetchState() {
  try {
    const response = await fetch('state', { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const state = await response.json();
    takeEntries(state.marks);
    // While a choice clashes, the reviewer decides; a save with the old `seen` shows it.
    const selected = state.selected ?? data.selected;
    if (selected.timestamp !== seen) {
      const first = seen === null;
      const before = seen;
      takeSelected(selected);
      // What this form was filled in against stays until it is saved or emptied.
      if (!first && byId('rationale').value) seen = before;
    }
    const name = byId('reviewer');
    if (!name.value) name.value = state.reviewer ?? '';
    saveAll();
  } catch {
    byId('save-state').textContent = 'the review server doesn’t answer';
    byId('save-state').className = 'no';
  }
}

function startChoice() {
  if (!data.review) return;
  buildChoice();
  recallDraft();
  fetchState();
  addEventListener('focus', fetchState);
  addEventListener('visibilitychange', () => (document.hidden ? null : fetchState()));
}

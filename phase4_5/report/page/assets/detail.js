// One example in detail: what happened, the two programs, and the reviewer's mark and note.

function detailOf(example) {
  const problem = data.problems[example.problem];
  const direction = data.directions[example.direction];
  const [name, sign, words] = FATES[fateOf(example)];
  return [
    h('div', { class: 'head' },
      h('h3', {}, `Task ${problem.task_id}`,
        h('small', {}, `${directionName(direction.name)}, coefficient ${labelOf(example)}`)),
      h('span', { class: 'fill' }),
      h('button', { type: 'button', id: 'previous', onclick: () => step(-1) }, '← Previous'),
      h('button', { type: 'button', id: 'next', onclick: () => step(1) }, 'Next →')),
    h('p', { class: 'verdict' },
      h('span', { class: 'badge became' },
        h('span', { class: `fate ${name}`, 'aria-hidden': 'true' }, sign), words),
      example.failure_mode != null
        && h('span', { class: 'badge outcome' }, modeName(example.failure_mode)),
      example.error != null && h('code', { class: 'error' }, example.error)),
    data.review ? reviewPanel(example) : keptMark(example),
    h('dl', { class: 'facts' },
      fact('similarity', `tokens ${number(example.token_similarity, 2)}, characters ${
        number(example.char_similarity, 2)}`),
      fact('length ratio', number(example.length_ratio, 2)),
      fact('log-probability', `${significant(example.log_probability)} nats a token`),
      fact('KL divergence', `${significant(example.kl_divergence)} nats a token`),
      fact('repetition', number(example.repetition, 2)),
      fact('syntax', example.valid_syntax ? 'valid' : 'not valid'),
      fact('signature', example.signature_intact ? 'intact' : 'changed'),
      fact('changed', example.changes.map((change) => change.replaceAll('_', ' ')).join(', ') || 'nothing'),
      fact('stopped', `${(example.stop_reason ?? NONE).replaceAll('_', ' ')}, ${example.n_new_tokens} tokens`)),
    promptOf(problem),
    diffView(data.programs[problem.baseline], data.programs[example.program], example.diff, [
      `baseline: ${problem.baseline_passed ? 'passed' : 'failed'}`,
      `steered: ${example.steered_passed ? 'passed' : 'failed'}${
        problem.baseline === example.program ? ', the same program' : ''}`,
    ]),
  ];
}

let promptIsOpen = false;
function promptOf(problem) {
  return h('details', {
    class: 'prompt', open: promptIsOpen, ontoggle: (event) => { promptIsOpen = event.target.open; },
  }, h('summary', {}, 'Prompt'), h('pre', {}, problem.prompt));
}

function keptMark(example) {
  const entry = entries.get(example.key);
  if (!entry) return null;
  return h('p', { class: 'kept' }, h('strong', {}, entry.mark ?? 'note'),
    entry.note ? `: ${entry.note}` : '');
}

function reviewPanel(example) {
  const { key } = example;
  const buttons = MARKS.map(([mark, shortcut, sign, words]) => h('button', {
    type: 'button', 'data-mark': mark, 'aria-keyshortcuts': shortcut, onclick: () => toggleMark(key, mark),
  }, `${sign} ${words} `, h('kbd', {}, shortcut)));
  const note = h('textarea', {
    id: 'note', rows: 2, 'aria-label': 'Note on this example', placeholder: 'Note on this example',
    oninput: () => changeMark(key, { note: note.value }),
  });
  const panel = h('div', { id: 'review', 'data-key': key },
    h('div', { class: 'marks', role: 'group', 'aria-label': 'Mark' }, buttons,
      h('span', { id: 'note-state', role: 'status' })),
    note, h('p', { id: 'note-told', role: 'status' }));
  showEntry(panel, entryOf(key));
  return panel;
}

function toggleMark(key, mark) {
  changeMark(key, { mark: entryOf(key).mark === mark ? null : mark });
}

function showEntry(panel, entry) {
  panel.querySelectorAll('[data-mark]').forEach((button) =>
    button.setAttribute('aria-pressed', String(button.dataset.mark === entry.mark)));
  const note = panel.querySelector('textarea');
  if (note.value !== entry.note) {
    // Text that came from elsewhere stands before the cursor, so the cursor keeps its place.
    const fromEnd = note.value.length - note.selectionEnd;
    note.value = entry.note;
    const place = Math.max(0, entry.note.length - fromEnd);
    if (document.activeElement === note) note.setSelectionRange(place, place);
  }
  fill(panel.querySelector('#note-state'), stateWords(entry));
  panel.querySelector('#note-told').textContent = entry.told;
}

function stateWords(entry) {
  if (entry.state === 'failed') {
    return [
      h('span', { class: 'no' }, `Not saved: ${entry.why} `),
      h('button', { type: 'button', class: 'retry', onclick: () => { entry.state = 'waiting'; save(entry); } },
        'Retry'),
    ];
  }
  if (entry.state === 'waiting' || entry.state === 'saving') return ['Saving…'];
  return entry.saved.version > 0 ? ['Saved'] : [];
}

function showSaveState() {
  const unsaved = unsavedEntries();
  const failed = unsaved.filter((entry) => entry.state === 'failed');
  const place = byId('save-state');
  const words = failed.length ? `${failed.length} not saved`
    : unsaved.length ? 'Saving…' : [...entries.values()].some((entry) => entry.saved.version) ? 'All saved' : '';
  if (place.textContent !== words) place.textContent = words;
  place.className = failed.length ? 'no' : '';
}

function startDetail() {
  if (!data.review) return;
  whenMarksChange((entry) => {
    showSaveState();
    const panel = byId('review');
    if (panel?.dataset.key === entry.key) showEntry(panel, entry);
  });
}

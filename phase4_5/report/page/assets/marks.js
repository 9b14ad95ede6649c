// Marks and notes of examples, and how they get to the server without losing any.
//
// An entry has what the reviewer sees (`mark`, `note`) and what the server is known to hold
// (`saved`, with its version). They differ while something is unsaved; then the entry is also
// in the session's storage, so that a reload doesn't lose it.

const MARKS = [
  ['keep', '1', '✓', 'keep'],
  ['broken', '2', '✗', 'broken'],
  ['interesting', '3', '★', 'interesting'],
];
const WAIT_MS = 400;
const RETRY_MS = 4000;
const ANSWER_MS = 15000;
const MAX_KEEPALIVE = 60000;

const entries = new Map();
const changed = [];
const whenMarksChange = (call) => changed.push(call);
const storeName = (what) => `phase4_5 ${what} ${data.model} ${data.timestamp}`;

function entryOf(key) {
  if (!entries.has(key)) {
    entries.set(key, {
      key, mark: null, note: '', saved: { mark: null, note: '', version: 0 }, state: 'saved',
      why: '', told: '', timer: 0, sent: null,
    });
  }
  return entries.get(key);
}

const isUnsaved = (entry) => entry.mark !== entry.saved.mark || entry.note !== entry.saved.note;
const unsavedEntries = () => [...entries.values()].filter(isUnsaved);

function tell(entry) {
  remember();
  changed.forEach((call) => call(entry));
}

function remember() {
  if (!data.review) return;
  try {
    sessionStorage.setItem(storeName('unsaved'), JSON.stringify(
      unsavedEntries().map(({ key, mark, note, saved }) => ({ key, mark, note, saved }))));
  } catch {
    // A full or forbidden store: the text is still in the page.
  }
}

function changeMark(key, change) {
  const entry = entryOf(key);
  Object.assign(entry, change, { told: '' });
  clearTimeout(entry.timer);
  if (isUnsaved(entry)) {
    if (entry.state !== 'saving') entry.state = 'waiting';
    entry.timer = setTimeout(() => save(entry), WAIT_MS);
  } else if (entry.state !== 'saving') {
    entry.state = 'saved';
  }
  tell(entry);
}

async function save(entry) {
  clearTimeout(entry.timer);
  // One at a time for each example: the next one needs the version that this one gets.
  if (entry.state === 'saving' || !isUnsaved(entry)) return;
  entry.state = 'saving';
  const sent = { mark: entry.mark, note: entry.note };
  entry.sent = sent;
  tell(entry);
  try {
    const { status, answer } = await post('mark', {
      example: entry.key, ...sent, version: entry.saved.version,
    });
    if (status === 200) {
      entry.saved = answer.entry;
      entry.state = 'saved';
      entry.sent = null;
    } else if (status === 409 && answer.entry) {
      entry.state = 'saved';
      merge(entry, answer.entry);
    } else {
      throw new Error(answer.error ?? `the server answered ${status}`);
    }
    entry.why = '';
    if (isUnsaved(entry)) {
      entry.state = 'waiting';
      entry.timer = setTimeout(() => save(entry), 0);
    }
  } catch (error) {
    entry.state = 'failed';
    entry.why = error.name === 'TypeError' || error.name === 'TimeoutError'
      ? 'the review server doesn’t answer' : error.message;
    entry.timer = setTimeout(() => save(entry), RETRY_MS);
  }
  tell(entry);
}

// Bring together what this page shows and what the server holds meanwhile.
function merge(entry, theirs) {
  // What was sent without an answer may have arrived.
  const arrived = entry.sent && entry.sent.mark === theirs.mark && entry.sent.note === theirs.note;
  const base = arrived ? theirs : entry.saved;
  entry.sent = null;
  entry.saved = theirs;
  if (entry.mark === base.mark) {
    entry.mark = theirs.mark;
  } else if (theirs.mark !== base.mark && theirs.mark !== entry.mark) {
    entry.told = `Another tab marked it “${theirs.mark ?? 'nothing'}” meanwhile; your mark is kept.`;
  }
  const mine = entry.note;
  if (mine === base.note || theirs.note.includes(mine)) {
    entry.note = theirs.note;
  } else if (theirs.note !== base.note && !mine.includes(theirs.note)) {
    entry.note = `${theirs.note}\n${mine}`;
    entry.told = 'Another tab wrote a note here meanwhile; both are kept, theirs first.';
  }
}

async function post(path, body, options = {}) {
  const text = JSON.stringify(body);
  const response = await fetch(path, {
    method: 'POST', body: text, headers: { 'Content-Type': 'application/json' },
    // Outlives the page, if the page goes meanwhile.
    keepalive: text.length * 3 < MAX_KEEPALIVE,
    signal: AbortSignal.timeout(ANSWER_MS), ...options,
  });
  return { status: response.status, answer: await response.json().catch(() => ({})) };
}

function takeEntries(marks) {
  for (const [key, theirs] of Object.entries(marks)) {
    const entry = entryOf(key);
    if (entry.state === 'saving' || theirs.version === entry.saved.version) continue;
    if (isUnsaved(entry)) {
      merge(entry, theirs);
    } else {
      Object.assign(entry, { mark: theirs.mark, note: theirs.note, saved: theirs, state: 'saved' });
    }
    tell(entry);
  }
}

// What an earlier page of this tab couldn't save.
function recallUnsaved() {
  let kept = [];
  try {
    kept = JSON.parse(sessionStorage.getItem(storeName('unsaved')) ?? '[]');
  } catch {
    return;
  }
  for (const { key, mark, note, saved } of kept) {
    Object.assign(entryOf(key), { mark, note, saved, state: 'waiting' });
  }
}

function saveAll() {
  for (const entry of unsavedEntries()) save(entry);
}

// The marks go with a choice, so they are saved first; if they can't be, the choice isn't held up.
async function marksSettled() {
  saveAll();
  for (let n = 0; n < 60 && unsavedEntries().some((entry) => entry.state !== 'failed'); n += 1) {
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

// The page goes: there is no time for an answer. A save under way is taken as done, so what was
// written since follows it under the next version.
function flush() {
  for (const entry of unsavedEntries()) {
    if (entry.state !== 'saving') {
      save(entry);
    } else if (entry.sent.mark !== entry.mark || entry.sent.note !== entry.note) {
      post('mark', {
        example: entry.key, mark: entry.mark, note: entry.note, version: entry.saved.version + 1,
      }).catch(() => {});
    }
  }
}

// The marks that belong to a choice, for a page that isn't served.
function showKeptMarks() {
  for (const direction of data.directions) {
    const entry = data.selected[direction.name];
    const row = entry && rowOf(direction, entry.coefficient);
    for (const { task_id: task, mark, note } of (row && entry.marks) || []) {
      Object.assign(entryOf(`${direction.name}|${row.label}|${task}`), { mark, note: note ?? '' });
    }
  }
}

function startMarks() {
  if (!data.review) {
    showKeptMarks();
    return;
  }
  recallUnsaved();
  addEventListener('pagehide', flush);
  addEventListener('visibilitychange', () => (document.hidden ? flush() : null));
  addEventListener('online', saveAll);
  addEventListener('beforeunload', (event) => {
    flush();
    if (unsavedEntries().some((entry) => entry.state === 'failed')) event.preventDefault();
  });
}

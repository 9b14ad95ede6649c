// Putting the page together, and its keys.

function drawDirections() {
  fill(byId('directions'), data.directions.map(directionSection));
}

const KEYS = [
  ['n → j', 'next example', () => step(1), ['n', 'j', 'ArrowRight']],
  ['p ← k', 'previous example', () => step(-1), ['p', 'k', 'ArrowLeft']],
  ['f', 'next flip', nextFlip, ['f']],
  ...(data.review ? [
    ...MARKS.map(([mark, key, , words]) =>
      [key, `mark it “${words}”`, () => current && changeMark(current.key, { mark }), [key]]),
    ['0', 'take the mark away', () => current && changeMark(current.key, { mark: null }), ['0']],
  ] : []),
  ['?', 'these keys', () => byId('help').showModal(), ['?']],
];

function onKey(event) {
  const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
  if (event.ctrlKey || event.metaKey || event.altKey || typing || byId('help').open) return;
  const found = KEYS.find(([, , , keys]) => keys.includes(event.key));
  if (found) {
    event.preventDefault();
    found[2]();
  }
}

function buildHelp() {
  fill(byId('help'),
    h('h2', { id: 'help-title' }, 'Keys'),
    h('dl', { class: 'keys' }, KEYS.map(([keys, words]) => [
      h('dt', {}, keys.split(' ').map((key) => [h('kbd', {}, key), ' '])), h('dd', {}, words)])),
    h('p', { class: 'small' }, 'They rest while you type in a field. The address of the page always '
      + 'names the example that is open, so a link can be sent.'),
    h('form', { method: 'dialog' }, h('button', { class: 'main' }, 'Close')));
}

startMarks();
showHeader();
showNoiseFloor();
showSelected(data.selected);
drawDirections();
startDetail();
startExamples();
buildHelp();
startChoice();
addEventListener('keydown', onKey);
openFromAddress();

// The pictures of a direction, as they are in the paper, and over each coefficient a strip that can
// be pointed at, reached by key, and clicked.

function drawn([tag, attributes, ...children]) {
  return s(tag, attributes, children.map((child) => (Array.isArray(child) ? drawn(child) : child)));
}

function panels(direction) {
  return h('div', { class: 'panels' }, direction.panels.map((panel) => panelOf(direction, panel)));
}

function panelOf(direction, panel) {
  const [, attributes, ...parts] = panel.svg;
  const tip = h('div', { class: 'tip', hidden: true });
  const labels = panel.strips.map(({ label }) => label).join(', ');
  const image = s('svg', {
    ...attributes, role: 'group', 'aria-label': `${panel.title}, for the coefficients ${labels}`,
  }, s('g', { 'aria-hidden': 'true' }, parts.map(drawn)),
  panel.strips.map((strip) => stripOf(direction, panel, strip, tip)));
  return h('figure', { class: 'panel', 'data-picture': panel.name },
    h('figcaption', {}, panel.title), h('div', { class: 'plot' }, image), tip);
}

function stripOf(direction, panel, { label, coefficient, left, right, told }, tip) {
  const hide = () => { tip.hidden = true; };
  const open = () => {
    hide();
    openExamples(direction.name, coefficient);
  };
  const strip = s('rect', {
    x: left, width: right - left, y: panel.top, height: panel.bottom - panel.top,
    class: 'target', tabindex: 0, role: 'button', 'data-coefficient': label,
    'aria-label': `coefficient ${label}: ${
      told.map(([name, words]) => `${name} ${words}`).join(', ')}; show its examples`,
    onpointerleave: hide, onblur: hide, onclick: open,
    onkeydown: (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        open();
      }
    },
  });
  const show = () => {
    fill(tip,
      h('strong', {}, `coefficient ${label}`),
      h('dl', {}, told.map(([name, words]) => [h('dt', {}, name), h('dd', {}, words)])),
      h('small', {}, 'click for its examples'));
    tip.hidden = false;
    placeBeside(strip, tip);
  };
  strip.addEventListener('pointerenter', show);
  strip.addEventListener('focus', show);
  return strip;
}

// Beside the strip, on the side with more room, and inside the figure.
function placeBeside(strip, tip) {
  const [own, figure] = [strip, tip.parentElement].map((element) => element.getBoundingClientRect());
  const middle = (own.left + own.right) / 2 - figure.left;
  const wanted = middle < figure.width / 2 ? middle + 24 : middle - 24 - tip.offsetWidth;
  const room = figure.width - tip.offsetWidth - 2;
  tip.style.left = `${Math.max(0, Math.min(room, wanted))}px`;
  tip.style.top = `${own.top - figure.top + 4}px`;
}

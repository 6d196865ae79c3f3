// The overview of the instance: its name and state, a row of figures, and anything unusual.

import { GLOSSARY } from '../../view/glossary.ts';
import { figuresOf, instanceFacts, instanceName, oddities, type Figure } from '../../view/figures.ts';
import { instanceShown } from '../../view/state.ts';
import type { Model } from '../model.ts';
import { unreadyText } from '../words.ts';
import { byId, element, keyed, setAttribute, setOptional, setText } from './dom.ts';

export function createOverview(): (model: Model) => void {
  const figures = keyed<Figure>(byId('figures'), ({ name }) => name, figure);
  const [name, state, instance] = [byId('name'), byId('state'), byId('instance')];
  const [odd, readiness] = [byId('odd'), byId('readiness')];
  for (const [word, meaning] of GLOSSARY)
    byId('glossary').append(element('div', {}, element('dt', {}, word), element('dd', {}, meaning)));
  return (model) => {
    setOptional(readiness, unreadyText(model.readiness));
    if (model.history === null) return;
    const { status } = model.history;
    figures(figuresOf(model.history));
    setText(name, instanceName(status));
    const { text, tone } = instanceShown(status);
    setText(state, text);
    setAttribute(state, 'class', `badge ${tone}`);
    setOptional(odd, oddities(status).join('; ') || null);
    setText(instance, instanceFacts(status).join(', '));
    setText(byId('config'), status.config_path ?? '-');
    setText(byId('pid'), String(status.pid ?? '-'));
  };
}

function figure({ name }: Figure): { readonly node: Element; readonly update: (now: Figure) => void } {
  const value = element('dd');
  const detail = element('dd', { class: 'detail' });
  const node = element('div', {}, element('dt', {}, name), value, detail);
  return {
    node,
    update(now) {
      setText(value, now.value);
      setOptional(detail, now.detail);
      setAttribute(node, 'class', `figure ${now.tone}`);
    },
  };
}

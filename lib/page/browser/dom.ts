// DOM helpers. Text never becomes markup, and a node is changed only if its content changes, so that a selection or a screen
// reader's position survives the refresh.

export type Attributes = Readonly<Record<string, string>>;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
): SVGElementTagNameMap[K] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** An element of page.html. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`Cannot find #${id} in the page`);
  return found;
}

export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node: Element, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Shows the text, or hides the node if the text is null. */
export function setOptional(node: HTMLElement, text: string | null): void {
  setText(node, text ?? '');
  if (node.hidden !== (text === null)) node.hidden = text === null;
}

export interface Part<T> {
  readonly node: Element;
  update(item: T): void;
}

/** Keeps one child of `parent` per item, by key and in the order of the items. */
export function keyed<T>(
  parent: Element,
  keyOf: (item: T) => string,
  make: (item: T) => Part<T>,
): (items: readonly T[]) => void {
  const parts = new Map<string, Part<T>>();
  return (items) => {
    const wanted = new Set(items.map(keyOf));
    for (const [key, { node }] of parts) {
      if (wanted.has(key)) continue;
      node.remove();
      parts.delete(key);
    }
    let next = parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      const part = parts.get(key) ?? make(item);
      parts.set(key, part);
      if (part.node === next) next = next.nextElementSibling;
      else parent.insertBefore(part.node, next);
      part.update(item);
    }
  };
}

// Advice on what clients must send before bal chooses a backend: PROXY headers and server names.
import type { Draft, ServiceDraft } from './draft.ts';
import { betterSpelling } from './networks.ts';
import { problemAt, quote, type Problem } from './problem.ts';
import { isChosen, sharersOf } from './sharing.ts';

/** A trusted proxy may claim any client address. */
export function anyProxy({ proxiesFrom }: ServiceDraft): Problem[] {
  const { value, path, mark } = proxiesFrom;
  if (path === null || !value.some((text) => text.endsWith('/0'))) return [];
  const message = 'everybody has to say who they are, and may say that they are somebody else';
  return [problemAt(mark, path, message, 'name the networks of your proxies')];
}

/** The author meant a single address or another network. */
export function looseNetworks({ proxiesFrom }: ServiceDraft): Problem[] {
  const { value, path, mark } = proxiesFrom;
  return value.flatMap((text, i) => {
    const better = betterSpelling(text);
    if (path === null || better === null) return [];
    return problemAt(mark, [...path, i], `${quote(text)} means ${better}`, 'write that, or the address alone');
  });
}

/** Checks the timeout for the first bytes. */
export function firstBytes(service: ServiceDraft, draft: Draft): Problem[] {
  const { path, mark, value, sound } = service.runtime.first_bytes_timeout_ms;
  if (path === null || !sound) return [];
  const sharers = sharersOf(service, draft);
  if (!sharers.some((its) => isChosen(its) || its.proxiesFrom.path !== null || !its.proxiesFrom.sound)) {
    const hint = 'add "accept_proxy_protocol" or "server_name", or remove it';
    return [problemAt(mark, path, 'has no effect: nobody is waited for', hint)];
  }
  const longer = sharers.find(({ runtime: { first_bytes_timeout_ms: its } }) => its.sound && its.value > value);
  if (longer === undefined || path[0] !== 'services') return [];
  const its = longer.runtime.first_bytes_timeout_ms.value;
  const message = `has no effect: service ${quote(longer.name)} shares the port, and its ${its} counts`;
  return [problemAt(mark, path, message, 'give both the same')];
}

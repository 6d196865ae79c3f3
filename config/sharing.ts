// Services that share a listening address: a client's server name or protocol must tell them apart.
import type { Draft, ServiceDraft } from './draft.ts';
import { listenersOverlap } from './host.ts';
import { addressOf } from './plan.ts';
import { elsewhere, lineOf, problemAt, quote, type Mark, type Path, type Problem } from './problem.ts';
import { protocolsOf, serverNamesOf } from './server-name.ts';

/** Where a service listens: a port or a Unix socket. */
interface Place {
  readonly service: ServiceDraft;
  /** The canonical host; or a path, whose port is 0. */
  readonly canonical: string;
  readonly port: number;
  readonly text: string;
  /** Where to report a problem with it. */
  readonly path: Path;
  readonly mark: Mark | null;
}

export function sharingConflicts({ services }: Draft): Problem[] {
  const places = services.flatMap(placesIn);
  return places.flatMap((place, i) => {
    const others = places.slice(0, i).filter((other) => other.service !== place.service && overlap(place, other));
    const found = others.flatMap((other) => conflict(place, other));
    return found.slice(0, 1);
  });
}

/** Returns only places that are certain; anything wrong in them is already reported. */
function placesIn(service: ServiceDraft): Place[] {
  const { port, bindAddress, bindUnix, bindUnixMode, canonical, path } = service;
  if (!service.serverName.sound || !service.alpn.sound) return [];
  const at = port.path?.length === path.length + 1 ? port : service;
  const tcp =
    port.sound && bindAddress.sound && port.value !== 0
      ? [{ canonical, port: port.value, text: addressOf(bindAddress.value, port.value), path: at.path, mark: at.mark }]
      : [];
  const unix =
    bindUnix.sound && bindUnix.path !== null && bindUnixMode.sound
      ? [{ canonical: bindUnix.value, port: 0, text: bindUnix.value, path: bindUnix.path, mark: bindUnix.mark }]
      : [];
  return [...tcp, ...unix].map((place) => ({ ...place, path: place.path ?? path, service }));
}

function overlap(a: Place, b: Place): boolean {
  return a.port === b.port && (a.port === 0 ? a.canonical === b.canonical : listenersOverlap(a.canonical, b.canonical));
}

function conflict(place: Place, other: Place): Problem[] {
  const { text, path, mark, service } = place;
  const [own, theirs] = [rulesOf(service), rulesOf(other.service)];
  const isChosen = own.isChosen || theirs.isChosen;
  if (place.canonical !== other.canonical || !isChosen) {
    const covers = text === other.text ? '' : `, which listens on ${other.text}`;
    const message = `${text} is taken by service ${quote(other.service.name)}${elsewhere(other.mark, mark)}${covers}`;
    return [problemAt(mark, path, message, isChosen ? ONE_ADDRESS : place.port === 0 ? OWN_PATH : OWN_PORT)];
  }
  return [...sameRule(service, own, other, theirs), ...sameSettings(place, other)];
}

const ONE_ADDRESS = 'to share a port by "server_name" they need the same "bind_address"';
const OWN_PORT = 'give each service a port of its own, or all but one a "server_name"';
const OWN_PATH = 'give each service a path of its own, or all but one a "server_name"';

interface Rules {
  readonly isChosen: boolean;
  /** Every pair of name and protocol that belongs to the service; '' matches any. */
  readonly pairs: ReadonlyMap<string, readonly [name: string, protocol: string]>;
}

function rulesOf({ serverName, alpn }: ServiceDraft): Rules {
  const [names, protocols] = [serverNamesOf(serverName.value), protocolsOf(alpn.value)];
  const all = (names.length === 0 ? [''] : names).flatMap((name) =>
    (protocols.length === 0 ? [''] : protocols).map((protocol) => [name, protocol] as const),
  );
  return {
    isChosen: names.length > 0 || protocols.length > 0,
    pairs: new Map(all.map((pair) => [pair.join(' '), pair])),
  };
}

function sameRule(service: ServiceDraft, own: Rules, other: Place, theirs: Rules): Problem[] {
  const key = [...own.pairs.keys()].find((pair) => theirs.pairs.has(pair));
  const [name, protocol] = (key === undefined ? null : own.pairs.get(key)) ?? [null, null];
  if (name === null || protocol === null) return [];
  const setting = name === '' ? service.alpn : service.serverName;
  const its = (name === '' ? other.service.alpn : other.service.serverName).mark;
  const what = name === '' ? `protocol ${quote(protocol)}` : quote(name) + (protocol === '' ? '' : ` with ${protocol}`);
  const message = `${what} is service ${quote(other.service.name)}'s, on the same port (${lineOf(its, setting.mark)})`;
  return [problemAt(setting.mark, setting.path ?? service.path, message, 'leave it to one of them')];
}

/** Settings that apply before the service is known must be equal in all services that share the place. */
function sameSettings(place: Place, other: Place): Problem[] {
  const { service, text } = place;
  const { proxiesFrom, bindUnixMode } = service;
  const theirs = other.service;
  if (place.port === 0 && bindUnixMode.value !== theirs.bindUnixMode.value) {
    const message = `service ${quote(theirs.name)} has ${theirs.bindUnixMode.value} for the same socket${elsewhere(other.mark, place.mark)}`;
    const at = bindUnixMode.path === null ? place : bindUnixMode;
    return [problemAt(at.mark, at.path ?? place.path, message, 'give both the same')];
  }
  const isSame = spelled(proxiesFrom.value) === spelled(theirs.proxiesFrom.value);
  if (!proxiesFrom.sound || !theirs.proxiesFrom.sound || isSame) return [];
  const message = `"accept_proxy_protocol" is not that of service ${quote(theirs.name)}, which shares ${text}${elsewhere(other.mark, place.mark)}`;
  const at = proxiesFrom.path === null ? place : proxiesFrom;
  return [
    problemAt(
      at.mark,
      at.path ?? place.path,
      message,
      'a PROXY header comes before the server name: give both the same',
    ),
  ];
}

function spelled(networks: readonly string[]): string {
  return [...networks].sort().join(' ');
}

/** Returns the services that clients of this one's listeners may reach instead, including itself. */
export function sharersOf(service: ServiceDraft, { services }: Draft): ServiceDraft[] {
  const own = placesIn(service);
  return services.filter(
    (it) => it === service || placesIn(it).some((place) => own.some((mine) => overlap(place, mine))),
  );
}

/** Whether clients must ask for this service by name or protocol. */
export function isChosen({ serverName, alpn }: ServiceDraft): boolean {
  return serverName.path !== null || alpn.path !== null;
}

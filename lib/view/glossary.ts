// The glossary in the help of `top`, on the page and in lib/cli/README.md.

/** One meaning per word, wherever bal addresses people. */
export const GLOSSARY: readonly (readonly [word: string, meaning: string])[] = [
  ['service', 'a name, the address clients connect to, and the backends behind it; what runs on a backend is a server'],
  ['serving', 'a service whose backends are all up'],
  ['degraded', 'a service that serves though a backend is out, or many of its clients fail'],
  ['failing', 'a service with no backend left'],
  ['up', 'a backend that clients can be connected to'],
  ['down', 'a backend whose checks, or connects, failed: clients go to the others'],
  ['cooling', 'a backend that is up and was left alone for a moment after failed connects'],
  ['drained', 'a backend that an operator has taken out: no new clients'],
  ['draining', 'a backend that left the configuration, or an old worker: what is open goes on'],
  ['open', 'connections that are there now'],
  [
    'refused',
    'clients that got no backend: by rules and limits, for their first bytes, or because none could be reached',
  ],
  ['rejected', 'a reload, an upgrade or a change of a backend that was not carried out'],
  ['failed', 'the share of the last connections to a backend (a minute or more) that failed'],
  ['errors', 'checks and connects of a backend that failed, since start'],
  ['conn/s', 'new connections per second, refused clients included'],
  ['trend', 'conn/s of the last minute; on the page the bar below it is red while the backend was not up'],
  ['total', 'connections since start'],
  ['for', 'how long a backend has been up or down'],
];

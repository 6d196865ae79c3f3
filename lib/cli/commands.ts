// The commands, their options, and their help texts.

export interface Flag {
  readonly short: string | null;
  /** Name of its value; null for a flag without one. */
  readonly value: string | null;
  readonly about: string;
}

export const FLAGS = {
  config: { short: 'c', value: 'file', about: 'Configuration (default: $BAL_HOME, ~/.bal or /etc/bal, config.yaml)' },
  json: { short: null, value: null, about: 'One JSON document on stdout and nothing else' },
  verbose: { short: null, value: null, about: 'More detail' },
  brief: { short: null, value: null, about: 'One line' },
  strict: { short: null, value: null, about: 'Warnings fail, too' },
  daemon: { short: 'd', value: null, about: 'In the background; returns once every worker accepts connections' },
  watch: { short: null, value: null, about: 'Reload the configuration whenever its files have changed' },
  timeout: {
    short: null,
    value: 'duration',
    about:
      'How long connections may take to finish: 10 or 10s, 500ms, 2m (default for stop: drain_timeout_ms; for drain: no limit)',
  },
  now: { short: null, value: null, about: 'Cut all connections at once' },
  service: { short: null, value: 'name', about: 'Which service is meant, where several have that backend' },
  wait: { short: null, value: null, about: 'With drain: return when it has no connection any more' },
  save: { short: null, value: null, about: 'Write the change into the configuration file, too' },
  to: {
    short: null,
    value: 'path',
    about: 'The bal.js to take over, or the folder it lies in (default: that of this command)',
  },
  follow: { short: 'f', value: null, about: 'Stay, and show what happens from now on' },
  lines: { short: 'n', value: 'number', about: 'Number of lines from the end (default: 100; with --since: all)' },
  level: { short: null, value: 'level', about: 'The least severe level to show: debug, info, warn or error' },
  seconds: { short: null, value: 'number', about: 'How long it takes (selftest), or each measurement (bench)' },
  since: {
    short: null,
    value: 'time',
    about: "Only lines after this time: 10m, 2h, 3d, 09:30, 2026-03-01, '2026-03-01 09:30'",
  },
} as const satisfies Readonly<Record<string, Flag>>;

export type FlagName = keyof typeof FLAGS;

export interface CommandInfo {
  readonly about: string;
  readonly flags: readonly FlagName[];
  /** Names of the positional arguments. */
  readonly words: readonly string[];
  /** Exit codes in words. */
  readonly exit: string;
  readonly examples: readonly string[];
}

export const COMMANDS = {
  check: {
    about: 'Check the configuration; touches no network',
    flags: ['config', 'json', 'verbose', 'strict'],
    words: [],
    exit: '0 valid; 1 errors, or warnings with --strict',
    examples: [
      'bal check',
      'bal check --config ./config.yaml --strict',
      'bal check --verbose   # every value and its origin',
    ],
  },
  doctor: {
    about: 'Check what bal needs at run time: port, limits, backends, disk, the running instance',
    flags: ['config', 'json', 'verbose', 'brief'],
    words: [],
    exit: '0 ok or warnings; 1 something critical',
    examples: ['bal doctor', 'bal doctor --verbose', 'bal doctor --json'],
  },
  status: {
    about: 'Show the running instance: backends, connections, workers',
    flags: ['config', 'json', 'verbose', 'brief'],
    words: [],
    exit: '0 every service has a backend that is up; 1 one has none (failing); 3 not running',
    examples: ['bal status', 'bal status --json', 'bal status --brief'],
  },
  start: {
    about: 'Start in the foreground, or as a daemon',
    flags: ['config', 'daemon', 'watch'],
    words: [],
    exit: '0 started (in the foreground: stopped again); 1 cannot start',
    examples: ['bal start', 'bal start -d', 'bal start -d --config /etc/bal/config.yaml', 'bal start -d --watch'],
  },
  stop: {
    about: 'Stop: no new connections, let those that are open finish, wait until it is over',
    flags: ['timeout', 'now'],
    words: [],
    exit: '0 stopped; 1 could not be stopped; 3 not running',
    examples: ['bal stop', 'bal stop --timeout 5s', 'bal stop --now'],
  },
  graceful: {
    about: 'Reload the configuration; no connection is refused or cut',
    flags: ['json'],
    words: [],
    exit: '0 reloaded; 1 rejected, nothing has changed; 3 not running',
    examples: ['bal graceful', 'bal graceful --json'],
  },
  upgrade: {
    about: 'Replace the running program by another version; no connection is refused or cut',
    flags: ['to', 'json'],
    words: [],
    exit: '0 the new program serves; 1 rejected, the running one goes on; 3 not running',
    examples: ['bal upgrade', 'bal upgrade --to /usr/local/lib/bal/3.1.0', 'bal upgrade --json'],
  },
  why: {
    about: 'Say why: the verdict on every service and backend, its evidence, and what will end it',
    flags: ['json'],
    words: ['name'],
    exit: '0 all is well; 1 something is not; 3 not running',
    examples: ['bal why', 'bal why web', 'bal why 10.0.0.7:5432', 'bal why --json'],
  },
  events: {
    about: 'Show what happened: backends up and down, reloads, protection, workers, refused clients',
    flags: ['follow', 'json'],
    words: [],
    exit: '0 shown; 1 no answer; 3 not running',
    examples: ['bal events', 'bal events -f', 'bal events --json'],
  },
  logs: {
    about: 'Show the log in readable form, rotated files included',
    flags: ['follow', 'lines', 'level', 'since', 'json'],
    words: [],
    exit: '0 shown; 1 there is none, it goes elsewhere, or it may not be read',
    examples: [
      'bal logs',
      'bal logs -f --level warn',
      "bal logs --since '2026-03-01 09:30' | less",
      'bal logs -n 1000 --json | jq .event',
    ],
  },
  backend: {
    about: 'List backends; drain, ready, weight, reset, add and remove them while bal runs',
    flags: ['service', 'timeout', 'wait', 'save', 'json'],
    words: ['action', 'address', 'weight'],
    exit: '0 done, or so already; 1 rejected, nothing has changed; 3 not running',
    examples: [
      'bal backend',
      'bal backend drain 10.0.0.7:5432 --wait   # no new connections; returns when the last one has ended',
      'bal backend drain 10.0.0.7:5432 --timeout 10m',
      'bal backend ready 10.0.0.7:5432',
      'bal backend weight 10.0.0.7:5432 5 --save   # in the configuration file, too',
      'bal backend reset 10.0.0.7:5432   # ends what is open',
      'bal backend add 10.0.0.9:5432 --service db',
      'bal backend remove 10.0.0.9:5432',
    ],
  },
  top: {
    about: 'Watch services, backends and workers live, the worst first; ? shows keys and words, q quits',
    flags: [],
    words: [],
    exit: '0 ended by the operator; 1 no answer; 3 not running',
    examples: ['bal top', 'bal top | head -20   # plain text when it is no terminal'],
  },
  selftest: {
    about: 'Try a bal of its own under load: reloads, failures, kills, an upgrade; says what was lost',
    flags: ['seconds', 'json'],
    words: [],
    exit: '0 nothing was lost; 1 something was, or a step failed',
    examples: ['bal selftest', 'bal selftest --seconds 10', 'bal selftest --json'],
  },
  bench: {
    about: 'Measure what bal costs on this machine, compared with direct connections',
    flags: ['seconds', 'json'],
    words: [],
    exit: '0 measured; 1 it could not be',
    examples: ['bal bench', 'bal bench --seconds 10', 'bal bench --json'],
  },
  schema: {
    about: 'Print the JSON Schema of the configuration, for editors',
    flags: [],
    words: [],
    exit: '0 printed',
    examples: [
      'bal schema > ~/.bal/schema.json   # first line of config.yaml: # yaml-language-server: $schema=schema.json',
    ],
  },
  import: {
    about: 'Convert the TCP part of an HAProxy or nginx configuration; list on stderr what has no counterpart',
    flags: ['verbose', 'strict'],
    words: ['file'],
    exit: '0 printed; 1 nothing to print, or with --strict something without a counterpart; 2 no file named',
    examples: [
      'bal import /etc/haproxy/haproxy.cfg > config.yaml && bal check -c config.yaml',
      'bal import /etc/nginx/nginx.conf --verbose > /dev/null   # also what is not needed',
      'ssh lb cat haproxy.cfg | bal import -',
    ],
  },
} as const satisfies Readonly<Record<string, CommandInfo>>;

export type CommandName = keyof typeof COMMANDS;

export function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

export function isFlag(word: string): word is FlagName {
  return Object.hasOwn(FLAGS, word);
}

// A giver and a taker over channels that deliver, and processes that die, when the test says so. Whatever the order of events,
// no connection is ever in two engines, and none is lost except with the process that owned it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, boolean, constantFrom, integer, property } from 'fast-check';

import type { Channel, Channels, Received } from '../../engine/channel.ts';
import type { Engine } from '../../engine/engine.ts';
import type { Known } from '../../ipc/handover.ts';
import { assignedService, endpoint } from '../../testing/assignments.ts';
import { createGiving } from './giving.ts';
import type { Packed, Parcels } from './parcels.ts';
import { createTaking } from './taking.ts';
import type { Parcel } from './protocol.ts';

const RUNS = process.env['BAL_SOAK'] === 'long' ? 20_000 : 500;
const PATH = 'giver';
/** Messages that a channel holds in one direction; a giver offers more than that at a time. */
const ROOM = 12;
/** A release time that always counts as just now, so that the giver offers as many as it can. */
const QUICK = 1e15;

/** Every descriptor number belongs to one process and leads to one connection. */
class Machine {
  readonly leadsTo = new Map<number, string>();
  readonly owner = new Map<number, Process>();
  #next = 100;

  open(process: Process, connection: string): number {
    const fd = this.#next++;
    this.leadsTo.set(fd, connection);
    this.owner.set(fd, process);
    return fd;
  }

  close(process: Process, fd: number): void {
    assert.equal(this.owner.get(fd), process, 'a process closes only what it has, and once');
    this.owner.delete(fd);
    this.leadsTo.delete(fd);
  }
}

class End {
  readonly inbox: Received[] = [];
  peer: End | null = null;
  closed = false;
  readonly process: Process;
  readonly wake: () => void;

  constructor(process: Process, wake: () => void) {
    this.process = process;
    this.wake = wake;
  }
}

class Process {
  alive = true;
  readonly pid: number;
  /** The engine's connections, by id. */
  readonly connections = new Map<number, { readonly name: string; readonly fds: readonly number[] }>();
  readonly counted = new Set<string>();
  readonly ends: End[] = [];
  /** The listening socket, and the connections it has not accepted yet. */
  listener: { readonly wake: () => void; readonly waiting: End[] } | null = null;
  readonly engine: Pick<Engine, 'release' | 'adopt' | 'active'>;
  readonly parcels: Parcels;
  /** The engine is out of memory. */
  isShort = false;
  readonly machine: Machine;
  readonly others: () => readonly Process[];
  #next = 1;

  constructor(machine: Machine, pid: number, others: () => readonly Process[]) {
    this.machine = machine;
    this.pid = pid;
    this.others = others;
    const { connections, counted } = this;
    const active = (): number => connections.size;
    this.engine = {
      get active() {
        return active();
      },
      release: (id) => {
        const it = connections.get(id);
        if (it === undefined) return { ok: false, why: 'unknown' };
        connections.delete(id);
        return { ok: true, released: { record: Buffer.from(it.name), descriptors: it.fds } };
      },
      adopt: ({ record, descriptors }) => {
        if (this.isShort) return { ok: false, why: 'exhausted' };
        const name = Buffer.from(record).toString();
        for (const other of this.others()) {
          for (const it of other.connections.values())
            assert.notEqual(it.name, name, 'no connection is in two engines');
        }
        assert.deepEqual(new Set(descriptors.map((fd) => machine.leadsTo.get(fd))), new Set([name]));
        const id = this.#next++;
        connections.set(id, { name, fds: [...descriptors] });
        return { ok: true, connection: id };
      },
    };
    this.parcels = {
      *ready() {
        for (const id of Array.from(connections.keys())) yield id;
      },
      pack: (connection) => ({ parcel: parcelOf(connection), releasedAt: QUICK, held: 0, source: 0 }),
      unpack: () => undefined,
      gone: (packed: readonly Packed[]) => packed.forEach(({ parcel }) => counted.delete(String(parcel.endpoint))),
      left: () => 'connected',
      leadsTo: () => 0,
      hasRoom: true,
      arrived: () => undefined,
      settled: () => undefined,
    };
  }

  accept(name: string): void {
    this.connections.set(this.#next++, {
      name,
      fds: [this.machine.open(this, name), this.machine.open(this, name)],
    });
  }

  get channels(): Channels {
    return {
      discard: (descriptors) => descriptors.forEach((fd) => this.machine.close(this, fd)),
      connect: (_, wake) => {
        const giver = this.others().find(({ listener, alive }) => alive && listener !== null);
        if (giver?.listener === null || giver === undefined)
          throw Object.assign(new Error('nobody'), { code: 'ECONNREFUSED' });
        const [own, its] = [new End(this, wake), new End(giver, () => undefined)];
        [own.peer, its.peer] = [its, own];
        giver.listener.waiting.push(its);
        return this.#channel(own);
      },
      listen: (_, wake) => {
        this.listener = { wake, waiting: [] };
        return {
          accept: (wakePeer) => {
            const end = this.listener?.waiting.shift();
            if (end === undefined) return null;
            const own = new End(this, wakePeer);
            own.peer = end.peer;
            if (own.peer !== null) own.peer.peer = own;
            own.inbox.push(...end.inbox);
            return this.#channel(own);
          },
          close: () => {
            this.listener = null;
          },
        };
      },
    };
  }

  #channel(end: End): Channel {
    this.ends.push(end);
    return {
      send: (bytes, descriptors = []) => {
        const { peer } = end;
        if (end.closed || peer === null || peer.closed || !peer.process.alive) return 'over';
        if (descriptors.length > 0 && peer.inbox.length >= ROOM) return 'full';
        const copies = descriptors.map((fd) => this.machine.open(peer.process, this.machine.leadsTo.get(fd) ?? ''));
        peer.inbox.push({ bytes, descriptors: copies });
        return 'sent';
      },
      receive: () => {
        const next = end.inbox.shift();
        if (next !== undefined) return next;
        return end.peer === null || end.peer.closed || !end.peer.process.alive ? 'over' : 'nothing';
      },
      get peer() {
        return end.peer?.process.pid ?? 0;
      },
      close: () => {
        end.closed = true;
        this.#drop(end);
      },
    };
  }

  /** Closes descriptors that were never received, as the kernel does. */
  #drop(end: End): void {
    for (const { descriptors } of end.inbox.splice(0)) descriptors.forEach((fd) => this.machine.close(end.process, fd));
  }

  /** Sends nonsense to every peer. */
  saysNonsense(): void {
    for (const { closed, peer } of this.ends) {
      if (!closed && peer?.closed === false) peer.inbox.push({ bytes: Buffer.from('nonsense'), descriptors: [] });
    }
  }

  die(): void {
    this.alive = false;
    this.connections.clear();
    for (const [fd, owner] of this.machine.owner) if (owner === this) this.machine.close(this, fd);
    this.ends.forEach((end) => end.inbox.splice(0));
    this.listener = null;
  }

  /** Wakes the process where something arrived; returns whether anything had. */
  deliver(): boolean {
    if (!this.alive) return false;
    if ((this.listener?.waiting.length ?? 0) > 0) this.listener?.wake();
    const messageCame = this.ends.filter(
      (end) => !end.closed && (end.inbox.length > 0 || end.peer === null || end.peer.closed || !end.peer.process.alive),
    );
    messageCame.forEach((end) => end.wake());
    return messageCame.length > 0;
  }
}

function parcelOf(id: number): Parcel {
  return {
    id,
    service: 0,
    endpoint: 0,
    acceptedAt: 1,
    startedAt: 1,
    connectedAt: 1,
    attemptAt: 1,
    tried: [],
    uniqueId: null,
  };
}

function scene(count: number) {
  const machine = new Machine();
  const processes: Process[] = [];
  const others = (of: () => Process) => () => processes.filter((it) => it !== of() && it.alive);
  const from: Process = new Process(
    machine,
    1001,
    others(() => from),
  );
  const to: Process = new Process(
    machine,
    1002,
    others(() => to),
  );
  processes.push(from, to);
  const names = Array.from({ length: count }, (_, i) => `c${i}`);
  names.forEach((name) => from.accept(name));
  let empty = 0;
  const shares = { over: 0, killed: 0 };
  const services = [{ ...assignedService(0), endpoints: [], guarded: false, choices: 0 }] as never;
  const giving = createGiving({
    channels: from.channels,
    engine: from.engine,
    endpoints: { services, all: [{ ...endpoint(0) }] },
    parcels: from.parcels,
    hasIt: () => undefined,
    through: () => undefined,
    shared: () => shares.over++,
    empty: () => empty++,
    kill: (pid) => {
      assert.equal(pid, to.pid);
      shares.killed++;
      to.die();
    },
  });
  const known: Known = {
    services: [{ theirs: 0, service: assignedService(0) }],
    endpoints: [{ theirs: 0, endpoint: endpoint(0) }],
  };
  const told: { adopting: string[]; why: (string | null)[]; answers: boolean } = {
    adopting: [],
    why: [],
    answers: true,
  };
  const taking = createTaking({
    channels: to.channels,
    engine: to.engine,
    parcels: to.parcels,
    hasIt: () => undefined,
    learn: () => undefined,
    send: (message) => {
      if (message.kind === 'adopted') told.why.push(message.why);
      else if (told.answers) taking.know(message.path, known);
      else told.adopting.push(message.path);
    },
  });
  const namesOf = (process: Process): string[] => [...process.connections.values()].map(({ name }) => name).sort();
  function settle(): void {
    for (let i = 0; i < 10_000; i++) if (![from.deliver(), to.deliver()].includes(true)) return;
    assert.fail('they never come to rest');
  }
  return {
    machine,
    from,
    to,
    names: [...names].sort(),
    giving,
    taking,
    namesOf,
    settle,
    emptied: () => empty,
    shares,
    told,
    known,
  };
}

test('all go to the other worker, and the first is told once that it has none', () => {
  const { from, to, names, giving, taking, namesOf, settle, emptied, machine } = scene(100);
  assert.equal(giving.begin(PATH, 'reloaded'), null);
  taking.begin(PATH);
  settle();
  assert.deepEqual([namesOf(from), namesOf(to), giving.isBusy, emptied()], [[], names, false, 1]);
  assert.equal(machine.owner.size, 200, 'two descriptors of each are open, in one process');
});

test('what is not taken goes on where it was, and the next one who comes may take it', () => {
  const { from, to, names, giving, taking, namesOf, settle } = scene(40);
  giving.begin(PATH, 'reloaded');
  to.isShort = true;
  taking.begin(PATH);
  settle();
  assert.deepEqual([namesOf(from), namesOf(to), giving.isBusy], [names, [], false]);
  taking.close();
  settle();
  to.isShort = false;
  taking.begin(PATH);
  settle();
  assert.deepEqual([namesOf(from), namesOf(to)], [[], names]);
  giving.stop();
});

test('until the primary has said whose connections come, they may lead to any endpoint, also if the giver is gone', () => {
  for (const dies of [false, true]) {
    const { from, giving, taking, settle, told, known } = scene(40);
    told.answers = false;
    giving.begin(PATH, 'reloaded');
    taking.begin(PATH);
    assert.deepEqual([taking.expects(0), taking.expects(7)], [false, false]);
    settle();
    assert.deepEqual(told.adopting, [PATH]);
    if (dies) from.die();
    settle();
    assert.deepEqual([taking.expects(0), taking.expects(7)], [true, true]);
    taking.know(PATH, known);
    assert.deepEqual([taking.expects(0), taking.expects(7)], [!dies, false]);
    giving.stop();
  }
});

test('a taker that is short when its giver has died still takes what else was offered, and says so', () => {
  const { from, to, giving, taking, namesOf, settle, told } = scene(40);
  const { adopt } = to.engine;
  let refused = 0;
  giving.begin(PATH, 'reloaded');
  taking.begin(PATH);
  for (let i = 0; i < 4; i++) [to, from].forEach((it) => it.deliver());
  const offered = to.ends.flatMap(({ inbox }) => inbox).length;
  assert.ok(offered > 1, `${offered} are offered`);
  const before = namesOf(to).length;
  to.engine.adopt = (...its) => (refused++ === 0 ? { ok: false, why: 'exhausted' } : adopt(...its));
  from.die();
  settle();
  assert.deepEqual([refused, namesOf(to).length, told.why], [offered, before + offered - 1, [null]]);
});

test('of a share so many go and no more, and nobody comes after it', () => {
  const { from, to, names, giving, taking, namesOf, settle, shares } = scene(100);
  assert.equal(giving.share(PATH, 30), null);
  assert.equal(giving.share(PATH, 30), 'EBUSY');
  taking.begin(PATH);
  settle();
  assert.deepEqual([namesOf(from).length, namesOf(to).length, giving.isBusy, shares.over], [70, 30, false, 1]);
  assert.deepEqual([...namesOf(from), ...namesOf(to)].sort(), names);
  assert.equal(from.listener, null);
  // The next share is larger than what is left.
  assert.equal(giving.share(PATH, 1000), null);
  taking.begin(PATH);
  settle();
  assert.deepEqual([namesOf(from), namesOf(to), shares.over], [[], names, 2]);
});

test('of a share one that comes back does not count: so many go as were asked for', () => {
  const { to, giving, taking, namesOf, settle, shares } = scene(100);
  const { adopt } = to.engine;
  let refused = 0;
  to.engine.adopt = (...its) => (++refused % 3 === 1 ? { ok: false, why: 'exhausted' } : adopt(...its));
  giving.share(PATH, 30);
  taking.begin(PATH);
  settle();
  assert.deepEqual([namesOf(to).length, giving.isBusy, shares.over], [30, false, 1]);
});

test('a client that comes while another is offered has its id, and both go on', () => {
  const { from, to, names, giving, taking, namesOf, settle } = scene(40);
  giving.share(PATH, 40);
  taking.begin(PATH);
  for (let i = 0; i < 3; i++) [from, to].forEach((it) => it.deliver());
  from.deliver();
  assert.ok(giving.isBusy);
  for (let i = 0; i < 20; i++) from.accept(`new${i}`);
  settle();
  assert.deepEqual(
    [...namesOf(from), ...namesOf(to)].sort(),
    [...names, ...Array.from({ length: 20 }, (_, i) => `new${i}`)].sort(),
  );
});

test('nobody comes for a share: it is over by itself; told to give all meanwhile, it gives all', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { from, to, names, giving, taking, namesOf, settle, shares } = scene(40);
  giving.share(PATH, 10);
  t.mock.timers.tick(5000);
  assert.deepEqual([shares.over, from.listener], [1, null]);
  giving.share(PATH, 39);
  taking.begin(PATH);
  for (let i = 0; i < 3; i++) [from, to].forEach((it) => it.deliver());
  giving.begin(PATH, 'reloaded');
  settle();
  taking.begin(PATH);
  settle();
  assert.deepEqual([namesOf(from), namesOf(to), shares.over], [[], names, 1], 'that share is none any more');
});

test('a taker that has something and says nothing is ended by a giver whose primary is gone, and by no other', (t) => {
  for (const which of ['reloaded', 'all'] as const) {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const { from, to, names, giving, taking, namesOf, settle, shares } = scene(40);
    giving.begin(PATH, which);
    taking.begin(PATH);
    for (let i = 0; i < 3; i++) [from, to].forEach((it) => it.deliver());
    from.deliver();
    assert.ok(giving.isBusy);
    const its = new Set(namesOf(to));
    t.mock.timers.tick(29_000);
    assert.equal(shares.killed, 0);
    t.mock.timers.tick(2000);
    assert.equal(shares.killed, which === 'all' ? 1 : 0);
    settle();
    const left = which === 'all' ? names.filter((name) => !its.has(name)) : names;
    assert.deepEqual([...namesOf(from), ...namesOf(to)].sort(), left);
    t.mock.timers.reset();
  }
});

const STEP = constantFrom(
  'from hears',
  'to hears',
  'to closes',
  'to begins',
  'from stops',
  'to says nonsense',
  'to is short',
  'to is well',
  'a client comes',
  'a share',
  'all of it',
);

test('whoever dies or gives up when: no connection has two owners, and none is lost but with its owner', () => {
  check(
    property(
      integer({ min: 1, max: 60 }),
      array(STEP, { maxLength: 60 }),
      constantFrom('nobody', 'from', 'to'),
      boolean(),
      (count, steps, dies, isShare) => {
        const { from, to, names, giving, taking, namesOf, settle, machine } = scene(count);
        const comes = (): string => {
          names.push(`late${names.length}`);
          return names.at(-1) ?? '';
        };
        if (isShare) giving.share(PATH, 20);
        else giving.begin(PATH, 'reloaded');
        taking.begin(PATH);
        for (const step of steps) {
          if (step === 'from hears') from.deliver();
          else if (step === 'to hears') to.deliver();
          else if (step === 'to closes') taking.close();
          else if (step === 'to begins') taking.begin(PATH);
          else if (step === 'from stops') giving.stop();
          else if (step === 'to says nonsense') to.saysNonsense();
          else if (step === 'a client comes') from.accept(comes());
          else if (step === 'a share') giving.share(PATH, 7);
          else if (step === 'all of it') giving.begin(PATH, 'all');
          else to.isShort = step === 'to is short';
        }
        const lost = new Set<string>();
        if (dies !== 'nobody') {
          const dying = dies === 'from' ? from : to;
          for (const name of namesOf(dying)) lost.add(name);
          // The other process may still receive what was sent before.
          dying.die();
        }
        settle();
        const there = [...namesOf(from), ...namesOf(to)].sort();
        const wanted = names.filter((name) => !lost.has(name)).sort();
        assert.deepEqual(there, [...new Set(there)], 'nobody is there twice');
        if (dies === 'from') {
          // Offered connections that were not received die with their owner.
          assert.ok(there.every((name) => wanted.includes(name)));
        } else {
          assert.deepEqual(there, wanted);
        }
        assert.equal(machine.owner.size, 2 * there.length, 'no descriptor is left behind');
        if (from.alive) giving.stop();
        if (to.alive) taking.close();
      },
    ),
    { numRuns: RUNS },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route, ServiceTable, Table } from '../ipc/table.ts';
import { movedRoutes } from './moved.ts';

function service(...routes: Route[]): ServiceTable {
  return {
    name: 'web',
    method: 'least_connections',
    routes,
    guarded: false,
    connectTimeoutMs: 800,
    idleMs: 1000,
    keepaliveMs: 0,
    halfClosedMs: 1000,
    backlog: 1,
    drainMs: 1000,
    reloadDrainMs: 0,
    cooldownMs: 1,
    start: 0,
    pool: null,
  };
}

function table(...services: ServiceTable[]): Table {
  return { generation: 1, version: 1, logLevel: 'info', logConnections: 'none', carries: null, services };
}

function route(backend: number, ip: string | null, elsewhere = 0): Route {
  return { backend, name: `b${backend}:1`, ip, port: 1, rank: 0, provenAt: 0, elsewhere };
}

test('the first table has a target for each route that has an address', () => {
  const first = table(service(route(0, '127.0.0.1'), route(1, null)), service(route(2, '127.0.0.3')));
  assert.deepEqual(movedRoutes(null, first), [
    { backend: 0, service: 0, ip: '127.0.0.1', port: 1 },
    { backend: 2, service: 1, ip: '127.0.0.3', port: 1 },
  ]);
});

test('a table with other loads moves no route', () => {
  const before = table(service(route(0, '127.0.0.1'), route(1, '127.0.0.2')));
  assert.deepEqual(movedRoutes(before, table(service(route(0, '127.0.0.1', 7), route(1, '127.0.0.2', 1)))), []);
});

test('a name that got an address, or another one, is a target; one that lost it keeps the old', () => {
  const before = table(service(route(0, null), route(1, '127.0.0.2')), service(route(2, '127.0.0.3')));
  const next = table(service(route(0, '127.0.0.1'), route(1, null)), service(route(2, '127.0.0.4')));
  assert.deepEqual(movedRoutes(before, next), [
    { backend: 0, service: 0, ip: '127.0.0.1', port: 1 },
    { backend: 2, service: 1, ip: '127.0.0.4', port: 1 },
  ]);
});

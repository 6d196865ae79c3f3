// Defines one test per kind of client and engine. All clients work at the same time, because the scenario takes minutes; each
// test reports on its client.
import assert from 'node:assert/strict';
import { ENGINES, forEachEngine, missing } from '../harness/engines.ts';
import { type Owner, thisFile } from '../../lib/testing/owner.ts';
import type { Kind } from './kind.ts';
import { openScene, type Scene } from './scene.ts';
import { startServers } from './services.ts';

function lacks(kind: Kind): string | null {
  return kind.server.lacks ?? kind.lacks;
}

/** `play` runs the scenario; then every client works once more. `alsoHolds` is checked at the end for each bal. */
export function everyClient(
  kinds: readonly Kind[],
  what: string,
  play: (owner: Owner, scenes: readonly Scene[]) => Promise<void>,
  alsoHolds: Readonly<Record<string, (scene: Scene) => Promise<void>>>,
): void {
  const owner = thisFile();
  const engines = ENGINES.filter((engine) => missing(engine) === null);
  const present = kinds.filter((kind) => lacks(kind) === null);
  const playAll = async (): Promise<readonly Scene[]> => {
    const shared = await startServers(owner, present, 'shared');
    const scenes: Scene[] = [];
    for (const engine of engines) scenes.push(await openScene(owner, engine, present, shared));
    await play(owner, scenes);
    await Promise.all(scenes.flatMap(({ seats }) => seats.map((seat) => seat.works())));
    return scenes;
  };
  let played: Promise<readonly Scene[]> | null = null;
  const sceneOf = async (name: string): Promise<Scene> => {
    const scene = (await (played ??= playAll())).find(({ engine }) => engine === name);
    assert.ok(scene !== undefined);
    return scene;
  };
  for (const kind of kinds)
    forEachEngine(
      `${what}: ${kind.name}`,
      async (_t, engine) => {
        const { seats } = await sceneOf(engine);
        assert.equal(seats.find((seat) => seat.kind === kind)?.harm(), null);
      },
      lacks(kind),
    );
  for (const [claim, holds] of Object.entries(alsoHolds))
    forEachEngine(
      `${what}: ${claim}`,
      async (_t, engine) => holds(await sceneOf(engine)),
      present.length === 0 ? 'no client is installed' : null,
    );
}

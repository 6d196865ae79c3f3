#!/usr/bin/env node
// The bal command: passes argv to the program, and its exit code to the shell.

// The kernel ignores signals for the first process of a container unless it has a handler, so these come before the program is
// loaded, which takes a tenth of a second. They end the process while there are no others; lib/primary/init/init.ts takes over.
if (process.pid === 1) {
  for (const [name, number] of [
    ['SIGTERM', 15],
    ['SIGINT', 2],
  ] as const)
    process.on(name, () => process.listenerCount(name) === 1 && process.exit(128 + number));
}

const { main } = await import('../lib/cli/main.ts');
await main();

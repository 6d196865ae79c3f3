// Started by ended-from-outside.test.ts: serves, prints its port, and waits to be killed.
import { startNginx } from './harness/nginx.ts';
import { owned } from './soak/owned.ts';

await owned(async (owner) => {
  const { http } = await startNginx(owner, { small: Buffer.from('x') });
  console.log(http);
  await new Promise(() => setInterval(() => undefined, 60_000));
});

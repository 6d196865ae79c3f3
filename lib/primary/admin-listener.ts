// The admin listener through starts and reloads. Owner of its server: a new address is bound before a reload changes
// anything, the old one is given up once the reload is through.

import type { Plan } from '../../config/plan.ts';
import { addressOf } from '../../config/plan.ts';
import type { AdminServer } from '../control/admin.ts';
import type { BindFailure } from './listeners.ts';

export interface AdminListener {
  /** Binds what `plan` asks for, where it is not bound already. */
  prepare(plan: Plan): Promise<{ readonly ok: true; commit(): Promise<void>; abandon(): Promise<void> } | BindFailure>;
  close(): Promise<void>;
}

/** `serve` binds and serves one address; it rejects with the error of listen(2). */
export function createAdminListener(serve: (host: string, port: number) => Promise<AdminServer>): AdminListener {
  let current: { readonly address: string; readonly server: AdminServer } | null = null;

  async function replaceBy(next: typeof current): Promise<void> {
    const old = current;
    current = next;
    await old?.server.close();
  }

  return {
    async prepare({ admin }) {
      const nothing = { ok: true, commit: () => Promise.resolve(), abandon: () => Promise.resolve() } as const;
      if (admin === null) return { ...nothing, commit: () => replaceBy(null) };
      const address = addressOf(admin.host, admin.port);
      if (address === current?.address) return nothing;
      try {
        const server = await serve(admin.host, admin.port);
        return { ok: true, commit: () => replaceBy({ address, server }), abandon: () => server.close() };
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
        return { ok: false, address, code };
      }
    },
    close: () => replaceBy(null),
  };
}

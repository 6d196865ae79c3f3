// What this process does on a signal. Owns its signal handlers.

type Handlers = Readonly<Record<'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGUSR2', () => void>>;

export interface Signals {
  /** From now on passes signals on to another process. */
  passOn(to: (name: NodeJS.Signals) => void): void;
  close(): void;
}

export function handleSignals(handlers: Handlers): Signals {
  let passedOn: ((name: NodeJS.Signals) => void) | null = null;
  const listeners = Object.entries(handlers).map(([key, handle]) => {
    const name = key as keyof Handlers;
    const listener = (): void => (passedOn === null ? handle() : passedOn(name));
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  return {
    passOn(to) {
      passedOn = to;
    },
    close: () => listeners.forEach((forget) => forget()),
  };
}

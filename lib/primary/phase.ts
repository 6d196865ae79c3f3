// The phases of an instance. Pure.

export type Phase = 'starting' | 'running' | 'reloading' | 'draining' | 'stopped';

export type PhaseEvent = 'started' | 'reload_begins' | 'reload_ends' | 'stop' | 'stopped';

/** The phase after `event`; the same where it means nothing: a stop may come at any time, and what ends after it changes nothing. */
export function nextPhase(phase: Phase, event: PhaseEvent): Phase {
  switch (event) {
    case 'started':
      return phase === 'starting' ? 'running' : phase;
    case 'reload_begins':
      return phase === 'running' ? 'reloading' : phase;
    case 'reload_ends':
      return phase === 'reloading' ? 'running' : phase;
    case 'stop':
      return phase === 'stopped' ? phase : 'draining';
    case 'stopped':
      return 'stopped';
  }
}

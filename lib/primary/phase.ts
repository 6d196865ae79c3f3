// The phases of an instance. Pure.

export type Phase = 'starting' | 'running' | 'reloading' | 'draining' | 'stopped';

export type PhaseEvent = 'started' | 'reload_begins' | 'reload_ends' | 'stop' | 'stopped';

/** The phase after `event`, unchanged if the event does not apply. A stop may come at any time; events after it change nothing. */
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

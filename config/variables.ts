// Replaces `${NAME}` and `${NAME:-default}` in values from the environment; `$$` is a dollar, any other dollar stays.
import { quote } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Filled {
  readonly text: string;
  /** Whether anything was replaced. */
  readonly isFilled: boolean;
  readonly faults: readonly Fault[];
}

export interface Fault {
  /** As written: `${PORT}`. */
  readonly written: string;
  readonly message: string;
  readonly hint: string;
}

const FORM = /\$\$|\$\{([^}]*)\}?/g;
/** As in a shell, the default also replaces an empty variable. */
const INNER = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:-)([\s\S]*))?$/;
/** Limits the text inserted into one value; no key takes a longer one. */
const MAX_LENGTH = 4096;
const CONTROL = /[^\P{Cc}\t\n\r]/u;

export function fillIn(text: string, environment: Environment): Filled {
  const faults: Fault[] = [];
  let isFilled = false;
  let length = 0;
  const filled = text.replaceAll(FORM, (written: string, inner: string | undefined) => {
    if (inner === undefined) return '$';
    const fail = (message: string, hint: string): string => {
      faults.push({ written, message, hint });
      return '';
    };
    const [, name, withDefault, standIn = ''] = (written.endsWith('}') ? INNER.exec(inner) : null) ?? [];
    if (name === undefined) {
      return fail(`${quote(written)} is no variable`, 'write ${NAME} or ${NAME:-default}; "$$" is a dollar');
    }
    const held = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (held === undefined && withDefault === undefined) {
      return fail(`the variable ${name} is not set`, `set it, or give a default: \${${name}:-…}`);
    }
    const value = withDefault !== undefined && (held ?? '') === '' ? standIn : (held ?? '');
    if (CONTROL.test(value)) return fail(`the variable ${name} holds a control character`, 'set it to plain text');
    length += value.length;
    if (length > MAX_LENGTH) return faults.length > 0 ? '' : fail(`the variable ${name} is too long`, 'shorten it');
    isFilled = true;
    return value;
  });
  return { text: filled, isFilled, faults };
}

/** Converts an unquoted value after replacement: `${PORT}` is a number if the variable holds one. */
export function plainValue(text: string): string | number | boolean {
  if (/^(true|false)$/.test(text)) return text === 'true';
  return /^-?(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text;
}

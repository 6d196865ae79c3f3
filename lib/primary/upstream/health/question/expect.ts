// A check of type `expect`: sends bytes, and requires that the answer begins with or contains given bytes.

import { bytesOf, showBytes } from '../../../../../config/bytes.ts';
import type { HealthCheckPlan } from '../../../../../config/health-check.ts';
import type { Judge, Verdict, Words } from './question.ts';

type ExpectCheck = Extract<HealthCheckPlan, { type: 'expect' }>;

/** A longer answer is no greeting, and reading stops. */
export const MAX_ANSWER = 64 * 1024;
const SHOWN = 40;

export function expectQuestion({ send, expect, match }: ExpectCheck): Words {
  const wanted = Buffer.from(bytesOf(expect));
  return {
    send: send === null ? null : bytesOf(send),
    judge: () => (match === 'begins' ? judgeBeginning(wanted) : judgeContent(wanted)),
  };
}

function judgeBeginning(wanted: Buffer): Judge {
  let head = Buffer.alloc(0);
  const wrong = (): Verdict => {
    return {
      ok: false,
      fact: `the answer "${showBytes(head, SHOWN)}" does not begin with "${showBytes(wanted, SHOWN)}"`,
    };
  };
  return {
    read(bytes) {
      // Keep a few more bytes than needed, to show them.
      head = Buffer.concat([head, bytes.subarray(0, wanted.length + SHOWN - head.length)]);
      const length = Math.min(head.length, wanted.length);
      if (head.compare(wanted, 0, length, 0, length) !== 0) return wrong();
      return head.length >= wanted.length ? { ok: true } : null;
    },
    end: () => (head.length === 0 ? closed : wrong()),
  };
}

function judgeContent(wanted: Buffer): Judge {
  let head = Buffer.alloc(0);
  /** The end of the answer so far, in which the wanted bytes may have begun. */
  let tail = Buffer.alloc(0);
  let seen = 0;
  const wrong = (): Verdict => {
    return { ok: false, fact: `the answer "${showBytes(head, SHOWN)}" does not contain "${showBytes(wanted, SHOWN)}"` };
  };
  return {
    read(bytes) {
      const next = Buffer.concat([tail, bytes.subarray(0, MAX_ANSWER - seen)]);
      seen += bytes.length;
      if (head.length <= SHOWN) head = Buffer.concat([head, bytes.subarray(0, SHOWN + 1 - head.length)]);
      if (next.includes(wanted)) return { ok: true };
      tail = next.subarray(Math.max(0, next.length - wanted.length + 1));
      return seen >= MAX_ANSWER ? wrong() : null;
    },
    end: () => (seen === 0 ? closed : wrong()),
  };
}

const closed: Verdict = { ok: false, fact: 'closed without an answer' };
